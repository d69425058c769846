// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "kafka_common.h"

#define QUEUE_FULL_WAIT_MS 50
#define QUEUE_FULL_TRIES 1200

#define TOPICS_MAX 32
#define PREPARE_TIMEOUT_MS 2000

struct kafka_producer {
    rd_kafka_t *client;
    rd_kafka_topic_t *topics[TOPICS_MAX]; // kept, so that the client keeps their places
    size_t topic_count;
    kafka_delivered delivered;
    void *state;
    bool is_cut_off;
};

// Facts and reasons: reference/events.md, "Relay (producer) settings".
static const struct kafka_setting producer_settings[] = {
    {"enable.idempotence", "true"},      // acks=all, endless retries, order kept through them
    {"message.timeout.ms", "0"},         // the row is safe in PostgreSQL: no expiry, no gap
    {"topic.metadata.propagation.max.ms", "1000"}, // a missing topic is told soon: the relay asks again by itself
    {"linger.ms", "0"},                  // what comes while the broker answers goes together anyway
    {"compression.type", "zstd"},        // the one kind that old request versions do not switch off
    {"partitioner", "murmur2_random"},   // the same partition as Java tools choose
    {"queue.buffering.max.messages", "20000"},
    {NULL, NULL},
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_producer *producer = opaque;
    producer->delivered(producer->state, message->_private, message->err == RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    (void)reason;
    struct kafka_producer *producer = opaque;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) producer->is_cut_off = true;
}

struct kafka_producer *kafka_producer_new(const char *brokers, const char *client_id, kafka_delivered delivered, void *state,
                                          struct error *err)
{
    struct kafka_producer *producer = calloc(1, sizeof *producer);
    if (!producer) return kafka_failed(err, "producer", "no memory"), NULL;
    *producer = (struct kafka_producer){.delivered = delivered, .state = state};
    rd_kafka_conf_t *conf = kafka_conf(brokers, client_id, producer_settings, err);
    if (conf) {
        rd_kafka_conf_set_opaque(conf, producer);
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_conf_set_error_cb(conf, on_error);
    }
    producer->client = kafka_client(RD_KAFKA_PRODUCER, conf, err);
    if (producer->client) return producer;
    free(producer);
    return NULL;
}

void kafka_producer_prepare(struct kafka_producer *producer, const char *const *topics, size_t count)
{
    const struct rd_kafka_metadata *metadata = NULL;
    for (size_t i = 0; i < count && producer->topic_count < TOPICS_MAX; i++) {
        rd_kafka_topic_t *topic = rd_kafka_topic_new(producer->client, topics[i], NULL);
        if (topic) producer->topics[producer->topic_count++] = topic;
    }
    if (rd_kafka_metadata(producer->client, 0, NULL, &metadata, PREPARE_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(metadata);
}

static rd_kafka_headers_t *headers_of(const struct kafka_message *message)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
    for (size_t i = 0; i < message->header_count; i++)
        if (message->headers[i].value) rd_kafka_header_add(headers, message->headers[i].name, -1, message->headers[i].value, -1);
    return headers;
}

static rd_kafka_resp_err_t produce_once(struct kafka_producer *producer, const struct kafka_message *message, void *tag)
{
    rd_kafka_headers_t *headers = headers_of(message);
    // the const goes because the API has no const; RD_KAFKA_MSG_F_COPY makes it copy, not write
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer->client, RD_KAFKA_V_TOPIC(message->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY((void *)(uintptr_t)message->key, message->key ? strlen(message->key) : 0),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value, message->value ? message->value_length : 0),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(tag), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);
    return code;
}

bool kafka_produce(struct kafka_producer *producer, const struct kafka_message *message, void *tag, struct error *err)
{
    for (int tries = 0;; tries++) {
        rd_kafka_resp_err_t code = produce_once(producer, message, tag);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || tries == QUEUE_FULL_TRIES) return kafka_failed(err, "produce", rd_kafka_err2str(code));
        rd_kafka_poll(producer->client, QUEUE_FULL_WAIT_MS);
    }
}

void kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    rd_kafka_poll(producer->client, timeout_ms);
}

void kafka_producer_flush(struct kafka_producer *producer, int timeout_ms)
{
    rd_kafka_flush(producer->client, timeout_ms);
}

int kafka_producer_pending(struct kafka_producer *producer)
{
    return rd_kafka_outq_len(producer->client);
}

bool kafka_producer_is_fatal(const struct kafka_producer *producer)
{
    char why[8];
    return rd_kafka_fatal_error(producer->client, why, sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool kafka_producer_is_cut_off(const struct kafka_producer *producer)
{
    return producer->is_cut_off;
}

void kafka_producer_free(struct kafka_producer *producer, int flush_timeout_ms)
{
    if (!producer) return;
    rd_kafka_flush(producer->client, flush_timeout_ms);
    // what was not sent is reported undelivered, so that no tag is waited for
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(producer->client, 0);
    rd_kafka_flush(producer->client, 500);
    for (size_t i = 0; i < producer->topic_count; i++) rd_kafka_topic_destroy(producer->topics[i]);
    rd_kafka_destroy(producer->client);
    free(producer);
}
