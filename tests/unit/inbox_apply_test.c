// SPDX-License-Identifier: MIT
// Applying, parking and redriving, without Kafka: inbox_test.c has the whole way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto.h"
#include "effects.h"
#include "inbox_private.h"
#include "parked.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define OTHER_TRACE "00-11111111111111111111111111111111-2222222222222222-01"

static struct kit_app kit_app;
static struct kit_database *kit = &kit_app.kit;
static struct app *app = &kit_app.app;

static int clear(void **state)
{
    (void)state;
    effects_clear(&kit_app);
    return 0;
}

static struct kafka_message event_of(const char *id, const char *key, const char *data)
{
    return (struct kafka_message){
        .topic = effects_topic.name,
        .key = key,
        .value = data,
        .value_length = data ? strlen(data) : 0,
        .headers = {{"ce_specversion", "1.0"}, {"ce_id", id}, {"ce_source", "/services/test"}, {"ce_type", EFFECT_TYPE}, {"traceparent", TRACE}},
        .header_count = 5,
    };
}

#define NOTE(note_) "{\"note\":\"" note_ "\"}"

static bool apply(struct kafka_message message)
{
    kit_forget(kit);
    return inbox_apply(app, &message, kit->arena, &kit->err);
}

static void expect_applied(struct kafka_message message)
{
    kit_assert_fine(kit, apply(message));
}

// Parks the event's key as the consumer thread does.
static void park_first(struct kafka_message message)
{
    struct error why = {0}, err = {0};
    error_set(&why, &problem_conflict, "It is poison.");
    assert_true(park(app, &message, &why, kit->arena, &err));
}

static const char *parked(void)
{
    return test_database_run(&kit->database, "SELECT string_agg(key || ':' || coalesce(data::json ->> 'note', 'gone'), ' ' ORDER BY id) FROM parked_events");
}

static const char *states(void)
{
    return test_database_run(&kit->database, "SELECT string_agg(key || ':' || state || ':' || reason, ' ' ORDER BY key) FROM parked_keys");
}

static void ask_for_redrive(const char *key)
{
    int64_t keys = 0;
    struct db db = kit_session(kit, DB_WRITE);
    kit_assert_fine(kit, parked_redrive(&db, effects_topic.name, key, "operator:test", &keys, &kit->err) && db_commit(&db, &kit->err));
    db_end(&db);
    assert_int_equal(keys, 1);
}

// Works until nothing is left; how many steps there were.
static int redrive(void)
{
    int steps = 0;
    for (bool worked = true; worked; steps += worked) {
        kit_forget(kit);
        kit_assert_fine(kit, redrive_once(app, kit->arena, &worked, &kit->err));
        assert_true(steps < 100);
    }
    return steps;
}

// --- Applying -------------------------------------------------------------------------------------

static void event_is_applied_once_although_it_comes_twice(void **state)
{
    (void)state;
    expect_applied(event_of("1", "a", NOTE("x")));
    expect_applied(event_of("1", "a", NOTE("x")));
    expect_applied(event_of("2", "a", NOTE("y")));
    assert_string_equal(effects_seen(&kit_app), "a:x a:y");
    assert_string_equal(test_database_run(&kit->database, "SELECT string_agg(source || ' ' || id, ', ' ORDER BY id) FROM inbox"),
                        "/services/test 1, /services/test 2");
}

static void same_id_of_another_source_is_another_event(void **state)
{
    (void)state;
    struct kafka_message other = event_of("1", "a", NOTE("y"));
    other.headers[2].value = "/services/other";
    expect_applied(event_of("1", "a", NOTE("x")));
    expect_applied(other);
    assert_string_equal(effects_seen(&kit_app), "a:x a:y");
}

static void event_that_stands_twice_in_a_batch_is_applied_once(void **state)
{
    (void)state;
    struct kafka_message messages[] = {event_of("1", "a", NOTE("x")), event_of("2", "b", NOTE("y")), event_of("1", "a", NOTE("x")),
                                       event_of("3", "a", NOTE("z"))};
    struct arrival arrivals[COUNT_OF(messages)];
    const struct arrival *failed = NULL;
    int applied = 0;
    for (size_t i = 0; i < COUNT_OF(messages); i++) arrival_read(app, &messages[i], kit->arena, &arrivals[i]);
    struct db db = kit_session(kit, DB_WRITE);
    kit_assert_fine(kit, arrivals_apply(app, &db, arrivals, COUNT_OF(messages), &applied, &failed, &kit->err) && db_commit(&db, &kit->err));
    db_end(&db);
    assert_int_equal(applied, 3);
    assert_string_equal(effects_seen(&kit_app), "a:x b:y a:z");
}

static void what_nobody_subscribed_to_is_passed_over(void **state)
{
    (void)state;
    struct kafka_message other_type = event_of("1", "a", NOTE("x")), other_topic = event_of("2", "a", NOTE("x"));
    other_type.headers[3].value = "ke.domesticconnect.other.v1";
    other_topic.topic = "dc.other";
    expect_applied(other_type);
    expect_applied(other_topic);
    assert_string_equal(effects_seen(&kit_app), "");
    assert_string_equal(test_database_run(&kit->database, "SELECT count(*) FROM inbox"), "0");
}

static void tombstone_finds_its_own_handler(void **state)
{
    (void)state;
    struct kafka_message tombstone = event_of("1", "a", NULL);
    tombstone.headers[3].value = "ke.domesticconnect.effect.deleted.v1";
    expect_applied(tombstone);
    assert_string_equal(effects_seen(&kit_app), "a:gone");
}

static void members_that_the_reader_does_not_know_are_ignored(void **state)
{
    (void)state;
    expect_applied(event_of("1", "a", "{\"note\":\"x\",\"added_later\":{\"b\":1}}"));
    assert_string_equal(effects_seen(&kit_app), "a:x");
}

static void data_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    assert_false(apply(event_of("1", "a", "{\"note\":7}")));
    kit_assert_problem(kit, &problem_invalid_fields);
    assert_false(apply(event_of("1", "a", "{")));
    kit_assert_problem(kit, &problem_malformed);
    assert_string_equal(test_database_run(&kit->database, "SELECT count(*) FROM inbox"), "0");
}

static void failed_effect_leaves_nothing_behind(void **state)
{
    (void)state;
    assert_false(apply(event_of("1", "a", NOTE("poison"))));
    kit_assert_problem(kit, &problem_conflict);
    assert_string_equal(effects_seen(&kit_app), "");
    assert_string_equal(test_database_run(&kit->database, "SELECT count(*) FROM inbox"), "0");
    effects_mended = true; // it may come again
    expect_applied(event_of("1", "a", NOTE("poison")));
    assert_string_equal(effects_seen(&kit_app), "a:poison");
}

static void event_told_by_a_handler_commits_with_it_and_continues_the_trace(void **state)
{
    (void)state;
    struct kafka_message messages[] = {event_of("1", "a", NOTE("tell")), event_of("2", "b", NOTE("tell")), event_of("3", "c", NOTE("tell"))};
    struct arrival arrivals[COUNT_OF(messages)];
    const struct arrival *failed = NULL;
    int applied = 0;
    messages[1].headers[4].value = OTHER_TRACE;
    messages[2].header_count = 4; // none
    for (size_t i = 0; i < COUNT_OF(messages); i++) arrival_read(app, &messages[i], kit->arena, &arrivals[i]);
    struct db db = kit_session(kit, DB_WRITE);
    kit_assert_fine(kit, arrivals_apply(app, &db, arrivals, COUNT_OF(messages), &applied, &failed, &kit->err) && db_commit(&db, &kit->err));
    db_end(&db);
    assert_string_equal(test_database_run(&kit->database, "SELECT string_agg(key || ' ' || coalesce(traceparent, 'none'), ', ' ORDER BY id) FROM outbox"),
                        "a " TRACE ", b " OTHER_TRACE ", c none");
}

// --- Parking and redriving ------------------------------------------------------------------------

static void later_events_of_a_parked_key_wait_in_order(void **state)
{
    (void)state;
    park_first(event_of("1", "a", NOTE("poison")));
    expect_applied(event_of("2", "a", NOTE("x")));
    expect_applied(event_of("3", "b", NOTE("y"))); // another key flows
    expect_applied(event_of("4", "a", NULL));
    expect_applied(event_of("2", "a", NOTE("x"))); // delivered again
    assert_string_equal(parked(), "a:poison a:x a:gone");
    assert_string_equal(states(), "a:parked:conflict: It is poison.");
    assert_string_equal(effects_seen(&kit_app), "b:y");
}

static void malformed_event_of_a_parked_key_waits_with_the_others(void **state)
{
    (void)state;
    park_first(event_of("1", "a", NOTE("poison")));
    expect_applied(event_of("2", "a", "{"));
    assert_string_equal(test_database_run(&kit->database, "SELECT data FROM parked_events ORDER BY id DESC LIMIT 1"), "{");
}

static void redrive_works_in_order_and_frees_the_key(void **state)
{
    (void)state;
    park_first(event_of("1", "a", NOTE("poison")));
    expect_applied(event_of("2", "a", NOTE("x")));
    expect_applied(event_of("3", "a", NULL));
    assert_int_equal(redrive(), 0); // nobody asked
    effects_mended = true;
    ask_for_redrive("a");
    assert_int_equal(redrive(), 4); // three events and the key
    assert_string_equal(effects_seen(&kit_app), "a:poison a:x a:gone");
    assert_string_equal(states(), "");
    expect_applied(event_of("4", "a", NOTE("y")));
    expect_applied(event_of("1", "a", NOTE("poison"))); // delivered again
    assert_string_equal(effects_seen(&kit_app), "a:poison a:x a:gone a:y");
}

static void redrive_that_fails_parks_again_and_counts(void **state)
{
    (void)state;
    park_first(event_of("1", "a", NOTE("x")));
    expect_applied(event_of("2", "a", NOTE("poison")));
    expect_applied(event_of("3", "a", NOTE("y")));
    ask_for_redrive("a");
    assert_int_equal(redrive(), 1);
    assert_string_equal(effects_seen(&kit_app), "a:x");
    assert_string_equal(parked(), "a:poison a:y");
    assert_string_equal(states(), "a:parked:conflict: It is poison.");
    assert_string_equal(test_database_run(&kit->database, "SELECT string_agg(attempts::text, ' ' ORDER BY id) FROM parked_events"), "1 0");
}

static void redrive_waits_while_trouble_passes(void **state)
{
    (void)state;
    bool worked = true;
    park_first(event_of("1", "a", NOTE("later")));
    ask_for_redrive("a");
    effects_trouble = true;
    assert_false(redrive_once(app, kit->arena, &worked, &kit->err));
    assert_false(worked);
    assert_string_equal(states(), "a:redriving:conflict: It is poison.");
    effects_trouble = false;
    assert_int_equal(redrive(), 2);
    assert_string_equal(effects_seen(&kit_app), "a:later");
}

static void redrive_applies_nothing_twice(void **state)
{
    (void)state;
    expect_applied(event_of("1", "a", NOTE("x")));
    park_first(event_of("1", "a", NOTE("x"))); // the same event, parked by mistake
    ask_for_redrive("a");
    assert_int_equal(redrive(), 2);
    assert_string_equal(effects_seen(&kit_app), "a:x");
}

static void redriven_event_continues_its_trace(void **state)
{
    (void)state;
    park_first(event_of("1", "a", NOTE("tell")));
    ask_for_redrive("a");
    assert_int_equal(redrive(), 2);
    assert_string_equal(test_database_run(&kit->database, "SELECT traceparent FROM outbox"), TRACE);
}

static void discarded_event_is_gone_and_the_rest_is_applied(void **state)
{
    (void)state;
    park_first(event_of("1", "a", NOTE("poison")));
    expect_applied(event_of("2", "a", NOTE("x")));
    struct db db = kit_session(kit, DB_WRITE);
    kit_assert_fine(kit, parked_discard(&db, effects_topic.name, "a", "operator:test", &kit->err) && db_commit(&db, &kit->err));
    db_end(&db);
    assert_int_equal(redrive(), 2);
    expect_applied(event_of("1", "a", NOTE("poison"))); // delivered once more
    assert_string_equal(effects_seen(&kit_app), "a:x");
    assert_string_equal(states(), "");
}

static void long_key_is_parked_and_redriven_whole(void **state)
{
    (void)state;
    static char key[301];
    memset(key, 'k', sizeof key - 1);
    park_first(event_of("1", key, NOTE("x")));
    ask_for_redrive(key);
    assert_int_equal(redrive(), 2);
    assert_string_equal(test_database_run(&kit->database, "SELECT key FROM effects"), key);
}

static void reason_names_the_first_bad_field(void **state)
{
    (void)state;
    struct kafka_message message = event_of("1", "a", "{\"note\":7}");
    assert_false(apply(message));
    struct error why = kit->err, err = {0};
    assert_true(park(app, &message, &why, kit->arena, &err));
    assert_string_equal(states(), "a:parked:/note must be text");
}

// --- Records that are no events of ours -----------------------------------------------------------

static void value_that_is_no_text_is_parked_as_a_sentence(void **state)
{
    (void)state;
    struct kafka_message message = event_of("1", "a", "\xff\xfe");
    assert_false(apply(message));
    park_first(message);
    assert_string_equal(test_database_run(&kit->database, "SELECT data FROM parked_events"), "(2 bytes that are no text)");
}

static void record_without_an_id_is_parked_once_by_its_place(void **state)
{
    (void)state;
    const struct kafka_message message = {.topic = effects_topic.name, .value = "?", .value_length = 1, .partition = 3, .offset = 14};
    assert_false(apply(message));
    park_first(message);
    park_first(message);
    assert_string_equal(test_database_run(&kit->database, "SELECT string_agg(key || '|' || headers, ' ') FROM parked_events"),
                        "|{\"ce_id\":\"record:3:14\",\"ce_source\":\"dc.test.effects\"}");
}

static void key_that_is_no_text_is_parked_and_fails_again(void **state)
{
    (void)state;
    struct kafka_message message = event_of("1", "\xff\x01", NOTE("x"));
    assert_false(apply(message));
    kit_assert_problem(kit, &problem_malformed);
    park_first(message);
    message = event_of("2", "\xff\x01", NOTE("y"));
    expect_applied(message); // appended behind it
    assert_string_equal(test_database_run(&kit->database, "SELECT string_agg(key, ' ') FROM parked_events"), "\\xff01 \\xff01");
    ask_for_redrive("\\xff01");
    assert_int_equal(redrive(), 0);
    assert_string_equal(effects_seen(&kit_app), "");
    assert_string_equal(states(), "\\xff01:parked:malformed: The record is no CloudEvent: its key or an attribute is no text in UTF-8.");
}

static void key_that_looks_like_bytes_stays_what_it_is(void **state)
{
    (void)state;
    park_first(event_of("1", "\\x41", NOTE("x")));
    expect_applied(event_of("2", "A", NOTE("y")));
    assert_string_equal(effects_seen(&kit_app), "A:y");
    test_database_run(&kit->database, "UPDATE parked_keys SET state = 'redriving'");
    assert_int_equal(redrive(), 2);
    assert_string_equal(effects_seen(&kit_app), "A:y \\x41:x");
}

// Its handler would look for data that is not there.
static void event_without_its_data_is_refused(void **state)
{
    (void)state;
    static const char structured[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/services/test\",\"type\":\"" EFFECT_TYPE "\"}";
    assert_false(apply((struct kafka_message){.topic = effects_topic.name, .key = "a", .value = structured, .value_length = strlen(structured),
                                              .headers = {{"content-type", "application/cloudevents+json"}}, .header_count = 1}));
    kit_assert_problem(kit, &problem_malformed);
    assert_string_equal(kit->err.detail, "The event has no data.");
}

// Letters that do not repeat, so that PostgreSQL cannot make them short for its index.
static const char *long_name(void)
{
    static char name[200 * (SHA256_HEX_SIZE - 1) + 1];
    for (int i = 0; i < 200; i++) crypto_sha256_hex(&i, sizeof i, name + i * (SHA256_HEX_SIZE - 1));
    return name;
}

static void expect_parked_though_too_long(struct kafka_message message)
{
    struct error why = {.arena = kit->arena};
    CLEANUP(json_release) json_t *data = NULL;
    struct event event;
    assert_false(event_decode(&message, kit->arena, &event, &data, &why));
    assert_string_equal(why.detail, "The record is no CloudEvent: its key, id or source is too long.");
    effects_clear(&kit_app);
    park_first(message);
    assert_string_equal(test_database_run(&kit->database, "SELECT count(*) FROM parked_events"), "1");
}

static void record_with_names_that_no_index_holds_is_parked(void **state)
{
    (void)state;
    struct kafka_message message = event_of("1", "a", NOTE("x"));
    expect_parked_though_too_long(event_of("1", long_name(), NOTE("x")));
    test_database_run(&kit->database, "UPDATE parked_keys SET state = 'redriving'");
    assert_int_equal(redrive(), 0);
    assert_string_equal(effects_seen(&kit_app), "");
    expect_parked_though_too_long(event_of(long_name(), "a", NOTE("x")));
    message.headers[2].value = long_name();
    expect_parked_though_too_long(message);
}

static void first_of_two_headers_is_parked(void **state)
{
    (void)state;
    struct kafka_message message = event_of("1", "a", NOTE("x"));
    message.headers[message.header_count++] = (struct kafka_header){"ce_id", "2"};
    park_first(message);
    assert_string_equal(test_database_run(&kit->database, "SELECT headers ->> 'ce_id' FROM parked_events"), "1");
}

static struct kafka_message kept_event_of(const char *id, const char *data, const char *sequence)
{
    struct kafka_message message = event_of(id, "a", data);
    message.headers[3].value = EFFECT_KEPT_TYPE;
    if (sequence) message.headers[message.header_count++] = (struct kafka_header){"ce_sequence", sequence};
    return message;
}

static void statement_gets_key_data_and_sequence(void **state)
{
    (void)state;
    expect_applied(kept_event_of("1", "{\"note\":\"it's \\\"so\\\"\",\"more\":1}", "07"));
    expect_applied(kept_event_of("1", NOTE("again"), "08")); // the same event
    expect_applied(kept_event_of("2", NOTE("y"), NULL));
    assert_string_equal(effects_seen(&kit_app), "a:it's \"so\"@07 a:y@");
    assert_false(apply(kept_event_of("3", "{}", "09")));
    kit_assert_problem(kit, &problem_invalid_fields);
}

static void statement_is_run_for_what_is_redriven(void **state)
{
    (void)state;
    park_first(kept_event_of("1", NOTE("x"), "07"));
    ask_for_redrive("a");
    redrive();
    assert_string_equal(effects_seen(&kit_app), "a:x@07");
}

static void statement_that_is_refused_when_redriven_parks_again(void **state)
{
    (void)state;
    park_first(kept_event_of("1", NOTE(NOTE_UNFIT), "07"));
    ask_for_redrive("a");
    redrive();
    assert_string_equal(effects_seen(&kit_app), "");
    assert_string_equal(test_database_run(&kit->database, "SELECT k.state || ' ' || e.attempts FROM parked_keys AS k JOIN parked_events AS e USING (topic, key)"),
                        "parked 1");
}

static int setup(void **state)
{
    (void)state;
    return kit_app_create(&kit_app, &effects_service);
}

static int teardown(void **state)
{
    (void)state;
    return kit_app_drop(&kit_app);
}

#define TEST(function) cmocka_unit_test_setup(function, clear)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(event_is_applied_once_although_it_comes_twice),
        TEST(statement_gets_key_data_and_sequence),
        TEST(statement_is_run_for_what_is_redriven),
        TEST(statement_that_is_refused_when_redriven_parks_again),
        TEST(same_id_of_another_source_is_another_event),
        TEST(event_that_stands_twice_in_a_batch_is_applied_once),
        TEST(what_nobody_subscribed_to_is_passed_over),
        TEST(tombstone_finds_its_own_handler),
        TEST(members_that_the_reader_does_not_know_are_ignored),
        TEST(data_that_does_not_fit_is_refused),
        TEST(failed_effect_leaves_nothing_behind),
        TEST(event_told_by_a_handler_commits_with_it_and_continues_the_trace),
        TEST(later_events_of_a_parked_key_wait_in_order),
        TEST(malformed_event_of_a_parked_key_waits_with_the_others),
        TEST(redrive_works_in_order_and_frees_the_key),
        TEST(redrive_that_fails_parks_again_and_counts),
        TEST(redrive_waits_while_trouble_passes),
        TEST(redrive_applies_nothing_twice),
        TEST(redriven_event_continues_its_trace),
        TEST(discarded_event_is_gone_and_the_rest_is_applied),
        TEST(long_key_is_parked_and_redriven_whole),
        TEST(reason_names_the_first_bad_field),
        TEST(value_that_is_no_text_is_parked_as_a_sentence),
        TEST(record_without_an_id_is_parked_once_by_its_place),
        TEST(key_that_is_no_text_is_parked_and_fails_again),
        TEST(key_that_looks_like_bytes_stays_what_it_is),
        TEST(event_without_its_data_is_refused),
        TEST(record_with_names_that_no_index_holds_is_parked),
        TEST(first_of_two_headers_is_parked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
