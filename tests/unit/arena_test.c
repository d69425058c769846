// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

#define CAP ((size_t)64 * 1024)

static struct arena *arena;
static char released[16]; // names of the handles, in the order of their release
static char a[] = "a", b[] = "b";

static int setup(void **state)
{
    (void)state;
    arena = arena_new(CAP);
    released[0] = '\0';
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void note_release(void *handle)
{
    strcat(released, handle);
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i]) return false;
    return true;
}

static void memory_is_zeroed_and_aligned_for_any_type(void **state)
{
    (void)state;
    for (size_t size = 1; size < 100; size++) {
        unsigned char *memory = arena_alloc(arena, size);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        assert_true(is_zero(memory, size));
        memset(memory, 0xAA, size);
    }
}

static void pieces_do_not_overlap(void **state)
{
    (void)state;
    unsigned char *pieces[64];
    for (size_t i = 0; i < COUNT_OF(pieces); i++) { // more than one block holds
        pieces[i] = arena_alloc(arena, 500);
        memset(pieces[i], (int)i, 500);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        assert_int_equal(pieces[i][0], i);
        assert_int_equal(pieces[i][499], i);
    }
}

static void cap_fails_the_arena_for_good(void **state)
{
    (void)state;
    assert_non_null(arena_alloc(arena, CAP / 2));
    assert_false(arena_failed(arena));
    assert_null(arena_alloc(arena, CAP / 2 + 1));
    assert_true(arena_failed(arena));
    assert_null(arena_alloc(arena, 1));
    assert_null(arena_strdup(arena, "x"));
    assert_null(arena_printf(arena, "%d", 1));
}

static void whole_cap_can_be_had(void **state)
{
    (void)state;
    unsigned char *memory = arena_alloc(arena, CAP - ARENA_GAP_BYTES);
    assert_non_null(memory);
    memory[CAP - ARENA_GAP_BYTES - 1] = 1;
    assert_null(arena_alloc(arena, 1));
}

static void absurd_size_is_refused(void **state)
{
    (void)state;
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_true(arena_failed(arena));
}

static void small_cap_is_kept_to(void **state)
{
    (void)state;
    struct arena *small = arena_new(64 + 2 * ARENA_GAP_BYTES);
    assert_non_null(arena_alloc(small, 48));
    assert_non_null(arena_alloc(small, 16));
    assert_null(arena_alloc(small, 1));
    arena_free(small);
}

static void copies_end_in_nul(void **state)
{
    (void)state;
    assert_string_equal(arena_memdup(arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strdup(arena, "whole"), "whole");
    assert_string_equal(arena_printf(arena, "%s-%d", "a", 7), "a-7");
    assert_string_equal(arena_memdup(arena, "", 0), "");
}

static void copies_are_copies(void **state)
{
    (void)state;
    char text[] = "abc";
    const char *copy = arena_strdup(arena, text);
    text[0] = 'x';
    assert_string_equal(copy, "abc");
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    assert_null(arena_strdup(arena, NULL));
    assert_null(arena_memdup(arena, NULL, 10));
    assert_false(arena_failed(arena));
    arena_free(NULL);
}

static void deferred_calls_run_newest_first(void **state)
{
    (void)state;
    struct arena *own = arena_new(CAP);
    assert_true(arena_defer(own, note_release, a));
    assert_true(arena_defer(own, note_release, b));
    assert_string_equal(released, "");
    arena_free(own);
    assert_string_equal(released, "ba");
}

static void reset_runs_deferred_calls_once(void **state)
{
    (void)state;
    assert_true(arena_defer(arena, note_release, a));
    arena_reset(arena);
    assert_string_equal(released, "a");
    arena_reset(arena);
    assert_string_equal(released, "a");
}

static void handle_that_cannot_be_kept_is_released_at_once(void **state)
{
    (void)state;
    assert_null(arena_alloc(arena, CAP + 1));
    assert_false(arena_defer(arena, note_release, a));
    assert_string_equal(released, "a");
}

static void reset_gives_the_whole_cap_back(void **state)
{
    (void)state;
    assert_non_null(arena_alloc(arena, 1000));
    assert_null(arena_alloc(arena, CAP));
    arena_reset(arena);
    assert_false(arena_failed(arena));
    for (int i = 0; i < 3; i++) assert_non_null(arena_alloc(arena, CAP / 4 - ARENA_GAP_BYTES));
}

static void reused_memory_is_zeroed(void **state)
{
    (void)state;
    memset(arena_alloc(arena, 4000), 0xAA, 4000);
    arena_reset(arena);
    assert_true(is_zero(arena_alloc(arena, 4000), 4000));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_is_zeroed_and_aligned_for_any_type),
        TEST(pieces_do_not_overlap),
        TEST(cap_fails_the_arena_for_good),
        TEST(whole_cap_can_be_had),
        TEST(absurd_size_is_refused),
        TEST(small_cap_is_kept_to),
        TEST(copies_end_in_nul),
        TEST(copies_are_copies),
        TEST(nothing_gives_nothing),
        TEST(deferred_calls_run_newest_first),
        TEST(reset_runs_deferred_calls_once),
        TEST(handle_that_cannot_be_kept_is_released_at_once),
        TEST(reset_gives_the_whole_cap_back),
        TEST(reused_memory_is_zeroed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
