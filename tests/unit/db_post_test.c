// SPDX-License-Identifier: MIT
// Statements that nobody waits for: they go along with the next one that somebody does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "people.h"

STATEMENT(trace_keep, 1, "INSERT INTO traces (work, trace) VALUES ($1, current_setting('dc.traceparent', true))");
STATEMENT(hang_up, 0, "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(1)");
static const struct sql *const statements[] = {&trace_keep, &hang_up, NULL};

static int make_database(void **state)
{
    (void)state;
    return people_create("CREATE TABLE traces (id bigint GENERATED ALWAYS AS IDENTITY, work text, trace text)", statements);
}

static int open_empty(void **state)
{
    const int status = people_open(state);
    if (status == 0) clear_people();
    return status;
}

static bool post_person(struct db *db, const char *name, int64_t age)
{
    return db_post(db, &person_insert, DB_IN(DB_TEXT(name), DB_TEXT(NULL), DB_INT(age)), &people.err);
}

static void what_is_posted_is_committed_in_order(void **state)
{
    (void)state;
    char name[24];
    struct db db = people_session(DB_WRITE);
    for (int i = 0; i < 200; i++) { // more than go in one round trip; each value is another text in the same place
        snprintf(name, sizeof name, "posted %d", i);
        assert_fine(post_person(&db, name, i + 1));
    }
    assert_int_equal(count_people(), 0);
    assert_fine(db_commit(&db, &people.err));
    db_end(&db);
    assert_string_equal(test_database_run(&people.database, "SELECT count(*) || ' ' || count(*) FILTER (WHERE name = 'posted ' || age - 1) FROM people"), "200 200");
}

static void what_waits_sees_what_was_posted_before(void **state)
{
    (void)state;
    int64_t count = 0;
    struct db db = people_session(DB_WRITE);
    assert_fine(post_person(&db, "first", 1));
    assert_null(db.connection); // nothing was sent
    assert_int_equal(db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&count)), &people.err), DB_FOUND);
    assert_int_equal(count, 1);
    assert_fine(post_person(&db, "second", 1));
    assert_fine(db_flush(&db, &people.err));
    assert_fine(db_flush(&db, &people.err)); // nothing is left
    db_end(&db);
    assert_int_equal(count_people(), 0);
}

static void session_that_ends_sends_nothing(void **state)
{
    (void)state;
    struct db db = people_session(DB_WRITE);
    assert_fine(post_person(&db, "never", 1));
    db_end(&db);
    assert_fine(db_commit(&db, &people.err));
    assert_int_equal(count_people(), 0);
}

static void commit_tells_which_posted_statement_failed(void **state)
{
    (void)state;
    struct db db = people_session(DB_WRITE);
    assert_fine(post_person(&db, "fine", 1));
    assert_fine(post_person(&db, "too young", 0));
    assert_fine(post_person(&db, "fine, too", 1));
    assert_false(db_commit(&db, &people.err));
    assert_problem(&problem_invalid_fields);
    assert_non_null(strstr(people.err.cause, person_insert.name));
    assert_false(db_commit(&db, &people.err)); // only db_end is allowed
    db_end(&db);
    assert_int_equal(count_people(), 0);
}

static void failure_is_told_at_the_latest_where_no_more_fit(void **state)
{
    (void)state;
    struct db db = people_session(DB_WRITE);
    bool ok = true;
    int posted = 0;
    for (; ok && posted < 200; posted++) ok = post_person(&db, "the same", 1);
    assert_in_range(posted, 2, 199);
    assert_problem(&problem_conflict);
    db_end(&db);
    assert_int_equal(count_people(), 0);
}

static void each_goes_with_its_own_trace(void **state)
{
    (void)state;
    static const char *const traces[] = {"00-1", "00-1", "00-2", NULL, "00-3"};
    struct db db = people_session(DB_WRITE);
    for (size_t i = 0; i < COUNT_OF(traces); i++) {
        char trace[8] = "";
        if (traces[i]) snprintf(trace, sizeof trace, "%s", traces[i]);
        db.traceparent = traces[i] ? arena_strdup(people.arena, trace) : NULL;
        assert_fine(db_post(&db, &trace_keep, DB_IN(DB_TEXT("posted")), &people.err));
    }
    db.traceparent = "00-4";
    assert_fine(db_exec(&db, &trace_keep, DB_IN(DB_TEXT("waited for")), NULL, &people.err));
    assert_fine(db_commit(&db, &people.err));
    db_end(&db);
    assert_string_equal(test_database_run(&people.database, "SELECT string_agg(trace, ' ' ORDER BY id) FROM traces"), "00-1 00-1 00-2  00-3 00-4");
}

static void session_that_reads_runs_it_at_once(void **state)
{
    (void)state;
    struct db db = people_session(DB_READ);
    assert_fine(post_person(&db, "at once", 1));
    assert_int_equal(count_people(), 1);
    assert_false(post_person(&db, "at once", 1));
    assert_problem(&problem_conflict);
    db_end(&db);
}

// The idle connections died unseen: what was posted goes out on a new one, once.
static void connection_that_died_before_is_replaced(void **state)
{
    (void)state;
    test_database_run(&people.database, "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = 'people'");
    struct db db = people_session(DB_WRITE);
    assert_fine(post_person(&db, "once", 1));
    assert_fine(db_flush(&db, &people.err));
    assert_fine(db_commit(&db, &people.err));
    db_end(&db);
    assert_int_equal(count_people(), 1);
}

// Nobody knows whether the lost COMMIT came through: it is not sent again.
static void commit_that_is_lost_is_not_repeated(void **state)
{
    (void)state;
    struct db db = people_session(DB_WRITE);
    assert_fine(post_person(&db, "lost", 1));
    assert_fine(db_post(&db, &hang_up, DB_NOTHING, &people.err));
    assert_false(db_commit(&db, &people.err));
    assert_problem(&problem_unavailable);
    db_end(&db);
    assert_int_equal(count_people(), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_empty, people_close)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_posted_is_committed_in_order),
        TEST(what_waits_sees_what_was_posted_before),
        TEST(session_that_ends_sends_nothing),
        TEST(commit_tells_which_posted_statement_failed),
        TEST(failure_is_told_at_the_latest_where_no_more_fit),
        TEST(each_goes_with_its_own_trace),
        TEST(session_that_reads_runs_it_at_once),
        TEST(connection_that_died_before_is_replaced),
        TEST(commit_that_is_lost_is_not_repeated),
    };
    return cmocka_run_group_tests(tests, make_database, people_drop);
}
