// SPDX-License-Identifier: MIT
// Workers that are known in memory while others write: nothing is passed over, and a list is right at any moment.
#include "profiles_database.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "eventually.h"

#define ONE_CHANGES                                                                                \
    "UPDATE housegirl_profiles SET bio = 'a unicorn', bio_public = 'a unicorn' WHERE id = 'w501';" \
    "INSERT INTO outbox (topic, type, key, data) VALUES ('dc.profiles.workers', 'test', 'w501', '{}')"

// Her change has got its id before that of another, and is committed behind it.
static void what_is_not_committed_is_not_passed_over(void **state)
{
    (void)state;
    know_all();
    struct database_session *session = test_database_hold(&lists.kit.database, ONE_CHANGES);
    test_database_run(&lists.kit.database, "INSERT INTO outbox (topic, type, key, data) VALUES ('dc.profiles.workers', 'test', 'w502', '{}')");
    const int64_t last = last_event();
    for (int i = 0; i < 20; i++) assert_false(follow_to(last));
    database_keep(session);
    static char ids[WORKERS * 8], cursor[600];
    ids[0] = '\0';
    count_cache_forget(lists.profiles.totals);
    add_page("q=unicorn", ids, cursor, NULL);
    assert_string_equal(ids, "w501,");
    follow_all();
    ids[0] = '\0';
    add_page("q=unicorn", ids, cursor, NULL);
    assert_string_equal(ids, "w501,");
}

static void what_an_import_keeps_is_left_to_it(void **state)
{
    (void)state;
    know_all();
    test_database_run(&lists.kit.database, "INSERT INTO outbox (topic, type, key, data, is_bulk) VALUES ('dc.profiles.workers', 'test', 'w503', '{}', true)");
    const int64_t kept = last_event();
    test_database_run(&lists.kit.database, "INSERT INTO outbox (topic, type, key, data) VALUES ('dc.profiles.workers', 'test', 'w504', '{}')");
    eventually(follow_to(kept - 1));
    for (int i = 0; i < 20; i++) assert_false(follow_to(kept));
    assert_int_equal(known_to(), kept - 1);
    test_database_run(&lists.kit.database, "UPDATE outbox SET published_at = now(), broker_cluster = 'test' WHERE is_bulk");
    follow_all();
}

static atomic_bool enough;
static atomic_int asked_well, failed;

static void *follows(void *unused)
{
    (void)unused;
    struct arena *arena = arena_new(4 << 20);
    struct error err = {.arena = arena};
    while (!atomic_load(&enough)) {
        bool worked = false;
        if (!known_workers_follow(&lists.app, arena, NULL, &worked, &err)) atomic_fetch_add(&failed, 1);
        arena_reset(arena);
    }
    arena_free(arena);
    return NULL;
}

static void *asks(void *unused)
{
    (void)unused;
    struct arena *arena = arena_new(4 << 20);
    const struct worker_wish wish = {.min_salary = INT64_MIN, .max_salary = INT64_MAX, .min_age = 30, .max_age = 40, .after_rank = INT64_MIN, .after_id = "", .most = 50};
    while (!atomic_load(&enough)) {
        struct worker_finds finds;
        struct known_as_of as_of;
        if (known_workers_find(lists.profiles.known, lists.kit.pool, &wish, arena, &finds, &as_of)) atomic_fetch_add(finds.count == 50 ? &asked_well : &failed, 1);
        arena_reset(arena);
    }
    arena_free(arena);
    return NULL;
}

static void a_change_is_listed_at_once_whatever_is_known_meanwhile(void **state)
{
    (void)state;
    static char ids[WORKERS * 8], cursor[600];
    char query[40];
    pthread_t threads[2];
    know_all();
    assert_int_equal(pthread_create(&threads[0], NULL, follows, NULL) + pthread_create(&threads[1], NULL, asks, NULL), 0);
    for (int i = 1; i < 50; i++) { // the fiftieth is in no list
        test_database_run(&lists.kit.database, arena_printf(lists.kit.arena, "WITH made AS (UPDATE housegirl_profiles SET bio_public = 'griffin%d' WHERE id = 'w%d' RETURNING id)"
                                                      "INSERT INTO outbox (topic, type, key, data) SELECT 'dc.profiles.workers', 'test', id, '{}' FROM made", i, i));
        ids[0] = '\0';
        snprintf(query, sizeof query, "q=griffin%d", i);
        add_page(query, ids, cursor, NULL);
        assert_string_equal(ids, arena_printf(lists.kit.arena, "w%d,", i));
    }
    atomic_store(&enough, true);
    for (size_t i = 0; i < COUNT_OF(threads); i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&failed), 0);
    assert_true(atomic_load(&asked_well) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_committed_is_not_passed_over), cmocka_unit_test(what_an_import_keeps_is_left_to_it),
        cmocka_unit_test(a_change_is_listed_at_once_whatever_is_known_meanwhile),
    };
    return cmocka_run_group_tests(tests, workers_made, workers_dropped);
}
