// SPDX-License-Identifier: MIT
// Transactions on a real database: what they keep, what they roll back, and when they are run again.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "people.h"

STATEMENT(counter_add, 1, "UPDATE counters SET n = n + 1 WHERE id = $1");
STATEMENT(counter_read, 1, "SELECT n FROM counters WHERE id = $1");
STATEMENT(counter_lock_now, 1, "SELECT n FROM counters WHERE id = $1 FOR UPDATE NOWAIT");
STATEMENT(trace_read, 0, "SELECT current_setting('dc.traceparent', true)");
STATEMENT(isolation, 0, "SHOW transaction_isolation");
STATEMENT(raise, 0, "SELECT give_up()");
static const struct sql *const statements[] = {&counter_add, &counter_read, &counter_lock_now,
                                               &trace_read,  &isolation,    &raise,            NULL};

static int make_database(void **state)
{
    (void)state;
    return people_create("CREATE TABLE counters (id integer PRIMARY KEY, n bigint NOT NULL DEFAULT 0);"
                         "INSERT INTO counters SELECT generate_series(1, 4);"
                         "CREATE FUNCTION give_up() RETURNS void LANGUAGE plpgsql AS "
                         "    $$ BEGIN RAISE EXCEPTION 'gave up'; END $$",
                         statements);
}

// --- What stays ----------------------------------------------------------------------------------
static void commit_keeps_and_end_rolls_back(void **state)
{
    (void)state;
    clear_people();
    struct db db = people_session(DB_WRITE);
    assert_fine(add_person(&db, "kept", NULL, 1));
    assert_fine(add_person(&db, "kept too", NULL, 1));
    assert_int_equal(count_people(), 0);
    assert_fine(db_commit(&db, &people.err));
    db_end(&db);
    assert_int_equal(count_people(), 2);

    db = people_session(DB_WRITE);
    assert_fine(add_person(&db, "dropped", NULL, 1));
    db_end(&db);
    assert_int_equal(count_people(), 2);

    db = people_session(DB_WRITE); // nothing was asked of it: no connection, nothing to commit
    assert_fine(db_commit(&db, &people.err));
    assert_null(db.connection);
    db_end(&db);
}

static void failed_transaction_takes_nothing_more(void **state)
{
    (void)state;
    clear_people();
    struct db db = people_session(DB_WRITE);
    int64_t count = 0;
    assert_fine(add_person(&db, "first", NULL, 1));
    assert_false(add_person(&db, "first", NULL, 1));
    assert_problem(&problem_conflict);
    people_forget_error();
    assert_int_equal(db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&count)), &people.err), DB_FAILED);
    assert_problem(&problem_internal);
    assert_false(db_commit(&db, &people.err));
    db_end(&db);
    people_forget_error();
    assert_int_equal(count_people(), 0);

    db = people_session(DB_READ); // each statement on its own: one that fails does not spoil the next
    assert_false(db_exec(&db, &raise, DB_NOTHING, NULL, &people.err));
    assert_fine(db_exec(&db, &people_count, DB_NOTHING, NULL, &people.err));
    db_end(&db);
}

static void trace_and_isolation_reach_the_transaction(void **state)
{
    (void)state;
    const char *text = NULL;
    struct db db = people_session(DB_WRITE);
    db.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_fine(db_text(&db, &trace_read, DB_NOTHING, &text, NULL, &people.err));
    assert_string_equal(text, db.traceparent);
    assert_fine(db_commit(&db, &people.err));
    db_end(&db);

    for (int i = 0; i < PEOPLE_CONNECTIONS; i++) { // it ended with its transaction
        db = people_session(DB_WRITE);
        assert_fine(db_text(&db, &trace_read, DB_NOTHING, &text, NULL, &people.err));
        assert_true(text == NULL || *text == '\0');
        assert_fine(db_text(&db, &isolation, DB_NOTHING, &text, NULL, &people.err));
        assert_string_equal(text, "read committed");
        db_end(&db);
    }
    db = people_session(DB_REPEATABLE);
    assert_fine(db_text(&db, &isolation, DB_NOTHING, &text, NULL, &people.err));
    assert_string_equal(text, "repeatable read");
    db_end(&db);
}

static void trace_changes_with_the_work_inside_a_transaction(void **state)
{
    (void)state;
    static const char *const traces[] = {NULL, "00-1", "00-1", "00-2", NULL, "00-3"};
    const char *text = NULL;
    struct db db = people_session(DB_WRITE);
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        db.traceparent = traces[i];
        assert_fine(db_text(&db, &trace_read, DB_NOTHING, &text, NULL, &people.err));
        assert_string_equal(text ? text : "", traces[i] ? traces[i] : "");
    }
    db_end(&db);
}

// --- What is run again ---------------------------------------------------------------------------
struct attempts {
    int count, fail_until;
    bool commit;
};

static bool collide(struct db *db, void *argument, struct error *ret)
{
    struct attempts *attempts = argument;
    attempts->count++;
    if (!db_exec(db, &person_insert, DB_IN(DB_TEXT("t"), DB_TEXT(NULL), DB_INT(1)), NULL, ret)) return false;
    if (attempts->commit) {
        ret->commit = true;
        return error_set(ret, &problem_forbidden, NULL);
    }
    if (attempts->count > attempts->fail_until) return true;
    ret->retry = true;
    return error_set(ret, &problem_unavailable, NULL);
}

static void transaction_is_run_again(void **state)
{
    (void)state;
    clear_people();
    struct attempts attempts = {.fail_until = 3};
    assert_fine(db_transaction(people.pool, DB_WRITE, people.arena, collide, &attempts, &people.err));
    assert_int_equal(attempts.count, 4);
    assert_int_equal(count_people(), 1);

    clear_people();
    attempts = (struct attempts){.fail_until = 100};
    assert_false(db_transaction(people.pool, DB_WRITE, people.arena, collide, &attempts, &people.err));
    assert_int_equal(attempts.count, 5);
    assert_int_equal(count_people(), 0);

    people_forget_error();
    attempts = (struct attempts){.commit = true}; // the answer is an error, the effect stays
    assert_false(db_transaction(people.pool, DB_WRITE, people.arena, collide, &attempts, &people.err));
    assert_problem(&problem_forbidden);
    assert_int_equal(count_people(), 1);
}

static bool read_then_add(struct db *db, void *argument, struct error *ret)
{
    struct attempts *attempts = argument;
    if (attempts->count++ == 0) { // somebody else is quicker, once
        if (!db_exec(db, &counter_read, DB_IN(DB_INT(1)), NULL, ret)) return false;
        test_database_run(&people.database, "UPDATE counters SET n = n + 1 WHERE id = 1");
    }
    return db_exec(db, &counter_add, DB_IN(DB_INT(1)), NULL, ret);
}

static void serialization_failure_is_run_again(void **state)
{
    (void)state;
    struct attempts attempts = {0};
    assert_fine(db_transaction(people.pool, DB_REPEATABLE, people.arena, read_then_add, &attempts, &people.err));
    assert_int_equal(attempts.count, 2);
    assert_string_equal(test_database_run(&people.database, "SELECT n FROM counters WHERE id = 1"), "2");
}

static void lock_in_use_means_again(void **state)
{
    (void)state;
    struct db holder = people_session(DB_WRITE), other = people_session(DB_WRITE);
    assert_fine(db_exec(&holder, &counter_add, DB_IN(DB_INT(2)), NULL, &people.err));
    assert_false(db_exec(&other, &counter_lock_now, DB_IN(DB_INT(2)), NULL, &people.err));
    assert_problem(&problem_unavailable);
    assert_true(people.err.retry);
    db_end(&other);
    other = people_session(DB_WRITE); // lock_timeout comes before statement_timeout
    people_forget_error();
    assert_false(db_exec(&other, &counter_add, DB_IN(DB_INT(2)), NULL, &people.err));
    assert_true(people.err.retry);
    db_end(&other);
    db_end(&holder);
}

// Whoever began it is frozen, say.
static void transaction_that_hangs_does_not_keep_its_locks(void **state)
{
    (void)state;
    bool added = false;
    struct db hung = people_session(DB_WRITE);
    assert_fine(db_exec(&hung, &counter_add, DB_IN(DB_INT(2)), NULL, &people.err));
    for (int64_t until_ms = clock_monotonic_ms() + 30000; !added && clock_monotonic_ms() < until_ms;) {
        struct db other = people_session(DB_WRITE);
        people_forget_error();
        added = db_exec(&other, &counter_add, DB_IN(DB_INT(2)), NULL, &people.err) && db_commit(&other, &people.err);
        db_end(&other);
    }
    assert_true(added);
    assert_false(db_commit(&hung, &people.err));
    assert_problem(&problem_unavailable);
    db_end(&hung);
}

// --- Threads -------------------------------------------------------------------------------------
#define ADDERS 8
#define ADDITIONS 50
static bool add_one(struct db *db, void *argument, struct error *ret)
{
    (void)argument;
    return db_exec(db, &counter_add, DB_IN(DB_INT(3)), NULL, ret);
}

static void *add_many(void *argument)
{
    int64_t *added = argument;
    struct arena *own = arena_new(1 << 20);
    for (int i = 0; i < ADDITIONS; i++) {
        struct error failure = {.arena = own};
        *added += db_transaction(people.pool, DB_WRITE, own, add_one, NULL, &failure);
        arena_reset(own);
    }
    arena_free(own);
    return NULL;
}

static void threads_share_the_pool(void **state)
{
    (void)state;
    pthread_t threads[ADDERS];
    int64_t added[ADDERS] = {0};
    int64_t total = 0;
    for (int i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &added[i]), 0);
    for (int i = 0; i < ADDERS; i++) {
        pthread_join(threads[i], NULL);
        total += added[i];
    }
    assert_int_equal(total, ADDERS * ADDITIONS);
    assert_string_equal(test_database_run(&people.database, "SELECT n FROM counters WHERE id = 3"), "400");
    struct db_pool_stats stats;
    db_pool_stats(people.pool, &stats);
    assert_int_equal(stats.idle, PEOPLE_CONNECTIONS);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.acquired_total, total);
}

struct waiting {
    _Atomic int turns, own_turn;
};

static void *wait_in_turn(void *argument)
{
    struct waiting *waiting = argument;
    struct arena *own = arena_new(1 << 20);
    struct error failure = {.arena = own};
    struct db db;
    db_begin(&db, people.pool, DB_WRITE, own);
    if (db_exec(&db, &counter_add, DB_IN(DB_INT(3)), NULL, &failure)) waiting->own_turn = ++waiting->turns;
    db_end(&db);
    arena_free(own);
    return NULL;
}

// Whoever gives a connection back and wants one again at once stands behind those who wait.
static void first_to_wait_is_first_served(void **state)
{
    (void)state;
    struct waiting waiting = {0};
    struct db_pool_stats stats = {0};
    struct db holders[PEOPLE_CONNECTIONS];
    pthread_t thread;
    for (int i = 0; i < PEOPLE_CONNECTIONS; i++) {
        holders[i] = people_session(DB_WRITE);
        assert_fine(db_exec(&holders[i], &people_count, DB_NOTHING, NULL, &people.err));
    }
    assert_int_equal(pthread_create(&thread, NULL, wait_in_turn, &waiting), 0);
    while (stats.waiting == 0) db_pool_stats(people.pool, &stats);
    db_end(&holders[0]);
    assert_fine(db_exec(&holders[0], &people_count, DB_NOTHING, NULL, &people.err));
    const int turn = ++waiting.turns;
    pthread_join(thread, NULL);
    assert_int_equal(waiting.own_turn, 1);
    assert_int_equal(turn, 2);
    for (int i = 0; i < PEOPLE_CONNECTIONS; i++) db_end(&holders[i]);
}

struct crossing {
    pthread_barrier_t *meeting;
    int64_t first, second;
    int attempts;
    bool done;
};

static bool lock_two(struct db *db, void *argument, struct error *ret)
{
    struct crossing *crossing = argument;
    if (!db_exec(db, &counter_add, DB_IN(DB_INT(crossing->first)), NULL, ret)) return false;
    if (crossing->attempts++ == 0) pthread_barrier_wait(crossing->meeting);
    return db_exec(db, &counter_add, DB_IN(DB_INT(crossing->second)), NULL, ret);
}

static void *cross(void *argument)
{
    struct crossing *crossing = argument;
    struct arena *own = arena_new(1 << 20);
    struct error failure = {.arena = own};
    crossing->done = db_transaction(people.pool, DB_WRITE, own, lock_two, crossing, &failure);
    arena_free(own);
    return NULL;
}

static void deadlock_is_run_again(void **state)
{
    (void)state;
    pthread_barrier_t meeting;
    pthread_barrier_init(&meeting, NULL, 2);
    struct crossing crossings[2] = {{&meeting, 1, 4, 0, false}, {&meeting, 4, 1, 0, false}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, cross, &crossings[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&meeting);
    assert_true(crossings[0].done && crossings[1].done);
    assert_true(crossings[0].attempts + crossings[1].attempts > 2);
    assert_string_equal(test_database_run(&people.database, "SELECT n FROM counters WHERE id = 4"), "2");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, people_open, people_close)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commit_keeps_and_end_rolls_back),
        TEST(failed_transaction_takes_nothing_more),
        TEST(trace_and_isolation_reach_the_transaction),
        TEST(trace_changes_with_the_work_inside_a_transaction),
        TEST(transaction_is_run_again),
        TEST(serialization_failure_is_run_again),
        TEST(lock_in_use_means_again),
        TEST(transaction_that_hangs_does_not_keep_its_locks),
        TEST(threads_share_the_pool),
        TEST(first_to_wait_is_first_served),
        TEST(deadlock_is_run_again),
    };
    return cmocka_run_group_tests(tests, make_database, people_drop);
}
