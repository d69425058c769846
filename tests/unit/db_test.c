// SPDX-License-Identifier: MIT
// One statement on a real database: its values and rows, what a refusal of the server becomes, scripts, notifications.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "people.h"
#include "text.h"

STATEMENT(echo, 3, "SELECT $1::text, $2::bigint, $3::boolean");
STATEMENT(echo_text, 1, "SELECT $1::text");
STATEMENT(numbers, 1, "SELECT n, 'n' || n FROM generate_series(1, $1::integer) AS n");
STATEMENT(array_items, 1, "SELECT coalesce(item, '(null)') FROM unnest($1::text[]) AS item");
STATEMENT(nothing_found, 0, "SELECT name FROM people WHERE false");
STATEMENT(pet_insert, 1, "INSERT INTO pets (owner) VALUES ($1)");
STATEMENT(settings_read, 0,
          "SELECT current_setting('TimeZone') || ' ' || current_setting('client_encoding')");
STATEMENT(keepalives_read, 0,
          "SELECT concat_ws(' ', current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'), current_setting('tcp_keepalives_count'))");
STATEMENT(sleep_ms, 1, "SELECT pg_sleep($1::float / 1000)");
STATEMENT(parse_number, 1, "SELECT ($1::text)::bigint");
STATEMENT(parse_json, 1, "SELECT ($1::text)::jsonb ->> 0");
STATEMENT(divide, 1, "SELECT 1 / $1::integer");
STATEMENT(raise, 0, "SELECT give_up()");
STATEMENT(notify, 0, "NOTIFY \"news today\"");
static const struct sql *const statements[] = {
    &echo, &echo_text, &numbers, &array_items, &nothing_found, &pet_insert, &settings_read,
    &keepalives_read, &sleep_ms, &parse_number, &parse_json, &divide, &raise, &notify, NULL};

static int make_database(void **state)
{
    (void)state;
    return people_create("CREATE TABLE pets (owner text REFERENCES people DEFERRABLE);"
                         "CREATE FUNCTION give_up() RETURNS void LANGUAGE plpgsql AS "
                         "    $$ BEGIN RAISE EXCEPTION 'gave up'; END $$",
                         statements);
}

// --- Values --------------------------------------------------------------------------------------
static void values_go_both_ways(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "plain", "O'Brien \"q\" \\ {}", "Wanjikũ 🏠", "a\nb\tc", NULL};
    static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 42};
    struct db db = people_session(DB_READ);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = "?";
        int64_t integer = 7;
        bool boolean = i % 2 == 0;
        assert_int_equal(db_row(&db, &echo, DB_IN(DB_TEXT(texts[i]), DB_INT(integers[i]), DB_BOOL(i % 2)),
                                DB_OUT(DB_GET_TEXT(&text), DB_GET_INT(&integer), DB_GET_BOOL(&boolean)),
                                &people.err),
                         DB_FOUND);
        assert_true(text_equal(text, texts[i]));
        assert_int_equal(integer, integers[i]);
        assert_int_equal(boolean, i % 2);
    }
    db_end(&db);
}

static void null_gives_null_zero_false(void **state)
{
    (void)state;
    struct db db = people_session(DB_READ);
    const char *text = "?";
    int64_t integer = 7;
    bool boolean = true;
    assert_int_equal(db_row(&db, &echo, DB_IN(DB_TEXT(NULL), DB_TEXT(NULL), DB_TEXT(NULL)),
                            DB_OUT(DB_GET_TEXT(&text), DB_GET_INT(&integer), DB_GET_BOOL(&boolean)), &people.err),
                     DB_FOUND);
    assert_null(text);
    assert_int_equal(integer, 0);
    assert_false(boolean);
    assert_int_equal(db_row(&db, &nothing_found, DB_NOTHING, DB_OUT(DB_GET_TEXT(&text)), &people.err), DB_NONE);
    assert_null(people.err.problem);
    db_end(&db);
}

static void text_is_handed_on_with_its_length(void **state)
{
    (void)state;
    struct db db = people_session(DB_READ);
    const char *text = NULL;
    size_t length = 0;
    char *long_text = arena_alloc(people.arena, 100001);
    memset(long_text, 'x', 100000);
    assert_fine(db_text(&db, &echo_text, DB_IN(DB_TEXT(long_text)), &text, &length, &people.err));
    assert_int_equal(length, 100000);
    assert_string_equal(text, long_text);
    assert_fine(db_text(&db, &nothing_found, DB_NOTHING, &text, &length, &people.err));
    assert_null(text);
    assert_int_equal(length, 0);
    assert_fine(db_text(&db, &echo_text, DB_IN(DB_TEXT(NULL)), &text, NULL, &people.err));
    assert_null(text);
    db_end(&db);
}

static void rows_are_walked(void **state)
{
    (void)state;
    struct db db = people_session(DB_READ);
    struct db_rows rows;
    assert_fine(db_rows(&db, &numbers, DB_IN(DB_INT(1000)), &rows, &people.err));
    db_end(&db); // they live as long as the arena
    assert_int_equal(rows.count, 1000);
    assert_int_equal(db_rows_int(&rows, 999, 0), 1000);
    assert_string_equal(db_rows_text(&rows, 999, 1), "n1000");
}

static void arrays_are_quoted(void **state)
{
    (void)state;
    static const char *const items[] = {"plain", "a,b",  "{}", "\"quoted\"", "back\\slash",
                                        "",      "NULL", NULL, " é "};
    static const char *const expected[] = {"plain", "a,b",  "{}",     "\"quoted\"", "back\\slash",
                                           "",      "NULL", "(null)", " é "};
    struct db db = people_session(DB_READ);
    struct db_rows rows;
    assert_fine(
        db_rows(&db, &array_items, DB_IN(DB_TEXT(db_array(people.arena, items, COUNT_OF(items)))), &rows, &people.err));
    assert_int_equal(rows.count, COUNT_OF(items));
    for (int i = 0; i < rows.count; i++) assert_string_equal(db_rows_text(&rows, i, 0), expected[i]);
    assert_fine(db_rows(&db, &array_items, DB_IN(DB_TEXT(db_array(people.arena, NULL, 0))), &rows, &people.err));
    assert_int_equal(rows.count, 0);
    db_end(&db);
}

static void session_is_utc_and_utf8(void **state)
{
    (void)state;
    struct db db = people_session(DB_READ);
    const char *text = NULL;
    assert_fine(db_text(&db, &settings_read, DB_NOTHING, &text, NULL, &people.err));
    assert_string_equal(text, "UTC UTF8");
    db_end(&db);
}

// The server notices within seconds that our machine is gone, and gives our locks to others.
static void server_looks_after_us_as_we_after_it(void **state)
{
    (void)state;
    struct db db = people_session(DB_READ);
    const char *text = NULL;
    assert_fine(db_text(&db, &keepalives_read, DB_NOTHING, &text, NULL, &people.err));
    assert_string_equal(text, "10 3 2");
    db_end(&db);
}

// --- Problems ------------------------------------------------------------------------------------
static void constraints_become_problems(void **state)
{
    (void)state;
    clear_people();
    struct db db = people_session(DB_READ);
    assert_fine(add_person(&db, "jane", "jane@example.org", 30));

    assert_false(add_person(&db, "joan", "jane@example.org", 30));
    assert_problem(&email_taken);
    assert_string_equal(people.err.detail, "Sign in instead.");
    assert_string_equal(people.err.violations->pointer, "/email");
    assert_null(strstr(people.err.cause, "jane@"));

    people_forget_error();
    assert_false(add_person(&db, "joan", NULL, -1));
    assert_problem(&problem_invalid_fields);
    assert_string_equal(people.err.violations->pointer, "/age");

    people_forget_error();
    assert_false(add_person(&db, "jane", NULL, 1));
    assert_problem(&problem_conflict);
    assert_false(db_exec(&db, &pet_insert, DB_IN(DB_TEXT("nobody")), NULL, &people.err));
    assert_problem(&problem_conflict);
    assert_false(db_exec(&db, &person_insert, DB_IN(DB_TEXT("x"), DB_TEXT(NULL), DB_TEXT(NULL)), NULL, &people.err));
    assert_problem(&problem_invalid_fields);
    db_end(&db);
}

static void states_become_problems(void **state)
{
    (void)state;
    const struct {
        const struct sql *sql;
        struct db_value value;
        const struct problem *problem;
    } cases[] = {
        {&parse_number, DB_TEXT("hush-hush"), &problem_invalid_fields},
        {&parse_number, DB_TEXT("99999999999999999999"), &problem_invalid_fields},
        {&parse_json, DB_TEXT("hush-hush"), &problem_invalid_fields},
        {&parse_json, DB_TEXT("[\"hush-hush\\u0000\"]"), &problem_malformed},
        {&echo_text, DB_TEXT("\xff\xfehush-hush"), &problem_malformed},
        {&divide, DB_INT(0), &problem_invalid_fields},
        {&sleep_ms, DB_INT(5000), &problem_timeout},
        {&raise, DB_TEXT(NULL), &problem_internal},
    };
    struct db db = people_session(DB_READ);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        people_forget_error();
        struct db_values in = {&cases[i].value, cases[i].sql->parameters};
        assert_false(db_exec(&db, cases[i].sql, in, NULL, &people.err));
        assert_problem(cases[i].problem);
        assert_non_null(strstr(people.err.cause, cases[i].sql->name));
        assert_null(strstr(people.err.cause, "hush"));
        assert_null(strstr(people.err.detail, "hush"));
        assert_false(people.err.retry);
    }
    assert_fine(db_exec(&db, &people_count, DB_NOTHING, NULL, &people.err));
    db_end(&db);
}

static void read_only_server_is_unavailable(void **state)
{
    (void)state;
    struct db db = people_session(DB_WRITE);
    assert_fine(db_script(&db, "SET LOCAL transaction_read_only = on", &people.err));
    assert_false(add_person(&db, "x", NULL, 1));
    assert_problem(&problem_unavailable);
    assert_in_range(people.err.retry_after_s, 1, 5);
    db_end(&db);
}

static void wrong_calls_are_refused(void **state)
{
    (void)state;
    struct db db = people_session(DB_READ);
    int64_t integer = 0;
    bool boolean = false;
    assert_false(db_exec(&db, &echo_text, DB_NOTHING, NULL, &people.err));
    assert_problem(&problem_internal);
    assert_int_equal(db_row(&db, &echo_text, DB_IN(DB_TEXT("x")), DB_OUT(DB_GET_INT(&integer)), &people.err),
                     DB_FAILED);
    assert_int_equal(db_row(&db, &echo_text, DB_IN(DB_TEXT("x")), DB_OUT(DB_GET_BOOL(&boolean)), &people.err),
                     DB_FAILED);
    assert_int_equal(
        db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&integer), DB_GET_INT(&integer)), &people.err),
        DB_FAILED);
    db_end(&db);
}

static void failed_arena_runs_nothing(void **state)
{
    (void)state;
    clear_people();
    struct arena *small = arena_new(4096);
    struct db db;
    db_begin(&db, people.pool, DB_WRITE, small);
    assert_fine(add_person(&db, "x", NULL, 1));
    assert_null(arena_alloc(small, 1 << 20));
    assert_false(add_person(&db, "y", NULL, 1));
    assert_problem(&problem_unavailable);
    assert_false(db_commit(&db, &people.err)); // half of the work must not stay
    db_end(&db);
    arena_free(small);
    assert_int_equal(count_people(), 0);
}

// --- Scripts and notifications -------------------------------------------------------------------
static void script_is_all_or_nothing(void **state)
{
    (void)state;
    clear_people();
    struct db db = people_session(DB_WRITE);
    assert_false(db_script(&db, "INSERT INTO people VALUES ('a', NULL, 1); SELECT 1/0; SELECT 1", &people.err));
    db_end(&db);
    assert_int_equal(count_people(), 0);
    db = people_session(DB_WRITE);
    assert_fine(db_script(
        &db, "INSERT INTO people VALUES ('a', NULL, 1); INSERT INTO people VALUES ('b', NULL, 1)", &people.err));
    assert_fine(add_person(&db, "c", NULL, 1));
    assert_fine(db_commit(&db, &people.err));
    db_end(&db);
    assert_int_equal(count_people(), 3);
    db = people_session(DB_READ);
    assert_false(db_script(&db, "COPY people FROM STDIN", &people.err)); // would wait for ever
    db_end(&db);
    assert_int_equal(count_people(), 3);
}

static void notification_wakes(void **state)
{
    (void)state;
    struct db listener = people_session(DB_READ), teller = people_session(DB_READ);
    bool notified = true;
    assert_fine(db_listen(&listener, "news today", &people.err));
    assert_fine(db_wait_notification(&listener, 20, &notified, &people.err));
    assert_false(notified);
    assert_fine(db_exec(&teller, &notify, DB_NOTHING, NULL, &people.err));
    assert_fine(db_wait_notification(&listener, 3000, &notified, &people.err));
    assert_true(notified);
    assert_fine(db_exec(&listener, &people_count, DB_NOTHING, NULL, &people.err));
    db_end(&listener);
    db_end(&teller);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, people_open, people_close)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_go_both_ways),
        TEST(null_gives_null_zero_false),
        TEST(text_is_handed_on_with_its_length),
        TEST(rows_are_walked),
        TEST(arrays_are_quoted),
        TEST(session_is_utc_and_utf8),
        TEST(server_looks_after_us_as_we_after_it),
        TEST(constraints_become_problems),
        TEST(states_become_problems),
        TEST(read_only_server_is_unavailable),
        TEST(wrong_calls_are_refused),
        TEST(failed_arena_runs_nothing),
        TEST(script_is_all_or_nothing),
        TEST(notification_wakes),
    };
    return cmocka_run_group_tests(tests, make_database, people_drop);
}
