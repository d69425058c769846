// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "clock.h"
#include "db.h"
#include "postgres.h"
#include "text.h"

#define CONNECTIONS 4
#define ACQUIRE_TIMEOUT_MS 600
#define STATEMENT_TIMEOUT_MS 800

// --- Statements of this test ---------------------------------------------------------------------
#define STATEMENT(name_, parameters_, text_) static const struct sql name_ = {#name_, text_, parameters_}
STATEMENT(echo, 3, "SELECT $1::text, $2::bigint, $3::boolean");
STATEMENT(echo_text, 1, "SELECT $1::text");
STATEMENT(numbers, 1, "SELECT n, 'n' || n FROM generate_series(1, $1::integer) AS n");
STATEMENT(array_items, 1, "SELECT coalesce(item, '(null)') FROM unnest($1::text[]) AS item");
STATEMENT(nothing_found, 0, "SELECT name FROM people WHERE false");
STATEMENT(person_insert, 3, "INSERT INTO people (name, email, age) VALUES ($1, $2, $3)");
STATEMENT(person_delete_all, 0, "DELETE FROM people");
STATEMENT(pet_insert, 1, "INSERT INTO pets (owner) VALUES ($1)");
STATEMENT(people_count, 0, "SELECT count(*) FROM people");
STATEMENT(counter_add, 1, "UPDATE counters SET n = n + 1 WHERE id = $1");
STATEMENT(counter_read, 1, "SELECT n FROM counters WHERE id = $1");
STATEMENT(counter_lock_now, 1, "SELECT n FROM counters WHERE id = $1 FOR UPDATE NOWAIT");
STATEMENT(trace_read, 0, "SELECT current_setting('dc.traceparent', true)");
STATEMENT(isolation, 0, "SHOW transaction_isolation");
STATEMENT(settings_read, 0,
          "SELECT current_setting('TimeZone') || ' ' || current_setting('client_encoding')");
STATEMENT(keepalives_read, 0,
          "SELECT concat_ws(' ', current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'), current_setting('tcp_keepalives_count'))");
STATEMENT(sleep_ms, 1, "SELECT pg_sleep($1::float / 1000)");
STATEMENT(parse_number, 1, "SELECT ($1::text)::bigint");
STATEMENT(parse_json, 1, "SELECT ($1::text)::jsonb ->> 0");
STATEMENT(divide, 1, "SELECT 1 / $1::integer");
STATEMENT(raise, 0, "SELECT give_up()");
STATEMENT(die_once, 0, "SELECT die_once()");
STATEMENT(die_once_inserting, 0, "INSERT INTO people (name, age) SELECT die_once(), 1");
STATEMENT(notify, 0, "NOTIFY \"news today\"");

static const struct sql *const statements[] = {
    &echo,          &echo_text,          &numbers,    &array_items,  &nothing_found,
    &person_insert, &person_delete_all,  &pet_insert, &people_count, &counter_add,
    &counter_read,  &counter_lock_now,   &trace_read, &isolation,    &settings_read,
    &sleep_ms,      &parse_number,       &parse_json, &divide,       &raise,
    &die_once,      &die_once_inserting, &notify,     &keepalives_read, NULL};
static const struct sql *const *const lists[] = {statements, NULL};

static const struct problem email_taken = {"email-taken", 409, "E-mail taken", "Sign in instead."};
static const struct constraint_problem constraints[] = {
    {"people_email_key", &email_taken, "/email"}, {"people_age_check", NULL, "/age"}, {0}};

static struct test_database database;
static struct db_pool *pool;
static struct arena *arena;
static struct error err;

static struct db_pool_config config(void)
{
    return (struct db_pool_config){.url = database.url,
                                   .application_name = "db_test",
                                   .connections = CONNECTIONS,
                                   .acquire_timeout_ms = ACQUIRE_TIMEOUT_MS,
                                   .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
                                   .connect_timeout_s = 5,
                                   .statements = lists,
                                   .constraints = constraints};
}

static int make_database(void **state)
{
    (void)state;
    if (test_database_create(&database)) return 1;
    test_database_run(
        &database,
        "CREATE TABLE people (name text PRIMARY KEY, email text CONSTRAINT people_email_key UNIQUE,"
        "    age integer NOT NULL CHECK (age > 0));"
        "CREATE TABLE pets (owner text REFERENCES people DEFERRABLE);"
        "CREATE TABLE counters (id integer PRIMARY KEY, n bigint NOT NULL DEFAULT 0);"
        "INSERT INTO counters SELECT generate_series(1, 4);"
        "CREATE FUNCTION give_up() RETURNS void LANGUAGE plpgsql AS "
        "    $$ BEGIN RAISE EXCEPTION 'gave up'; END $$;"
        "CREATE SEQUENCE deaths;" // counts even what is rolled back
        "CREATE FUNCTION die_once() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
        "    IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(1); END "
        "IF;"
        "    RETURN 'alive'; END $$");
    return 0;
}

static int drop_database(void **state)
{
    (void)state;
    return test_database_drop(&database);
}

static int start(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    err = (struct error){.arena = arena};
    struct db_pool_config settings = config();
    pool = db_pool_open(&settings, &err);
    if (!pool) print_error("%s %s\n", err.detail, err.cause);
    return pool ? 0 : 1;
}

static int stop(void **state)
{
    (void)state;
    arena_free(arena);
    db_pool_close(pool);
    return 0;
}

static void assert_problem(const struct problem *problem)
{
    assert_non_null(err.problem);
    if (err.problem != problem) fail_msg("%s instead of %s: %s", err.problem->slug, problem->slug, err.cause);
}

static void assert_fine(bool fine)
{
    if (!fine) fail_msg("%s: %s", err.detail, err.cause);
}

static struct db session(enum db_mode mode)
{
    struct db db;
    db_begin(&db, pool, mode, arena);
    return db;
}

static int64_t count_people(void)
{
    struct db db = session(DB_READ);
    int64_t count = -1;
    assert_int_equal(db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&count)), &err), DB_FOUND);
    db_end(&db);
    return count;
}

static void clear_people(void)
{
    struct db db = session(DB_READ);
    assert_fine(db_exec(&db, &person_delete_all, DB_NOTHING, NULL, &err));
    db_end(&db);
}

static bool add_person(struct db *db, const char *name, const char *email, int64_t age)
{
    return db_exec(db, &person_insert, DB_IN(DB_TEXT(name), DB_TEXT(email), DB_INT(age)), NULL, &err);
}

// --- Values --------------------------------------------------------------------------------------
static void values_go_both_ways(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "plain", "O'Brien \"q\" \\ {}", "Wanjikũ 🏠", "a\nb\tc", NULL};
    static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 42};
    struct db db = session(DB_READ);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = "?";
        int64_t integer = 7;
        bool boolean = i % 2 == 0;
        assert_int_equal(db_row(&db, &echo, DB_IN(DB_TEXT(texts[i]), DB_INT(integers[i]), DB_BOOL(i % 2)),
                                DB_OUT(DB_GET_TEXT(&text), DB_GET_INT(&integer), DB_GET_BOOL(&boolean)),
                                &err),
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
    struct db db = session(DB_READ);
    const char *text = "?";
    int64_t integer = 7;
    bool boolean = true;
    assert_int_equal(db_row(&db, &echo, DB_IN(DB_TEXT(NULL), DB_TEXT(NULL), DB_TEXT(NULL)),
                            DB_OUT(DB_GET_TEXT(&text), DB_GET_INT(&integer), DB_GET_BOOL(&boolean)), &err),
                     DB_FOUND);
    assert_null(text);
    assert_int_equal(integer, 0);
    assert_false(boolean);
    assert_int_equal(db_row(&db, &nothing_found, DB_NOTHING, DB_OUT(DB_GET_TEXT(&text)), &err), DB_NONE);
    assert_null(err.problem);
    db_end(&db);
}

static void text_is_handed_on_with_its_length(void **state)
{
    (void)state;
    struct db db = session(DB_READ);
    const char *text = NULL;
    size_t length = 0;
    char *long_text = arena_alloc(arena, 100001);
    memset(long_text, 'x', 100000);
    assert_fine(db_text(&db, &echo_text, DB_IN(DB_TEXT(long_text)), &text, &length, &err));
    assert_int_equal(length, 100000);
    assert_string_equal(text, long_text);
    assert_fine(db_text(&db, &nothing_found, DB_NOTHING, &text, &length, &err));
    assert_null(text);
    assert_int_equal(length, 0);
    assert_fine(db_text(&db, &echo_text, DB_IN(DB_TEXT(NULL)), &text, NULL, &err));
    assert_null(text);
    db_end(&db);
}

static void rows_are_walked(void **state)
{
    (void)state;
    struct db db = session(DB_READ);
    struct db_rows rows;
    assert_fine(db_rows(&db, &numbers, DB_IN(DB_INT(1000)), &rows, &err));
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
    struct db db = session(DB_READ);
    struct db_rows rows;
    assert_fine(
        db_rows(&db, &array_items, DB_IN(DB_TEXT(db_array(arena, items, COUNT_OF(items)))), &rows, &err));
    assert_int_equal(rows.count, COUNT_OF(items));
    for (int i = 0; i < rows.count; i++) assert_string_equal(db_rows_text(&rows, i, 0), expected[i]);
    assert_fine(db_rows(&db, &array_items, DB_IN(DB_TEXT(db_array(arena, NULL, 0))), &rows, &err));
    assert_int_equal(rows.count, 0);
    db_end(&db);
}

static void session_is_utc_and_utf8(void **state)
{
    (void)state;
    struct db db = session(DB_READ);
    const char *text = NULL;
    assert_fine(db_text(&db, &settings_read, DB_NOTHING, &text, NULL, &err));
    assert_string_equal(text, "UTC UTF8");
    db_end(&db);
}

// The server notices within seconds that our machine is gone, and gives our locks to others.
static void server_looks_after_us_as_we_after_it(void **state)
{
    (void)state;
    struct db db = session(DB_READ);
    const char *text = NULL;
    assert_fine(db_text(&db, &keepalives_read, DB_NOTHING, &text, NULL, &err));
    assert_string_equal(text, "10 3 2");
    db_end(&db);
}

// --- Transactions --------------------------------------------------------------------------------
static void commit_keeps_and_end_rolls_back(void **state)
{
    (void)state;
    clear_people();
    struct db db = session(DB_WRITE);
    assert_fine(add_person(&db, "kept", NULL, 1));
    assert_fine(add_person(&db, "kept too", NULL, 1));
    assert_int_equal(count_people(), 0);
    assert_fine(db_commit(&db, &err));
    db_end(&db);
    assert_int_equal(count_people(), 2);

    db = session(DB_WRITE);
    assert_fine(add_person(&db, "dropped", NULL, 1));
    db_end(&db);
    assert_int_equal(count_people(), 2);

    db = session(DB_WRITE); // nothing was asked of it: no connection, nothing to commit
    assert_fine(db_commit(&db, &err));
    assert_null(db.connection);
    db_end(&db);
}

static void failed_transaction_takes_nothing_more(void **state)
{
    (void)state;
    clear_people();
    struct db db = session(DB_WRITE);
    int64_t count = 0;
    assert_fine(add_person(&db, "first", NULL, 1));
    assert_false(add_person(&db, "first", NULL, 1));
    assert_problem(&problem_conflict);
    err = (struct error){.arena = arena};
    assert_int_equal(db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&count)), &err), DB_FAILED);
    assert_problem(&problem_internal);
    assert_false(db_commit(&db, &err));
    db_end(&db);
    err = (struct error){.arena = arena};
    assert_int_equal(count_people(), 0);

    db = session(DB_READ); // each statement on its own: one that fails does not spoil the next
    assert_false(db_exec(&db, &raise, DB_NOTHING, NULL, &err));
    assert_fine(db_exec(&db, &people_count, DB_NOTHING, NULL, &err));
    db_end(&db);
}

static void trace_and_isolation_reach_the_transaction(void **state)
{
    (void)state;
    const char *text = NULL;
    struct db db = session(DB_WRITE);
    db.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_fine(db_text(&db, &trace_read, DB_NOTHING, &text, NULL, &err));
    assert_string_equal(text, db.traceparent);
    assert_fine(db_commit(&db, &err));
    db_end(&db);

    for (int i = 0; i < CONNECTIONS; i++) { // it ended with its transaction
        db = session(DB_WRITE);
        assert_fine(db_text(&db, &trace_read, DB_NOTHING, &text, NULL, &err));
        assert_true(text == NULL || *text == '\0');
        assert_fine(db_text(&db, &isolation, DB_NOTHING, &text, NULL, &err));
        assert_string_equal(text, "read committed");
        db_end(&db);
    }
    db = session(DB_REPEATABLE);
    assert_fine(db_text(&db, &isolation, DB_NOTHING, &text, NULL, &err));
    assert_string_equal(text, "repeatable read");
    db_end(&db);
}

static void trace_changes_with_the_work_inside_a_transaction(void **state)
{
    (void)state;
    static const char *const traces[] = {NULL, "00-1", "00-1", "00-2", NULL, "00-3"};
    const char *text = NULL;
    struct db db = session(DB_WRITE);
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        db.traceparent = traces[i];
        assert_fine(db_text(&db, &trace_read, DB_NOTHING, &text, NULL, &err));
        assert_string_equal(text ? text : "", traces[i] ? traces[i] : "");
    }
    assert_fine(db_savepoint(&db, &err));
    db.traceparent = "00-4";
    assert_fine(db_text(&db, &trace_read, DB_NOTHING, &text, NULL, &err));
    assert_fine(db_rollback_to_savepoint(&db, &err)); // takes the setting back as well
    assert_fine(db_text(&db, &trace_read, DB_NOTHING, &text, NULL, &err));
    assert_string_equal(text, "00-4");
    db_end(&db);
}

static void savepoint_saves_the_rest(void **state)
{
    (void)state;
    clear_people();
    struct db db = session(DB_WRITE);
    for (int i = 0; i < 6; i++) {
        assert_fine(db_savepoint(&db, &err));
        const char *name = i % 3 == 2 ? "a0" : arena_printf(arena, "a%d", i); // every third collides
        if (add_person(&db, name, NULL, 1)) continue;
        assert_int_equal(i % 3, 2);
        assert_fine(db_rollback_to_savepoint(&db, &err));
        err = (struct error){.arena = arena};
    }
    assert_fine(db_commit(&db, &err));
    db_end(&db);
    assert_int_equal(count_people(), 4);
    assert_false(db_rollback_to_savepoint(&db, &err));
}

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
    assert_fine(db_transaction(pool, DB_WRITE, arena, collide, &attempts, &err));
    assert_int_equal(attempts.count, 4);
    assert_int_equal(count_people(), 1);

    clear_people();
    attempts = (struct attempts){.fail_until = 100};
    assert_false(db_transaction(pool, DB_WRITE, arena, collide, &attempts, &err));
    assert_int_equal(attempts.count, 5);
    assert_int_equal(count_people(), 0);

    err = (struct error){.arena = arena};
    attempts = (struct attempts){.commit = true}; // the answer is an error, the effect stays
    assert_false(db_transaction(pool, DB_WRITE, arena, collide, &attempts, &err));
    assert_problem(&problem_forbidden);
    assert_int_equal(count_people(), 1);
}

static bool read_then_add(struct db *db, void *argument, struct error *ret)
{
    struct attempts *attempts = argument;
    if (attempts->count++ == 0) { // somebody else is quicker, once
        if (!db_exec(db, &counter_read, DB_IN(DB_INT(1)), NULL, ret)) return false;
        test_database_run(&database, "UPDATE counters SET n = n + 1 WHERE id = 1");
    }
    return db_exec(db, &counter_add, DB_IN(DB_INT(1)), NULL, ret);
}

static void serialization_failure_is_run_again(void **state)
{
    (void)state;
    struct attempts attempts = {0};
    assert_fine(db_transaction(pool, DB_REPEATABLE, arena, read_then_add, &attempts, &err));
    assert_int_equal(attempts.count, 2);
    assert_string_equal(test_database_run(&database, "SELECT n FROM counters WHERE id = 1"), "2");
}

static void lock_in_use_means_again(void **state)
{
    (void)state;
    struct db holder = session(DB_WRITE), other = session(DB_WRITE);
    assert_fine(db_exec(&holder, &counter_add, DB_IN(DB_INT(2)), NULL, &err));
    assert_false(db_exec(&other, &counter_lock_now, DB_IN(DB_INT(2)), NULL, &err));
    assert_problem(&problem_unavailable);
    assert_true(err.retry);
    db_end(&other);
    other = session(DB_WRITE); // lock_timeout comes before statement_timeout
    err = (struct error){.arena = arena};
    assert_false(db_exec(&other, &counter_add, DB_IN(DB_INT(2)), NULL, &err));
    assert_true(err.retry);
    db_end(&other);
    db_end(&holder);
}

// Whoever began it is frozen, say.
static void transaction_that_hangs_does_not_keep_its_locks(void **state)
{
    (void)state;
    bool added = false;
    struct db hung = session(DB_WRITE);
    assert_fine(db_exec(&hung, &counter_add, DB_IN(DB_INT(2)), NULL, &err));
    for (int64_t until_ms = clock_monotonic_ms() + 30000; !added && clock_monotonic_ms() < until_ms;) {
        struct db other = session(DB_WRITE);
        err = (struct error){.arena = arena};
        added = db_exec(&other, &counter_add, DB_IN(DB_INT(2)), NULL, &err) && db_commit(&other, &err);
        db_end(&other);
    }
    assert_true(added);
    assert_false(db_commit(&hung, &err));
    assert_problem(&problem_unavailable);
    db_end(&hung);
}

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
        *added += db_transaction(pool, DB_WRITE, own, add_one, NULL, &failure);
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
    assert_string_equal(test_database_run(&database, "SELECT n FROM counters WHERE id = 3"), "400");
    struct db_pool_stats stats;
    db_pool_stats(pool, &stats);
    assert_int_equal(stats.idle, CONNECTIONS);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.acquired_total, total);
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
    crossing->done = db_transaction(pool, DB_WRITE, own, lock_two, crossing, &failure);
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
    assert_string_equal(test_database_run(&database, "SELECT n FROM counters WHERE id = 4"), "2");
}

// --- Problems ------------------------------------------------------------------------------------
static void constraints_become_problems(void **state)
{
    (void)state;
    clear_people();
    struct db db = session(DB_READ);
    assert_fine(add_person(&db, "jane", "jane@example.org", 30));

    assert_false(add_person(&db, "joan", "jane@example.org", 30));
    assert_problem(&email_taken);
    assert_string_equal(err.detail, "Sign in instead.");
    assert_string_equal(err.violations->pointer, "/email");
    assert_null(strstr(err.cause, "jane@"));

    err = (struct error){.arena = arena};
    assert_false(add_person(&db, "joan", NULL, -1));
    assert_problem(&problem_invalid_fields);
    assert_string_equal(err.violations->pointer, "/age");

    err = (struct error){.arena = arena};
    assert_false(add_person(&db, "jane", NULL, 1));
    assert_problem(&problem_conflict);
    assert_false(db_exec(&db, &pet_insert, DB_IN(DB_TEXT("nobody")), NULL, &err));
    assert_problem(&problem_conflict);
    assert_false(db_exec(&db, &person_insert, DB_IN(DB_TEXT("x"), DB_TEXT(NULL), DB_TEXT(NULL)), NULL, &err));
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
    struct db db = session(DB_READ);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        err = (struct error){.arena = arena};
        struct db_values in = {&cases[i].value, cases[i].sql->parameters};
        assert_false(db_exec(&db, cases[i].sql, in, NULL, &err));
        assert_problem(cases[i].problem);
        assert_non_null(strstr(err.cause, cases[i].sql->name));
        assert_null(strstr(err.cause, "hush"));
        assert_null(strstr(err.detail, "hush"));
        assert_false(err.retry);
    }
    assert_fine(db_exec(&db, &people_count, DB_NOTHING, NULL, &err));
    db_end(&db);
}

static void read_only_server_is_unavailable(void **state)
{
    (void)state;
    struct db db = session(DB_WRITE);
    assert_fine(db_script(&db, "SET LOCAL transaction_read_only = on", &err));
    assert_false(add_person(&db, "x", NULL, 1));
    assert_problem(&problem_unavailable);
    assert_in_range(err.retry_after_s, 1, 5);
    db_end(&db);
}

static void wrong_calls_are_refused(void **state)
{
    (void)state;
    struct db db = session(DB_READ);
    int64_t integer = 0;
    bool boolean = false;
    assert_false(db_exec(&db, &echo_text, DB_NOTHING, NULL, &err));
    assert_problem(&problem_internal);
    assert_int_equal(db_row(&db, &echo_text, DB_IN(DB_TEXT("x")), DB_OUT(DB_GET_INT(&integer)), &err),
                     DB_FAILED);
    assert_int_equal(db_row(&db, &echo_text, DB_IN(DB_TEXT("x")), DB_OUT(DB_GET_BOOL(&boolean)), &err),
                     DB_FAILED);
    assert_int_equal(
        db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&integer), DB_GET_INT(&integer)), &err),
        DB_FAILED);
    db_end(&db);
}

static void failed_arena_runs_nothing(void **state)
{
    (void)state;
    clear_people();
    struct arena *small = arena_new(4096);
    struct db db;
    db_begin(&db, pool, DB_WRITE, small);
    assert_fine(add_person(&db, "x", NULL, 1));
    assert_null(arena_alloc(small, 1 << 20));
    assert_false(add_person(&db, "y", NULL, 1));
    assert_problem(&problem_unavailable);
    assert_false(db_commit(&db, &err)); // half of the work must not stay
    db_end(&db);
    arena_free(small);
    assert_int_equal(count_people(), 0);
}

// --- Scripts and notifications -------------------------------------------------------------------
static void script_is_all_or_nothing(void **state)
{
    (void)state;
    clear_people();
    struct db db = session(DB_WRITE);
    assert_false(db_script(&db, "INSERT INTO people VALUES ('a', NULL, 1); SELECT 1/0; SELECT 1", &err));
    db_end(&db);
    assert_int_equal(count_people(), 0);
    db = session(DB_WRITE);
    assert_fine(db_script(
        &db, "INSERT INTO people VALUES ('a', NULL, 1); INSERT INTO people VALUES ('b', NULL, 1)", &err));
    assert_fine(add_person(&db, "c", NULL, 1));
    assert_fine(db_commit(&db, &err));
    db_end(&db);
    assert_int_equal(count_people(), 3);
    db = session(DB_READ);
    assert_false(db_script(&db, "COPY people FROM STDIN", &err)); // would wait for ever
    db_end(&db);
    assert_int_equal(count_people(), 3);
}

static void notification_wakes(void **state)
{
    (void)state;
    struct db listener = session(DB_READ), teller = session(DB_READ);
    bool notified = true;
    assert_fine(db_listen(&listener, "news today", &err));
    assert_fine(db_wait_notification(&listener, 20, &notified, &err));
    assert_false(notified);
    assert_fine(db_exec(&teller, &notify, DB_NOTHING, NULL, &err));
    assert_fine(db_wait_notification(&listener, 3000, &notified, &err));
    assert_true(notified);
    assert_fine(db_exec(&listener, &people_count, DB_NOTHING, NULL, &err));
    db_end(&listener);
    db_end(&teller);
}

// --- Trouble -------------------------------------------------------------------------------------
static void pool_opens_only_when_all_is_well(void **state)
{
    (void)state;
    static const struct sql wrong = {"wrong_statement", "SELECT nonsense FROM people", 0};
    static const struct sql *const wrong_list[] = {&wrong, NULL};
    static const struct sql *const *const wrong_lists[] = {statements, wrong_list, NULL};
    struct db_pool_config settings = config();
    settings.statements = wrong_lists;
    assert_null(db_pool_open(&settings, &err));
    assert_problem(&problem_internal);
    assert_non_null(strstr(err.cause, "wrong_statement"));
    settings = config();
    settings.url = "postgresql://nobody:hush-hush@127.0.0.1:1/nothing";
    assert_null(db_pool_open(&settings, &err));
    assert_problem(&problem_unavailable);
    assert_null(strstr(err.cause, "hush"));
}

static void wait_for_a_connection_is_bounded(void **state)
{
    (void)state;
    struct db holders[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        holders[i] = session(DB_WRITE);
        assert_fine(db_exec(&holders[i], &people_count, DB_NOTHING, NULL, &err));
    }
    struct db late = session(DB_READ);
    int64_t from_ms = clock_monotonic_ms();
    assert_false(db_exec(&late, &people_count, DB_NOTHING, NULL, &err));
    int64_t took_ms = clock_monotonic_ms() - from_ms;
    assert_problem(&problem_unavailable);
    assert_in_range(err.retry_after_s, 1, 5);
    assert_in_range(took_ms, ACQUIRE_TIMEOUT_MS - 5, ACQUIRE_TIMEOUT_MS + 300);
    struct db_pool_stats stats;
    db_pool_stats(pool, &stats);
    assert_int_equal(stats.idle, 0);
    assert_int_equal(stats.timeouts_total, 1);
    db_end(&holders[0]);
    assert_fine(db_exec(&late, &people_count, DB_NOTHING, NULL, &err));
    db_end(&late);
    for (int i = 1; i < CONNECTIONS; i++) db_end(&holders[i]);
}

static const char *const end_all = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
                                   "WHERE application_name = 'db_test'";

static void lost_idle_connections_go_unnoticed(void **state)
{
    (void)state;
    clear_people();
    for (int round = 0; round < 3; round++) {
        assert_string_equal(test_database_run(&database, end_all), "4");
        struct db db = session(round % 2 ? DB_WRITE : DB_READ);
        assert_fine(add_person(&db, round == 0 ? "a" : round == 1 ? "b" : "c", NULL, 1));
        assert_fine(db_commit(&db, &err));
        db_end(&db);
        struct db_pool_stats stats = {0};
        for (int i = 0; i < 200 && stats.idle < CONNECTIONS; i++) {
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
            (void)count_people(); // each visit finds another dead one
            struct db all[CONNECTIONS];
            for (int j = 0; j < CONNECTIONS; j++) {
                all[j] = session(DB_READ);
                assert_fine(db_exec(&all[j], &people_count, DB_NOTHING, NULL, &err));
            }
            for (int j = 0; j < CONNECTIONS; j++) db_end(&all[j]);
            db_pool_stats(pool, &stats);
        }
        assert_int_equal(stats.idle, CONNECTIONS);
        assert_int_equal(stats.reconnects_total, CONNECTIONS * (round + 1));
    }
    assert_int_equal(count_people(), 3);
}

static bool survives(enum db_mode mode, bool first, const struct sql *sql)
{
    test_database_run(&database, "ALTER SEQUENCE deaths RESTART");
    struct db db = session(mode);
    err = (struct error){.arena = arena};
    if (!first) assert_fine(db_exec(&db, &people_count, DB_NOTHING, NULL, &err));
    bool fine = db_exec(&db, sql, DB_NOTHING, NULL, &err) && db_commit(&db, &err);
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
    struct db db = session(DB_WRITE);
    assert_fine(add_person(&db, "lost", NULL, 1));
    test_database_run(&database, end_all);
    assert_false(add_person(&db, "lost too", NULL, 1));
    assert_problem(&problem_unavailable);
    assert_in_range(err.retry_after_s, 1, 5);
    assert_false(db_commit(&db, &err));
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
    clear_people();
    test_database_allow(&database, 0);
    int64_t longest_ms = 0, last_ms = 0;
    for (int i = 0; i < 6; i++) {
        int64_t from_ms = clock_monotonic_ms();
        err = (struct error){.arena = arena};
        assert_false(db_transaction(pool, DB_WRITE, arena, add_person_again, NULL, &err));
        assert_problem(&problem_unavailable);
        assert_in_range(err.retry_after_s, 1, 5);
        last_ms = clock_monotonic_ms() - from_ms;
        if (last_ms > longest_ms) longest_ms = last_ms;
    }
    assert_in_range(longest_ms, 0, ACQUIRE_TIMEOUT_MS + 300);
    assert_in_range(last_ms, 0, 50); // known to be down: no thread is held up
    test_database_allow(&database, 1);
    bool back = false;
    for (int i = 0; i < 100 && !back; i++) {
        err = (struct error){.arena = arena};
        back = db_transaction(pool, DB_WRITE, arena, add_person_again, NULL, &err);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    assert_true(back);
    assert_int_equal(count_people(), 1);
}

static void silent_server_is_given_up(void **state)
{
    (void)state;
    struct db db = session(DB_WRITE);
    assert_fine(db_script(&db, "SET LOCAL statement_timeout = 0", &err));
    int64_t from_ms = clock_monotonic_ms();
    assert_false(db_exec(&db, &sleep_ms, DB_IN(DB_INT(30000)), NULL, &err));
    assert_in_range(clock_monotonic_ms() - from_ms, STATEMENT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS + 5000);
    assert_problem(&problem_timeout);
    db_end(&db);
    db = session(DB_READ);
    assert_fine(db_exec(&db, &people_count, DB_NOTHING, NULL, &err));
    db_end(&db);
}

static void changed_table_heals(void **state)
{
    (void)state;
    struct db_pool_config settings = config();
    static const struct sql all = {"all_places", "SELECT * FROM places", 0};
    static const struct sql *const list[] = {&all, NULL};
    static const struct sql *const *const only[] = {list, NULL};
    test_database_run(&database, "CREATE TABLE places (a integer)");
    settings.statements = only;
    settings.connections = 1;
    struct db_pool *own = db_pool_open(&settings, &err);
    assert_non_null(own);
    struct db db;
    db_begin(&db, own, DB_READ, arena);
    assert_fine(db_exec(&db, &all, DB_NOTHING, NULL, &err));
    db_end(&db);
    test_database_run(&database, "ALTER TABLE places ADD b integer");
    db_begin(&db, own, DB_READ, arena);
    assert_false(db_exec(&db, &all, DB_NOTHING, NULL, &err)); // cached plan must not change result type
    assert_true(err.retry);
    db_end(&db);
    db_begin(&db, own, DB_READ, arena);
    assert_fine(db_exec(&db, &all, DB_NOTHING, NULL, &err));
    db_end(&db);
    db_pool_close(own);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
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
        TEST(commit_keeps_and_end_rolls_back),
        TEST(failed_transaction_takes_nothing_more),
        TEST(trace_and_isolation_reach_the_transaction),
        TEST(trace_changes_with_the_work_inside_a_transaction),
        TEST(savepoint_saves_the_rest),
        TEST(transaction_is_run_again),
        TEST(serialization_failure_is_run_again),
        TEST(lock_in_use_means_again),
        TEST(transaction_that_hangs_does_not_keep_its_locks),
        TEST(threads_share_the_pool),
        TEST(deadlock_is_run_again),
        TEST(constraints_become_problems),
        TEST(states_become_problems),
        TEST(read_only_server_is_unavailable),
        TEST(wrong_calls_are_refused),
        TEST(failed_arena_runs_nothing),
        TEST(script_is_all_or_nothing),
        TEST(notification_wakes),
        TEST(pool_opens_only_when_all_is_well),
        TEST(wait_for_a_connection_is_bounded),
        TEST(lost_idle_connections_go_unnoticed),
        TEST(loss_at_the_first_statement_is_mended),
        TEST(loss_inside_a_transaction_is_told),
        TEST(server_away_and_back),
        TEST(silent_server_is_given_up),
        TEST(changed_table_heals),
    };
    return cmocka_run_group_tests(tests, make_database, drop_database);
}
