// SPDX-License-Identifier: MIT
// Bundles the event schemas that the services printed into one AsyncAPI 3.0 document.
#include "command.h"
#include "schemas.h"

// The record headers: CloudEvents 1.0, binary mode.
static const struct record_header {
    const char *name;
    bool required;
    const char *doc;
} record_headers[] = {
    {"ce_specversion", true, "1.0."},
    {"ce_id", true, "Unique together with ce_source: skip what you have seen."},
    {"ce_source", true, "Who tells it: /services/payments."},
    {"ce_type", true, "The message's name; its last part is its version."},
    {"ce_time", true, "When it became true."},
    {"ce_subject", true, "The record key again."},
    {"ce_sequence", true, "Grows with every event of a key; twenty digits, so that the order of texts is that of numbers."},
    {"traceparent", false, "W3C trace context of what caused it."},
    {"content-type", false, "application/json; a tombstone has none."},
};

struct document {
    json_t *channels, *operations, *messages, *schemas;
};

static bool add_schema(struct document *document, const char *name, json_t *schema);
static json_t *channel_of(const struct topic *topic);
static json_t *message_of(json_t *schema);
static bool hoist_nested(struct document *document, json_t *schema);
static json_t *headers_schema(void);
static json_t *whole(const struct document *document);

int command_asyncapi(const struct stack *stack, int argc, char **argv)
{
    (void)stack;
    const char *folder = command_word(argc, argv, 0);
    if (!folder) {
        fprintf(stderr, "dcctl: name the folder of the event schemas: dcctl asyncapi schemas/events\n");
        return 2;
    }
    CLEANUP(json_release) json_t *schemas = schemas_load(folder);
    if (!schemas) return 2;
    struct document document = {json_object(), json_object(), json_object(), json_object()};
    bool complete = true;
    const char *name;
    json_t *schema;
    for (int i = 0; topics_all[i]; i++) json_object_set_new(document.channels, topics_all[i]->name, channel_of(topics_all[i]));
    json_object_foreach(schemas, name, schema)
    {
        if (add_schema(&document, name, schema)) continue;
        fprintf(stderr, "dcctl: %s/%s.json is no event schema, or its topic is unknown\n", folder, name);
        complete = false;
    }
    CLEANUP(json_release) json_t *printed = whole(&document);
    if (!printed || json_dumpf(printed, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) != 0) return 1;
    putchar('\n');
    return complete ? 0 : 1;
}

static json_t *channel_of(const struct topic *topic)
{
    return json_pack("{s:s, s:s, s:{}, s:{s:{s:s, s:i, s:{s:[s], s:I}, s:s}}}", "address", topic->name, "description", topic->doc, "messages",
                     "bindings", "kafka", "topic", topic->name, "partitions", topic->partitions, "topicConfiguration", "cleanup.policy",
                     topic->compacted ? "compact" : "delete", "retention.ms", (json_int_t)topic->retention_ms, "bindingVersion", "0.5.0");
}

// One message of its topic's channel; a channel with messages gets the operation that sends them.
static bool add_schema(struct document *document, const char *name, json_t *schema)
{
    char reference[320];
    const char *topic = json_member_text(schema, "x-topic");
    json_t *channel = topic ? json_object_get(document->channels, topic) : NULL;
    if (!channel || !json_member_text(schema, "x-key") || !hoist_nested(document, schema)) return false;
    snprintf(reference, sizeof reference, "#/components/messages/%s", name);
    json_object_set_new(json_object_get(channel, "messages"), name, json_pack("{s:s}", "$ref", reference));
    json_object_set_new(document->messages, name, message_of(schema));
    snprintf(reference, sizeof reference, "#/channels/%s", topic);
    json_object_set_new(document->operations, topic, json_pack("{s:s, s:{s:s}}", "action", "send", "channel", "$ref", reference));
    return true;
}

// The schema's title is the event's type.
static json_t *message_of(json_t *schema)
{
    json_t *message = json_pack("{s:s, s:s*, s:[{s:s}], s:{s:{s:{s:s, s:s}, s:s}}, s:O}", "name", json_member_text(schema, "title"), "summary",
                                json_member_text(schema, "description"), "traits", "$ref", "#/components/messageTraits/cloudevent", "bindings",
                                "kafka", "key", "type", "string", "description", json_member_text(schema, "x-key"), "bindingVersion", "0.5.0",
                                "payload", schema);
    if (!json_object_get(schema, "x-tombstone")) json_object_set_new(message, "contentType", json_string("application/json"));
    return message;
}

// A schema file is complete in itself; here its nested tables stand among the document's. Its references lead there once it
// has no $id, from which they would start.
static bool hoist_nested(struct document *document, json_t *schema)
{
    const char *name;
    json_t *nested, *components = json_object_get(schema, "components");
    if (!components) return true;
    json_object_foreach(json_object_get(components, "schemas"), name, nested)
    {
        const json_t *other = json_object_get(document->schemas, name);
        if (other && !json_equal(other, nested)) return false;
        json_object_set(document->schemas, name, nested);
    }
    json_object_del(schema, "components");
    json_object_del(schema, "$id");
    return true;
}

static json_t *headers_schema(void)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < COUNT_OF(record_headers); i++) {
        const struct record_header *header = &record_headers[i];
        json_object_set_new(properties, header->name, json_pack("{s:s, s:s}", "type", "string", "description", header->doc));
        if (header->required) json_array_append_new(required, json_string(header->name));
    }
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required", required);
}

static json_t *whole(const struct document *document)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:s, s:o, s:o, s:{s:o, s:o, s:{s:{s:s, s:o}}}}", "asyncapi", "3.0.0", "info", "title",
                     "Domestic Connect events", "version", "1", "description",
                     "CloudEvents 1.0 in binary mode on Apache Kafka; the record key is the aggregate's id. How to consume them and what is "
                     "promised: docs/consume-payment-events.md.", "defaultContentType", "application/json", "channels", document->channels,
                     "operations", document->operations, "components", "messages", document->messages, "schemas", document->schemas,
                     "messageTraits", "cloudevent", "summary", "A CloudEvent in binary mode.", "headers", headers_schema());
}
