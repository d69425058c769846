// SPDX-License-Identifier: MIT
// Bundles the event schemas that the services printed into one AsyncAPI 3.0 document.
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int is_schema(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

// A topic's channel, without its messages.
static json_t *channel_of(const struct topic *topic)
{
    return json_pack("{s:s, s:s, s:{}, s:{s:{s:i, s:{s:[s]}, s:s}}}", "address", topic->name, "description", topic->doc, "messages",
                     "bindings", "kafka", "partitions", topic->partitions, "topicConfiguration", "cleanup.policy",
                     topic->compacted ? "compact" : "delete", "bindingVersion", "0.5.0");
}

// One message: the schema file's title is the event type, its x-topic the topic.
static void add_schema(json_t *channels, json_t *messages, const char *folder, const char *file)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    CLEANUP(json_release) json_t *schema = json_load_file(path, 0, NULL);
    const char *topic = schema ? json_member_text(schema, "x-topic") : NULL;
    json_t *channel = topic ? json_object_get(channels, topic) : NULL;
    if (!channel) return;
    char name[256], reference[320];
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - 5), file);
    snprintf(reference, sizeof reference, "#/components/messages/%s", name);
    json_object_set_new(json_object_get(channel, "messages"), name, json_pack("{s:s}", "$ref", reference));
    json_object_set_new(messages, name,
                        json_pack("{s:s, s:s*, s:s, s:O}", "name", json_member_text(schema, "title"), "summary",
                                  json_member_text(schema, "description"), "contentType", "application/json", "payload", schema));
}

int command_asyncapi(const struct stack *stack, int argc, char **argv)
{
    (void)stack;
    const char *folder = command_word(argc, argv, 0);
    struct dirent **entries = NULL;
    int count = folder ? scandir(folder, &entries, is_schema, by_name) : -1;
    if (count < 0) {
        fprintf(stderr, "dcctl: name the folder of the event schemas: dcctl asyncapi schemas/events\n");
        return 2;
    }
    json_t *channels = json_object(), *messages = json_object();
    for (int i = 0; topics_all[i]; i++) json_object_set_new(channels, topics_all[i]->name, channel_of(topics_all[i]));
    for (int i = 0; i < count; i++) {
        add_schema(channels, messages, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    CLEANUP(json_release) json_t *document = json_pack(
        "{s:s, s:{s:s, s:s, s:s}, s:s, s:o, s:{s:o}}", "asyncapi", "3.0.0", "info", "title", "Domestic Connect events", "version", "1",
        "description", "CloudEvents 1.0 in binary mode on Apache Kafka; the record key is the aggregate's id.", "defaultContentType",
        "application/json", "channels", channels, "components", "messages", messages);
    if (!document || json_dumpf(document, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) != 0) return 1;
    putchar('\n');
    return 0;
}
