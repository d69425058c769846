// SPDX-License-Identifier: MIT
// A service that starts, serves and stops, in a process of its own.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "broker.h"
#include "child.h"
#include "eventually.h"
#include "fetch.h"
#include "log.h"
#include "migrate.h"
#include "postgres.h"
#include "running.h"

// --- The service ----------------------------------------------------------------------------------
struct sample_settings {
    const char *topic;
    bool refuse;
};
static const struct setting settings[] = {SETTING(sample_settings, topic, "SAMPLE_TOPIC", "dc.test.none", .doc = "What it consumes."),
                                          SETTING(sample_settings, refuse, "SAMPLE_REFUSE", "false", .doc = "Refuse to start."), {0}};
static const struct migration migrations[] = {{"0001_notes", "CREATE TABLE notes (id text PRIMARY KEY)"}, {0}};
static const struct sql note_add = {"note_add", "INSERT INTO notes VALUES ($1)", 1};
static const struct sql note_has = {"note_has", "SELECT EXISTS (SELECT FROM notes WHERE id = $1)", 1};
static const struct sql *const statements[] = {&note_add, &note_has, NULL};
static struct topic consumed = {.name = "dc.test.none"}, told = {.name = "dc.test.none"};
static const struct event_type created = {"ke.domesticconnect.note.created.v1", &told, NULL, "A note was made."};

static bool start_sample(struct app *app, struct error *err)
{
    const struct sample_settings *own = app->settings;
    app->state = strdup("half made");
    if (own->refuse) return error_set(err, &problem_unavailable, "It does not want to.");
    consumed.name = told.name = own->topic;
    log_info("own_started");
    return true;
}

static void stop_sample(struct app *app)
{
    free(app->state);
    app->state = NULL;
    log_info("own_stopped");
}

static bool add_note(struct request *rq, struct response *rs, struct error *err)
{
    response_json(rs, "{\"made\":true}");
    return db_exec(&rq->db, &note_add, DB_IN(DB_TEXT(rq->parameters[0])), NULL, err) &&
           outbox_add(&rq->db, &created, rq->parameters[0], "{}", NULL, err);
}

// Says that it has begun, and answers once somebody has added the note "go".
static bool wait_for_go(struct request *rq, struct response *rs, struct error *err)
{
    bool go = false;
    if (!db_exec(&rq->db, &note_add, DB_IN(DB_TEXT("begun")), NULL, err)) return false;
    while (!go) {
        if (db_row(&rq->db, &note_has, DB_IN(DB_TEXT("go")), DB_OUT(DB_GET_BOOL(&go)), err) != DB_FOUND) return false;
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    response_json(rs, "{\"finished\":true}");
    return true;
}

static bool take_event(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    return db_exec(db, &note_add, DB_IN(DB_TEXT(event->key)), NULL, err);
}

static bool add_job_note(struct app *app, struct db *db, struct error *err)
{
    (void)app;
    return db_exec(db, &note_add, DB_IN(DB_TEXT("job")), NULL, err);
}

static const struct route routes[] = {
    {"POST", "/notes/{id}", ACCESS_ANYONE, "Add a note", .handler = add_note},
    {"POST", "/slow", ACCESS_ANYONE, "Wait", .handler = wait_for_go, .no_transaction = true},
    {0},
};
static const struct subscription subscriptions[] = {{&consumed, "ke.domesticconnect.thing.happened.v1", NULL, take_event, "Adds a note."}, {0}};
static const struct job jobs[] = {{"note", 3600000, add_job_note}, {0}};
static const struct service sample = {.name = "sample", .routes = routes, .settings = settings, .settings_size = sizeof(struct sample_settings),
                                      .migrations = migrations, .statements = statements, .subscriptions = subscriptions, .jobs = jobs,
                                      .start = start_sample, .stop = stop_sample};

// --- Running it -----------------------------------------------------------------------------------
static struct test_database database;
static struct child child;
static char database_setting[1100], brokers_setting[256], topic_setting[128];
static const char *environment[] = {database_setting, brokers_setting, topic_setting, "DC_CURSOR_SECRET=0123456789012345678901234567890123456789",
                                    "DC_HTTP_THREADS=8", NULL, NULL};

static int setup(void **state)
{
    (void)state;
    struct error err = {0};
    if (test_database_create(&database) || !migrate_apply(database.url, &sample, &err)) return -1;
    consumed = broker_topic(1, false);
    snprintf(database_setting, sizeof database_setting, "DATABASE_URL=%s", database.url);
    snprintf(brokers_setting, sizeof brokers_setting, "KAFKA_BROKERS=%s", broker_address());
    snprintf(topic_setting, sizeof topic_setting, "SAMPLE_TOPIC=%s", consumed.name);
    environment[5] = NULL;
    return 0;
}

// Politely, or the next one waits until the broker has given this one up.
static void stop(struct child *running)
{
    child_signal(running, SIGTERM);
    assert_int_equal(child_wait(running), 0);
}

static int teardown(void **state)
{
    (void)state;
    if (child.pid) stop(&child);
    child_end(&child);
    return test_database_drop(&database);
}

static void serve(void)
{
    child = child_start((const char *const[]){"serve", NULL}, environment, NULL);
}

static bool has_logged(const char *event)
{
    char member[64];
    snprintf(member, sizeof member, "\"event\":\"%s\"", event);
    return strstr(child_output(&child), member) != NULL;
}

// A number of the line "ready".
static int ready_number(const char *member)
{
    const char *line = strstr(child_output(&child), "\"event\":\"ready\"");
    const char *at = line ? strstr(line, member) : NULL;
    assert_non_null(at);
    return atoi(at + strlen(member));
}

static int http_port(void)
{
    return ready_number("\"port\":");
}

static int health(void)
{
    return fetch(ready_number("\"metrics_port\":"), "GET", "/health/readiness").status;
}

static void serve_until_ready(void)
{
    serve();
    eventually(has_logged("ready"));
    eventually(health() == 200);
}

static bool cell_is(const char *sql, const char *value)
{
    return strcmp(test_database_run(&database, sql), value) == 0;
}

// Events of the log that tell of start and stop, in their order.
static const char *milestones(void)
{
    static const char *const events[] = {"own_started", "ready", "stopping", "own_stopped", "stopped", "start_refused"};
    static char out[256];
    out[0] = '\0';
    for (const char *at = child_output(&child); (at = strstr(at, "\"event\":\"")); at++) {
        for (size_t i = 0; i < COUNT_OF(events); i++) {
            const size_t length = strlen(events[i]);
            if (strncmp(at + 9, events[i], length) == 0 && at[9 + length] == '"')
                snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", out[0] ? " " : "", events[i]);
        }
    }
    return out;
}

// --- Start and stop -------------------------------------------------------------------------------

static void service_starts_serves_and_stops(void **state)
{
    (void)state;
    serve_until_ready();
    const struct fetched got = fetch(http_port(), "POST", "/notes/n1");
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "{\"made\":true}");
    stop(&child);
    assert_string_equal(milestones(), "own_started ready stopping own_stopped stopped");
    assert_string_equal(child_errors(&child), "");
}

static void interrupt_stops_it_too(void **state)
{
    (void)state;
    serve_until_ready();
    child_signal(&child, SIGINT);
    assert_int_equal(child_wait(&child), 0);
}

static void all_its_parts_work(void **state)
{
    (void)state;
    serve_until_ready();
    broker_send_event(consumed.name, "1", "ke.domesticconnect.thing.happened.v1", "thing", "{}");
    eventually(cell_is("SELECT string_agg(id, ' ' ORDER BY id) FROM notes", "job thing")); // inbox and jobs
    assert_int_equal(fetch(http_port(), "POST", "/notes/n1").status, 200);
    eventually(cell_is("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL", "1")); // relay
}

static void verb_health_asks_the_running_service(void **state)
{
    (void)state;
    char port[64];
    serve_until_ready();
    snprintf(port, sizeof port, "DC_METRICS_PORT=%d", ready_number("\"metrics_port\":"));
    environment[5] = port;
    struct child asking = child_start((const char *const[]){"health", NULL}, environment, NULL);
    assert_int_equal(child_wait(&asking), 0);
    assert_string_equal(child_output(&asking), "{\"status\":\"ready\",\"parts\":{\"database\":\"ok\",\"broadcast\":\"ok\"}}\n");
    child_end(&asking);
}

static struct fetched slow_answer;

static void *call_slowly(void *argument)
{
    slow_answer = fetch(*(const int *)argument, "POST", "/slow");
    return NULL;
}

static bool refuses_requests(int port)
{
    const int status = fetch(port, "GET", "/nowhere").status; // 404 while it serves
    return status == 503 || status == 0;
}

static void running_request_is_answered_before_the_stop(void **state)
{
    (void)state;
    pthread_t thread;
    serve_until_ready();
    int port = http_port();
    assert_int_equal(pthread_create(&thread, NULL, call_slowly, &port), 0);
    eventually(cell_is("SELECT count(*) FROM notes WHERE id = 'begun'", "1"));
    child_signal(&child, SIGTERM);
    eventually(health() == 503); // it tells whoever sends it requests
    eventually(refuses_requests(port));
    test_database_run(&database, "INSERT INTO notes VALUES ('go')");
    pthread_join(thread, NULL);
    assert_int_equal(slow_answer.status, 200);
    assert_string_equal(slow_answer.body, "{\"finished\":true}");
    assert_int_equal(child_wait(&child), 0);
    assert_string_equal(milestones(), "own_started ready stopping own_stopped stopped");
}

static void what_was_committed_is_published_before_the_stop(void **state)
{
    (void)state;
    serve_until_ready();
    for (int i = 0; i < 20; i++) {
        char path[32];
        snprintf(path, sizeof path, "/notes/n%d", i);
        assert_int_equal(fetch(http_port(), "POST", path).status, 200);
    }
    stop(&child);
    assert_string_equal(test_database_run(&database, "SELECT concat(count(*), ' ', count(published_at)) FROM outbox"), "20 20");
}

static void stop_that_takes_too_long_is_cut_off(void **state)
{
    (void)state;
    pthread_t thread;
    environment[5] = "DC_STOP_TIMEOUT_MS=100";
    serve_until_ready();
    int port = http_port();
    assert_int_equal(pthread_create(&thread, NULL, call_slowly, &port), 0);
    eventually(cell_is("SELECT count(*) FROM notes WHERE id = 'begun'", "1"));
    child_signal(&child, SIGTERM);
    assert_int_equal(child_wait(&child), 1);
    pthread_join(thread, NULL);
    assert_true(has_logged("stop_timed_out"));
    assert_int_not_equal(slow_answer.status, 200);
}

// --- Starts that fail -----------------------------------------------------------------------------

static void expect_refused(const char *step, const char *reason)
{
    assert_int_equal(child_wait(&child), 1);
    char member[64];
    snprintf(member, sizeof member, "\"step\":\"%s\"", step);
    assert_true(has_logged("start_refused"));
    assert_non_null(strstr(child_output(&child), member));
    assert_string_equal(child_errors(&child), reason);
    assert_false(has_logged("ready"));
    assert_true(has_logged("stopped")); // what had started has stopped
}

static void empty_database_is_refused(void **state)
{
    (void)state;
    test_database_run(&database, "DROP TABLE schema_migrations");
    serve();
    expect_refused("database", "sample: The database is empty; run 'sample migrate' first.\n");
}

static void missing_migration_is_refused(void **state)
{
    (void)state;
    test_database_run(&database, "DELETE FROM schema_migrations WHERE name = 'sample/0001_notes'");
    serve();
    expect_refused("database", "sample: The database lacks migration sample/0001_notes; run 'sample migrate' first.\n");
}

static void port_that_is_taken_is_refused(void **state)
{
    (void)state;
    char port[64], reason[256];
    serve_until_ready();
    struct child first = child;
    const int taken = http_port();
    snprintf(port, sizeof port, "DC_HTTP_PORT=%d", taken);
    environment[5] = port;
    serve();
    snprintf(reason, sizeof reason, "sample: Port %d on 127.0.0.1 cannot be used: stop the program that has it, or set DC_HTTP_PORT to another.\n", taken);
    expect_refused("http", reason);
    assert_string_equal(milestones(), "own_started start_refused stopping own_stopped stopped");
    stop(&first);
    child_end(&first);
}

static void service_that_refuses_is_told_by_its_reason(void **state)
{
    (void)state;
    environment[5] = "SAMPLE_REFUSE=true";
    serve();
    expect_refused("service", "sample: It does not want to.\n");
    assert_true(has_logged("own_stopped")); // what it had made is taken apart; a leak would end it in another way
}

static void database_is_waited_for(void **state)
{
    (void)state;
    test_database_allow(&database, false);
    serve();
    eventually(has_logged("database_awaited"));
    assert_false(has_logged("ready"));
    test_database_allow(&database, true);
    eventually(has_logged("ready"));
    stop(&child);
}

// Its first look at the database went well, and then the server dies.
static void database_that_goes_away_again_is_waited_for(void **state)
{
    (void)state;
    static const char *const kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    struct database_session *holder = test_database_hold(&database, "LOCK TABLE notes");
    serve();
    eventually(test_database_waits(&database)); // to prepare its statements
    assert_false(has_logged("database_awaited"));
    test_database_run(&database, kill);
    eventually(has_logged("database_awaited"));
    database_let_go(holder);
    eventually(has_logged("ready"));
    stop(&child);
}

static void stop_while_the_database_is_awaited_is_no_error(void **state)
{
    (void)state;
    environment[0] = "DATABASE_URL=postgresql://nobody@127.0.0.1:1/nothing";
    serve();
    eventually(has_logged("database_awaited"));
    stop(&child);
    assert_string_equal(milestones(), "stopping stopped");
    assert_string_equal(child_errors(&child), "");
    environment[0] = database_setting;
}

static int close_broker(void **state)
{
    (void)state;
    broker_close();
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(service_starts_serves_and_stops),
        TEST(interrupt_stops_it_too),
        TEST(all_its_parts_work),
        TEST(verb_health_asks_the_running_service),
        TEST(running_request_is_answered_before_the_stop),
        TEST(what_was_committed_is_published_before_the_stop),
        TEST(stop_that_takes_too_long_is_cut_off),
        TEST(empty_database_is_refused),
        TEST(missing_migration_is_refused),
        TEST(port_that_is_taken_is_refused),
        TEST(service_that_refuses_is_told_by_its_reason),
        TEST(database_is_waited_for),
        TEST(database_that_goes_away_again_is_waited_for),
        TEST(stop_while_the_database_is_awaited_is_no_error),
    };
    if (argc > 1) return service_main(&sample, argc, argv);
    return cmocka_run_group_tests(tests, NULL, close_broker);
}
