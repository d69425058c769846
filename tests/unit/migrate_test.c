// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kit_database.h"
#include "kit_sql.h"
#include "migrate.h"

static struct test_database database;
static struct arena *arena;
static struct error err;

static const struct migration first[] = {
    {"0001_one", "CREATE TABLE one (a integer); INSERT INTO one VALUES (1);"}, {0}};
static const struct migration both[] = {
    {"0001_one", "CREATE TABLE one (a integer); INSERT INTO one VALUES (1);"},
    {"0002_two", "ALTER TABLE one ADD b text DEFAULT 'x';"},
    {0}};
static const struct migration changed[] = {{"0001_one", "CREATE TABLE one (a bigint);"}, {0}};
static const struct migration broken[] = {
    {"0001_one", "CREATE TABLE one (a integer); INSERT INTO one VALUES (1);"},
    {"0002_two", "ALTER TABLE one ADD b text DEFAULT 'x';"},
    {"0003_three", "CREATE TABLE three (a integer); SELECT 1/0;"},
    {0}};

static int setup(void **state)
{
    (void)state;
    if (test_database_create(&database)) return 1;
    arena = arena_new(1 << 20);
    err = (struct error){.arena = arena};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return test_database_drop(&database);
}

static bool apply(const struct migration *migrations)
{
    const struct service service = {.name = "thing", .migrations = migrations};
    err = (struct error){.arena = arena};
    return migrate_apply(database.url, &service, &err);
}

static bool check(const struct migration *migrations)
{
    static const struct sql *const *const lists[] = {kit_statements, NULL};
    const struct service service = {.name = "thing", .migrations = migrations};
    err = (struct error){.arena = arena};
    struct db_pool *pool = db_pool_open(&(struct db_pool_config){.url = database.url,
                                                                 .connections = 1,
                                                                 .acquire_timeout_ms = 1000,
                                                                 .connect_timeout_s = 5,
                                                                 .statements = lists},
                                        &err);
    bool fine = pool && migrate_check(pool, &service, &err);
    db_pool_close(pool);
    return fine;
}

static const char *applied(void)
{
    return test_database_run(&database,
                             "SELECT string_agg(name, ' ' ORDER BY applied_at) FROM schema_migrations "
                             "WHERE name LIKE 'thing/%'");
}

static void empty_database_gets_everything(void **state)
{
    (void)state;
    assert_false(check(first)); // statements don't even prepare
    assert_true(apply(first));
    assert_string_equal(applied(), "thing/0001_one");
    assert_string_equal(test_database_run(&database, "SELECT min(name) FROM schema_migrations"),
                        "kit/0000_migrations");
    assert_true(check(first));
    assert_true(apply(first)); // again: nothing to do
    assert_string_equal(test_database_run(&database, "SELECT count(*) FROM one"), "1");
}

static void missing_one_is_named_then_applied(void **state)
{
    (void)state;
    assert_true(apply(first));
    assert_false(check(both));
    assert_ptr_equal(err.problem, &problem_unavailable);
    assert_non_null(strstr(err.detail, "thing/0002_two"));
    assert_true(apply(both));
    assert_string_equal(applied(), "thing/0001_one thing/0002_two");
    assert_string_equal(test_database_run(&database, "SELECT b FROM one"), "x");
    assert_true(check(both));
}

static void changed_and_unknown_ones_are_refused(void **state)
{
    (void)state;
    assert_true(apply(both));
    assert_false(apply(first)); // an older program on a newer database
    assert_non_null(strstr(err.detail, "thing/0002_two"));
    assert_true(check(first)); // it may go on serving while the new one is rolled out
    assert_false(apply(changed));
    test_database_run(&database, "DELETE FROM schema_migrations WHERE name = 'thing/0002_two'");
    assert_false(apply(changed));
    assert_non_null(strstr(err.detail, "thing/0001_one"));
    assert_string_equal(applied(), "thing/0001_one");
}

static void failing_one_leaves_nothing(void **state)
{
    (void)state;
    assert_false(apply(broken));
    assert_non_null(strstr(err.cause, "thing/0003_three"));
    assert_string_equal(applied(), "thing/0001_one thing/0002_two");
    assert_string_equal(test_database_run(&database, "SELECT to_regclass('three') IS NULL"), "t");
}

static void tables_and_columns_are_commented(void **state)
{
    (void)state;
    assert_true(apply(first));
    assert_string_equal(
        test_database_run(
            &database,
            "SELECT coalesce(string_agg(c.relname || '.' || a.attname, ' '), '') FROM pg_class AS c "
            "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT attisdropped "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'one' "
            "AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"),
        "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_database_gets_everything),       TEST(missing_one_is_named_then_applied),
        TEST(changed_and_unknown_ones_are_refused), TEST(failing_one_leaves_nothing),
        TEST(tables_and_columns_are_commented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
