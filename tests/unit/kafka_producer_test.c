// SPDX-License-Identifier: MIT
// The producer, on the real broker; the mock cluster stands in where the protocol must go wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker.h"
#include "eventually.h"
#include "mock_broker.h"

#define NOBODY "127.0.0.1:1" // no broker listens there

static struct arena *arena;
static struct error err;
static struct kafka_producer *producer;
static struct mock_broker *mock;
static char delivered[64], undelivered[64]; // tags, in the order of their reports

static int setup(void **state)
{
    (void)state;
    arena = arena_new(8 << 20);
    err = (struct error){.arena = arena};
    delivered[0] = undelivered[0] = '\0';
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kafka_producer_free(producer, 0);
    producer = NULL;
    mock_broker_stop(mock);
    mock = NULL;
    arena_free(arena);
    return 0;
}

static void on_delivery(void *told, void *tag, bool fine)
{
    assert_ptr_equal(told, &delivered);
    strcat(fine ? delivered : undelivered, tag);
}

static void make_producer(const char *brokers)
{
    producer = kafka_producer_new(brokers, "test", on_delivery, &delivered, &err);
    if (!producer) fail_msg("%s: %s", err.detail, err.cause);
}

static bool produce(const char *topic, const char *key, const char *value, char *tag)
{
    const struct kafka_message message = {.topic = topic, .key = key, .value = value, .value_length = value ? strlen(value) : 0,
                                          .headers = {{"ce_id", tag}, {"traceparent", NULL}}, .header_count = 2};
    return kafka_produce(producer, &message, tag, &err);
}

static const char *reported(const char *tags)
{
    kafka_producer_poll(producer, 10);
    return tags;
}

static char a[] = "a", b[] = "b", c[] = "c";

static void delivery_is_reported_with_the_tag(void **state)
{
    (void)state;
    const struct topic topic = broker_topic(1, false);
    make_producer(broker_address());
    assert_true(produce(topic.name, "k", "1", a));
    assert_true(produce(topic.name, "k", "2", b));
    eventually(strcmp(reported(delivered), "ab") == 0);
    assert_int_equal(kafka_producer_pending(producer), 0);
    assert_string_equal(undelivered, "");
}

static void what_was_sent_arrives_as_it_was(void **state)
{
    (void)state;
    const struct topic topic = broker_topic(1, true);
    make_producer(broker_address());
    assert_true(produce(topic.name, "k", "{}", a));
    assert_true(produce(topic.name, "k", NULL, b));
    eventually(strcmp(reported(delivered), "ab") == 0);
    struct kafka_message messages[3];
    assert_int_equal(broker_read(topic.name, 2, arena, messages, COUNT_OF(messages)), 2);
    assert_string_equal(messages[0].key, "k");
    assert_int_equal(messages[0].value_length, 2);
    assert_memory_equal(messages[0].value, "{}", 2);
    assert_int_equal(messages[0].header_count, 1); // a header without a value is left out
    assert_string_equal(kafka_message_header(&messages[0], "ce_id"), "a");
    assert_null(messages[1].value); // a tombstone
    assert_string_equal(messages[1].key, "k");
}

static void one_key_goes_to_one_partition_in_order(void **state)
{
    (void)state;
    static char digits[10][2];
    const struct topic topic = broker_topic(3, false);
    make_producer(broker_address());
    for (int i = 0; i < 10; i++) {
        digits[i][0] = (char)('0' + i);
        assert_true(produce(topic.name, "the key", digits[i], digits[i]));
    }
    eventually(strcmp(reported(delivered), "0123456789") == 0);
    struct kafka_message messages[11];
    assert_int_equal(broker_read(topic.name, 10, arena, messages, COUNT_OF(messages)), 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(messages[i].partition, messages[0].partition);
        assert_memory_equal(messages[i].value, digits[i], 1);
    }
}

// murmur2("21") = -973932308, as in Kafka's own UtilsTest: positive and modulo 3 it is partition 2.
static void partition_is_the_one_java_tools_choose(void **state)
{
    (void)state;
    const struct topic topic = broker_topic(3, false);
    broker_send(topic.name, "21", "x");
    struct kafka_message messages[2];
    assert_int_equal(broker_read(topic.name, 1, arena, messages, COUNT_OF(messages)), 1);
    assert_int_equal(messages[0].partition, (-973932308 & 0x7fffffff) % 3);
}

static void too_large_message_is_refused_at_once(void **state)
{
    (void)state;
    const struct topic topic = broker_topic(1, false);
    char *large = arena_alloc(arena, 2000001);
    memset(large, 'x', 2000000);
    make_producer(broker_address());
    assert_false(produce(topic.name, "k", large, a));
    assert_string_equal(err.cause, "kafka: produce: Broker: Message size too large");
    assert_true(produce(topic.name, "k", "small", b));
    eventually(strcmp(reported(delivered), "b") == 0);
}

static void what_was_not_sent_is_reported_when_the_producer_goes(void **state)
{
    (void)state;
    make_producer(NOBODY);
    assert_true(produce("t", "k", "1", a));
    assert_true(produce("t", "k", "2", b));
    kafka_producer_poll(producer, 50);
    assert_int_equal(kafka_producer_pending(producer), 2);
    assert_string_equal(undelivered, "");
    kafka_producer_free(producer, 0);
    producer = NULL;
    assert_string_equal(undelivered, "ab");
    assert_string_equal(delivered, "");
}

static void broker_that_comes_back_gets_what_waited(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_make_topic(mock, "t", 1);
    make_producer(mock_broker_address(mock));
    assert_true(produce("t", "k", "1", a));
    eventually(strcmp(reported(delivered), "a") == 0);
    mock_broker_up(mock, false);
    assert_true(produce("t", "k", "2", b));
    kafka_producer_poll(producer, 100);
    assert_int_equal(kafka_producer_pending(producer), 1);
    mock_broker_up(mock, true);
    eventually(strcmp(reported(delivered), "ab") == 0);
    assert_false(kafka_producer_is_fatal(producer));
}

static bool cut_off(void)
{
    kafka_producer_poll(producer, 10);
    return kafka_producer_is_cut_off(producer);
}

static void producer_that_was_cut_off_says_so_ever_after(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_make_topic(mock, "t", 1);
    make_producer(mock_broker_address(mock));
    assert_true(produce("t", "k", "1", a));
    eventually(strcmp(reported(delivered), "a") == 0);
    assert_false(cut_off());
    mock_broker_up(mock, false);
    eventually(cut_off());
    mock_broker_up(mock, true);
    assert_true(produce("t", "k", "2", b));
    eventually(strcmp(reported(delivered), "ab") == 0);
    assert_true(cut_off());
}

static void fatal_error_is_told_and_ends_the_producer(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_make_topic(mock, "t", 1);
    make_producer(mock_broker_address(mock));
    assert_false(kafka_producer_is_fatal(producer));
    mock_broker_break_producer(mock);
    assert_true(produce("t", "k", "1", a));
    eventually(strcmp(reported(undelivered), "a") == 0);
    assert_true(kafka_producer_is_fatal(producer));
    assert_false(produce("t", "k", "2", b));
    assert_string_equal(err.cause, "kafka: produce: Local: Fatal error");
    kafka_producer_free(producer, 0);
    make_producer(mock_broker_address(mock));
    assert_true(produce("t", "k", "3", c));
    eventually(strcmp(reported(delivered), "c") == 0);
}

static int close_broker(void **state)
{
    (void)state;
    broker_close();
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delivery_is_reported_with_the_tag),
        TEST(what_was_sent_arrives_as_it_was),
        TEST(one_key_goes_to_one_partition_in_order),
        TEST(partition_is_the_one_java_tools_choose),
        TEST(too_large_message_is_refused_at_once),
        TEST(what_was_not_sent_is_reported_when_the_producer_goes),
        TEST(broker_that_comes_back_gets_what_waited),
        TEST(producer_that_was_cut_off_says_so_ever_after),
        TEST(fatal_error_is_told_and_ends_the_producer),
    };
    return cmocka_run_group_tests(tests, NULL, close_broker);
}
