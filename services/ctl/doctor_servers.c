// SPDX-License-Identifier: MIT
#include <string.h>

#include "ctl_sql.h"
#include "doctor.h"
#include "import.h"
#include "kit_sql.h"
#include "parked.h"

#define CLUSTER_TIMEOUT_MS 5000
#define OUTBOX_AGE_MOST_MS 30000
#define TOPICS_MAX 64

static const struct sql *const statements[] = {&SQL_doctor_read_only, &SQL_doctor_relay_leads, &SQL_doctor_bulk_is_held, NULL};

static bool migrated(struct doctor *doctor, const char *service, const char **ret_said);
static bool ask(struct doctor *doctor, int service, const struct sql *sql, struct db_targets out);

static void each_service(struct doctor *doctor, void (*check)(struct doctor *doctor, int service))
{
    for (int i = 0; i < SERVICE_COUNT; i++) check(doctor, i);
}

static void check_database(struct doctor *doctor, int i)
{
    const char *service = service_names[i], *said = "";
    struct error err = {.arena = doctor->stack->arena};
    bool read_only = false;
    doctor->pools[i] = stack_database(doctor->stack, service, 1, statements, false, &err);
    if (!doctor->pools[i] && err.problem == &problem_unavailable)
        doctor_wrong(doctor, "The database of %s does not answer (%s). Start PostgreSQL with 'make start', or correct the address in DATABASE_URL.",
                     service, err.cause[0] ? err.cause : err.detail);
    else if (!migrated(doctor, service, &said))
        doctor_wrong(doctor, "The database of %s is not as it should be: %s", service, said);
    else if (!doctor->pools[i])
        doctor_wrong(doctor, "The database of %s refuses what dcctl asks (%s). Use a dcctl of the same version as the services.", service, err.cause);
    else if (ask(doctor, i, &SQL_doctor_read_only, DB_OUT(DB_GET_BOOL(&read_only))) && read_only)
        doctor_wrong(doctor, "The database of %s takes no writes. Promote the server if it is a standby, else set default_transaction_read_only to off.",
                     service);
}

void doctor_check_databases(struct doctor *doctor)
{
    each_service(doctor, check_database);
}

// The service itself knows its migrations. *ret_said: its sentence.
static bool migrated(struct doctor *doctor, const char *service, const char **ret_said)
{
    struct error err = {0};
    struct child child;
    char line[512] = "";
    if (!child_start(doctor->stack, service, (const char *const[]){"migrated", NULL}, CHILD_PIPES_AND_ERRORS, &child, &err)) {
        *ret_said = arena_strdup(doctor->stack->arena, err.detail);
        return false;
    }
    if (fgets(line, sizeof line, child.out)) line[strcspn(line, "\n")] = '\0';
    *ret_said = arena_strdup(doctor->stack->arena, line[0] ? line : "it does not say what is missing.");
    return child_finish(&child) == 0;
}

// One row; false where it cannot be had, which then is noted.
static bool ask(struct doctor *doctor, int service, const struct sql *sql, struct db_targets out)
{
    struct error err = {.arena = doctor->stack->arena};
    const bool found = doctor->pools[service] &&
                       db_row_alone(doctor->pools[service], doctor->stack->arena, sql, DB_NOTHING, out, &err) == DB_FOUND;
    if (!found) doctor_unseen(doctor);
    return found;
}

// --- The broker ----------------------------------------------------------------------------------

void doctor_check_broker(struct doctor *doctor)
{
    struct error err = {0};
    char *cluster = NULL;
    const char *brokers = stack_setting(doctor->stack, "KAFKA_BROKERS");
    if (!brokers)
        doctor_wrong(doctor, "KAFKA_BROKERS is not known. Start the stack with 'make start' and call dcctl inside its clone, or set it in the environment.");
    else if (!kafka_cluster_id(brokers, doctor->stack->arena, &cluster, CLUSTER_TIMEOUT_MS, &err))
        doctor_wrong(doctor, "No broker answers at %s. Start Kafka with 'make start'; until then events wait in the databases, and nothing is lost.", brokers);
    else doctor->brokers = brokers;
}

static void tell_fault(void *state, const char *topic, const char *fault)
{
    struct doctor *doctor = state;
    if (!fault) doctor_wrong(doctor, "Topic %s is missing. Make it with 'dcctl topics'.", topic);
    else doctor_wrong(doctor, "Topic %s %s. Set it right with Kafka's own tools; 'dcctl topics' leaves a topic that is there alone.", topic, fault);
}

void doctor_check_topics(struct doctor *doctor)
{
    struct error err = {0};
    struct kafka_topic_spec specs[TOPICS_MAX];
    size_t count = 0;
    const char *copies = stack_setting(doctor->stack, "DC_TOPIC_REPLICATION");
    int64_t replication = 1;
    if (copies && !text_to_int64(copies, &replication)) replication = 1;
    for (; count < TOPICS_MAX && topics_all[count]; count++) {
        const struct topic *topic = topics_all[count];
        specs[count] = (struct kafka_topic_spec){topic->name, topic->partitions, (int)replication, topic->compacted, topic->retention_ms};
    }
    if (!doctor->brokers || !kafka_topics_compare(doctor->brokers, specs, count, tell_fault, doctor, &err)) doctor_unseen(doctor);
}

// --- What waits ----------------------------------------------------------------------------------

static void check_outbox(struct doctor *doctor, int i)
{
    int64_t count = 0, age_ms = 0;
    bool leads = true, is_held = false;
    if (!ask(doctor, i, &SQL_relay_backlog, DB_OUT(DB_GET_INT(&count), DB_GET_INT(&age_ms))) || age_ms <= OUTBOX_AGE_MOST_MS ||
        !ask(doctor, i, &SQL_doctor_relay_leads, DB_OUT(DB_GET_BOOL(&leads))) ||
        !ask(doctor, i, &SQL_doctor_bulk_is_held, DB_OUT(DB_GET_BOOL(&is_held)))) return;
    const char *advice = is_held          ? "An import is running: what it tells goes out when it has ended"
                         : !leads         ? "No replica of it publishes: start one with 'make start'"
                         : doctor->brokers ? "The broker answers: 'event_not_produced' in its log says what is refused, 'dcctl topics' makes missing topics"
                                           : "They go out by themselves when the broker is back";
    doctor_wrong(doctor, "%lld event(s) of %s wait to be published, the oldest for %lld s. %s.", (long long)count, service_names[i],
                 (long long)(age_ms / 1000), advice);
}

void doctor_check_outboxes(struct doctor *doctor)
{
    each_service(doctor, check_outbox);
}

static void check_parked(struct doctor *doctor, int i)
{
    int64_t keys = 0, redriving = 0;
    if (!ask(doctor, i, &SQL_parked_count, DB_OUT(DB_GET_INT(&keys), DB_GET_INT(&redriving))) || keys == 0) return;
    doctor_wrong(doctor, "%lld key(s) of %s are parked, %lld of them on their way again. See why with 'dcctl events parked --service %s', mend the cause, "
                 "then 'dcctl events redrive --service %s' applies what waits.",
                 (long long)keys, service_names[i], (long long)redriving, service_names[i], service_names[i]);
}

void doctor_check_parked_keys(struct doctor *doctor)
{
    each_service(doctor, check_parked);
}

// Where nothing was imported yet there is no such table, and nothing to say.
void doctor_check_import(struct doctor *doctor)
{
    static const struct sql *const kept[] = {&SQL_doctor_import_kept, NULL};
    struct error err = {.arena = doctor->stack->arena};
    int64_t days = 0, count = 0, oldest_d = 0;
    struct db_pool *pool = stack_database(doctor->stack, "import", 1, kept, false, &err);
    if (!pool) {
        if (err.problem == &problem_unavailable) doctor_unseen(doctor);
        return;
    }
    if (!import_keep_days(doctor->stack, &days, &err)) doctor_wrong(doctor, "%s", err.detail);
    const bool told = db_row_alone(pool, doctor->stack->arena, &SQL_doctor_import_kept, DB_IN(DB_INT(days)),
                                   DB_OUT(DB_GET_INT(&count), DB_GET_INT(&oldest_d)), &err) == DB_FOUND;
    db_pool_close(pool);
    if (!told) doctor_unseen(doctor);
    else if (count)
        doctor_wrong(doctor, "%lld row(s) that an import kept back hold what people said of themselves, the oldest for %lld days. Mend what is needed of 'dcctl import quarantine'"
                     " in the file; 'dcctl import report' then cuts out what is older than %lld days (DC_IMPORT_KEEP_D).",
                     (long long)count, (long long)oldest_d, (long long)days);
}
