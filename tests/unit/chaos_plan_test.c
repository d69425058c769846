// SPDX-License-Identifier: MIT
// The plan of a chaos run: the same seed is the same plan, and it leaves nobody out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "plan.h"
#include "test_arena.h"

#define KILLS 200
#define GAP_MS 2500

static struct plan plan_of(uint64_t seed, int kills)
{
    struct plan plan;
    assert_true(plan_make(&plan, seed, 1000, kills, GAP_MS, arena));
    return plan;
}

static bool same_steps(const struct plan *left, const struct plan *right)
{
    if (left->step_count != right->step_count) return false;
    for (int i = 0; i < left->step_count; i++) {
        const struct step *a = &left->steps[i], *b = &right->steps[i];
        if (a->at_ms != b->at_ms || a->target != b->target || a->chance != b->chance) return false;
    }
    return true;
}

static void the_same_seed_is_the_same_plan(void **state)
{
    (void)state;
    const struct plan one = plan_of(7, KILLS), again = plan_of(7, KILLS), other = plan_of(8, KILLS);
    assert_true(same_steps(&one, &again));
    assert_false(same_steps(&one, &other));
}

static void every_target_is_taken_down_even_in_a_short_run(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        const struct plan plan = plan_of(seed, target_count);
        int kills[TARGETS_MAX] = {0};
        for (int i = 0; i < plan.step_count; i++)
            if (plan.steps[i].target >= 0) kills[plan.steps[i].target]++;
        for (int i = 0; i < target_count; i++) assert_int_equal(kills[i], 1);
    }
}

static void steps_come_in_their_order_and_as_many_as_wanted(void **state)
{
    (void)state;
    const struct plan plan = plan_of(3, KILLS);
    int kills = 0, changes = 0;
    for (int i = 0; i < plan.step_count; i++) {
        assert_true(i == 0 || plan.steps[i].at_ms >= plan.steps[i - 1].at_ms);
        assert_true(plan.steps[i].at_ms <= plan.duration_ms);
        assert_true(plan.steps[i].target < target_count);
        if (plan.steps[i].target < 0) changes++;
        else kills++;
    }
    assert_int_equal(kills, KILLS);
    assert_true(changes > 0);
    assert_true(plan.duration_ms > KILLS * GAP_MS / 2 && plan.duration_ms < 2 * KILLS * GAP_MS);
}

static void moods_are_json(void **state)
{
    (void)state;
    for (int i = 0; i < mood_count; i++) {
        json_t *mood = json_loads(moods[i], 0, NULL);
        assert_true(json_is_object(mood));
        json_decref(mood);
    }
}

static void a_chance_depends_on_its_matter_and_number_alone(void **state)
{
    (void)state;
    assert_int_equal(chance(1, ABOUT_PHONE, 5), chance(1, ABOUT_PHONE, 5));
    assert_int_not_equal(chance(1, ABOUT_PHONE, 5), chance(1, ABOUT_PHONE, 6));
    assert_int_not_equal(chance(1, ABOUT_PHONE, 5), chance(1, ABOUT_HURRY, 5));
    assert_int_not_equal(chance(1, ABOUT_PHONE, 5), chance(2, ABOUT_PHONE, 5));
    for (uint64_t i = 0; i < 1000; i++) {
        const int64_t between = chance_between(1, ABOUT_PAUSE, i, 10, 12);
        assert_true(between >= 10 && between <= 12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_is_the_same_plan),
        cmocka_unit_test(every_target_is_taken_down_even_in_a_short_run),
        cmocka_unit_test(steps_come_in_their_order_and_as_many_as_wanted),
        cmocka_unit_test(moods_are_json),
        cmocka_unit_test(a_chance_depends_on_its_matter_and_number_alone),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
