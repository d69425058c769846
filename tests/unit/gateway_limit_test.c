// SPDX-License-Identifier: MIT
// Rate limits with a clock of the test's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cleanup.h"
#include "limit.h"

#define SECOND_US INT64_C(1000000)
#define NOON INT64_C(1000000000000)

static struct limiter *limiter_with(int64_t login_per_minute, int64_t entries)
{
    int64_t per_minute[LIMIT_CLASSES] = {0};
    per_minute[LIMIT_LOGIN] = login_per_minute;
    per_minute[LIMIT_RESET] = login_per_minute;
    struct limiter *limiter = limiter_new(entries, per_minute);
    assert_non_null(limiter);
    return limiter;
}

static void a_minutes_worth_passes_then_it_refills(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_with(6, 1024);
    for (int i = 0; i < 6; i++) {
        const struct limit_verdict verdict = limiter_take(limiter, LIMIT_LOGIN, "a", NOON);
        assert_true(verdict.allowed);
        assert_int_equal(verdict.remaining, 5 - i);
        assert_int_equal(verdict.quota, 6);
    }
    struct limit_verdict verdict = limiter_take(limiter, LIMIT_LOGIN, "a", NOON);
    assert_false(verdict.allowed);
    assert_int_equal(verdict.retry_after_s, 10); // one token each ten seconds
    assert_false(limiter_take(limiter, LIMIT_LOGIN, "a", NOON + 10 * SECOND_US - 1).allowed);
    assert_true(limiter_take(limiter, LIMIT_LOGIN, "a", NOON + 10 * SECOND_US).allowed);
    assert_false(limiter_take(limiter, LIMIT_LOGIN, "a", NOON + 10 * SECOND_US).allowed);
    assert_int_equal(limiter_take(limiter, LIMIT_LOGIN, "a", NOON + 600 * SECOND_US).remaining, 5);
    limiter_free(limiter);
}

static void callers_and_classes_have_buckets_of_their_own(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_with(1, 1024);
    assert_true(limiter_take(limiter, LIMIT_LOGIN, "a", NOON).allowed);
    assert_false(limiter_take(limiter, LIMIT_LOGIN, "a", NOON).allowed);
    assert_true(limiter_take(limiter, LIMIT_LOGIN, "b", NOON).allowed);
    assert_true(limiter_take(limiter, LIMIT_RESET, "a", NOON).allowed);
    limiter_free(limiter);
}

static void zero_is_off(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_with(0, 1024);
    for (int i = 0; i < 1000; i++) assert_true(limiter_take(limiter, LIMIT_LOGIN, "a", NOON).allowed);
    limiter_free(limiter);
}

// However many strangers come, memory stays and whoever asks on and on stays limited.
static void a_flood_of_strangers_frees_nobody_who_is_active(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_with(60, 65536);
    int allowed = 0;
    for (int i = 0; i < 20000; i++) {
        char stranger[32];
        snprintf(stranger, sizeof stranger, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        limiter_take(limiter, LIMIT_LOGIN, stranger, NOON + i);
        allowed += limiter_take(limiter, LIMIT_LOGIN, "greedy", NOON + i).allowed;
    }
    assert_int_equal(allowed, 60);
    limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minutes_worth_passes_then_it_refills),
        cmocka_unit_test(callers_and_classes_have_buckets_of_their_own),
        cmocka_unit_test(zero_is_off),
        cmocka_unit_test(a_flood_of_strangers_frees_nobody_who_is_active),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
