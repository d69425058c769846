// SPDX-License-Identifier: MIT
// Topics as they stand on the broker, held against what they should be.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_common.h"

#define ADMIN_TIMEOUT_MS 10000

struct comparison {
    const struct kafka_topic_spec *specs;
    size_t count;
    kafka_topic_fault tell;
    void *state;
};

static bool look(rd_kafka_t *client, const struct comparison *comparison, struct error *err);
static rd_kafka_ConfigResource_t *compare_partitions(const struct comparison *comparison, const struct kafka_topic_spec *spec,
                                                     const struct rd_kafka_metadata *metadata);
static bool compare_settings(rd_kafka_t *client, const struct comparison *comparison, rd_kafka_ConfigResource_t **asked, size_t count,
                             struct error *err);

bool kafka_topics_compare(const char *brokers, const struct kafka_topic_spec *specs, size_t count, kafka_topic_fault tell, void *state,
                          struct error *err)
{
    const struct comparison comparison = {specs, count, tell, state};
    rd_kafka_t *client = kafka_client(RD_KAFKA_PRODUCER, kafka_conf(brokers, "dc-admin", &(struct kafka_setting){NULL, NULL}, err), err);
    if (!client) return false;
    const bool ok = look(client, &comparison, err);
    rd_kafka_destroy(client);
    return ok;
}

static bool look(rd_kafka_t *client, const struct comparison *comparison, struct error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    const rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, ADMIN_TIMEOUT_MS);
    if (code) return kafka_failed(err, "list topics", rd_kafka_err2str(code));
    rd_kafka_ConfigResource_t **asked = calloc(comparison->count + 1, sizeof(rd_kafka_ConfigResource_t *));
    size_t count = 0;
    for (size_t i = 0; asked && i < comparison->count; i++)
        if ((asked[count] = compare_partitions(comparison, &comparison->specs[i], metadata))) count++;
    rd_kafka_metadata_destroy(metadata);
    const bool ok = asked ? count == 0 || compare_settings(client, comparison, asked, count, err) : error_set(err, &problem_unavailable, NULL);
    if (asked) rd_kafka_ConfigResource_destroy_array(asked, count);
    free(asked);
    return ok;
}

static void tell(const struct comparison *comparison, const char *topic, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void tell(const struct comparison *comparison, const char *topic, const char *format, ...)
{
    char fault[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault, sizeof fault, format, arguments);
    va_end(arguments);
    comparison->tell(comparison->state, topic, fault);
}

static int fewest_copies(const struct rd_kafka_metadata_topic *topic)
{
    int fewest = topic->partition_cnt ? topic->partitions[0].replica_cnt : 0;
    for (int i = 1; i < topic->partition_cnt; i++)
        if (topic->partitions[i].replica_cnt < fewest) fewest = topic->partitions[i].replica_cnt;
    return fewest;
}

// The question for its settings; NULL where there is no such topic.
static rd_kafka_ConfigResource_t *compare_partitions(const struct comparison *comparison, const struct kafka_topic_spec *spec,
                                                     const struct rd_kafka_metadata *metadata)
{
    const struct rd_kafka_metadata_topic *found = NULL;
    for (int i = 0; i < metadata->topic_cnt && !found; i++)
        if (strcmp(metadata->topics[i].topic, spec->name) == 0) found = &metadata->topics[i];
    if (!found || found->partition_cnt == 0) return comparison->tell(comparison->state, spec->name, NULL), NULL;
    if (found->partition_cnt != spec->partitions)
        tell(comparison, spec->name, "has %d partition(s), not %d", found->partition_cnt, spec->partitions);
    if (fewest_copies(found) < spec->replication)
        tell(comparison, spec->name, "has copies on %d broker(s), not %d", fewest_copies(found), spec->replication);
    return rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, spec->name);
}

static rd_kafka_event_t *ask(rd_kafka_t *client, rd_kafka_ConfigResource_t **asked, size_t count)
{
    char why[128];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_TIMEOUT_MS, why, sizeof why);
    rd_kafka_DescribeConfigs(client, asked, count, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_TIMEOUT_MS + 1000);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return event;
}

static void compare_resource(const struct comparison *comparison, const rd_kafka_ConfigResource_t *resource)
{
    size_t count = 0;
    const char *name = rd_kafka_ConfigResource_name(resource);
    const struct kafka_topic_spec *spec = NULL;
    char retention[32] = "";
    for (size_t i = 0; i < comparison->count && !spec; i++)
        if (strcmp(comparison->specs[i].name, name) == 0) spec = &comparison->specs[i];
    if (!spec) return;
    snprintf(retention, sizeof retention, "%ld", (long)spec->retention_ms);
    const struct { const char *name, *expected; } settings[] = {{"cleanup.policy", spec->compacted ? "compact" : "delete"}, {"retention.ms", retention}};
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++)
        for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
            const char *value = rd_kafka_ConfigEntry_value(entries[i]);
            if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), settings[s].name) != 0 || !value || strcmp(value, settings[s].expected) == 0) continue;
            tell(comparison, name, "has %s=%s, not %s", settings[s].name, value, settings[s].expected);
        }
}

static bool compare_settings(rd_kafka_t *client, const struct comparison *comparison, rd_kafka_ConfigResource_t **asked, size_t count,
                             struct error *err)
{
    rd_kafka_event_t *event = ask(client, asked, count);
    const bool ok = event && !rd_kafka_event_error(event);
    if (ok) {
        size_t answers = 0;
        const rd_kafka_ConfigResource_t **resources =
            rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &answers);
        for (size_t i = 0; i < answers; i++) compare_resource(comparison, resources[i]);
    } else {
        kafka_failed(err, "read the settings of topics", event ? rd_kafka_event_error_string(event) : "no answer");
    }
    if (event) rd_kafka_event_destroy(event);
    return ok;
}
