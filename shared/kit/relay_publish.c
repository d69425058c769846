// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "kit_sql.h"
#include "log.h"
#include "relay_private.h"

#define STUCK_MS 5000
#define TOPICS_MAX 32
#define CLUSTER_CHECK_MS 10000
#define CLUSTER_TIMEOUT_MS 3000
#define FLUSH_MS 1000

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

bool relay_ready(struct relay *relay, struct error *err)
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

bool relay_publish(struct relay *relay, int64_t *ret_count, struct error *err)
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
