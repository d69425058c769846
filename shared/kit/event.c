// SPDX-License-Identifier: MIT
#include "event.h"

#include <string.h>
#include <strings.h>

#include "id.h"
#include "kit_sql.h"
#include "text.h"

bool outbox_add(struct db *db, const struct event_type *type, const char *key, const char *data, const char *traceparent,
                struct error *err)
{
    if (traceparent && !db->traceparent) db->traceparent = traceparent;
    return db_exec(db, &SQL_outbox_insert, DB_IN(DB_TEXT(type->topic->name), DB_TEXT(type->type), DB_TEXT(key), DB_TEXT(data)), NULL, err);
}

static bool is_structured(const char *content_type)
{
    return content_type && strncasecmp(content_type, "application/cloudevents", 23) == 0;
}

static bool no_event(struct error *err, const char *why)
{
    return error_set(err, &problem_malformed, "The record is no CloudEvent: %s.", why);
}

// Structured mode: the value holds attributes and data together. Strings are copied: the object is released.
static bool decode_structured(const struct kafka_message *message, struct arena *arena, struct event *ret, json_t **ret_data,
                              struct error *err)
{
    CLEANUP(json_release) json_t *whole = json_parse(message->value ? message->value : "", message->value_length, err);
    if (!whole) return false;
    if (!text_equal(json_member_text(whole, "specversion"), "1.0")) return no_event(err, "ce_specversion is not 1.0");
    ret->id = arena_strdup(arena, json_member_text(whole, "id"));
    ret->source = arena_strdup(arena, json_member_text(whole, "source"));
    ret->type = arena_strdup(arena, json_member_text(whole, "type"));
    ret->sequence = arena_strdup(arena, json_member_text(whole, "sequence"));
    ret->time = arena_strdup(arena, json_member_text(whole, "time"));
    ret->traceparent = arena_strdup(arena, json_member_text(whole, "traceparent"));
    ret->correlation_id = arena_strdup(arena, json_member_text(whole, "correlationid"));
    *ret_data = json_incref(json_object_get(whole, "data"));
    return true;
}

static bool decode_binary(const struct kafka_message *message, struct event *ret, json_t **ret_data, struct error *err)
{
    if (!text_equal(kafka_message_header(message, "ce_specversion"), "1.0")) return no_event(err, "ce_specversion is not 1.0");
    ret->id = kafka_message_header(message, "ce_id");
    ret->source = kafka_message_header(message, "ce_source");
    ret->type = kafka_message_header(message, "ce_type");
    ret->sequence = kafka_message_header(message, "ce_sequence");
    ret->time = kafka_message_header(message, "ce_time");
    ret->traceparent = kafka_message_header(message, "traceparent");
    ret->correlation_id = kafka_message_header(message, "ce_correlationid");
    if (!message->value) return true;
    *ret_data = json_parse(message->value, message->value_length, err);
    return *ret_data != NULL;
}

// Key and headers may hold any bytes; PostgreSQL takes UTF-8 alone.
static bool attributes_are_text(const struct event *event)
{
    const char *const texts[] = {event->key, event->id, event->source, event->type, event->sequence, event->time, event->correlation_id};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (texts[i] && !text_is_utf8(texts[i], strlen(texts[i]))) return false;
    return true;
}

static bool names_are_short(const struct event *event)
{
    return strlen(event->key) <= EVENT_NAME_MAX && strlen(event->id) <= EVENT_NAME_MAX && strlen(event->source) <= EVENT_NAME_MAX;
}

static bool has_what_it_must(const struct event *event, struct error *err)
{
    if (!event->id || !*event->id || !event->source || !*event->source || !event->type || !*event->type)
        return no_event(err, "id, source or type is missing");
    if (!attributes_are_text(event)) return no_event(err, "its key or an attribute is no text in UTF-8");
    return names_are_short(event) || no_event(err, "its key, id or source is too long");
}

bool event_decode(const struct kafka_message *message, struct arena *arena, struct event *ret, json_t **ret_data, struct error *err)
{
    *ret = (struct event){.topic = message->topic, .key = message->key ? message->key : ""};
    *ret_data = NULL;
    bool structured = is_structured(kafka_message_header(message, "content-type"));
    if (!(structured ? decode_structured(message, arena, ret, ret_data, err) : decode_binary(message, ret, ret_data, err))) return false;
    if (!has_what_it_must(ret, err)) {
        json_decref(*ret_data);
        *ret_data = NULL;
        return false;
    }
    if (!traceparent_is_valid(ret->traceparent)) ret->traceparent = NULL; // a lost trace is no lost event
    ret->data = *ret_data;
    return true;
}
