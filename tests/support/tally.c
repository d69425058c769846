// SPDX-License-Identifier: MIT
#include "tally.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "eventually.h"
#include "http_client.h"
#include "migrate.h"
#include "service.h"

#define PARTITIONS 6
#define ANSWER_BYTES ((size_t)256 << 10)

// --- The service ---------------------------------------------------------------------------------

#define COUNTED_TYPE EVENT_TYPE("tally.counted")

static char own_name[40], own_topic[40]; // as the environment has them
static const struct topic topic = {.name = own_topic, .partitions = PARTITIONS, .retention_ms = -1, .doc = "Numbers."};

static const struct migration migrations[] = {
    {"0001_tally",
     "CREATE TABLE counters (key text PRIMARY KEY, number bigint NOT NULL);"
     "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, number bigint NOT NULL, pid bigint NOT NULL);"
     "CREATE TABLE poison (key text NOT NULL, number bigint NOT NULL);"
     "CREATE TABLE slow (key text PRIMARY KEY, seconds double precision NOT NULL);"},
    {0},
};
// The key's row is locked first, so that its events are told in the order of its numbers.
static const struct sql count_next = {
    "count_next",
    "WITH counted AS (INSERT INTO counters AS c VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET number = c.number + 1 RETURNING number) "
    "INSERT INTO outbox (topic, type, key, data) SELECT $2, '" COUNTED_TYPE "', $1, json_build_object('number', number) FROM counted RETURNING data", 2};
static const struct sql count_read = {"count_read", "SELECT json_build_object('number', coalesce((SELECT number FROM counters WHERE key = $1), 0))", 1};
static const struct sql take_time = {"take_time", "SELECT pg_sleep(seconds) FROM slow WHERE key = $1", 1};
static const struct sql effect_add = {
    "effect_add", "INSERT INTO effects (key, number, pid) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM poison WHERE key = $1 AND number = $2)", 3};
static const struct sql *const statements[] = {&count_next, &count_read, &take_time, &effect_add, NULL};

struct counted {
    struct given given;
    int64_t number;
};
FIELDS(counted, FIELD(counted, number, .required = true))

static bool count(struct request *rq, struct response *rs, struct error *err)
{
    const char *json = NULL;
    if (!db_text(&rq->db, &count_next, DB_IN(DB_TEXT(rq->parameters[0]), DB_TEXT(own_topic)), &json, NULL, err)) return false;
    response_json(rs, json);
    return true;
}

static bool read_count(struct request *rq, struct response *rs, struct error *err)
{
    const char *json = NULL;
    if (!db_text(&rq->db, &count_read, DB_IN(DB_TEXT(rq->parameters[0])), &json, NULL, err)) return false;
    response_json(rs, json);
    return true;
}

static bool apply(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    const struct counted *input = event->input;
    int64_t added = 0;
    if (!db_exec(db, &take_time, DB_IN(DB_TEXT(event->key)), NULL, err) ||
        !db_exec(db, &effect_add, DB_IN(DB_TEXT(event->key), DB_INT(input->number), DB_INT(getpid())), &added, err))
        return false;
    return added == 1 || error_set(err, &problem_conflict, "It is poison.");
}

static const struct route routes[] = {
    {"POST", "/tally/{key}", ACCESS_ANYONE, "Count", .handler = count},
    {"GET", "/tally/{key}", ACCESS_ANYONE, "How far it has counted", .handler = read_count},
    {0},
};
static const struct subscription subscriptions[] = {{&topic, COUNTED_TYPE, &counted_fields, apply, "Leaves an effect."}, {0}};
static const struct event_type counted_event = {COUNTED_TYPE, &topic, &counted_fields, "A number."};
static const struct event_type *const events[] = {&counted_event, NULL};
static const struct service service = {.name = own_name, .routes = routes, .migrations = migrations, .statements = statements,
                                       .subscriptions = subscriptions, .events = events};

int tally_main(int argc, char **argv)
{
    const char *name = getenv("TALLY_NAME"), *topic_name = getenv("TALLY_TOPIC");
    if (!name || !topic_name) return 2;
    snprintf(own_name, sizeof own_name, "%s", name);
    snprintf(own_topic, sizeof own_topic, "%s", topic_name);
    return service_main(&service, argc, argv);
}

// --- Its database --------------------------------------------------------------------------------

int tally_create_in(struct tally *ret, const char *database_url)
{
    struct error err = {0};
    ret->brokers = broker_address();
    snprintf(ret->database.url, sizeof ret->database.url, "%s", database_url);
    snprintf(ret->name, sizeof ret->name, "%s", broker_name());
    snprintf(ret->topic, sizeof ret->topic, "%s", broker_name());
    broker_make_topic(ret->topic, PARTITIONS, false);
    snprintf(own_name, sizeof own_name, "%s", ret->name);
    if (migrate_apply(database_url, &service, &err)) return 0;
    print_error("%s %s\n", err.detail, err.cause);
    return 1;
}

int tally_create(struct tally *ret)
{
    struct test_database made;
    if (test_database_create(&made)) return 1;
    *ret = (struct tally){.database = made};
    return tally_create_in(ret, made.url);
}

int tally_drop(const struct tally *tally)
{
    broker_close();
    return test_database_drop(&tally->database);
}

const char *tally_ask(const struct tally *tally, const char *sql_format, ...)
{
    char sql[1024];
    va_list arguments;
    va_start(arguments, sql_format);
    vsnprintf(sql, sizeof sql, sql_format, arguments);
    va_end(arguments);
    return test_database_run(&tally->database, sql);
}

void tally_poison(const struct tally *tally, const char *key, int64_t number)
{
    tally_ask(tally, "INSERT INTO poison VALUES ('%s', %lld)", key, (long long)number);
}

void tally_mend(const struct tally *tally)
{
    tally_ask(tally, "DELETE FROM poison");
}

void tally_slow(const struct tally *tally, const char *key, int milliseconds)
{
    tally_ask(tally, "INSERT INTO slow VALUES ('%s', %d / 1000.0)", key, milliseconds);
}

const char *tally_effects(const struct tally *tally, const char *key)
{
    return tally_ask(tally, "SELECT string_agg(number::text, ' ' ORDER BY id) FROM effects WHERE key = '%s'", key);
}

// The place of each effect among those of its key is its number.
static void expect_order(const struct tally *tally)
{
    const char *wrong = tally_ask(tally, "SELECT string_agg(key || ': ' || numbers, E'\\n') FROM (SELECT key, string_agg(number::text, ' ' ORDER BY id) AS numbers, "
                                         "bool_or(number <> place) AS is_wrong FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY id) AS place FROM effects) AS e "
                                         "GROUP BY key) AS k WHERE is_wrong");
    if (*wrong) fail_msg("doubled or out of order:\n%s", wrong);
}

void tally_expect_complete(const struct tally *tally, int seconds)
{
    static const char question[] = "SELECT coalesce(sum(number), 0) - (SELECT count(*) FROM effects) FROM counters";
    int64_t missing = 1;
    for (const int64_t until_ms = clock_monotonic_ms() + seconds * 1000L; missing > 0 && clock_monotonic_ms() < until_ms;) {
        missing = atoll(tally_ask(tally, question));
        if (missing > 0) nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    expect_order(tally);
    if (missing != 0) fail_msg("%lld effects are missing after %d s", (long long)missing, seconds);
}

// --- Replicas ------------------------------------------------------------------------------------

static int number_behind(const char *text, const char *member)
{
    const char *at = text ? strstr(text, member) : NULL;
    return at ? atoi(at + strlen(member)) : 0;
}

// Its ports stand in its line "ready".
static bool is_ready(struct replica *replica)
{
    const char *line = strstr(child_output(&replica->child), "\"event\":\"ready\"");
    if (waitpid(replica->child.pid, &replica->child.status, WNOHANG) == replica->child.pid)
        fail_msg("it ended:\n%s\n%s", child_output(&replica->child), child_errors(&replica->child));
    replica->port = number_behind(line, "\"port\":");
    replica->metrics_port = number_behind(line, "\"metrics_port\":");
    return replica->metrics_port > 0 && replica_readiness(replica) == 200;
}

void replica_start(const struct tally *tally, struct replica *ret)
{
    char database[1100], brokers[256], name[64], topic_name[64];
    snprintf(database, sizeof database, "DATABASE_URL=%s", tally->database.url);
    snprintf(brokers, sizeof brokers, "KAFKA_BROKERS=%s", tally->brokers);
    snprintf(name, sizeof name, "TALLY_NAME=%s", tally->name);
    snprintf(topic_name, sizeof topic_name, "TALLY_TOPIC=%s", tally->topic);
    const char *const environment[] = {database, brokers, name, topic_name, "DC_CURSOR_SECRET=0123456789012345678901234567890123456789",
                                       "DC_HTTP_THREADS=32", "DC_HTTP_WORKERS=16", "DC_DATABASE_CONNECTIONS=6", NULL};
    *ret = (struct replica){.child = child_start((const char *const[]){"serve", NULL}, environment, NULL)};
    eventually(is_ready(ret));
}

void replica_signal(const struct replica *replica, int signal)
{
    child_signal(&replica->child, signal);
}

void replica_kill(struct replica *replica)
{
    child_signal(&replica->child, SIGKILL);
    replica_end(replica);
}

void replica_end(struct replica *replica)
{
    child_end(&replica->child);
    *replica = (struct replica){0};
}

static bool ask(int port, const char *method, const char *path, struct arena *arena, struct http_answer *ret)
{
    char url[64];
    struct error err = {.arena = arena};
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    const struct http_client_config config = {.base_url = url, .connections = 1, .connect_timeout_ms = 2000, .answer_limit_bytes = ANSWER_BYTES};
    struct http_client *client = http_client_new(&config, &err);
    const bool answered =
        client && http_client_call(client, &(struct http_call){.method = method, .path = path, .timeout_ms = 10000}, arena, ret, NULL, &err);
    http_client_free(client);
    return answered;
}

int64_t replica_metric(const struct replica *replica, const char *name)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(4 * ANSWER_BYTES);
    struct http_answer answer = {0};
    char line[128];
    if (!ask(replica->metrics_port, "GET", "/metrics", arena, &answer)) return -1;
    const char *body = arena_memdup(arena, answer.body, answer.body_length);
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = body ? strstr(body, line) : NULL;
    return at ? atoll(at + strlen(line)) : -1;
}

int replica_readiness(const struct replica *replica)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(4 * ANSWER_BYTES);
    struct http_answer answer = {0};
    return ask(replica->metrics_port, "GET", "/health/readiness", arena, &answer) ? answer.status : 0;
}

static void keep_header(const struct http_answer *answer, const char *name, char *out, size_t size)
{
    const char *value = http_answer_header(answer, name);
    snprintf(out, size, "%s", value ? value : "");
}

static struct tally_answer call(const struct replica *replica, const char *method, const char *key)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(4 * ANSWER_BYTES);
    struct http_answer answer = {0};
    struct tally_answer got = {0};
    if (!ask(replica->port, method, arena_printf(arena, "/tally/%s", key), arena, &answer)) return got;
    got.status = answer.status;
    got.number = number_behind(arena_memdup(arena, answer.body, answer.body_length), "\"number\" : ");
    keep_header(&answer, "Retry-After", got.retry_after, sizeof got.retry_after);
    keep_header(&answer, "Content-Type", got.content_type, sizeof got.content_type);
    return got;
}

struct tally_answer tally_count(const struct replica *replica, const char *key)
{
    return call(replica, "POST", key);
}

struct tally_answer tally_read(const struct replica *replica, const char *key)
{
    return call(replica, "GET", key);
}
