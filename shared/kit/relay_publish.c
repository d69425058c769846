// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit_sql.h"
#include "log.h"
#include "relay_private.h"

#define STUCK_MS 5000
#define FLUSH_MS 1000

static void produce_rows(struct relay *relay, const struct db_rows *rows);
static bool produce_row(struct relay *relay, const struct db_rows *rows, int row, struct error *err);
static bool await_deliveries(struct relay *relay, struct error *err);
static void set_aside(struct relay *relay, const struct db_rows *rows);
static bool key_failed(const char *const *failed, int count, const char *topic, const char *key);

void relay_delivered(void *state, void *tag, bool delivered)
{
    struct relay *relay = state;
    if (delivered) relay->delivered[relay->delivered_count++] = tag;
    else relay->undelivered_count++;
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
    const bool leads = await_deliveries(relay, err);
    if (relay_producer_is_spent(relay) || kafka_producer_pending(relay->producer) > 0) {
        kafka_producer_free(relay->producer, 0); // reports the rest: no tag outlives the rows
        relay->producer = NULL;
    } else if (relay->undelivered_count > 0) {
        set_aside(relay, &rows);
    }
    const char *ids = db_array(relay->arena, relay->delivered, relay->delivered_count);
    if (relay->delivered_count > 0 && ids) relay->unmarked = strdup(ids);
    return leads && relay_mark(relay, err);
}

bool relay_mark(struct relay *relay, struct error *err)
{
    int64_t count = 0;
    if (!relay->unmarked) return true;
    if (!db_exec(&relay->db, &SQL_relay_published, DB_IN(DB_TEXT(relay->unmarked), DB_TEXT(relay->cluster)), &count, err)) return false;
    free(relay->unmarked);
    relay->unmarked = NULL;
    atomic_fetch_add(&relay->published_total, count);
    metric_add(relay->published_metric, count);
    return true;
}

// Sends all rows; behind one that the client refuses its key waits. The first refusal is told: where a topic is missing, there is
// one for each row.
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
        if (err.problem && failed_count == 0) log_failure(LOG_LEVEL_ERROR, "event_not_produced", &err);
        relay->undelivered_count++;
        failed[failed_count++] = topic;
        failed[failed_count++] = key;
    }
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

// A broker that is away is waited for here: the rows stay unpublished, and nobody else waits with us. False: the database has
// gone meanwhile, and the lead with it.
static bool await_deliveries(struct relay *relay, struct error *err)
{
    bool leads = true;
    while (leads && kafka_producer_pending(relay->producer) > 0 && !relay_producer_is_spent(relay) && !atomic_load(&relay->stopping)) {
        kafka_producer_poll(relay->producer, 100);
        leads = relay_count_backlog(relay, err);
    }
    if (atomic_load(&relay->stopping)) kafka_producer_flush(relay->producer, FLUSH_MS);
    return leads;
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

static bool key_failed(const char *const *failed, int count, const char *topic, const char *key)
{
    for (int i = 0; i < count; i += 2)
        if (strcmp(failed[i], topic) == 0 && strcmp(failed[i + 1], key) == 0) return true;
    return false;
}
