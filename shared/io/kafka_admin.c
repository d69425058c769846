// SPDX-License-Identifier: MIT
// Common configuration, topics and the cluster id.
#include <stdio.h>
#include <string.h>

#include "kafka_common.h"
#include "log.h"

#define ADMIN_TIMEOUT_MS 10000

static const struct kafka_setting common_settings[] = {
    {"socket.keepalive.enable", "true"},
    {"socket.nagle.disable", "true"},      // a request that follows another waits for no answer to it
    {"allow.auto.create.topics", "false"}, // a typo must fail, not make a topic
    {"reconnect.backoff.max.ms", "1000"},  // a restarted broker is found again within a second
    {"log.connection.close", "false"},
    {"broker.address.family", "v4"},
    {NULL, NULL},
};

bool kafka_failed(struct error *err, const char *doing, const char *why)
{
    error_set(err, &problem_unavailable, NULL);
    return error_cause(err, "kafka: %s: %s", doing, why);
}

const char *kafka_message_header(const struct kafka_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0) return message->headers[i].value;
    return NULL;
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    log_debug("kafka_client", LOG_INT("level", level), LOG_TEXT("facility", facility), LOG_TEXT("text", text));
}

static bool apply(rd_kafka_conf_t *conf, const struct kafka_setting *settings, struct error *err)
{
    char why[256];
    for (; settings->name; settings++)
        if (settings->value && rd_kafka_conf_set(conf, settings->name, settings->value, why, sizeof why) != RD_KAFKA_CONF_OK)
            return kafka_failed(err, "setting", why);
    return true;
}

rd_kafka_conf_t *kafka_conf(const char *brokers, const char *client_id, const struct kafka_setting *settings, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct kafka_setting own[] = {{"bootstrap.servers", brokers}, {"client.id", client_id}, {NULL, NULL}};
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (apply(conf, common_settings, err) && apply(conf, own, err) && apply(conf, settings, err)) return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *err)
{
    char why[256];
    rd_kafka_t *client = conf ? rd_kafka_new(type, conf, why, sizeof why) : NULL;
    if (client || !conf) return client;
    rd_kafka_conf_destroy(conf);
    kafka_failed(err, "client", why);
    return NULL;
}

static rd_kafka_t *admin_client(const char *brokers, struct error *err)
{
    return kafka_client(RD_KAFKA_PRODUCER, kafka_conf(brokers, "dc-admin", &(struct kafka_setting){NULL, NULL}, err), err);
}

bool kafka_cluster_id(const char *brokers, struct arena *arena, char **ret, int timeout_ms, struct error *err)
{
    rd_kafka_t *client = admin_client(brokers, err);
    if (!client) return false;
    char *id = rd_kafka_clusterid(client, timeout_ms);
    *ret = arena_strdup(arena, id);
    if (id) rd_kafka_mem_free(client, id);
    rd_kafka_destroy(client);
    return *ret ? true : kafka_failed(err, "cluster id", "no broker answered");
}

static rd_kafka_NewTopic_t *new_topic(const struct kafka_topic_spec *spec)
{
    char why[128], retention[32];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(spec->name, spec->partitions, spec->replication, why, sizeof why);
    if (!topic) return NULL;
    snprintf(retention, sizeof retention, "%ld", (long)spec->retention_ms);
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", spec->compacted ? "compact" : "delete");
    rd_kafka_NewTopic_set_config(topic, "retention.ms", retention);
    if (spec->replication >= 3) rd_kafka_NewTopic_set_config(topic, "min.insync.replicas", "2");
    return topic;
}

// What the broker said of the one topic asked for.
static bool judge(rd_kafka_event_t *event, bool *ret_created, struct error *err)
{
    if (!event) return kafka_failed(err, "create topic", "no answer");
    if (rd_kafka_event_error(event)) return kafka_failed(err, "create topic", rd_kafka_event_error_string(event));
    size_t count = 0;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code = count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
    if (ret_created) *ret_created = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return true;
    return kafka_failed(err, "create topic", rd_kafka_err2str(code));
}

bool kafka_topic_ensure(const char *brokers, const struct kafka_topic_spec *spec, bool *ret_created, struct error *err)
{
    rd_kafka_t *client = admin_client(brokers, err);
    if (!client) return false;
    rd_kafka_NewTopic_t *topic = new_topic(spec);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char why[128];
    rd_kafka_AdminOptions_set_operation_timeout(options, ADMIN_TIMEOUT_MS, why, sizeof why);
    rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_TIMEOUT_MS, why, sizeof why);
    bool ok = topic || kafka_failed(err, "topic", "its name or numbers are refused");
    if (ok) {
        rd_kafka_CreateTopics(client, &topic, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_TIMEOUT_MS + 1000);
        ok = judge(event, ret_created, err);
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_NewTopic_destroy(topic);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return ok;
}
