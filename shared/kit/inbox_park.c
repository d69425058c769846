// SPDX-License-Identifier: MIT
// Parked keys: what could not be applied waits in order, and is worked off when an operator says so.
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "inbox_private.h"
#include "kit_sql.h"
#include "log.h"

static const char bytes_mark[] = "\\x";

const char *parked_key(const struct kafka_message *message, struct arena *arena)
{
    const char *key = message->key ? message->key : "";
    char digest[SHA256_HEX_SIZE];
    if (strlen(key) > EVENT_NAME_MAX) { // no index holds it; behind 0xff, so that the digest is never taken for a key itself
        crypto_sha256_hex(key, strlen(key), digest);
        return arena_printf(arena, "%sff%s", bytes_mark, digest);
    }
    if (!text_starts_with(key, bytes_mark) && text_is_utf8(key, strlen(key))) return key;
    struct text_buffer out = text_buffer(arena);
    text_add(&out, bytes_mark);
    for (; *key; key++) text_printf(&out, "%02x", (unsigned)(unsigned char)*key);
    return text_take(&out);
}

// The message's key again.
static const char *key_of_parked(const char *parked, struct arena *arena)
{
    if (!text_starts_with(parked, bytes_mark)) return parked;
    const char *digits = parked + strlen(bytes_mark);
    char *key = arena_alloc(arena, strlen(digits) / 2 + 1);
    for (size_t i = 0; key && digits[2 * i] && digits[2 * i + 1]; i++)
        key[i] = (char)strtol((const char[]){digits[2 * i], digits[2 * i + 1], '\0'}, NULL, 16);
    return key;
}

static bool holds_name(const json_t *object, const char *member)
{
    const char *text = json_member_text(object, member);
    return text && strlen(text) <= EVENT_NAME_MAX;
}

// Of several headers of one name the first counts, as everywhere. A record without an id that an index holds gets one from its
// place, so that it is parked once.
char *parked_headers(const struct kafka_message *message, struct arena *arena)
{
    CLEANUP(json_release) json_t *object = json_object();
    for (size_t i = 0; i < message->header_count; i++) {
        const struct kafka_header *header = &message->headers[i];
        if (kafka_message_header(message, header->name) == header->value) json_object_set_new(object, header->name, json_string(header->value));
    }
    if (!holds_name(object, "ce_id"))
        json_object_set_new(object, "ce_id", json_sprintf("record:%d:%ld", (int)message->partition, (long)message->offset));
    if (!holds_name(object, "ce_source")) json_object_set_new(object, "ce_source", json_string(message->topic));
    return json_text(arena, object);
}

void parked_headers_read(json_t *headers, struct kafka_message *message)
{
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
        if (message->header_count < KAFKA_HEADERS_MAX)
            message->headers[message->header_count++] = (struct kafka_header){name, json_string_value(value)};
}

bool park_append(struct db *db, const struct kafka_message *message, struct error *err)
{
    // a value that is no text cannot have been an event of ours; it is kept as a sentence
    bool is_text = !message->value || text_is_utf8(message->value, message->value_length);
    const char *data = is_text ? arena_memdup(db->arena, message->value, message->value_length)
                               : arena_printf(db->arena, "(%zu bytes that are no text)", message->value_length);
    return db_exec(db, &SQL_inbox_park_event,
                   DB_IN(DB_TEXT(message->topic), DB_TEXT(parked_key(message, db->arena)), DB_INT(message->partition), DB_INT(message->offset),
                         DB_TEXT(parked_headers(message, db->arena)), DB_TEXT(data)), NULL, err);
}

struct parking {
    const struct kafka_message *message;
    const char *reason;
};

static bool park_key(struct db *db, void *argument, struct error *err)
{
    const struct parking *parking = argument;
    const char *key = parked_key(parking->message, db->arena);
    return db_exec(db, &SQL_inbox_park_key, DB_IN(DB_TEXT(parking->message->topic), DB_TEXT(key), DB_TEXT(parking->reason)), NULL, err) &&
           park_append(db, parking->message, err);
}

static const char *reason_of(const struct error *why, struct arena *arena)
{
    const char *text = why->cause[0] ? why->cause : why->detail;
    const struct violation *first = why->violations;
    return first ? arena_printf(arena, "%s %s", first->pointer, first->message) : arena_printf(arena, "%s: %s", why->problem ? why->problem->slug : "error", text);
}

bool park(struct app *app, const struct kafka_message *message, const struct error *why, struct arena *arena, struct error *err)
{
    log_error("event_parked", LOG_TEXT("topic", message->topic), LOG_INT("partition", message->partition), LOG_INT("offset", message->offset),
              LOG_TEXT("problem", why->problem ? why->problem->slug : ""));
    return db_transaction(app->pool, DB_WRITE, arena, park_key, &(struct parking){message, reason_of(why, arena)}, err);
}

// --- Redrive -------------------------------------------------------------------------------------

struct redrive {
    struct app *app;
    bool worked;
    const char *topic, *key; // in the arena
    int64_t event_id;
    struct error failure; // of the handler
};

// The parked event as the message it was.
static bool apply_parked(struct redrive *redrive, struct db *db, const struct db_rows *rows, struct error *err)
{
    const char *headers_text = db_rows_text(rows, 0, 3), *data = db_rows_text(rows, 0, 4);
    CLEANUP(json_release) json_t *headers = json_parse(headers_text, strlen(headers_text), err);
    if (!headers) return false;
    struct kafka_message message = {.topic = redrive->topic, .key = key_of_parked(redrive->key, db->arena), .value = data, .value_length = data ? strlen(data) : 0,
                                    .partition = (int32_t)db_rows_int(rows, 0, 5), .offset = db_rows_int(rows, 0, 6)};
    parked_headers_read(headers, &message);
    struct arrival arrival;
    arrival_read(redrive->app, &message, db->arena, &arrival);
    if (arrival.decode_error.problem) {
        redrive->failure = arrival.decode_error;
        *err = arrival.decode_error;
        return false;
    }
    struct db_rows fresh = {0};
    if (arrival.subscription && !arrivals_claim(db, &arrival, 1, false, &fresh, err)) return false;
    db->traceparent = arrival.event.traceparent;
    if (arrival.subscription && fresh.count > 0 && !(arrival_apply(redrive->app, db, &arrival, err) && db_flush(db, err))) {
        redrive->failure = *err;
        return false;
    }
    return db_exec(db, &SQL_redrive_done, DB_IN(DB_INT(redrive->event_id)), NULL, err);
}

static bool redrive_next(struct db *db, void *argument, struct error *err)
{
    struct redrive *redrive = argument;
    struct db_rows rows;
    redrive->failure = (struct error){0};
    if (!db_rows(db, &SQL_redrive_next, DB_NOTHING, &rows, err)) return false;
    redrive->worked = rows.count > 0;
    if (!redrive->worked) return true;
    redrive->topic = db_rows_text(&rows, 0, 0);
    redrive->key = db_rows_text(&rows, 0, 1);
    redrive->event_id = db_rows_int(&rows, 0, 2);
    if (redrive->event_id) return apply_parked(redrive, db, &rows, err);
    log_info("key_redriven", LOG_TEXT("topic", redrive->topic), LOG_TEXT("key", redrive->key));
    return db_exec(db, &SQL_redrive_finish, DB_IN(DB_TEXT(redrive->topic), DB_TEXT(redrive->key)), NULL, err);
}

struct redrive_failed {
    const struct redrive *redrive;
    const char *reason;
};

static bool redrive_give_up(struct db *db, void *argument, struct error *err)
{
    const struct redrive_failed *failed = argument;
    return db_exec(db, &SQL_redrive_failed, DB_IN(DB_TEXT(failed->redrive->topic), DB_TEXT(failed->redrive->key), DB_TEXT(failed->reason),
                                                  DB_INT(failed->redrive->event_id)), NULL, err);
}

bool redrive_once(struct app *app, struct arena *arena, bool *ret_worked, struct error *err)
{
    struct redrive redrive = {.app = app};
    bool ok = db_transaction(app->pool, DB_WRITE, arena, redrive_next, &redrive, err);
    *ret_worked = ok && redrive.worked;
    if (ok || !redrive.failure.problem || error_passes(&redrive.failure)) return ok;
    error_clear(err);
    struct redrive_failed failed = {&redrive, reason_of(&redrive.failure, arena)};
    return db_transaction(app->pool, DB_WRITE, arena, redrive_give_up, &failed, err);
}
