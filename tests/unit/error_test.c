// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"
#include "test_arena.h"
#include "text.h"

static struct error err;

static int setup(void **state)
{
    const int failed = arena_setup(state);
    err = (struct error){.arena = arena};
    return failed;
}

static void detail_is_a_sentence_of_its_own(void **state)
{
    (void)state;
    assert_false(error_set(&err, &problem_not_found, "There is no user %s.", "u1"));
    assert_ptr_equal(err.problem, &problem_not_found);
    assert_string_equal(err.detail, "There is no user u1.");
}

static void advice_stands_in_for_a_detail(void **state)
{
    (void)state;
    assert_false(error_set(&err, &problem_conflict, NULL));
    assert_string_equal(err.detail, "Read the current state and try again.");
}

static void cause_is_kept_beside_the_detail(void **state)
{
    (void)state;
    error_set(&err, &problem_unavailable, "Try later.");
    assert_false(error_cause(&err, "%s: %d", "connect", 111));
    assert_string_equal(err.detail, "Try later.");
    assert_string_equal(err.cause, "connect: 111");
}

static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char text[700] = "";
    for (size_t i = 0; i + 2 < sizeof text; i += 2) memcpy(text + i, "é", 2);
    error_set(&err, &problem_conflict, "%s", text);
    error_cause(&err, "%s", text);
    assert_int_equal(strlen(err.detail), sizeof err.detail - 2); // one byte less than there is room for
    assert_true(text_is_utf8(err.detail, strlen(err.detail)));
    assert_string_equal(err.cause, err.detail);
}

static void violations_stand_in_the_order_found(void **state)
{
    (void)state;
    assert_false(error_violation(&err, "/email", "is %s", "required"));
    assert_false(error_violation(&err, "/age", "must be at least %d", 18));
    assert_ptr_equal(err.problem, &problem_invalid_fields);
    assert_string_equal(err.detail, problem_invalid_fields.advice);
    const struct violation *second = err.violations->next;
    assert_string_equal(err.violations->pointer, "/email");
    assert_string_equal(err.violations->message, "is required");
    assert_string_equal(second->pointer, "/age");
    assert_string_equal(second->message, "must be at least 18");
    assert_null(second->next);
}

static void violation_takes_the_place_of_another_problem(void **state)
{
    (void)state;
    error_set(&err, &problem_conflict, "Taken.");
    error_violation(&err, "/email", "is taken");
    assert_ptr_equal(err.problem, &problem_invalid_fields);
}

static void violation_needs_no_arena(void **state)
{
    (void)state;
    struct error bare = {0};
    assert_false(error_violation(&bare, "/email", "is required"));
    assert_ptr_equal(bare.problem, &problem_invalid_fields);
    assert_null(bare.violations);
}

static void violations_are_bounded(void **state)
{
    (void)state;
    int kept = 0;
    for (int i = 0; i < 5000; i++) error_violation(&err, "/x", "%d", i);
    for (const struct violation *violation = err.violations; violation; violation = violation->next) {
        char expected[16];
        snprintf(expected, sizeof expected, "%d", kept++);
        assert_string_equal(violation->message, expected);
    }
    assert_int_equal(kept, VIOLATIONS_MAX);
}

static void cut_pointer_keeps_whole_characters(void **state)
{
    (void)state;
    error_violation(&err, "/na\xc3", "is not a known field");
    assert_string_equal(err.violations->pointer, "/na");
}

static void clearing_keeps_the_arena_alone(void **state)
{
    (void)state;
    error_violation(&err, "/x", "is required");
    error_cause(&err, "c");
    err.retry = err.commit = true;
    err.retry_after_s = 3;
    error_clear(&err);
    assert_ptr_equal(err.arena, arena);
    assert_null(err.problem);
    assert_null(err.violations);
    assert_string_equal(err.detail, "");
    assert_string_equal(err.cause, "");
    assert_false(err.retry || err.commit);
    assert_int_equal(err.retry_after_s, 0);
}

// A client tells problems apart by slug, and a person must find in each what to do next.
static void shared_problems_are_well_told(void **state)
{
    (void)state;
    static const struct problem *const all[] = {
#define X(name, status, slug, title, advice) &problem_##name,
#include "problems.def"
#undef X
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_in_range(all[i]->status, 400, 599);
        assert_int_equal(strspn(all[i]->slug, "abcdefghijklmnopqrstuvwxyz-"), strlen(all[i]->slug));
        assert_true(all[i]->title[0] && all[i]->advice[strlen(all[i]->advice) - 1] == '.');
        for (size_t other = 0; other < i; other++) assert_string_not_equal(all[i]->slug, all[other]->slug);
    }
}

static void first_of_several_errors_counts(void **state)
{
    (void)state;
    struct error first = {0}, second = {0};
    error_join(&err, &first); // which is none
    assert_null(err.problem);
    error_set(&first, &problem_conflict, "first");
    error_cause(&first, "because");
    error_set(&second, &problem_internal, "second");
    error_cause(&second, "otherwise");
    error_join(&err, &first);
    error_join(&err, &second);
    assert_ptr_equal(err.problem, &problem_conflict);
    assert_string_equal(err.detail, "first");
    assert_string_equal(err.cause, "because");
    assert_ptr_equal(err.arena, arena);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, arena_teardown)
static void only_trouble_that_passes_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        struct error err;
        bool passes;
    } rows[] = {{{.problem = &problem_unavailable}, true},     {{.problem = &problem_timeout}, true},
                {{.problem = &problem_internal, .retry = true}, true}, {{.problem = &problem_conflict}, false},
                {{.problem = &problem_invalid_fields}, false}, {{.problem = &problem_internal}, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) assert_int_equal(error_passes(&rows[i].err), rows[i].passes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(detail_is_a_sentence_of_its_own),
        TEST(advice_stands_in_for_a_detail),
        TEST(cause_is_kept_beside_the_detail),
        TEST(long_texts_are_cut_between_characters),
        TEST(violations_stand_in_the_order_found),
        TEST(violation_takes_the_place_of_another_problem),
        TEST(violation_needs_no_arena),
        TEST(violations_are_bounded),
        TEST(cut_pointer_keeps_whole_characters),
        TEST(clearing_keeps_the_arena_alone),
        TEST(shared_problems_are_well_told),
        TEST(first_of_several_errors_counts),
        TEST(only_trouble_that_passes_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
