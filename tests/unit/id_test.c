// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "id.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
#define MANY 2000

// --- Ids ------------------------------------------------------------------------------------------

static void new_id_is_a_uuid_of_version_7(void **state)
{
    (void)state;
    char id[UUID_SIZE];
    for (int i = 0; i < 100; i++) {
        id_new(0x0123456789AB, id);
        assert_int_equal(strlen(id), 36);
        assert_memory_equal(id, "01234567-89ab-7", 15); // time and version
        assert_non_null(strchr("89ab", id[19]));        // variant
        assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
        assert_true(id[18] == '-' && id[23] == '-');
        assert_true(id_is_valid(id));
    }
}

static void later_ids_sort_behind(void **state)
{
    (void)state;
    static const int64_t times_ms[] = {0, 1, 255, 256, 1795420800000, 1795420800001, ((int64_t)1 << 48) - 1};
    char before[UUID_SIZE], after[UUID_SIZE];
    for (size_t i = 1; i < COUNT_OF(times_ms); i++) {
        id_new(times_ms[i - 1], before);
        id_new(times_ms[i], after);
        assert_true(strcmp(before, after) < 0);
    }
}

static void *make_many(void *argument)
{
    char(*ids)[UUID_SIZE] = argument;
    for (int i = 0; i < MANY; i++) id_new(1795420800000, ids[i]);
    return NULL;
}

static int compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void ids_of_one_millisecond_differ_in_all_threads(void **state)
{
    (void)state;
    static char ids[4 * MANY][UUID_SIZE];
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, ids[i * MANY]), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) pthread_join(threads[i], NULL);
    qsort(ids, COUNT_OF(ids), UUID_SIZE, compare);
    for (size_t i = 1; i < COUNT_OF(ids); i++) assert_string_not_equal(ids[i - 1], ids[i]);
}

static void legacy_ids_are_valid(void **state)
{
    (void)state;
    static const char *const ids[] = {"1", "5f23", "demo_agency_1", "A-Z_09",
                                      "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        if (!id_is_valid(ids[i])) fail_msg("%s is refused", ids[i]);
}

static void other_texts_are_no_ids(void **state)
{
    (void)state;
    static const char *const texts[] = {"",      " ",    "a b",  "a/b", "../x", "a.b", "é", "a\n", "%41", "'; DROP TABLE users;",
                                        "01234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (id_is_valid(texts[i])) fail_msg("%s is taken", texts[i]);
    assert_false(id_is_valid(NULL));
}

// --- Trace context --------------------------------------------------------------------------------

static void trace_is_continued_with_a_new_span(void **state)
{
    (void)state;
    char next[TRACEPARENT_SIZE];
    traceparent_next(PARENT, next);
    assert_true(traceparent_is_valid(next));
    assert_memory_equal(next, PARENT, 36);
    assert_memory_not_equal(next + 36, PARENT + 36, 16);
}

static void without_a_parent_a_trace_begins(void **state)
{
    (void)state;
    char first[TRACEPARENT_SIZE], second[TRACEPARENT_SIZE];
    traceparent_next(NULL, first);
    traceparent_next("rubbish", second);
    assert_true(traceparent_is_valid(first));
    assert_true(traceparent_is_valid(second));
    assert_memory_not_equal(first + 3, second + 3, 32);
}

static void malformed_parents_are_told(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",       // no flags
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-x",  // more of it
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",    // a version we do not know
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-00",    // capitals
        "00-00000000000000000000000000000000-b7ad6b7169203331-00",    // no trace
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-00",    // no span
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-00",
        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
    };
    assert_true(traceparent_is_valid(PARENT));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (traceparent_is_valid(bad[i])) fail_msg("%s is taken", bad[i]);
    assert_false(traceparent_is_valid(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_id_is_a_uuid_of_version_7),
        cmocka_unit_test(later_ids_sort_behind),
        cmocka_unit_test(ids_of_one_millisecond_differ_in_all_threads),
        cmocka_unit_test(legacy_ids_are_valid),
        cmocka_unit_test(other_texts_are_no_ids),
        cmocka_unit_test(trace_is_continued_with_a_new_span),
        cmocka_unit_test(without_a_parent_a_trace_begins),
        cmocka_unit_test(malformed_parents_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
