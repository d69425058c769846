// SPDX-License-Identifier: MIT
#include "event_log.h"

#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "json.h"
#include "stack.h"
#include "text.h"

#define PREFIX "ke.domesticconnect."
#define BATCH 200

struct event_log {
    struct kafka_consumer *consumer;
    struct arena *arena; // of a batch
    json_t *events;
    json_t *schemas; // by type, as they are needed
};

struct event_log *event_log_open(void)
{
    static const char *topics[64];
    for (size_t i = 0; topics_all[i] && i + 1 < COUNT_OF(topics); i++) topics[i] = topics_all[i]->name;
    struct event_log *log = calloc(1, sizeof *log);
    struct error err = {.arena = story_arena()};
    assert_non_null(log);
    log->arena = arena_new((size_t)64 << 20);
    log->events = json_array();
    log->schemas = json_object();
    log->consumer = kafka_consumer_new(&(struct kafka_consumer_config){.brokers = setting("KAFKA_BROKERS"), .client_id = "story", .topics = topics}, &err);
    if (!log->consumer) fail_msg("no consumer: %s %s", err.detail, err.cause);
    return log;
}

void event_log_close(struct event_log *log)
{
    if (!log) return;
    kafka_consumer_free(log->consumer);
    arena_free(log->arena);
    json_decref(log->events);
    json_decref(log->schemas);
    free(log);
}

static void keep(struct event_log *log, const struct kafka_message *message)
{
    json_t *headers = json_object();
    for (size_t i = 0; i < message->header_count; i++)
        json_object_set_new(headers, message->headers[i].name, json_string(message->headers[i].value));
    const char *type = json_string_value(json_object_get(headers, "ce_type"));
    json_t *data = message->value ? json_loadb(message->value, message->value_length, JSON_REJECT_DUPLICATES, NULL) : json_null();
    json_t *event = json_pack("{s:s, s:s*, s:s, s:o, s:o*}", "topic", message->topic, "key", message->key, "type",
                              type && text_starts_with(type, PREFIX) ? type + strlen(PREFIX) : "", "headers", headers, "data", data);
    assert_int_equal(json_array_append_new(log->events, event), 0);
}

json_t *event_log_all(struct event_log *log)
{
    static struct kafka_message messages[BATCH];
    int arrived = 0;
    do { // until a short while has brought nothing new, and what was there at the start has come
        arrived = kafka_consumer_poll(log->consumer, log->arena, messages, BATCH, 200);
        for (int i = 0; i < arrived; i++) keep(log, &messages[i]);
        arena_reset(log->arena);
    } while (arrived > 0 || !kafka_consumer_caught_up(log->consumer));
    return log->events;
}

struct wanted {
    struct event_log *log;
    const char *type, *key;
    json_t *found;
};

static bool has_come(void *argument)
{
    struct wanted *wanted = argument;
    json_t *all = event_log_all(wanted->log), *event;
    size_t i;
    json_array_foreach(all, i, event)
        if (text_equal(json_member_text(event, "type"), wanted->type) && text_equal(json_member_text(event, "key"), wanted->key)) wanted->found = event;
    return wanted->found != NULL;
}

json_t *event_of(struct event_log *log, const char *type, const char *key)
{
    struct wanted wanted = {log, arena_printf(story_arena(), "%s.v1", type), key, NULL};
    if (!within(15, has_come, &wanted)) fail_msg("no %s about %s came", type, key);
    return wanted.found;
}

const char *event_text(const json_t *event, const char *member)
{
    return json_member_text(json_object_get(event, "data"), member);
}

const char *event_header(const json_t *event, const char *name)
{
    return json_member_text(json_object_get(event, "headers"), name);
}

// --- Faults --------------------------------------------------------------------------------------

static const char *envelope_fault(const json_t *event)
{
    static const char *const known[] = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_sequence", "traceparent", "content-type"};
    const char *name;
    json_t *value;
    int64_t number;
    json_object_foreach(json_object_get(event, "headers"), name, value) {
        bool is_known = false;
        for (size_t i = 0; i < COUNT_OF(known); i++) is_known = is_known || strcmp(known[i], name) == 0;
        if (!is_known) return arena_printf(story_arena(), "header %s is none of the envelope", name);
    }
    for (size_t i = 0; i < 7; i++)
        if (!event_header(event, known[i])) return arena_printf(story_arena(), "%s is missing", known[i]);
    if (strcmp(event_header(event, "ce_specversion"), "1.0") != 0) return "ce_specversion is not 1.0";
    if (!text_starts_with(event_header(event, "ce_source"), "/services/")) return "ce_source names no service";
    if (!text_equal(event_header(event, "ce_subject"), json_member_text(event, "key"))) return "ce_subject is not the key";
    if (!clock_parse(event_header(event, "ce_time"), &number)) return "ce_time is no time";
    const char *sequence = event_header(event, "ce_sequence"), *traceparent = event_header(event, "traceparent");
    if (strlen(sequence) != 20 || strspn(sequence, "0123456789") != 20) return "ce_sequence does not sort as text";
    if (traceparent && (strlen(traceparent) != 55 || !text_starts_with(traceparent, "00-"))) return "traceparent is none of W3C";
    bool is_tombstone = json_is_null(json_object_get(event, "data"));
    return text_equal(event_header(event, "content-type"), is_tombstone ? NULL : "application/json") ? NULL : "content-type does not fit the value";
}

static bool is_of_type(const json_t *value, const char *type)
{
    if (strcmp(type, "string") == 0) return json_is_string(value);
    if (strcmp(type, "integer") == 0) return json_is_integer(value);
    if (strcmp(type, "number") == 0) return json_is_number(value);
    if (strcmp(type, "boolean") == 0) return json_is_boolean(value);
    if (strcmp(type, "array") == 0) return json_is_array(value);
    if (strcmp(type, "object") == 0) return json_is_object(value);
    return strcmp(type, "null") == 0 && json_is_null(value);
}

// Types, choices, times and the items of lists; what else JSON Schema has, our schemas do not use.
static bool fits(const json_t *schema, const json_t *value)
{
    const json_t *type = json_object_get(schema, "type"), *choices = json_object_get(schema, "enum"), *items = json_object_get(schema, "items");
    size_t i;
    json_t *item;
    bool ok = !type || (json_is_string(type) && is_of_type(value, json_string_value(type)));
    json_array_foreach(type, i, item) ok = ok || is_of_type(value, json_string_value(item));
    if (!ok) return false;
    bool chosen = !choices;
    json_array_foreach(choices, i, item) chosen = chosen || json_equal(item, value);
    int64_t time_ms;
    if (json_is_string(value) && text_equal(json_member_text(schema, "format"), "date-time") && !clock_parse(json_string_value(value), &time_ms)) return false;
    json_array_foreach(value, i, item) if (items && !fits(items, item)) return false;
    return chosen;
}

static const char *data_fault(const json_t *schema, const json_t *data)
{
    const json_t *properties = json_object_get(schema, "properties");
    const char *name;
    size_t i;
    json_t *value;
    if (!fits(schema, data)) return "the data are of another type";
    json_array_foreach(json_object_get(schema, "required"), i, value)
        if (!json_object_get(data, json_string_value(value))) return arena_printf(story_arena(), "%s is missing", json_string_value(value));
    json_object_foreach((json_t *)(uintptr_t)data, name, value) { // the macro wants a mutable object, and does not change it
        const json_t *property = json_object_get(properties, name);
        if (!property) return arena_printf(story_arena(), "%s is in no schema", name);
        if (!fits(property, value)) return arena_printf(story_arena(), "%s does not fit its schema", name);
    }
    return NULL;
}

static const json_t *schema_of(struct event_log *log, const char *type)
{
    if (!json_object_get(log->schemas, type)) {
        const char *folder = service_setting("gateway", "DC_SCHEMAS_DIR");
        json_object_set_new(log->schemas, type, json_load_file(arena_printf(story_arena(), "%s/events/%s.json", folder, type), 0, NULL));
    }
    return json_object_get(log->schemas, type);
}

const char *event_fault(struct event_log *log, const json_t *event)
{
    const char *fault = envelope_fault(event);
    if (fault) return fault;
    const json_t *schema = schema_of(log, json_member_text(event, "type")), *data = json_object_get(event, "data");
    if (!schema) return "there is no schema of its type";
    if (!data) return "the value is no JSON";
    if (!text_equal(json_member_text(schema, "x-topic"), json_member_text(event, "topic"))) return "it stands in another topic";
    if (!text_equal(json_member_text(schema, "title"), event_header(event, "ce_type"))) return "ce_type is not the schema's";
    return data_fault(schema, data);
}
