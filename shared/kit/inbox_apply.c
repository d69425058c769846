// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "inbox_private.h"
#include "kit_sql.h"

// A tombstone is one whatever type it names: a handler that reads data never gets it.
static const struct subscription *subscription_of(const struct app *app, const struct kafka_message *message, const char *type)
{
    for (const struct subscription *row = app->service->subscriptions; row && row->topic; row++) {
        if (strcmp(row->topic->name, message->topic) != 0) continue;
        if (row->type ? text_equal(row->type, type) && (message->value || !row->data) : !message->value) return row;
    }
    return NULL;
}

static bool topic_is_ours(const struct app *app, const char *topic)
{
    for (const struct subscription *row = app->service->subscriptions; row && row->topic; row++)
        if (strcmp(row->topic->name, topic) == 0) return true;
    return false;
}

void arrival_read(struct app *app, const struct kafka_message *message, struct arena *arena, struct arrival *ret)
{
    *ret = (struct arrival){.message = message, .decode_error = {.arena = arena}};
    if (!topic_is_ours(app, message->topic)) return;
    json_t *data = NULL;
    if (!event_decode(message, arena, &ret->event, &data, &ret->decode_error)) return;
    if (data && !json_keep(arena, data)) {
        error_set(&ret->decode_error, &problem_unavailable, NULL);
        return;
    }
    ret->subscription = subscription_of(app, message, ret->event.type);
    const struct fields *fields = ret->subscription ? ret->subscription->data : NULL;
    if (!fields) return;
    void *input = arena_alloc(arena, fields->size);
    if (!ret->event.data) error_set(&ret->decode_error, &problem_malformed, "The event has no data.");
    else if (!input) error_set(&ret->decode_error, &problem_unavailable, NULL);
    else if (field_decode(fields, ret->event.data, FIELD_TOLERANT, input, arena, &ret->decode_error)) ret->event.input = input;
}

bool arrival_apply(struct app *app, struct db *db, const struct arrival *arrival, struct error *err)
{
    const struct subscription *row = arrival->subscription;
    const struct event *event = &arrival->event;
    if (row->handler) return row->handler(app, db, event, err);
    const char *data = event->input ? field_encode(row->data, event->input, db->arena) : NULL;
    if (event->input && !data) return error_set(err, &problem_unavailable, NULL);
    const struct db_value values[] = {DB_TEXT(event->key), DB_TEXT(data), DB_TEXT(event->sequence ? event->sequence : "")};
    if (row->statement->parameters > (int)COUNT_OF(values)) return error_set(err, &problem_internal, NULL);
    return db_post(db, row->statement, (struct db_values){values, row->statement->parameters}, err);
}

bool arrivals_claim(struct db *db, const struct arrival *arrivals, int count, bool may_be_parked, struct db_rows *ret, struct error *err)
{
    const char **texts = arena_alloc(db->arena, 4 * (size_t)(count + 1) * sizeof *texts);
    if (!texts) return error_set(err, &problem_unavailable, NULL);
    const char **sources = texts, **ids = texts + count, **topics = texts + 2 * count, **keys = texts + 3 * count;
    for (int i = 0; i < count; i++) {
        const bool is_wanted = arrivals[i].subscription && !arrivals[i].decode_error.problem;
        sources[i] = is_wanted ? arrivals[i].event.source : NULL;
        ids[i] = is_wanted ? arrivals[i].event.id : NULL;
        topics[i] = arrivals[i].message->topic;
        keys[i] = may_be_parked ? parked_key(arrivals[i].message, db->arena) : NULL;
    }
    const size_t size = (size_t)count;
    return db_rows(db, &SQL_inbox_claim,
                   DB_IN(DB_TEXT(db_array(db->arena, sources, size)), DB_TEXT(db_array(db->arena, ids, size)),
                         DB_TEXT(db_array(db->arena, topics, size)), DB_TEXT(db_array(db->arena, keys, size))), ret, err);
}

// Of what was claimed, first the parked keys.
static int count_parked(const struct db_rows *claimed)
{
    int parked = 0;
    while (parked < claimed->count && *db_rows_text(claimed, parked, 0) == 't') parked++;
    return parked;
}

static bool is_parked(const struct db_rows *claimed, int parked, const struct kafka_message *message, struct arena *arena)
{
    const char *key = parked > 0 ? parked_key(message, arena) : NULL;
    for (int i = 0; i < parked; i++)
        if (strcmp(db_rows_text(claimed, i, 1), message->topic) == 0 && text_equal(db_rows_text(claimed, i, 2), key)) return true;
    return false;
}

static bool is_fresh(const struct db_rows *claimed, int row, const struct event *event)
{
    return row < claimed->count && text_equal(db_rows_text(claimed, row, 1), event->source) && text_equal(db_rows_text(claimed, row, 2), event->id);
}

// PostgreSQL returns the inserted rows in the order given, so one walk matches them.
bool arrivals_apply(struct app *app, struct db *db, struct arrival *arrivals, int count, int *ret_applied,
                    const struct arrival **ret_failed, struct error *err)
{
    struct db_rows claimed = {0};
    *ret_failed = NULL;
    *ret_applied = 0;
    if (!arrivals_claim(db, arrivals, count, true, &claimed, err)) return false;
    const int parked = count_parked(&claimed);
    int next = parked;
    for (int i = 0; i < count; i++) {
        struct arrival *arrival = &arrivals[i];
        if (!arrival->subscription && !arrival->decode_error.problem) continue; // not for us
        if (is_parked(&claimed, parked, arrival->message, db->arena)) {
            if (!park_append(db, arrival->message, err)) return false;
        } else if (arrival->decode_error.problem) {
            *err = arrival->decode_error;
            *ret_failed = arrival;
            return false;
        } else if (is_fresh(&claimed, next, &arrival->event)) { // or it was applied before
            next++;
            db->traceparent = arrival->event.traceparent;
            if (!arrival_apply(app, db, arrival, err)) {
                *ret_failed = arrival;
                return false;
            }
            (*ret_applied)++;
        }
    }
    return true;
}

struct applying {
    struct app *app;
    struct arrival *arrivals;
    int applied;
};

static bool apply_one(struct db *db, void *argument, struct error *err)
{
    struct applying *applying = argument;
    const struct arrival *failed;
    return arrivals_apply(applying->app, db, applying->arrivals, 1, &applying->applied, &failed, err);
}

bool inbox_apply(struct app *app, const struct kafka_message *message, struct arena *arena, struct error *err)
{
    struct arrival arrival;
    arrival_read(app, message, arena, &arrival);
    return db_transaction(app->pool, DB_WRITE, arena, apply_one, &(struct applying){app, &arrival, 0}, err);
}
