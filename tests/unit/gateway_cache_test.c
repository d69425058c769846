// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cache.h"

static const struct cache_answer worker = {.headers = {{"ETag", "\"1\""}},
                                           .header_count = 1,
                                           .content_type = "application/json",
                                           .body = "{\"id\":\"w1\"}",
                                           .length = 11};

static void one_question_has_one_key(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    const char *key = cache_key(arena, "/housegirls/", "page=2&county=Nairobi");
    assert_string_equal(key, "/housegirls?county=Nairobi&page=2");
    assert_string_equal(cache_key(arena, "/housegirls", "county=Nairobi&&page=2"), key);
    assert_string_equal(cache_key(arena, "/housegirls", NULL), "/housegirls");
    assert_string_not_equal(cache_key(arena, "/housegirls", "county=Nairobi&page=3"), key);
    char many[400] = "";
    for (int i = 0; i < 40; i++) strcat(many, "a=1&");
    assert_null(cache_key(arena, "/housegirls", many));
    char long_query[CACHE_KEY_MAX + 1];
    memset(long_query, 'a', CACHE_KEY_MAX);
    long_query[CACHE_KEY_MAX] = '\0';
    assert_null(cache_key(arena, "/housegirls", long_query));
    arena_free(arena);
}

static void what_was_put_is_found_until_its_time_is_up(void **state)
{
    (void)state;
    struct cache *cache = cache_new(1 << 20, 30000);
    assert_null(cache_get(cache, "/housegirls", 0));
    cache_put(cache, "/housegirls", &worker, cache_generation(cache), 0);
    struct cache_answer *found = cache_get(cache, "/housegirls", 29999);
    assert_non_null(found);
    assert_ptr_not_equal(found->body, worker.body);
    assert_string_equal(found->body, worker.body);
    assert_string_equal(found->headers[0].value, "\"1\"");
    assert_string_equal(found->content_type, "application/json");
    assert_null(found->gzip);
    assert_null(cache_get(cache, "/housegirls", 30000));
    assert_int_equal(cache_bytes(cache), 0);
    assert_string_equal(found->body, worker.body); // held by us although it is forgotten
    cache_release(found);
    cache_free(cache);
}

static void a_drop_forgets_all_and_refuses_older_reads(void **state)
{
    (void)state;
    struct cache *cache = cache_new(1 << 20, 30000);
    cache_put(cache, "/housegirls", &worker, cache_generation(cache), 0);
    const uint64_t before = cache_generation(cache); // a slow read begins
    cache_drop(cache);
    assert_null(cache_get(cache, "/housegirls", 1));
    cache_put(cache, "/housegirls", &worker, before, 2); // and ends: what it saw may be old
    assert_null(cache_get(cache, "/housegirls", 3));
    cache_put(cache, "/housegirls", &worker, cache_generation(cache), 4);
    struct cache_answer *found = cache_get(cache, "/housegirls", 5);
    assert_non_null(found);
    cache_release(found);
    cache_free(cache);
}

static void bytes_are_bounded_and_the_unused_goes_first(void **state)
{
    (void)state;
    enum { LIMIT = 1 << 20 };
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    struct cache_answer big = worker;
    big.body = text;
    big.length = sizeof text - 1;
    struct cache *cache = cache_new(LIMIT, 30000);
    cache_put(cache, "/favourite", &worker, cache_generation(cache), 0);
    for (int i = 0; i < 5000; i++) {
        char key[32];
        snprintf(key, sizeof key, "/housegirls/%d", i);
        cache_put(cache, key, &big, cache_generation(cache), i);
        assert_true(cache_bytes(cache) <= LIMIT);
        struct cache_answer *found = cache_get(cache, "/favourite", i);
        assert_non_null(found);
        cache_release(found);
    }
    assert_true(cache_bytes(cache) > LIMIT / 2);
    cache_free(cache);
}

static void what_is_too_large_or_switched_off_is_not_kept(void **state)
{
    (void)state;
    struct cache *off = cache_new(0, 30000);
    cache_put(off, "/housegirls", &worker, cache_generation(off), 0);
    assert_null(cache_get(off, "/housegirls", 0));
    cache_free(off);
    static char text[20000];
    struct cache_answer big = worker;
    big.body = text;
    big.length = sizeof text;
    struct cache *small = cache_new(16 * 16384, 30000); // a shard takes 16 KiB
    cache_put(small, "/housegirls", &big, cache_generation(small), 0);
    assert_null(cache_get(small, "/housegirls", 0));
    cache_free(small);
}

static void *hammer(void *argument)
{
    struct cache *cache = argument;
    for (int i = 0; i < 20000; i++) {
        char key[16];
        snprintf(key, sizeof key, "/%d", i % 97);
        struct cache_answer *found = cache_get(cache, key, i);
        if (found) assert_string_equal(found->body, worker.body);
        cache_release(found);
        if (!found) cache_put(cache, key, &worker, cache_generation(cache), i);
        if (i % 501 == 0) cache_drop(cache);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    struct cache *cache = cache_new(64 * 1024, 300);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, hammer, cache), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_question_has_one_key),
        cmocka_unit_test(what_was_put_is_found_until_its_time_is_up),
        cmocka_unit_test(a_drop_forgets_all_and_refuses_older_reads),
        cmocka_unit_test(bytes_are_bounded_and_the_unused_goes_first),
        cmocka_unit_test(what_is_too_large_or_switched_off_is_not_kept),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
