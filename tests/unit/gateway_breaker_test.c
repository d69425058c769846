// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "breaker.h"

static struct breaker opened(int64_t now_ms)
{
    struct breaker breaker;
    breaker_init(&breaker, 3, 1000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(breaker_state(&breaker), BREAKER_CLOSED);
        assert_true(breaker_admit(&breaker, now_ms));
        breaker_report(&breaker, false, now_ms);
    }
    assert_int_equal(breaker_state(&breaker), BREAKER_OPEN);
    return breaker;
}

static void failures_in_a_row_open_it(void **state)
{
    (void)state;
    struct breaker breaker = opened(5000);
    assert_false(breaker_admit(&breaker, 5999));
    assert_int_equal(breaker_wait_ms(&breaker, 5999), 1);
    breaker_release(&breaker);
}

static void a_success_between_keeps_it_closed(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 3, 1000);
    for (int i = 0; i < 20; i++) breaker_report(&breaker, i % 3 == 2, i);
    assert_int_equal(breaker_state(&breaker), BREAKER_CLOSED);
    breaker_release(&breaker);
}

static void one_request_tries_and_closes_it(void **state)
{
    (void)state;
    struct breaker breaker = opened(5000);
    assert_true(breaker_would_admit(&breaker, 6000));
    assert_int_equal(breaker_state(&breaker), BREAKER_OPEN); // asking changes nothing
    assert_true(breaker_admit(&breaker, 6000));
    assert_int_equal(breaker_state(&breaker), BREAKER_HALF_OPEN);
    assert_false(breaker_admit(&breaker, 6001));
    breaker_report(&breaker, true, 6002);
    assert_int_equal(breaker_state(&breaker), BREAKER_CLOSED);
    assert_true(breaker_admit(&breaker, 6003));
    breaker_release(&breaker);
}

static void a_failed_trial_opens_it_again(void **state)
{
    (void)state;
    struct breaker breaker = opened(5000);
    assert_true(breaker_admit(&breaker, 6000));
    breaker_report(&breaker, false, 6500);
    assert_int_equal(breaker_state(&breaker), BREAKER_OPEN);
    assert_false(breaker_admit(&breaker, 7499));
    assert_true(breaker_admit(&breaker, 7500));
    breaker_release(&breaker);
}

static void a_late_success_does_not_close_an_open_one(void **state)
{
    (void)state;
    struct breaker breaker = opened(5000);
    breaker_report(&breaker, true, 5001);
    assert_int_equal(breaker_state(&breaker), BREAKER_OPEN);
    breaker_release(&breaker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_open_it),
        cmocka_unit_test(a_success_between_keeps_it_closed),
        cmocka_unit_test(one_request_tries_and_closes_it),
        cmocka_unit_test(a_failed_trial_opens_it_again),
        cmocka_unit_test(a_late_success_does_not_close_an_open_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
