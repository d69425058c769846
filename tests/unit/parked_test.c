// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "kit_database.h"
#include "parked.h"

static struct kit_database kit;

// Topic t: keys a (two events), b (one); topic u: key a (one).
static int fill(void **state)
{
    (void)state;
    kit_forget(&kit);
    test_database_run(
        &kit.database,
        "TRUNCATE parked_keys, parked_events, inbox;"
        "INSERT INTO parked_keys (topic, key, reason, parked_at) VALUES"
        "  ('t', 'a', 'unknown user', '2026-01-01T00:00:00Z'), ('t', 'b', 'too long', "
        "'2026-01-02T00:00:00Z'),"
        "  ('u', 'a', 'unknown user', '2026-01-03T00:00:00Z');"
        "INSERT INTO parked_events (topic, key, record_partition, record_offset, headers, data) VALUES"
        "  ('t', 'a', 0, 7, '{\"ce_type\":\"x.v1\",\"ce_source\":\"/s\",\"ce_id\":\"41\"}', '{\"phone\":\"0722\"}'),"
        "  ('t', 'a', 0, 8, '{\"ce_type\":\"y.v1\",\"ce_source\":\"/s\",\"ce_id\":\"42\"}', NULL),"
        "  ('t', 'b', 1, 3, '{\"ce_type\":\"x.v1\",\"ce_source\":\"/s\",\"ce_id\":\"43\"}', '{}'),"
        "  ('u', 'a', 0, 1, '{}', NULL)");
    test_database_run(&kit.database, "SET session_replication_role = replica; TRUNCATE audit_log");
    return 0;
}

static int64_t redrive(const char *topic, const char *key)
{
    int64_t keys = -1;
    struct db db = kit_session(&kit, DB_WRITE);
    kit_assert_fine(&kit, parked_redrive(&db, topic, key, "operator:test", &keys, &kit.err));
    kit_assert_fine(&kit, db_commit(&db, &kit.err));
    db_end(&db);
    return keys;
}

static bool discard(const char *topic, const char *key)
{
    struct db db = kit_session(&kit, DB_WRITE);
    bool done = parked_discard(&db, topic, key, "operator:test", &kit.err) && db_commit(&db, &kit.err);
    db_end(&db);
    return done;
}

static const char *states(void)
{
    return test_database_run(&kit.database,
                             "SELECT string_agg(state, ' ' ORDER BY topic, key) FROM parked_keys");
}

static void list_tells_all(void **state)
{
    (void)state;
    const char *text = NULL;
    struct db db = kit_session(&kit, DB_READ);
    kit_assert_fine(&kit, parked_list(&db, &text, &kit.err));
    db_end(&db);
    CLEANUP(json_release) json_t *list = json_parse(text, strlen(text), &kit.err);
    assert_int_equal(json_array_size(list), 3);
    const json_t *oldest = json_array_get(list, 0);
    assert_string_equal(json_member_text(oldest, "topic"), "t");
    assert_string_equal(json_member_text(oldest, "key"), "a");
    assert_string_equal(json_member_text(oldest, "state"), "parked");
    assert_string_equal(json_member_text(oldest, "reason"), "unknown user");
    assert_string_equal(json_member_text(oldest, "parked_at"), "2026-01-01T00:00:00.000Z");
    assert_string_equal(json_member_text(oldest, "first_type"), "x.v1");
    assert_int_equal(json_integer_value(json_object_get(oldest, "events")), 2);
    assert_true(json_is_null(json_object_get(json_array_get(list, 2), "first_type")));
}

static void empty_list_is_a_list(void **state)
{
    (void)state;
    test_database_run(&kit.database, "TRUNCATE parked_keys, parked_events");
    const char *text = NULL;
    struct db db = kit_session(&kit, DB_READ);
    kit_assert_fine(&kit, parked_list(&db, &text, &kit.err));
    db_end(&db);
    assert_string_equal(text, "[]");
}

static void redrive_marks_what_was_asked_for(void **state)
{
    (void)state;
    assert_int_equal(redrive("t", "b"), 1);
    assert_string_equal(states(), "parked redriving parked");
    assert_int_equal(redrive("t", NULL), 1); // b is marked already
    assert_string_equal(states(), "redriving redriving parked");
    assert_int_equal(redrive(NULL, NULL), 1);
    assert_int_equal(redrive(NULL, NULL), 0);
    assert_string_equal(
        test_database_run(&kit.database,
                          "SELECT string_agg(action || ' ' || subject || ' ' || details, ', ' ORDER BY id) "
                          "FROM audit_log"),
        "events.redriven t/b {\"keys\": 1}, events.redriven t/* {\"keys\": 1}, events.redriven */* "
        "{\"keys\": 1}");
    assert_string_equal(test_database_run(&kit.database, "SELECT count(*) FROM parked_events"), "4");
}

static void discard_drops_the_first_and_leaves_a_trace(void **state)
{
    (void)state;
    assert_true(discard("t", "a"));
    assert_string_equal(states(), "redriving parked parked");
    assert_string_equal(test_database_run(&kit.database,
                                          "SELECT string_agg(headers ->> 'ce_id', ' ' ORDER BY id) "
                                          "FROM parked_events WHERE topic = 't' AND key = 'a'"),
                        "42");
    assert_string_equal(
        test_database_run(&kit.database,
                          "SELECT actor || ' ' || action || ' ' || subject || ' ' || details FROM audit_log"),
        "operator:test events.discarded t/a {\"id\": \"41\", \"type\": \"x.v1\", \"offset\": 7, "
        "\"partition\": 0}");
    assert_string_equal(test_database_run(&kit.database, "SELECT source || ' ' || id || ' ' || topic FROM inbox"), "/s 41 t");
}

static void nothing_to_discard_is_not_found(void **state)
{
    (void)state;
    assert_false(discard("t", "nobody"));
    kit_assert_problem(&kit, &problem_not_found);
    kit_forget(&kit);
    assert_true(discard("t", "b"));
    assert_false(discard("t", "b")); // the key still stands, until the inbox clears it
    kit_assert_problem(&kit, &problem_not_found);
    assert_string_equal(test_database_run(&kit.database, "SELECT count(*) FROM audit_log"), "1");
}

static int setup(void **state)
{
    (void)state;
    return kit_database_create(&kit);
}

static int teardown(void **state)
{
    (void)state;
    return kit_database_drop(&kit);
}

#define TEST(function) cmocka_unit_test_setup(function, fill)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_tells_all),
        TEST(empty_list_is_a_list),
        TEST(redrive_marks_what_was_asked_for),
        TEST(discard_drops_the_first_and_leaves_a_trace),
        TEST(nothing_to_discard_is_not_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
