// SPDX-License-Identifier: MIT
// Topics and the cluster id, on the real broker.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker.h"
#include "test_arena.h"

#define NOBODY "127.0.0.1:1" // no broker listens there

static struct error err;

static int setup(void **state)
{
    const int failed = arena_setup(state);
    err = (struct error){.arena = arena};
    return failed;
}

static int close_broker(void **state)
{
    (void)state;
    broker_close();
    return 0;
}

static void topic_is_made_once(void **state)
{
    (void)state;
    bool created = false;
    const struct kafka_topic_spec spec = {broker_name(), 2, 1, true, -1};
    assert_true(kafka_topic_ensure(broker_address(), &spec, &created, &err));
    assert_true(created);
    assert_true(kafka_topic_ensure(broker_address(), &spec, &created, &err));
    assert_false(created);
    assert_true(kafka_topic_ensure(broker_address(), &spec, NULL, &err));
}

static void existing_topic_is_left_alone(void **state)
{
    (void)state;
    bool created = true;
    const struct topic topic = broker_topic(1, false);
    broker_send(topic.name, "k", "kept");
    const struct kafka_topic_spec other = {topic.name, 3, 1, true, 1000};
    assert_true(kafka_topic_ensure(broker_address(), &other, &created, &err));
    assert_false(created);
    struct kafka_message messages[2];
    assert_int_equal(broker_read(topic.name, 1, arena, messages, COUNT_OF(messages)), 1);
    assert_memory_equal(messages[0].value, "kept", 4);
}

static void topic_that_cannot_be_is_told(void **state)
{
    (void)state;
    const struct kafka_topic_spec bad_name = {"no such/name", 1, 1, false, -1};
    assert_false(kafka_topic_ensure(broker_address(), &bad_name, NULL, &err));
    assert_ptr_equal(err.problem, &problem_unavailable);
    assert_non_null(strstr(err.cause, "kafka: create topic: "));
    error_clear(&err);
    const struct kafka_topic_spec too_many = {broker_name(), 1000000, 1, false, -1};
    assert_false(kafka_topic_ensure(broker_address(), &too_many, NULL, &err));
    assert_string_equal(err.cause, "kafka: topic: its name or numbers are refused");
    error_clear(&err);
    const struct kafka_topic_spec too_many_copies = {broker_name(), 1, 9, false, -1};
    assert_false(kafka_topic_ensure(broker_address(), &too_many_copies, NULL, &err));
    assert_string_equal(err.cause, "kafka: create topic: Broker: Invalid replication factor");
    error_clear(&err);
    const struct kafka_topic_spec no_partitions = {broker_name(), 0, 1, false, -1};
    assert_false(kafka_topic_ensure(broker_address(), &no_partitions, NULL, &err));
    assert_string_equal(err.cause, "kafka: create topic: Broker: Invalid number of partitions");
}

static void cluster_has_one_id(void **state)
{
    (void)state;
    char *first = NULL, *second = NULL;
    assert_true(kafka_cluster_id(broker_address(), arena, &first, 10000, &err));
    assert_true(kafka_cluster_id(broker_address(), arena, &second, 10000, &err));
    assert_int_equal(strlen(first), 22); // a UUID in base64url
    assert_string_equal(first, second);
}

static void broker_away_is_told(void **state)
{
    (void)state;
    char *id = NULL;
    assert_false(kafka_cluster_id(NOBODY, arena, &id, 100, &err));
    assert_ptr_equal(err.problem, &problem_unavailable);
    assert_string_equal(err.cause, "kafka: cluster id: no broker answered");
    assert_null(id);
}

static void note_fault(void *state, const char *topic, const char *fault)
{
    struct text_buffer *out = state;
    text_printf(out, "%s %s\n", topic, fault ? fault : "is missing");
}

static const char *faults(const struct kafka_topic_spec *specs, size_t count)
{
    struct text_buffer out = text_buffer(arena);
    text_add(&out, "");
    assert_true(kafka_topics_compare(broker_address(), specs, count, note_fault, &out, &err));
    return text_take(&out);
}

static void topics_that_differ_are_told(void **state)
{
    (void)state;
    const char *one = broker_name(), *other = broker_name(), *missing = broker_name();
    const struct kafka_topic_spec made[] = {{one, 2, 1, true, -1}, {other, 1, 1, false, 86400000}};
    for (size_t i = 0; i < COUNT_OF(made); i++) assert_true(kafka_topic_ensure(broker_address(), &made[i], NULL, &err));
    assert_string_equal(faults(made, COUNT_OF(made)), "");
    const struct kafka_topic_spec wanted[] = {{one, 6, 3, true, -1}, {missing, 1, 1, false, -1}, {other, 1, 1, true, -1}};
    const char *told = faults(wanted, COUNT_OF(wanted));
    const char *const expected[] = {
        arena_printf(arena, "%s has 2 partition(s), not 6\n", one), arena_printf(arena, "%s has copies on 1 broker(s), not 3\n", one),
        arena_printf(arena, "%s is missing\n", missing), arena_printf(arena, "%s has cleanup.policy=delete, not compact\n", other),
        arena_printf(arena, "%s has retention.ms=86400000, not -1\n", other)};
    size_t length = 0;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        if (!strstr(told, expected[i])) fail_msg("no '%s' in %s", expected[i], told);
        length += strlen(expected[i]);
    }
    assert_int_equal(strlen(told), length); // and nothing else
}

static void headers_are_found_by_name(void **state)
{
    (void)state;
    const struct kafka_message message = {.headers = {{"ce_id", "1"}, {"ce_type", "x"}, {"ce_id", "2"}}, .header_count = 3};
    assert_string_equal(kafka_message_header(&message, "ce_id"), "1");
    assert_string_equal(kafka_message_header(&message, "ce_type"), "x");
    assert_null(kafka_message_header(&message, "CE_TYPE"));
    assert_null(kafka_message_header(&message, "missing"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, arena_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(topic_is_made_once),
        TEST(existing_topic_is_left_alone),
        TEST(topic_that_cannot_be_is_told),
        TEST(cluster_has_one_id),
        TEST(broker_away_is_told),
        TEST(topics_that_differ_are_told),
        TEST(headers_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, close_broker);
}
