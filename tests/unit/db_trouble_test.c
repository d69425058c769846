// SPDX-License-Identifier: MIT
// A pool in trouble: too few connections, lost ones, a server that is away, silent or changed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "db_pool.h"
#include "eventually.h"
#include "people.h"

STATEMENT(sleep_ms, 1, "SELECT pg_sleep($1::float / 1000)");
STATEMENT(die_once, 0, "SELECT die_once()");
STATEMENT(die_once_inserting, 0, "INSERT INTO people (name, age) SELECT die_once(), 1");
static const struct sql *const statements[] = {&sleep_ms, &die_once, &die_once_inserting, NULL};

static const struct sql wrong = {"wrong_statement", "SELECT nonsense FROM people", 0};
static const struct sql *const wrong_list[] = {&wrong, NULL};

static int make_database(void **state)
{
    (void)state;
    return people_create("CREATE SEQUENCE deaths;" // counts even what is rolled back
                         "CREATE FUNCTION die_once() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
                         "    IF nextval('deaths') = 1 THEN"
                         "        PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(1);"
                         "    END IF;"
                         "    RETURN 'alive'; END $$",
                         statements);
}

static void pool_opens_only_when_all_is_well(void **state)
{
    (void)state;
    static const struct sql *const *const wrong_lists[] = {statements, wrong_list, NULL};
    struct db_pool_config settings = people_pool_config();
    settings.statements = wrong_lists;
    assert_null(db_pool_open(&settings, &people.err));
    assert_problem(&problem_internal);
    assert_non_null(strstr(people.err.cause, "wrong_statement"));
    settings = people_pool_config();
    settings.url = "postgresql://nobody:hush-hush@127.0.0.1:1/nothing";
    assert_null(db_pool_open(&settings, &people.err));
    assert_problem(&problem_unavailable);
    assert_null(strstr(people.err.cause, "hush"));
}

static const char *const end_all = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
                                   "WHERE application_name = 'people' AND datname = current_database()";

static bool count_in(struct db_pool *pool, const struct sql *sql)
{
    struct db db;
    people_forget_error();
    db_begin(&db, pool, DB_WRITE, people.arena);
    const bool fine = db_exec(&db, sql, DB_NOTHING, NULL, &people.err) && db_exec(&db, sql, DB_NOTHING, NULL, &people.err) && db_commit(&db, &people.err);
    db_end(&db);
    return fine;
}

static void what_is_prepared_late_fails_when_it_is_run(void **state)
{
    (void)state;
    static const struct sql *const late[] = {&people_count, NULL};
    static const struct sql *const *const lists[] = {wrong_list, late, NULL};
    struct db_pool_config settings = people_pool_config();
    settings.statements = lists;
    settings.prepares_late = true;
    settings.connections = 1;
    struct db_pool *pool = db_pool_open(&settings, &people.err);
    assert_fine(pool != NULL);
    for (int round = 0; round < 2; round++) {
        assert_fine(count_in(pool, &people_count));
        assert_false(count_in(pool, &wrong));
        assert_problem(&problem_internal);
        assert_non_null(strstr(people.err.cause, "wrong_statement: 42703"));
        assert_fine(count_in(pool, &people_count));
        test_database_run(&people.database, end_all); // what takes the connection's place has nothing prepared
    }
    db_pool_close(pool);
}

static void wait_for_a_connection_is_bounded(void **state)
{
    (void)state;
    struct db holders[PEOPLE_CONNECTIONS];
    for (int i = 0; i < PEOPLE_CONNECTIONS; i++) {
        holders[i] = people_session(DB_WRITE);
        assert_fine(db_exec(&holders[i], &people_count, DB_NOTHING, NULL, &people.err));
    }
    struct db late = people_session(DB_READ);
    assert_false(db_exec(&late, &people_count, DB_NOTHING, NULL, &people.err)); // comes back although nobody gives one back
    assert_problem(&problem_unavailable);
    assert_in_range(people.err.retry_after_s, 1, 5);
    struct db_pool_stats stats;
    db_pool_stats(people.pool, &stats);
    assert_int_equal(stats.idle, 0);
    assert_int_equal(stats.timeouts_total, 1);
    db_end(&holders[0]);
    assert_fine(db_exec(&late, &people_count, DB_NOTHING, NULL, &people.err));
    db_end(&late);
    for (int i = 1; i < PEOPLE_CONNECTIONS; i++) db_end(&holders[i]);
}

static void *take_one(void *ret_connection)
{
    struct error err = {0};
    return db_pool_take(people.pool, clock_monotonic_ms() + EVENTUALLY_MS, ret_connection, &err) ? ret_connection : NULL;
}

static void a_newcomer_gets_nothing_that_was_handed_on(void **state)
{
    (void)state;
    struct db_connection *held[PEOPLE_CONNECTIONS], *hers = NULL;
    struct db_pool_stats stats;
    pthread_t thread;
    for (int i = 0; i < PEOPLE_CONNECTIONS; i++) assert_fine(db_pool_take(people.pool, 0, &held[i], &people.err));
    assert_int_equal(pthread_create(&thread, NULL, take_one, &hers), 0);
    eventually((db_pool_stats(people.pool, &stats), stats.waiting == 1));
    db_pool_give(people.pool, held[0]);
    assert_false(db_pool_take(people.pool, 0, &(struct db_connection *){NULL}, &people.err)); // she may not even have woken
    pthread_join(thread, NULL);
    assert_ptr_equal(hers, held[0]);
    db_pool_give(people.pool, hers);
    for (int i = 1; i < PEOPLE_CONNECTIONS; i++) db_pool_give(people.pool, held[i]);
}

static void lost_idle_connections_go_unnoticed(void **state)
{
    (void)state;
    clear_people();
    for (int round = 0; round < 3; round++) {
        assert_string_equal(test_database_run(&people.database, end_all), "4");
        struct db db = people_session(round % 2 ? DB_WRITE : DB_READ);
        assert_fine(add_person(&db, round == 0 ? "a" : round == 1 ? "b" : "c", NULL, 1));
        assert_fine(db_commit(&db, &people.err));
        db_end(&db);
        struct db_pool_stats stats = {0};
        for (int i = 0; i < 200 && stats.idle < PEOPLE_CONNECTIONS; i++) {
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
            (void)count_people(); // each visit finds another dead one
            struct db all[PEOPLE_CONNECTIONS];
            for (int j = 0; j < PEOPLE_CONNECTIONS; j++) {
                all[j] = people_session(DB_READ);
                assert_fine(db_exec(&all[j], &people_count, DB_NOTHING, NULL, &people.err));
            }
            for (int j = 0; j < PEOPLE_CONNECTIONS; j++) db_end(&all[j]);
            db_pool_stats(people.pool, &stats);
        }
        assert_int_equal(stats.idle, PEOPLE_CONNECTIONS);
        assert_int_equal(stats.reconnects_total, PEOPLE_CONNECTIONS * (round + 1));
    }
    assert_int_equal(count_people(), 3);
}

// What is given back may have died in use: whoever has waited longest gets the one that takes its place.
static void a_dead_connection_costs_nobody_her_place_in_line(void **state)
{
    (void)state;
    struct db_connection *held[PEOPLE_CONNECTIONS], *first = NULL, *second = NULL;
    struct db_connection **const hers[] = {&first, &second};
    struct db_pool_stats stats, before;
    pthread_t threads[COUNT_OF(hers)];
    for (int i = 0; i < PEOPLE_CONNECTIONS; i++) assert_fine(db_pool_take(people.pool, clock_monotonic_ms() + EVENTUALLY_MS, &held[i], &people.err));
    for (size_t i = 0; i < COUNT_OF(hers); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_one, hers[i]), 0);
        eventually((db_pool_stats(people.pool, &stats), stats.waiting == (int)i + 1));
    }
    test_database_run(&people.database, end_all);
    db_pool_stats(people.pool, &before);
    db_pool_give(people.pool, held[0]);
    eventually((db_pool_stats(people.pool, &stats), stats.reconnects_total == before.reconnects_total + 1));
    db_pool_give(people.pool, held[1]);
    for (size_t i = 0; i < COUNT_OF(hers); i++) pthread_join(threads[i], NULL);
    assert_ptr_equal(first, held[0]);
    assert_ptr_equal(second, held[1]);
    for (int i = 0; i < PEOPLE_CONNECTIONS; i++) db_pool_give(people.pool, held[i]);
}

static bool survives(enum db_mode mode, bool first, const struct sql *sql)
{
    test_database_run(&people.database, "ALTER SEQUENCE deaths RESTART");
    struct db db = people_session(mode);
    people_forget_error();
    if (!first) assert_fine(db_exec(&db, &people_count, DB_NOTHING, NULL, &people.err));
    bool fine = db_exec(&db, sql, DB_NOTHING, NULL, &people.err) && db_commit(&db, &people.err);
    if (!fine) assert_problem(&problem_unavailable);
    db_end(&db);
    return fine;
}

static void loss_at_the_first_statement_is_mended(void **state)
{
    (void)state;
    clear_people();
    assert_true(survives(DB_READ, true, &die_once));
    assert_true(survives(DB_WRITE, true, &die_once));
    assert_true(survives(DB_WRITE, true, &die_once_inserting));
    assert_int_equal(count_people(), 1);
    assert_false(survives(DB_READ, false, &die_once));
    assert_false(survives(DB_WRITE, false, &die_once));
    // Outside of a transaction it may have taken effect before the connection went.
    assert_false(survives(DB_READ, true, &die_once_inserting));
    assert_int_equal(count_people(), 1);
}

static void loss_inside_a_transaction_is_told(void **state)
{
    (void)state;
    clear_people();
    struct db db = people_session(DB_WRITE);
    assert_fine(add_person(&db, "lost", NULL, 1));
    test_database_run(&people.database, end_all);
    assert_false(add_person(&db, "lost too", NULL, 1));
    assert_problem(&problem_unavailable);
    assert_in_range(people.err.retry_after_s, 1, 5);
    assert_false(db_commit(&db, &people.err));
    db_end(&db);
    assert_int_equal(count_people(), 0);
}

static bool add_person_again(struct db *db, void *argument, struct error *ret)
{
    (void)argument;
    return db_exec(db, &person_insert, DB_IN(DB_TEXT("x"), DB_TEXT(NULL), DB_INT(1)), NULL, ret);
}

static void server_away_and_back(void **state)
{
    (void)state;
    const int64_t never_ms = clock_monotonic_ms() + (int64_t)24 * 3600 * 1000;
    clear_people();
    test_database_allow(&people.database, 0);
    for (int i = 0; i < 3; i++) {
        people_forget_error();
        assert_false(db_transaction(people.pool, DB_WRITE, people.arena, add_person_again, NULL, &people.err));
        assert_problem(&problem_unavailable);
        assert_in_range(people.err.retry_after_s, 1, 5);
        // Known to be down: no thread is held up until its time is over.
        assert_false(db_pool_take(people.pool, never_ms, &(struct db_connection *){NULL}, &people.err));
    }
    test_database_allow(&people.database, 1);
    bool back = false;
    for (int i = 0; i < 100 && !back; i++) {
        people_forget_error();
        back = db_transaction(people.pool, DB_WRITE, people.arena, add_person_again, NULL, &people.err);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    assert_true(back);
    assert_int_equal(count_people(), 1);
}

static void silent_server_is_given_up(void **state)
{
    (void)state;
    struct db db = people_session(DB_WRITE);
    assert_fine(db_script(&db, "SET LOCAL statement_timeout = 0", &people.err));
    assert_false(db_exec(&db, &sleep_ms, DB_IN(DB_INT(30000)), NULL, &people.err)); // who waits for it is told that it slept
    assert_problem(&problem_timeout);
    db_end(&db);
    db = people_session(DB_READ);
    assert_fine(db_exec(&db, &people_count, DB_NOTHING, NULL, &people.err));
    db_end(&db);
}

static void changed_table_heals(void **state)
{
    (void)state;
    struct db_pool_config settings = people_pool_config();
    static const struct sql all = {"all_places", "SELECT * FROM places", 0};
    static const struct sql *const list[] = {&all, NULL};
    static const struct sql *const *const only[] = {list, NULL};
    test_database_run(&people.database, "CREATE TABLE places (a integer)");
    settings.statements = only;
    settings.connections = 1;
    struct db_pool *own = db_pool_open(&settings, &people.err);
    assert_non_null(own);
    struct db db;
    db_begin(&db, own, DB_READ, people.arena);
    assert_fine(db_exec(&db, &all, DB_NOTHING, NULL, &people.err));
    db_end(&db);
    test_database_run(&people.database, "ALTER TABLE places ADD b integer");
    db_begin(&db, own, DB_READ, people.arena);
    assert_false(db_exec(&db, &all, DB_NOTHING, NULL, &people.err)); // cached plan must not change result type
    assert_true(people.err.retry);
    db_end(&db);
    db_begin(&db, own, DB_READ, people.arena);
    assert_fine(db_exec(&db, &all, DB_NOTHING, NULL, &people.err));
    db_end(&db);
    db_pool_close(own);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, people_open, people_close)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pool_opens_only_when_all_is_well),
        TEST(what_is_prepared_late_fails_when_it_is_run),
        TEST(wait_for_a_connection_is_bounded),
        TEST(a_newcomer_gets_nothing_that_was_handed_on),
        TEST(a_dead_connection_costs_nobody_her_place_in_line),
        TEST(lost_idle_connections_go_unnoticed),
        TEST(loss_at_the_first_statement_is_mended),
        TEST(loss_inside_a_transaction_is_told),
        TEST(server_away_and_back),
        TEST(silent_server_is_given_up),
        TEST(changed_table_heals),
    };
    return cmocka_run_group_tests(tests, make_database, people_drop);
}
