// SPDX-License-Identifier: MIT
// What a worker shows of her photos follows whatever happens to them, many at a time or before there is a worker.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_database.h"
#include "profiles.h"

static struct kit_database kit;

static int setup(void **state)
{
    (void)state;
    static const struct service service = {.name = "profiles", .migrations = profiles_migrations, .statements = profiles_statements, .constraints = profiles_constraints};
    if (kit_database_create_for(&kit, &service)) return 1;
    test_database_run(&kit.database,
                      "INSERT INTO profiles (id, user_id, user_type) SELECT 'p' || n, 'u' || n, CASE WHEN n < 5 THEN 'housegirl' ELSE 'employer' END FROM generate_series(1, 5) AS n;"
                      "INSERT INTO housegirl_profiles (id, profile_id) SELECT 'w' || n, 'p' || n FROM generate_series(1, 3) AS n;"
                      "INSERT INTO photos (id, profile_id, photo_url) VALUES ('f1', 'p1', '/1'), ('f2', 'p2', '/2'), ('f3', 'p1', '/3'), ('f4', 'p4', '/4'), ('f5', 'p5', '/5')");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return kit_database_drop(&kit);
}

// Of each worker the addresses that her card, which lists are made of, shows.
static void expect_shown(const char *addresses)
{
    assert_string_equal(test_database_run(&kit.database,
                                          "SELECT string_agg(h.id || ':' || (SELECT coalesce(string_agg(p ->> 'photo_url', ''), '')"
                                          " FROM json_array_elements(h.card::json -> 'photos') AS p), ' ' ORDER BY h.id) FROM housegirl_profiles AS h"), addresses);
}

static void photos_that_come_at_once_are_shown_by_each_worker(void **state)
{
    (void)state;
    expect_shown("w1:/1/3 w2:/2 w3:");
}

static void photos_that_came_before_a_worker_are_shown(void **state)
{
    (void)state;
    test_database_run(&kit.database, "INSERT INTO housegirl_profiles (id, profile_id) VALUES ('w4', 'p4')");
    expect_shown("w1:/1/3 w2:/2 w3: w4:/4");
}

static void changes_are_shown(void **state)
{
    (void)state;
    test_database_run(&kit.database, "UPDATE photos SET photo_url = '/new' || photo_url WHERE id <> 'f3'");
    expect_shown("w1:/new/1/3 w2:/new/2 w3:");
    test_database_run(&kit.database, "UPDATE photos SET is_primary = true WHERE id = 'f3'"); // comes first
    expect_shown("w1:/3/new/1 w2:/new/2 w3:");
}

static void what_is_removed_is_shown_no_more(void **state)
{
    (void)state;
    test_database_run(&kit.database, "DELETE FROM photos WHERE id IN ('f1', 'f2')");
    expect_shown("w1:/3 w2: w3:");
    test_database_run(&kit.database, "DELETE FROM profiles WHERE id = 'p1'"); // her photos with her
    expect_shown("w2: w3:");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(photos_that_come_at_once_are_shown_by_each_worker),
        TEST(photos_that_came_before_a_worker_are_shown),
        TEST(changes_are_shown),
        TEST(what_is_removed_is_shown_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
