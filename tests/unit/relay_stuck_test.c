// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relay_stuck.h"

static struct arena *arena;
static struct relay_stuck stuck;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    relay_stuck_clear(&stuck);
    arena_free(arena);
    return 0;
}

static void key_is_left_out_until_it_is_due(void **state)
{
    (void)state;
    relay_stuck_add(&stuck, "t", "a", 100);
    relay_stuck_add(&stuck, "t", "b", 200);
    assert_string_equal(relay_stuck_array(&stuck, 99, arena), "{\"t a\",\"t b\"}");
    assert_string_equal(relay_stuck_array(&stuck, 100, arena), "{\"t b\"}");
    assert_string_equal(relay_stuck_array(&stuck, 99, arena), "{\"t b\"}"); // forgotten
    assert_string_equal(relay_stuck_array(&stuck, 200, arena), "{}");
}

static void any_key_is_quoted(void **state)
{
    (void)state;
    relay_stuck_add(&stuck, "t", "a \"b\\c,{}", 100);
    assert_string_equal(relay_stuck_array(&stuck, 0, arena), "{\"t a \\\"b\\\\c,{}\"}");
}

static void more_than_there_is_room_for_are_tried_with_the_others(void **state)
{
    (void)state;
    char key[16];
    for (int i = 0; i < STUCK_MAX + 10; i++) {
        snprintf(key, sizeof key, "k%d", i);
        relay_stuck_add(&stuck, "t", key, 100);
    }
    assert_int_equal(stuck.count, STUCK_MAX);
    assert_null(strstr(relay_stuck_array(&stuck, 0, arena), "t k256"));
    assert_string_equal(relay_stuck_array(&stuck, 100, arena), "{}"); // room again
    relay_stuck_add(&stuck, "t", "last", 200);
    assert_string_equal(relay_stuck_array(&stuck, 100, arena), "{\"t last\"}");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(key_is_left_out_until_it_is_due),
        TEST(any_key_is_quoted),
        TEST(more_than_there_is_room_for_are_tried_with_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
