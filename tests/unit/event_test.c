// SPDX-License-Identifier: MIT
// Records into events, and events into the outbox.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "event.h"
#include "kit_database.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define BINARY(...) {{"ce_specversion", "1.0"}, {"ce_id", "7"}, {"ce_source", "/services/auth"}, {"ce_type", "user.v1"}, __VA_ARGS__}

static struct kit_database kit;
static json_t *data;
static struct event event;

static int forget(void **state)
{
    (void)state;
    kit_forget(&kit);
    json_release(&data);
    data = NULL;
    return 0;
}

static bool decode(struct kafka_message message)
{
    message.topic = "dc.auth.users";
    message.value_length = message.value ? strlen(message.value) : 0;
    while (message.header_count < KAFKA_HEADERS_MAX && message.headers[message.header_count].name) message.header_count++;
    return event_decode(&message, kit.arena, &event, &data, &kit.err);
}

static void expect_refused(struct kafka_message message, const char *detail)
{
    assert_false(decode(message));
    kit_assert_problem(&kit, &problem_malformed);
    assert_string_equal(kit.err.detail, detail);
    assert_null(data);
    kit_forget(&kit);
}

// --- Decoding -------------------------------------------------------------------------------------

static void binary_mode_keeps_attributes_in_headers(void **state)
{
    (void)state;
    kit_assert_fine(&kit, decode((struct kafka_message){
                              .key = "u1",
                              .value = "{\"a\":1}",
                              .headers = BINARY({"ce_sequence", "0007"}, {"ce_time", "2026-01-01T00:00:00Z"}, {"traceparent", TRACE},
                                                {"ce_correlationid", "c1"}, {"content-type", "application/json"}),
                          }));
    assert_string_equal(event.id, "7");
    assert_string_equal(event.source, "/services/auth");
    assert_string_equal(event.type, "user.v1");
    assert_string_equal(event.topic, "dc.auth.users");
    assert_string_equal(event.key, "u1");
    assert_string_equal(event.sequence, "0007");
    assert_string_equal(event.time, "2026-01-01T00:00:00Z");
    assert_string_equal(event.traceparent, TRACE);
    assert_string_equal(event.correlation_id, "c1");
    assert_ptr_equal(event.data, data);
    assert_int_equal(json_integer_value(json_object_get(event.data, "a")), 1);
    assert_null(event.input);
}

static void what_is_optional_may_be_missing(void **state)
{
    (void)state;
    kit_assert_fine(&kit, decode((struct kafka_message){.value = "{}", .headers = BINARY({0})}));
    assert_null(event.sequence);
    assert_null(event.time);
    assert_null(event.traceparent);
    assert_null(event.correlation_id);
    assert_string_equal(event.key, ""); // a record without a key
}

static void tombstone_has_no_data(void **state)
{
    (void)state;
    kit_assert_fine(&kit, decode((struct kafka_message){.key = "u1", .headers = BINARY({0})}));
    assert_null(event.data);
    assert_null(data);
    assert_string_equal(event.type, "user.v1");
}

static void structured_mode_keeps_all_in_the_value(void **state)
{
    (void)state;
    kit_assert_fine(&kit, decode((struct kafka_message){
                              .key = "u1",
                              .value = "{\"specversion\":\"1.0\",\"id\":\"8\",\"source\":\"/x\",\"type\":\"user.v1\",\"sequence\":\"0008\",\"time\":\"t\","
                                       "\"traceparent\":\"" TRACE "\",\"correlationid\":\"c1\",\"data\":{\"a\":2}}",
                              .headers = {{"content-type", "application/CloudEvents+json; charset=UTF-8"}},
                          }));
    assert_string_equal(event.id, "8");
    assert_string_equal(event.source, "/x");
    assert_string_equal(event.type, "user.v1");
    assert_string_equal(event.sequence, "0008");
    assert_string_equal(event.time, "t");
    assert_string_equal(event.traceparent, TRACE);
    assert_string_equal(event.correlation_id, "c1");
    assert_int_equal(json_integer_value(json_object_get(event.data, "a")), 2);
}

static void structured_event_may_have_no_data(void **state)
{
    (void)state;
    kit_assert_fine(&kit, decode((struct kafka_message){.value = "{\"specversion\":\"1.0\",\"id\":\"8\",\"source\":\"/x\",\"type\":\"user.v1\"}",
                                                        .headers = {{"content-type", "application/cloudevents+json"}}}));
    assert_null(event.data);
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    static const char why[] = "The record is no CloudEvent: ce_specversion is not 1.0.";
    expect_refused((struct kafka_message){.value = "{}"}, why);
    expect_refused((struct kafka_message){.value = "{}", .headers = {{"ce_specversion", "0.3"}, {"ce_id", "7"}}}, why);
    expect_refused((struct kafka_message){.value = "{\"specversion\":\"0.3\",\"id\":\"8\",\"source\":\"/x\",\"type\":\"user.v1\"}",
                                          .headers = {{"content-type", "application/cloudevents+json"}}}, why);
}

static void id_source_and_type_must_be_there(void **state)
{
    (void)state;
    static const char why[] = "The record is no CloudEvent: id, source or type is missing.";
    expect_refused((struct kafka_message){.value = "{}", .headers = {{"ce_specversion", "1.0"}, {"ce_id", "7"}, {"ce_source", "/x"}}}, why);
    expect_refused((struct kafka_message){.value = "{}", .headers = {{"ce_specversion", "1.0"}, {"ce_id", "7"}, {"ce_type", "x"}}}, why);
    expect_refused((struct kafka_message){.headers = {{"ce_specversion", "1.0"}, {"ce_id", ""}, {"ce_source", "/x"}, {"ce_type", "x"}}}, why);
    expect_refused((struct kafka_message){.value = "{\"specversion\":\"1.0\",\"id\":8,\"source\":\"/x\",\"type\":\"x\",\"data\":{}}",
                                          .headers = {{"content-type", "application/cloudevents+json"}}}, why);
}

static void attributes_must_be_text(void **state)
{
    (void)state;
    static const char why[] = "The record is no CloudEvent: its key or an attribute is no text in UTF-8.";
    expect_refused((struct kafka_message){.headers = {{"ce_specversion", "1.0"}, {"ce_id", "\xff"}, {"ce_source", "/x"}, {"ce_type", "x"}}}, why);
    expect_refused((struct kafka_message){.headers = BINARY({"ce_correlationid", "\xc3"})}, why);
    expect_refused((struct kafka_message){.key = "\xff", .headers = BINARY({0})}, why);
}

static void malformed_trace_is_dropped_and_the_event_kept(void **state)
{
    (void)state;
    kit_assert_fine(&kit, decode((struct kafka_message){.headers = BINARY({"traceparent", "\xc3"})}));
    assert_null(event.traceparent);
}

static void data_must_be_json(void **state)
{
    (void)state;
    static const char why[] = "The JSON is not well-formed at line 1, column 1.";
    expect_refused((struct kafka_message){.value = "{", .headers = BINARY({0})}, why);
    expect_refused((struct kafka_message){.value = "{", .headers = {{"content-type", "application/cloudevents+json"}}}, why);
}

// --- The outbox -----------------------------------------------------------------------------------

static const struct event_type told = {"user.v1", &topic_users, NULL, "A user."};

static const char *outbox(void)
{
    return test_database_run(&kit.database, "SELECT string_agg(concat_ws('|', topic, type, key, coalesce(data::text, 'none'), "
                                            "coalesce(traceparent, 'none'), coalesce(broker_cluster, 'unpublished')), ' ' ORDER BY id) FROM outbox");
}

static void event_is_added_in_the_transaction(void **state)
{
    (void)state;
    test_database_run(&kit.database, "TRUNCATE outbox");
    struct db db = kit_session(&kit, DB_WRITE);
    kit_assert_fine(&kit, outbox_add(&db, &told, "u1", "{\"a\":1}", TRACE, &kit.err));
    kit_assert_fine(&kit, outbox_add(&db, &told, "u1", NULL, NULL, &kit.err));
    assert_string_equal(outbox(), "");
    kit_assert_fine(&kit, db_commit(&db, &kit.err));
    db_end(&db);
    assert_string_equal(outbox(), "dc.auth.users|user.v1|u1|{\"a\":1}|" TRACE "|unpublished dc.auth.users|user.v1|u1|none|" TRACE "|unpublished");
}

static void event_of_a_rolled_back_transaction_is_never_told(void **state)
{
    (void)state;
    test_database_run(&kit.database, "TRUNCATE outbox");
    struct db db = kit_session(&kit, DB_WRITE);
    kit_assert_fine(&kit, outbox_add(&db, &told, "u1", "{}", NULL, &kit.err));
    db_end(&db);
    assert_string_equal(outbox(), "");
}

static void event_needs_a_key_and_json(void **state)
{
    (void)state;
    struct db db = kit_session(&kit, DB_WRITE);
    assert_false(outbox_add(&db, &told, "", "{}", NULL, &kit.err));
    db_end(&db);
    kit_assert_problem(&kit, &problem_invalid_fields);
    kit_forget(&kit);
    db = kit_session(&kit, DB_WRITE);
    assert_false(outbox_add(&db, &told, "u1", "{", NULL, &kit.err));
    db_end(&db);
    kit_assert_problem(&kit, &problem_invalid_fields);
}

// --- Topics ---------------------------------------------------------------------------------------

static void topics_are_named_after_their_owner(void **state)
{
    (void)state;
    size_t count = 0;
    for (; topics_all[count]; count++) {
        const struct topic *topic = topics_all[count];
        assert_true(text_starts_with(topic->name, "dc."));
        assert_int_equal(strspn(topic->name, "abcdefghijklmnopqrstuvwxyz.-"), strlen(topic->name));
        assert_true(topic->partitions >= 1 && topic->doc[0]);
        assert_true(!topic->compacted || topic->retention_ms == -1); // compaction keeps what retention would drop
        for (size_t other = 0; other < count; other++) assert_string_not_equal(topic->name, topics_all[other]->name);
    }
    assert_true(count > 0);
    assert_ptr_equal(topics_all[0], &topic_users);
}

static int setup(void **state)
{
    (void)state;
    return kit_database_create(&kit);
}

static int teardown(void **state)
{
    forget(state);
    return kit_database_drop(&kit);
}

#define TEST(function) cmocka_unit_test_setup(function, forget)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(binary_mode_keeps_attributes_in_headers),
        TEST(what_is_optional_may_be_missing),
        TEST(tombstone_has_no_data),
        TEST(structured_mode_keeps_all_in_the_value),
        TEST(structured_event_may_have_no_data),
        TEST(other_versions_are_refused),
        TEST(id_source_and_type_must_be_there),
        TEST(attributes_must_be_text),
        TEST(malformed_trace_is_dropped_and_the_event_kept),
        TEST(data_must_be_json),
        TEST(event_is_added_in_the_transaction),
        TEST(event_of_a_rolled_back_transaction_is_never_told),
        TEST(event_needs_a_key_and_json),
        TEST(topics_are_named_after_their_owner),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
