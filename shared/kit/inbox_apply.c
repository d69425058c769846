// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "inbox_private.h"
#include "kit_sql.h"

static void release_json(void *value)
{
    json_decref(value);
}

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
    if (data && !arena_defer(arena, release_json, data)) {
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

bool failure_passes(const struct error *err)
{
    return err->retry || err->problem == &problem_unavailable || err->problem == &problem_timeout;
}

static bool is_parked(const struct db_rows *parked, const struct kafka_message *message, struct arena *arena)
{
    const char *key = parked->count ? parked_key(message, arena) : NULL;
    for (int i = 0; i < parked->count; i++)
        if (strcmp(db_rows_text(parked, i, 0), message->topic) == 0 && text_equal(db_rows_text(parked, i, 1), key)) return true;
    return false;
}

// Which keys among the arrivals are parked.
static bool parked_keys(struct db *db, const struct arrival *arrivals, int count, struct db_rows *ret, struct error *err)
{
    const char **keys = arena_alloc(db->arena, (size_t)count * sizeof *keys);
    for (int i = 0; keys && i < count; i++) keys[i] = parked_key(arrivals[i].message, db->arena);
    if (!keys) return error_set(err, &problem_unavailable, NULL);
    return db_rows(db, &SQL_inbox_parked, DB_IN(DB_TEXT(db_array(db->arena, keys, (size_t)count))), ret, err);
}

// Which arrivals are new. PostgreSQL returns the inserted rows in the order given, so one walk matches them.
static bool claim(struct db *db, struct arrival *const *wanted, int count, struct db_rows *ret, struct error *err)
{
    const char **texts = arena_alloc(db->arena, 3 * (size_t)(count + 1) * sizeof *texts);
    if (!texts) return error_set(err, &problem_unavailable, NULL);
    const char **sources = texts, **ids = texts + count, **topics = texts + 2 * count;
    for (int i = 0; i < count; i++) {
        sources[i] = wanted[i]->event.source;
        ids[i] = wanted[i]->event.id;
        topics[i] = wanted[i]->message->topic;
    }
    return db_rows(db, &SQL_inbox_claim,
                   DB_IN(DB_TEXT(db_array(db->arena, sources, (size_t)count)), DB_TEXT(db_array(db->arena, ids, (size_t)count)),
                         DB_TEXT(db_array(db->arena, topics, (size_t)count))), ret, err);
}

static bool apply_new(struct app *app, struct db *db, struct arrival *const *wanted, int count, int *ret_applied,
                      const struct arrival **ret_failed, struct error *err)
{
    struct db_rows fresh = {0};
    if (!claim(db, wanted, count, &fresh, err)) return false;
    int next = 0;
    for (int i = 0; i < count && next < fresh.count; i++) {
        if (!text_equal(db_rows_text(&fresh, next, 0), wanted[i]->event.source) || !text_equal(db_rows_text(&fresh, next, 1), wanted[i]->event.id))
            continue; // applied before
        next++;
        db->traceparent = wanted[i]->event.traceparent;
        if (!arrival_apply(app, db, wanted[i], err)) {
            *ret_failed = wanted[i];
            return false;
        }
        (*ret_applied)++;
    }
    return true;
}

bool arrivals_apply(struct app *app, struct db *db, struct arrival *arrivals, int count, int *ret_applied,
                    const struct arrival **ret_failed, struct error *err)
{
    struct db_rows parked = {0};
    *ret_failed = NULL;
    *ret_applied = 0;
    struct arrival **wanted = arena_alloc(db->arena, (size_t)count * sizeof(struct arrival *));
    if (!wanted) return error_set(err, &problem_unavailable, NULL);
    if (!parked_keys(db, arrivals, count, &parked, err)) return false;
    int wanted_count = 0;
    for (int i = 0; i < count; i++) {
        struct arrival *arrival = &arrivals[i];
        if (!arrival->subscription && !arrival->decode_error.problem) continue; // not for us
        if (is_parked(&parked, arrival->message, db->arena)) {
            if (!park_append(db, arrival->message, err)) return false;
        } else if (arrival->decode_error.problem) {
            *err = arrival->decode_error;
            *ret_failed = arrival;
            return false;
        } else {
            wanted[wanted_count++] = arrival;
        }
    }
    return wanted_count == 0 || apply_new(app, db, wanted, wanted_count, ret_applied, ret_failed, err);
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
