// SPDX-License-Identifier: MIT
// The consumer, on the real broker: groups that commit, messages that come again, broadcast.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker.h"
#include "eventually.h"
#include "mock_broker.h"
#include "text.h"

#define POLL_MS 50
#define MOST 100
#define TRIES (EVENTUALLY_MS / POLL_MS)

static struct arena *arena;
static struct error err;
static struct topic topic;
static const char *topics[3], *group;
static struct kafka_consumer *consumer, *second;
static struct mock_broker *mock, *other_mock;
static struct kafka_message batch[MOST];

static int setup(void **state)
{
    (void)state;
    arena = arena_new(8 << 20);
    err = (struct error){.arena = arena};
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kafka_consumer_free(consumer);
    kafka_consumer_free(second);
    consumer = second = NULL;
    mock_broker_stop(mock);
    mock_broker_stop(other_mock);
    mock = other_mock = NULL;
    arena_free(arena);
    return 0;
}

static int close_broker(void **state)
{
    (void)state;
    broker_close();
    return 0;
}

// A fresh topic and group for the test.
static void make_topic(int partitions)
{
    topic = broker_topic(partitions, false);
    topics[0] = topic.name;
    group = broker_name();
}

static struct kafka_consumer *join_at(const char *brokers, const char *name, bool from_end)
{
    const struct kafka_consumer_config config = {.brokers = brokers, .client_id = "test", .group = name, .topics = topics,
                                                 .session_timeout_ms = 6000, .from_end = from_end};
    struct kafka_consumer *made = kafka_consumer_new(&config, &err);
    if (!made) fail_msg("%s: %s", err.detail, err.cause);
    return made;
}

static struct kafka_consumer *join(const char *name, bool from_end)
{
    return join_at(broker_address(), name, from_end);
}

// Values one after the other, as far as they have come; done tells the consumer so.
static struct text_buffer seen;

static const char *take(struct kafka_consumer *from, int most, bool done)
{
    const int count = from ? kafka_consumer_poll(from, arena, batch, most, POLL_MS) : 0;
    for (int i = 0; i < count; i++) {
        text_add_bytes(&seen, batch[i].value, batch[i].value_length);
        if (done) kafka_consumer_done(from, &batch[i]);
    }
    struct text_buffer so_far = seen;
    return text_take(&so_far);
}

#define expect_values(from, done, values)                                                          \
    do {                                                                                           \
        seen = text_buffer(arena);                                                                 \
        eventually(strlen(take((from), MOST, (done))) >= strlen(values));                          \
        assert_string_equal(take((from), MOST, (done)), (values));                                 \
    } while (0)

static void send_digits(const char *digits, const char *key)
{
    for (char value[2] = ""; *digits; digits++) {
        value[0] = *digits;
        broker_send(topic.name, key, value);
    }
}

// --- Groups ---------------------------------------------------------------------------------------

static void message_arrives_as_it_was_sent(void **state)
{
    (void)state;
    make_topic(1);
    broker_send_event(topic.name, "7", "x.v1", "user-1", "{\"a\":1}");
    broker_send_message(&(struct kafka_message){.topic = topic.name}); // no key, no value, no headers
    consumer = join(group, false);
    eventually(kafka_consumer_poll(consumer, arena, batch, 1, POLL_MS) == 1);
    assert_string_equal(batch[0].topic, topic.name);
    assert_int_equal(batch[0].partition, 0);
    assert_int_equal(batch[0].offset, 0);
    assert_string_equal(batch[0].key, "user-1");
    assert_int_equal(batch[0].value_length, 7);
    assert_memory_equal(batch[0].value, "{\"a\":1}", 7);
    assert_string_equal(kafka_message_header(&batch[0], "ce_id"), "7");
    eventually(kafka_consumer_poll(consumer, arena, batch, 1, POLL_MS) == 1);
    assert_int_equal(batch[0].offset, 1);
    assert_null(batch[0].key);
    assert_null(batch[0].value);
    assert_int_equal(batch[0].header_count, 0);
}

static void batch_is_bounded_and_in_order(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("0123456789", "k");
    consumer = join(group, false);
    int next = 0;
    for (int tries = 0; next < 10 && tries < TRIES; tries++) {
        const int count = kafka_consumer_poll(consumer, arena, batch, 3, POLL_MS);
        assert_in_range(count, 0, 3);
        for (int i = 0; i < count; i++) assert_int_equal(batch[i].value[0], '0' + next++);
    }
    assert_int_equal(next, 10);
}

static void done_is_not_delivered_again(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("012345", "k");
    consumer = join(group, false);
    eventually(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS) == 6);
    for (int i = 0; i < 4; i++) kafka_consumer_done(consumer, &batch[i]);
    kafka_consumer_free(consumer);
    consumer = join(group, false);
    expect_values(consumer, true, "45");
}

static void other_group_reads_everything(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("01", "k");
    consumer = join(group, false);
    expect_values(consumer, true, "01");
    second = join(broker_name(), false);
    expect_values(second, true, "01");
}

static void full_arena_loses_no_message(void **state)
{
    (void)state;
    make_topic(1);
    for (int i = 0; i < 4; i++) broker_send(topic.name, "a key of some thirty characters", "v");
    struct arena *small = arena_new(64); // room for two keys
    consumer = join(group, false);
    int64_t next = 0;
    for (int tries = 0; next < 4 && tries < TRIES; tries++) {
        const int count = kafka_consumer_poll(consumer, small, batch, MOST, POLL_MS);
        assert_in_range(count, 0, 2);
        for (int i = 0; i < count; i++) assert_int_equal(batch[i].offset, next++);
        arena_reset(small);
    }
    assert_int_equal(next, 4);
    arena_free(small);
}

static void lag_is_unknown_and_then_counted(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("0123", "k");
    consumer = join(group, false);
    assert_int_equal(kafka_consumer_lag(consumer), -1);
    eventually(kafka_consumer_poll(consumer, arena, batch, 1, POLL_MS) == 1);
    kafka_consumer_done(consumer, &batch[0]);
    int more = 0;
    eventually((more += kafka_consumer_poll(consumer, arena, batch, 1, POLL_MS), kafka_consumer_lag(consumer) == 3));
    assert_int_equal(more, 3); // read, but not done
}

// The first that is read by nobody before, the second by one who has left.
static void lag_is_counted_before_anything_is_done(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("0123", "k");
    consumer = join(group, false);
    eventually((kafka_consumer_poll(consumer, arena, batch, 1, POLL_MS), kafka_consumer_lag(consumer) == 4));
    kafka_consumer_free(consumer);
    consumer = join(group, false);
    expect_values(consumer, true, "0123");
    kafka_consumer_free(consumer);
    send_digits("45", "k");
    consumer = join(group, false);
    eventually((kafka_consumer_poll(consumer, arena, batch, 1, POLL_MS), kafka_consumer_lag(consumer) == 2));
}

// --- Messages that come again ---------------------------------------------------------------------

static void retried_message_comes_again_with_those_behind_it(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("0123", "k");
    consumer = join(group, false);
    eventually(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS) == 4);
    kafka_consumer_done(consumer, &batch[0]);
    kafka_consumer_retry_from(consumer, &batch[1], 1);
    send_digits("45", "k");
    expect_values(consumer, true, "12345");
}

static void retry_again_and_again_keeps_the_order(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("0123456789", "k");
    consumer = join(group, false);
    int next = 0;
    for (int tries = 0; next < 10 && tries < TRIES; tries++) {
        const int count = kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS);
        if (count == 0) continue;
        assert_int_equal(batch[0].value[0], '0' + next); // one is done, the others come again
        kafka_consumer_done(consumer, &batch[0]);
        next++;
        if (count > 1) kafka_consumer_retry_from(consumer, &batch[1], 1);
    }
    assert_int_equal(next, 10);
}

static void retry_in_smaller_batches_keeps_the_order(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("012345", "k");
    consumer = join(group, false);
    eventually(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS) == 6);
    kafka_consumer_retry_from(consumer, &batch[0], 1);
    eventually(kafka_consumer_poll(consumer, arena, batch, 3, POLL_MS) == 3);
    kafka_consumer_retry_from(consumer, &batch[1], 1); // 1 and 2 again, before 3
    expect_values(consumer, true, "12345");
}

#define PARTITIONS 300
#define KEYS 3000

static void count_delivery(void *count, void *tag, bool delivered)
{
    (void)tag;
    *(int *)count += delivered;
}

static int delivered_after_poll(struct kafka_producer *producer, const int *delivered)
{
    kafka_producer_poll(producer, 10);
    return *delivered;
}

// Messages "0", "1" … of as many keys.
static void mock_send(const struct mock_broker *to, int count)
{
    int delivered = 0;
    char key[16];
    struct kafka_producer *producer = kafka_producer_new(mock_broker_address(to), "test", count_delivery, &delivered, &err);
    assert_non_null(producer);
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_true(kafka_produce(producer, &(struct kafka_message){.topic = topic.name, .key = key, .value = key, .value_length = strlen(key)}, NULL, &err));
    }
    eventually(delivered_after_poll(producer, &delivered) == count);
    kafka_producer_free(producer, 1000);
}

static void make_mock_topic(struct mock_broker *on, int partitions)
{
    topic = (struct topic){.name = broker_name()};
    topics[0] = topic.name;
    mock_broker_make_topic(on, topic.name, partitions);
}

// The first message of each partition is taken when it comes for the second time; how many were taken.
static int take_at_second_sight(int64_t next[PARTITIONS])
{
    int taken = 0;
    const int count = kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS);
    for (int i = 0; i < count; i++) {
        int64_t *expected = &next[batch[i].partition];
        if (*expected < 0) {
            *expected = 0;
            kafka_consumer_retry_from(consumer, &batch[i], 1000);
        } else if (batch[i].offset == *expected) {
            ++*expected;
            taken++;
        } else {
            assert_int_equal(*expected, 0); // it stands behind the first one, which waits
        }
    }
    arena_reset(arena);
    return taken;
}

static void all_partitions_of_a_reader_may_wait_at_once(void **state)
{
    (void)state;
    int64_t next[PARTITIONS];
    int taken = 0;
    mock = mock_broker_start();
    make_mock_topic(mock, PARTITIONS);
    mock_send(mock, KEYS);
    for (int i = 0; i < PARTITIONS; i++) next[i] = -1;
    consumer = join_at(mock_broker_address(mock), NULL, false);
    eventually((taken += take_at_second_sight(next)) == KEYS);
}

// Keys that murmur2 sends to partitions 0 and 1 of two.
static void find_keys(const char *keys[2])
{
    static const char *const candidates[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (size_t i = 0; i < COUNT_OF(candidates); i++) broker_send(topic.name, candidates[i], candidates[i]);
    struct kafka_message messages[COUNT_OF(candidates)];
    broker_read(topic.name, COUNT_OF(candidates), arena, messages, COUNT_OF(messages));
    for (size_t i = 0; i < COUNT_OF(candidates); i++) keys[messages[i].partition] = messages[i].key;
    assert_true(keys[0] && keys[1]);
}

static void other_partitions_flow_meanwhile(void **state)
{
    (void)state;
    const char *keys[2] = {NULL, NULL};
    make_topic(2);
    find_keys(keys);
    consumer = join(group, false);
    int got = 0;
    eventually((got += kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS)) == 8);
    broker_send(topic.name, keys[0], "0");
    eventually(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS) == 1);
    kafka_consumer_retry_from(consumer, &batch[0], 3600000); // an hour
    send_digits("1", keys[0]);
    send_digits("234", keys[1]);
    expect_values(consumer, true, "234");
    for (int i = 0; i < 5; i++) assert_int_equal(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS), 0);
}

static bool rebalanced(struct kafka_consumer *member, int64_t since)
{
    take(second, MOST, true);
    take(consumer, MOST, true);
    return kafka_consumer_rebalances(member) >= since + 2; // taken away, given
}

// A second member comes and goes, so that the first gets its partition anew while that waits.
static void partition_that_waits_flows_again_after_a_rebalance(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("012", "k");
    consumer = join(group, false);
    eventually(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS) == 3);
    kafka_consumer_retry_from(consumer, &batch[0], 3600000);
    seen = text_buffer(arena);
    int64_t before = kafka_consumer_rebalances(consumer);
    second = join(group, false);
    eventually(rebalanced(consumer, before));
    before = kafka_consumer_rebalances(consumer);
    kafka_consumer_free(second);
    second = NULL;
    eventually(rebalanced(consumer, before));
    send_digits("3", "k");
    eventually(strlen(take(consumer, MOST, true)) >= 4);
    assert_string_equal(take(consumer, MOST, true), "0123");
}

// Both partitions want to come again at once, over and over: still the reader hears that another one has joined.
static bool heard_of_the_other(int64_t before)
{
    const int count = kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS);
    for (int i = 0; i < count; i++) kafka_consumer_retry_from(consumer, &batch[i], 0);
    kafka_consumer_poll(second, arena, batch, MOST, 0);
    return kafka_consumer_rebalances(consumer) > before;
}

static void reader_whose_messages_never_succeed_hears_of_the_group(void **state)
{
    (void)state;
    const char *keys[2] = {NULL, NULL};
    make_topic(2);
    find_keys(keys);
    consumer = join(group, false);
    eventually(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS) > 0);
    const int64_t before = kafka_consumer_rebalances(consumer);
    kafka_consumer_retry_from(consumer, &batch[0], 0);
    second = join(group, false);
    eventually(heard_of_the_other(before));
}

// --- Broadcast ------------------------------------------------------------------------------------

static void broadcast_reads_all_before_it_has_caught_up(void **state)
{
    (void)state;
    make_topic(3);
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) broker_send(topic.name, keys[i], "x");
    consumer = join(NULL, false);
    assert_false(kafka_consumer_caught_up(consumer));
    int count = 0;
    eventually((count += kafka_consumer_poll(consumer, arena, batch, 1, POLL_MS), kafka_consumer_caught_up(consumer)));
    assert_int_equal(count, 5);
    broker_send(topic.name, "f", "x");
    eventually(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS) == 1);
    assert_true(kafka_consumer_caught_up(consumer));
}

static void every_broadcast_reader_gets_everything(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("01", "k");
    consumer = join(NULL, false);
    second = join(NULL, false);
    expect_values(consumer, true, "01");
    expect_values(second, true, "01");
}

static void broadcast_from_the_end_reads_what_is_new(void **state)
{
    (void)state;
    make_topic(1);
    send_digits("01", "k");
    consumer = join(NULL, true);
    eventually((assert_int_equal(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS), 0), kafka_consumer_caught_up(consumer)));
    send_digits("2", "k");
    expect_values(consumer, true, "2");
}

static void broadcast_waits_for_its_topic(void **state)
{
    (void)state;
    topic = (struct topic){.name = broker_name()};
    topics[0] = topic.name;
    consumer = join(NULL, false);
    assert_int_equal(kafka_consumer_poll(consumer, arena, batch, MOST, POLL_MS), 0);
    assert_false(kafka_consumer_caught_up(consumer));
    broker_make_topic(topic.name, 1, false);
    send_digits("01", "k");
    expect_values(consumer, true, "01");
}

// Where the first broker's log ended the other one's goes on: what stands before is not what was read there.
static void broadcast_reads_another_cluster_from_its_beginning(void **state)
{
    (void)state;
    mock = mock_broker_start();
    other_mock = mock_broker_start();
    make_mock_topic(mock, 1);
    mock_broker_make_topic(other_mock, topic.name, 1);
    mock_send(mock, 3);
    mock_send(other_mock, 5);
    mock_broker_up(other_mock, false);
    consumer = join_at(arena_printf(arena, "%s,%s", mock_broker_address(mock), mock_broker_address(other_mock)), NULL, false);
    expect_values(consumer, true, "012");
    mock_broker_up(other_mock, true);
    mock_broker_up(mock, false);
    eventually(strstr(take(consumer, MOST, true), "01234")); // "34" may come before that was seen
    eventually((take(consumer, MOST, true), kafka_consumer_caught_up(consumer)));
}

// librdkafka alone does not always see it come.
static void group_reads_a_topic_that_comes_later(void **state)
{
    (void)state;
    make_topic(1);
    topics[1] = broker_name();
    send_digits("0", "k");
    consumer = join(group, false);
    expect_values(consumer, true, "0");
    broker_make_topic(topics[1], 1, false);
    topic.name = topics[1];
    send_digits("1", "k");
    expect_values(consumer, true, "1");
    topics[1] = NULL;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(message_arrives_as_it_was_sent),
        TEST(batch_is_bounded_and_in_order),
        TEST(done_is_not_delivered_again),
        TEST(other_group_reads_everything),
        TEST(full_arena_loses_no_message),
        TEST(lag_is_unknown_and_then_counted),
        TEST(lag_is_counted_before_anything_is_done),
        TEST(retried_message_comes_again_with_those_behind_it),
        TEST(retry_again_and_again_keeps_the_order),
        TEST(retry_in_smaller_batches_keeps_the_order),
        TEST(all_partitions_of_a_reader_may_wait_at_once),
        TEST(other_partitions_flow_meanwhile),
        TEST(partition_that_waits_flows_again_after_a_rebalance),
        TEST(reader_whose_messages_never_succeed_hears_of_the_group),
        TEST(broadcast_reads_all_before_it_has_caught_up),
        TEST(every_broadcast_reader_gets_everything),
        TEST(broadcast_from_the_end_reads_what_is_new),
        TEST(group_reads_a_topic_that_comes_later),
        TEST(broadcast_waits_for_its_topic),
        TEST(broadcast_reads_another_cluster_from_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, close_broker);
}
