// SPDX-License-Identifier: MIT
#include "broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "eventually.h"

#define TOPICS_MAX 128

static struct kafka_producer *producer;
static char producer_topic[256];
static int acknowledged, refused;

const char *broker_address(void)
{
    const char *brokers = getenv("TEST_KAFKA_BROKERS");
    if (!brokers || !*brokers) fail_msg("Set TEST_KAFKA_BROKERS to a Kafka broker, such as 127.0.0.1:9092");
    return brokers;
}

const char *broker_name(void)
{
    static char names[TOPICS_MAX][32];
    static int count;
    uint64_t number;
    assert_true(count < TOPICS_MAX);
    crypto_random(&number, sizeof number);
    snprintf(names[count], sizeof names[count], "dc.test.%016llx", (unsigned long long)number);
    return names[count++];
}

static void assert_fine(bool fine, const struct error *err)
{
    if (!fine) fail_msg("%s: %s", err->detail, err->cause);
}

void broker_make_topic(const char *name, int partitions, bool compacted)
{
    struct error err = {0};
    const struct kafka_topic_spec spec = {name, partitions, 1, compacted, -1};
    assert_fine(kafka_topic_ensure(broker_address(), &spec, NULL, &err), &err);
}

struct topic broker_topic(int partitions, bool compacted)
{
    const struct topic topic = {broker_name(), partitions, compacted, -1, "A topic of a test."};
    broker_make_topic(topic.name, partitions, compacted);
    return topic;
}

static void count_delivery(void *state, void *tag, bool delivered)
{
    (void)state;
    (void)tag;
    if (delivered) acknowledged++;
    else refused++;
}

static int poll_acknowledged(void)
{
    kafka_producer_poll(producer, 10);
    return acknowledged + refused;
}

// A new one for each topic: one that runs looks for new topics once a second.
static void make_producer(const char *topic)
{
    struct error err = {0};
    if (producer && strcmp(producer_topic, topic) == 0) return;
    broker_close();
    snprintf(producer_topic, sizeof producer_topic, "%s", topic);
    producer = kafka_producer_new(broker_address(), "test", count_delivery, NULL, &err);
    if (!producer) assert_fine(false, &err);
}

void broker_send_message(const struct kafka_message *message)
{
    struct error err = {0};
    make_producer(message->topic);
    acknowledged = refused = 0;
    assert_fine(kafka_produce(producer, message, NULL, &err), &err);
    eventually(poll_acknowledged() == 1);
    assert_int_equal(refused, 0);
}

void broker_send(const char *topic, const char *key, const char *value)
{
    broker_send_message(&(struct kafka_message){.topic = topic, .key = key, .value = value, .value_length = value ? strlen(value) : 0});
}

void broker_send_event(const char *topic, const char *id, const char *type, const char *key, const char *data)
{
    const struct kafka_message message = {
        .topic = topic,
        .key = key,
        .value = data,
        .value_length = data ? strlen(data) : 0,
        .headers = {{"ce_specversion", "1.0"}, {"ce_id", id}, {"ce_source", "/services/test"}, {"ce_type", type}},
        .header_count = 4,
    };
    broker_send_message(&message);
}

// The consumer keeps values until its next poll alone.
static struct kafka_message copy_of(const struct kafka_message *message, struct arena *arena)
{
    struct kafka_message copy = *message;
    copy.topic = arena_strdup(arena, message->topic);
    copy.value = message->value ? arena_memdup(arena, message->value, message->value_length) : NULL;
    for (size_t i = 0; i < copy.header_count; i++)
        copy.headers[i] = (struct kafka_header){arena_strdup(arena, message->headers[i].name), arena_strdup(arena, message->headers[i].value)};
    return copy;
}

int broker_read(const char *topic, int expected, struct arena *arena, struct kafka_message *out, int most)
{
    struct error err = {0};
    const char *const topics[] = {topic, NULL};
    struct kafka_consumer *consumer =
        kafka_consumer_new(&(struct kafka_consumer_config){.brokers = broker_address(), .client_id = "test", .topics = topics}, &err);
    if (!consumer) assert_fine(false, &err);
    const int64_t until_ms = clock_monotonic_ms() + EVENTUALLY_MS;
    int count = 0;
    while ((count < expected || !kafka_consumer_caught_up(consumer)) && clock_monotonic_ms() < until_ms) {
        struct kafka_message one;
        if (kafka_consumer_poll(consumer, arena, &one, 1, 20) == 0) continue;
        assert_true(count < most);
        out[count++] = copy_of(&one, arena);
    }
    kafka_consumer_free(consumer);
    if (count < expected) fail_msg("%s holds %d messages after %d s, expected %d", topic, count, EVENTUALLY_MS / 1000, expected);
    return count;
}

void broker_close(void)
{
    kafka_producer_free(producer, 1000);
    producer = NULL;
}
