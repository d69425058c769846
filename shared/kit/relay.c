// SPDX-License-Identifier: MIT
// One thread. Outer loop: connect, wait for leadership, lead until the connection or the broker is lost.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "inbox.h"
#include "kit_sql.h"
#include "log.h"
#include "outbox.h"
#include "relay_stuck.h"

#define LEADER_RETRY_MS 1000
#define FAILURE_PAUSE_MS 500
#define STUCK_MS 5000
#define TOPICS_MAX 32
#define CLUSTER_CHECK_MS 10000
#define CLUSTER_TIMEOUT_MS 3000
#define PURGE_MS 60000
#define STATS_MS 1000
#define STOP_DRAIN_MS 2000
#define FLUSH_MS 1000
#define NOTIFY_MIN_MS 2

struct relay {
    struct app *app;
    pthread_t thread;
    int wake_fd;
    _Atomic bool stopping;
    struct db_pool *pool;
    struct db db;                   // one session for as long as the connection lives
    struct arena *arena;
    struct kafka_producer *producer;
    char cluster[64];
    const char **delivered;         // ids acknowledged in this batch
    size_t delivered_count, undelivered_count;
    struct relay_stuck stuck;
    int64_t cluster_due_ms, purge_due_ms, stats_due_ms, lead_due_ms, notified_ms;
    _Atomic bool leader;
    _Atomic int64_t published_total, producers_total, backlog, oldest_age_ms;
    struct metric *published_metric, *backlog_metric, *age_metric, *leader_metric, *producers_metric;
};

static void *relay_main(void *argument);
static bool relay_connect(struct relay *relay, struct error *err);
static void relay_disconnect(struct relay *relay);
static bool try_to_lead(struct relay *relay, struct error *err);
static bool lead_once(struct relay *relay, struct error *err);
static bool follow_once(struct relay *relay, struct error *err);
static bool ready_to_publish(struct relay *relay, struct error *err);
static bool publish_batch(struct relay *relay, int64_t *ret_count, struct error *err);
static void wait_for_work(struct relay *relay, int timeout_ms);
static bool keep_house(struct relay *relay, struct error *err);

struct relay *relay_start(struct app *app, struct error *err)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay) return error_set(err, &problem_unavailable, NULL), NULL;
    relay->app = app;
    relay->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    relay->arena = arena_new((size_t)256 << 20);
    relay->delivered = calloc((size_t)app->config.relay_batch, sizeof *relay->delivered);
    relay->published_metric = metrics_counter(app->metrics, "outbox_published_total", "Events acknowledged by the broker.", NULL);
    relay->backlog_metric = metrics_gauge(app->metrics, "outbox_backlog", "Events that wait to be published (at most 10000 are counted).", NULL);
    relay->age_metric = metrics_gauge(app->metrics, "outbox_oldest_age_ms", "Age of the oldest event that waits, ms.", NULL);
    relay->leader_metric = metrics_gauge(app->metrics, "outbox_relay_leader", "1 where this replica publishes.", NULL);
    relay->producers_metric = metrics_counter(app->metrics, "outbox_producers_total", "Producers made; more than one means fatal errors or outages.", NULL);
    if (relay->wake_fd >= 0 && relay->arena && relay->delivered && pthread_create(&relay->thread, NULL, relay_main, relay) == 0) return relay;
    if (relay->wake_fd >= 0) close(relay->wake_fd);
    arena_free(relay->arena);
    free(relay->delivered);
    free(relay);
    return error_set(err, &problem_unavailable, NULL), NULL;
}

void relay_wake(struct relay *relay)
{
    if (relay && write(relay->wake_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0) return; // the counter is full: it is awake
}

void relay_stats(struct relay *relay, struct relay_stats *ret)
{
    *ret = (struct relay_stats){.leader = atomic_load(&relay->leader), .published_total = atomic_load(&relay->published_total),
                                .producers_total = atomic_load(&relay->producers_total), .backlog = atomic_load(&relay->backlog),
                                .oldest_age_ms = atomic_load(&relay->oldest_age_ms)};
}

void relay_stop(struct relay *relay)
{
    if (!relay) return;
    atomic_store(&relay->stopping, true);
    relay_wake(relay);
    pthread_join(relay->thread, NULL);
    close(relay->wake_fd);
    arena_free(relay->arena);
    relay_stuck_clear(&relay->stuck);
    free(relay->delivered);
    free(relay);
}

static void *relay_main(void *argument)
{
    struct relay *relay = argument;
    while (!atomic_load(&relay->stopping)) {
        struct error err = {0};
        bool ok = relay->pool || relay_connect(relay, &err);
        if (ok) ok = atomic_load(&relay->leader) ? lead_once(relay, &err) : follow_once(relay, &err);
        arena_reset(relay->arena);
        if (ok) continue;
        log_failure(LOG_LEVEL_WARNING, "relay_interrupted", &err);
        relay_disconnect(relay);
        wait_for_work(relay, FAILURE_PAUSE_MS);
    }
    // what is committed already goes out, within reason
    int64_t deadline_ms = clock_monotonic_ms() + STOP_DRAIN_MS, count = 1;
    struct error err = {0};
    while (atomic_load(&relay->leader) && count > 0 && clock_monotonic_ms() < deadline_ms && publish_batch(relay, &count, &err))
        arena_reset(relay->arena);
    relay_disconnect(relay);
    return NULL;
}

// --- Leadership ----------------------------------------------------------------------------------

static bool relay_connect(struct relay *relay, struct error *err)
{
    static const struct sql *const *const statements[] = {kit_statements, NULL};
    const struct db_pool_config config = {.url = relay->app->config.database_url, .application_name = "relay", .connections = 1,
                                          .acquire_timeout_ms = 2000, .statement_timeout_ms = 60000, .connect_timeout_s = 3,
                                          .statements = statements};
    relay->pool = db_pool_open(&config, err);
    if (relay->pool) db_begin(&relay->db, relay->pool, DB_READ, relay->arena);
    return relay->pool != NULL;
}

// Closing the connection gives the advisory lock back.
static void relay_disconnect(struct relay *relay)
{
    kafka_producer_free(relay->producer, FLUSH_MS);
    relay->producer = NULL;
    arena_reset(relay->arena);
    if (relay->pool) {
        db_end(&relay->db);
        db_pool_close(relay->pool);
    }
    relay->pool = NULL;
    atomic_store(&relay->leader, false);
    metric_set(relay->leader_metric, 0);
}

static bool try_to_lead(struct relay *relay, struct error *err)
{
    bool leader = false;
    if (db_row(&relay->db, &SQL_relay_lead, DB_NOTHING, DB_OUT(DB_GET_BOOL(&leader)), err) != DB_FOUND) return false;
    if (leader && !db_listen(&relay->db, "outbox", err)) return false;
    atomic_store(&relay->leader, leader);
    metric_set(relay->leader_metric, leader);
    if (leader) log_info("relay_leads");
    relay->cluster_due_ms = relay->purge_due_ms = relay->stats_due_ms = 0;
    return true;
}

// Another replica publishes: hand on wake-ups, a few at a time, and stand by.
static bool follow_once(struct relay *relay, struct error *err)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms >= relay->lead_due_ms) {
        relay->lead_due_ms = now_ms + LEADER_RETRY_MS;
        if (!try_to_lead(relay, err)) return false;
        if (atomic_load(&relay->leader)) return true;
    }
    uint64_t woken = 0;
    wait_for_work(relay, LEADER_RETRY_MS);
    if (read(relay->wake_fd, &woken, sizeof woken) < 0) return true;
    if (clock_monotonic_ms() - relay->notified_ms < NOTIFY_MIN_MS) usleep(NOTIFY_MIN_MS * 1000);
    relay->notified_ms = clock_monotonic_ms();
    return db_exec(&relay->db, &SQL_relay_notify, DB_NOTHING, NULL, err);
}

static bool lead_once(struct relay *relay, struct error *err)
{
    uint64_t woken;
    if (read(relay->wake_fd, &woken, sizeof woken) < 0 && errno != EAGAIN) return error_set(err, &problem_internal, NULL);
    int64_t count = 0;
    if (!ready_to_publish(relay, err) || !publish_batch(relay, &count, err) || !keep_house(relay, err)) return false;
    if (relay->undelivered_count > 0) wait_for_work(relay, FAILURE_PAUSE_MS);
    else if (count < relay->app->config.relay_batch) wait_for_work(relay, (int)relay->app->config.relay_poll_ms);
    bool notified;
    return db_socket(&relay->db) < 0 || db_wait_notification(&relay->db, 0, &notified, err);
}

// Until somebody commits here, another replica says so, or time is up.
static void wait_for_work(struct relay *relay, int timeout_ms)
{
    struct pollfd sockets[] = {{.fd = relay->wake_fd, .events = POLLIN},
                               {.fd = relay->pool ? db_socket(&relay->db) : -1, .events = POLLIN}};
    if (atomic_load(&relay->stopping)) return;
    if (poll(sockets, COUNT_OF(sockets), timeout_ms) < 0) return; // EINTR: the loop looks again
}

// --- Publishing ----------------------------------------------------------------------------------

static void on_delivered(void *state, void *tag, bool delivered)
{
    struct relay *relay = state;
    if (delivered) relay->delivered[relay->delivered_count++] = tag;
    else relay->undelivered_count++;
}

// After a broker came back empty its topics are gone, too.
static bool provision_topics(struct relay *relay, struct error *err)
{
    for (const struct topic *const *topic = topics_all; *topic; topic++) {
        const struct kafka_topic_spec spec = {(*topic)->name, (*topic)->partitions, (int)relay->app->config.topic_replication, (*topic)->compacted, (*topic)->retention_ms};
        if (!kafka_topic_ensure(relay->app->config.kafka_brokers, &spec, NULL, err)) return false;
    }
    return true;
}

// Those that this service tells of.
static void prepare_topics(struct relay *relay)
{
    const char *names[TOPICS_MAX];
    size_t count = 0;
    for (const struct event_type *const *type = relay->app->service->events; type && *type && count < COUNT_OF(names); type++) {
        size_t known = 0;
        while (known < count && strcmp(names[known], (*type)->topic->name) != 0) known++;
        if (known == count) names[count++] = (*type)->topic->name;
    }
    kafka_producer_prepare(relay->producer, names, count);
}

// A producer that works, and the same cluster as before.
static bool ready_to_publish(struct relay *relay, struct error *err)
{
    if (relay->producer && kafka_producer_is_fatal(relay->producer)) {
        log_warning("relay_producer_fatal");
        kafka_producer_free(relay->producer, 0);
        relay->producer = NULL;
    }
    if (!relay->producer) {
        relay->producer = kafka_producer_new(relay->app->config.kafka_brokers, relay->app->service->name, on_delivered, relay, err);
        if (!relay->producer) return false;
        prepare_topics(relay);
        atomic_fetch_add(&relay->producers_total, 1);
        metric_add(relay->producers_metric, 1);
        relay->cluster_due_ms = 0;
    }
    if (clock_monotonic_ms() < relay->cluster_due_ms) return true;
    char *cluster = NULL;
    if (!kafka_cluster_id(relay->app->config.kafka_brokers, relay->arena, &cluster, CLUSTER_TIMEOUT_MS, err)) return false;
    relay->cluster_due_ms = clock_monotonic_ms() + CLUSTER_CHECK_MS;
    if (text_equal(cluster, relay->cluster)) return true;
    int64_t again = 0;
    snprintf(relay->cluster, sizeof relay->cluster, "%s", cluster);
    if (!db_exec(&relay->db, &SQL_relay_other_cluster, DB_IN(DB_TEXT(relay->cluster)), &again, err)) return false;
    if (again > 0) log_warning("relay_other_cluster", LOG_TEXT("cluster", relay->cluster), LOG_INT("published_again", again));
    return again == 0 || provision_topics(relay, err);
}

static bool key_failed(const char *const *failed, int count, const char *topic, const char *key)
{
    for (int i = 0; i < count; i += 2)
        if (strcmp(failed[i], topic) == 0 && strcmp(failed[i + 1], key) == 0) return true;
    return false;
}

static bool produce_row(struct relay *relay, const struct db_rows *rows, int row, struct error *err)
{
    const char *id = db_rows_text(rows, row, 0), *data = db_rows_text(rows, row, 4);
    struct kafka_message message = {.topic = db_rows_text(rows, row, 1), .key = db_rows_text(rows, row, 3), .value = data,
                                    .value_length = data ? strlen(data) : 0};
    const struct kafka_header headers[] = {
        {"ce_specversion", "1.0"},
        {"ce_id", id},
        {"ce_source", arena_printf(relay->arena, "/services/%s", relay->app->service->name)},
        {"ce_type", db_rows_text(rows, row, 2)},
        {"ce_time", db_rows_text(rows, row, 6)},
        {"ce_subject", message.key},
        {"ce_sequence", arena_printf(relay->arena, "%020ld", (long)db_rows_int(rows, row, 0))},
        {"traceparent", db_rows_text(rows, row, 5)},
        {"content-type", data ? "application/json" : NULL},
    };
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        if (headers[i].value) message.headers[message.header_count++] = headers[i];
    return kafka_produce(relay->producer, &message, (void *)(uintptr_t)id, err); // the tag comes back unchanged
}

// Sends all rows; behind one that the client refuses its key waits.
static void produce_rows(struct relay *relay, const struct db_rows *rows)
{
    const char **failed = arena_alloc(relay->arena, 2 * (size_t)rows->count * sizeof *failed);
    int failed_count = 0;
    for (int row = 0; failed && row < rows->count; row++) {
        const char *topic = db_rows_text(rows, row, 1), *key = db_rows_text(rows, row, 3);
        struct error err = {0};
        if (!key_failed(failed, failed_count, topic, key) && produce_row(relay, rows, row, &err)) {
            kafka_producer_poll(relay->producer, 0);
            continue;
        }
        if (err.problem) log_failure(LOG_LEVEL_ERROR, "event_not_produced", &err);
        relay->undelivered_count++;
        failed[failed_count++] = topic;
        failed[failed_count++] = key;
    }
}

static bool was_delivered(const struct relay *relay, const char *id)
{
    for (size_t i = 0; i < relay->delivered_count; i++)
        if (relay->delivered[i] == id) return true; // the tag came back unchanged
    return false;
}

// The keys of what was not delivered wait a while.
static void set_aside(struct relay *relay, const struct db_rows *rows)
{
    const int64_t due_ms = clock_monotonic_ms() + STUCK_MS;
    const char **failed = arena_alloc(relay->arena, 2 * (size_t)rows->count * sizeof *failed);
    int failed_count = 0;
    for (int row = 0; failed && row < rows->count; row++) {
        const char *topic = db_rows_text(rows, row, 1), *key = db_rows_text(rows, row, 3);
        if (was_delivered(relay, db_rows_text(rows, row, 0)) || key_failed(failed, failed_count, topic, key)) continue;
        failed[failed_count++] = topic;
        failed[failed_count++] = key;
        relay_stuck_add(&relay->stuck, topic, key, due_ms);
    }
}

static bool publish_batch(struct relay *relay, int64_t *ret_count, struct error *err)
{
    struct db_rows rows;
    *ret_count = 0;
    relay->delivered_count = relay->undelivered_count = 0;
    if (!relay->producer) return true;
    const char *stuck = relay_stuck_array(&relay->stuck, clock_monotonic_ms(), relay->arena);
    if (!db_rows(&relay->db, &SQL_relay_unpublished, DB_IN(DB_INT(relay->app->config.relay_batch), DB_TEXT(stuck)), &rows, err)) return false;
    *ret_count = rows.count;
    if (rows.count == 0) return true;
    produce_rows(relay, &rows);
    // an unreachable broker is waited for here: the rows stay unpublished, and nobody else waits with us
    while (kafka_producer_pending(relay->producer) > 0 && !kafka_producer_is_fatal(relay->producer) && !atomic_load(&relay->stopping))
        kafka_producer_poll(relay->producer, 100);
    if (atomic_load(&relay->stopping)) kafka_producer_poll(relay->producer, FLUSH_MS);
    if (kafka_producer_is_fatal(relay->producer) || kafka_producer_pending(relay->producer) > 0) {
        kafka_producer_free(relay->producer, 0); // reports the rest: no tag outlives the rows
        relay->producer = NULL;
    } else if (relay->undelivered_count > 0) {
        set_aside(relay, &rows);
    }
    if (relay->delivered_count == 0) return true;
    char *ids = db_array(relay->arena, relay->delivered, relay->delivered_count);
    if (!db_exec(&relay->db, &SQL_relay_published, DB_IN(DB_TEXT(ids), DB_TEXT(relay->cluster)), NULL, err)) return false;
    atomic_fetch_add(&relay->published_total, (int64_t)relay->delivered_count);
    metric_add(relay->published_metric, (int64_t)relay->delivered_count);
    return true;
}

// --- House-keeping -------------------------------------------------------------------------------

static bool purge(struct relay *relay, struct error *err)
{
    const struct kit_settings *config = &relay->app->config;
    const char *compacted[64], *kept[64];
    size_t compacted_count = 0, kept_count = 0;
    for (const struct topic *const *topic = topics_all; *topic; topic++) {
        if ((*topic)->compacted && compacted_count < COUNT_OF(compacted)) compacted[compacted_count++] = (*topic)->name;
        else if ((*topic)->retention_ms < 0 && kept_count < COUNT_OF(kept)) kept[kept_count++] = (*topic)->name;
    }
    return db_exec(&relay->db, &SQL_outbox_purge,
                   DB_IN(DB_INT(config->outbox_retention_h), DB_TEXT(db_array(relay->arena, compacted, compacted_count)),
                         DB_TEXT(db_array(relay->arena, kept, kept_count))), NULL, err) &&
           db_exec(&relay->db, &SQL_inbox_purge, DB_IN(DB_INT(config->inbox_retention_h)), NULL, err) &&
           db_exec(&relay->db, &SQL_idempotency_purge, DB_IN(DB_INT(config->idempotency_retention_h)), NULL, err);
}

static bool keep_house(struct relay *relay, struct error *err)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms >= relay->stats_due_ms) {
        int64_t backlog = 0, age_ms = 0;
        relay->stats_due_ms = now_ms + STATS_MS;
        if (db_row(&relay->db, &SQL_relay_backlog, DB_NOTHING, DB_OUT(DB_GET_INT(&backlog), DB_GET_INT(&age_ms)), err) != DB_FOUND) return false;
        atomic_store(&relay->backlog, backlog);
        atomic_store(&relay->oldest_age_ms, age_ms);
        metric_set(relay->backlog_metric, backlog);
        metric_set(relay->age_metric, age_ms);
    }
    if (now_ms < relay->purge_due_ms) return true;
    relay->purge_due_ms = now_ms + PURGE_MS;
    return purge(relay, err);
}
