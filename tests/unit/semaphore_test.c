// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "crypto.h"
#include "eventually.h"

static struct semaphore *semaphore;

static int teardown(void **state)
{
    (void)state;
    semaphore_free(semaphore);
    semaphore = NULL;
    return 0;
}

static void permits_are_handed_out_until_none_is_left(void **state)
{
    (void)state;
    semaphore = semaphore_new(2, 1000);
    assert_true(semaphore_acquire(semaphore, 0));
    assert_true(semaphore_acquire(semaphore, 0));
    assert_false(semaphore_acquire(semaphore, 0));
    semaphore_release(semaphore);
    assert_true(semaphore_acquire(semaphore, 0));
    assert_false(semaphore_acquire(semaphore, 0));
}

static void wait_is_bounded(void **state)
{
    (void)state;
    semaphore = semaphore_new(0, 1000);
    assert_false(semaphore_acquire(semaphore, 50)); // comes back although nobody releases
    assert_false(semaphore_acquire(semaphore, 0));
}

static void *acquire(void *argument)
{
    *(atomic_bool *)argument = semaphore_acquire(semaphore, EVENTUALLY_MS);
    return NULL;
}

static void release_lets_one_in_who_waits(void **state)
{
    (void)state;
    atomic_bool in[2] = {false, false};
    pthread_t threads[2];
    semaphore = semaphore_new(0, 1000);
    for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, acquire, &in[i]), 0);
    semaphore_release(semaphore);
    eventually(in[0] || in[1]);
    assert_false(in[0] && in[1]);
    semaphore_release(semaphore);
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_true(in[0] && in[1]);
}

// Nothing has moved for a while, and somebody waits: who has less time than that takes is refused, and takes nothing from those
// who wait.
static void who_cannot_be_in_time_is_refused(void **state)
{
    (void)state;
    atomic_bool in = false;
    pthread_t thread;
    semaphore = semaphore_new(1, 1000);
    assert_true(semaphore_acquire(semaphore, 0));
    assert_int_equal(pthread_create(&thread, NULL, acquire, &in), 0);
    usleep(100000);
    assert_false(semaphore_acquire(semaphore, 50));
    assert_false(in);
    semaphore_release(semaphore);
    eventually(in);
    pthread_join(thread, NULL);
    semaphore_release(semaphore);
    assert_true(semaphore_acquire(semaphore, 0));
}

static void no_more_wait_than_may(void **state)
{
    (void)state;
    atomic_bool in = false;
    pthread_t thread;
    semaphore = semaphore_new(0, 1);
    assert_int_equal(pthread_create(&thread, NULL, acquire, &in), 0);
    usleep(50000); // it waits
    assert_false(semaphore_acquire(semaphore, EVENTUALLY_MS)); // refused at once, or this would take as long
    assert_false(in);
    semaphore_release(semaphore);
    pthread_join(thread, NULL);
    assert_true(in);
}

static void a_newcomer_gets_nothing_that_was_handed_on(void **state)
{
    (void)state;
    atomic_bool in = false;
    pthread_t thread;
    semaphore = semaphore_new(0, 1000);
    assert_int_equal(pthread_create(&thread, NULL, acquire, &in), 0);
    usleep(50000); // it waits
    semaphore_release(semaphore);
    assert_false(semaphore_acquire(semaphore, 0)); // it may not even have woken
    pthread_join(thread, NULL);
    assert_true(in);
}

struct place {
    pthread_t thread;
    int timeout_ms, turn;
};
static atomic_int turns;

static void *take_turn(void *argument)
{
    struct place *place = argument;
    if (semaphore_acquire(semaphore, place->timeout_ms)) place->turn = atomic_fetch_add(&turns, 1) + 1;
    return NULL;
}

static void first_to_wait_is_first_served(void **state)
{
    (void)state;
    struct place places[] = {{.timeout_ms = EVENTUALLY_MS}, {.timeout_ms = 300}, {.timeout_ms = EVENTUALLY_MS}, {.timeout_ms = EVENTUALLY_MS}};
    static const int turn_of[] = {1, 0, 2, 3};
    semaphore = semaphore_new(0, 1000);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        assert_int_equal(pthread_create(&places[i].thread, NULL, take_turn, &places[i]), 0);
        usleep(20000);
    }
    pthread_join(places[1].thread, NULL); // gives up in the middle of the line
    for (int i = 1; i <= 3; i++) {
        semaphore_release(semaphore);
        eventually(turns == i);
    }
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (i != 1) pthread_join(places[i].thread, NULL);
        assert_int_equal(places[i].turn, turn_of[i]);
    }
    assert_false(semaphore_acquire(semaphore, 0));
}

#define PERMITS 3
static atomic_int inside, most;

static void *work_inside(void *argument)
{
    (void)argument;
    for (int i = 0; i < 500; i++) {
        if (!semaphore_acquire(semaphore, EVENTUALLY_MS)) return NULL;
        const int now = atomic_fetch_add(&inside, 1) + 1;
        for (int seen = most; now > seen && !atomic_compare_exchange_weak(&most, &seen, now);) continue;
        atomic_fetch_sub(&inside, 1);
        semaphore_release(semaphore);
    }
    return &inside; // anything but NULL: all went in
}

static void never_more_are_inside_than_permits(void **state)
{
    (void)state;
    pthread_t threads[8];
    semaphore = semaphore_new(PERMITS, 1000);
    for (size_t i = 0; i < COUNT_OF(threads); i++) assert_int_equal(pthread_create(&threads[i], NULL, work_inside, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *finished = NULL;
        pthread_join(threads[i], &finished);
        assert_non_null(finished);
    }
    assert_in_range(most, 1, PERMITS);
    for (int i = 0; i < PERMITS; i++) assert_true(semaphore_acquire(semaphore, 0)); // none was lost
    assert_false(semaphore_acquire(semaphore, 0));
}

#define TEST(function) cmocka_unit_test_teardown(function, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(permits_are_handed_out_until_none_is_left),
        TEST(wait_is_bounded),
        TEST(release_lets_one_in_who_waits),
        TEST(who_cannot_be_in_time_is_refused),
        TEST(no_more_wait_than_may),
        TEST(a_newcomer_gets_nothing_that_was_handed_on),
        TEST(first_to_wait_is_first_served),
        TEST(never_more_are_inside_than_permits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
