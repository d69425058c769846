// SPDX-License-Identifier: MIT
// Legacy rows are judged aloud: what is repaired or left out is always said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge.h"

static const char *const choices[] = {"form_2", "form_4", NULL};
static const struct spelling spellings[] = {{"form 4+", "form_4"}, {0}};

static void judge_education(struct judging *judging)
{
    judge_choice(judging, "education", choices, spellings);
}

static const struct judge_kind kind = {.judge = judge_education, .columns = {"education"}, .members = {"education"}};

// What is noted of the choice given, and what becomes of it.
static const char *noted(struct arena *arena, const char *given, const char **ret_taken)
{
    CLEANUP(json_release) json_t *row = json_pack("{s:s}", "education", given);
    struct judging judging = {.arena = arena, .kind = &kind};
    assert_true(judge_row(&judging, row));
    *ret_taken = judge_value(&judging, "education");
    return json_string_value(json_array_get(judging.notes, 0));
}

static void another_spelling_is_said(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(65536);
    const char *taken;
    assert_null(noted(arena, "form_4", &taken));
    assert_string_equal(taken, "form_4");
    assert_string_equal(noted(arena, "Form 4+", &taken), "education 'Form 4+' taken as form_4");
    assert_string_equal(taken, "form_4");
    assert_string_equal(noted(arena, "PhD", &taken), "education 'PhD' is none of the known ones, left empty");
    assert_null(taken);
}

static void a_long_value_is_said_as_far_as_its_letters_are_whole(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(65536);
    const char *taken;
    assert_string_equal(noted(arena, "x€€€€€€€€€€€€€€€€", &taken), "education 'x€€€€€€€€€€€€€' is none of the known ones, left empty");
    assert_null(taken);
}

static void judge_place(struct judging *judging)
{
    judge_text(judging, "location", 200);
}

static void what_nobody_sees_is_taken_out_and_said(void **state)
{
    (void)state;
    const struct judge_kind places = {.judge = judge_place, .columns = {"location"}, .members = {"location"}};
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(65536);
    CLEANUP(json_release) json_t *row = json_pack("{s:s}", "location", "\u202eKilimani\u202c");
    struct judging judging = {.arena = arena, .kind = &places};
    assert_true(judge_row(&judging, row));
    assert_string_equal(judge_value(&judging, "location"), "Kilimani");
    assert_int_equal(json_array_size(judging.notes), 1);
    assert_string_equal(json_string_value(json_array_get(judging.notes, 0)), "location held invisible characters, which were taken out");
}

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static void judge_id_alone(struct judging *judging)
{
    judge_id(judging, "id");
}

static void a_refused_row_stays_refused_where_there_is_no_memory_for_the_reason(void **state)
{
    (void)state;
    const struct judge_kind ids = {.judge = judge_id_alone, .columns = {"id"}};
    CLEANUP(json_release) json_t *row = json_pack("{s:i}", "id", 7);
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(65536);
    struct judging judging = {.arena = arena, .kind = &ids};
    assert_false(judge_row(&judging, row));
    assert_string_equal(json_string_value(json_array_get(judging.refusals, 0)), "id is missing or no id");
    struct judging poor = {.arena = arena, .kind = &ids};
    json_malloc_t allocate;
    json_free_t release;
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(no_memory, release);
    const bool is_fine = judge_row(&poor, row);
    json_set_alloc_funcs(allocate, release);
    assert_false(is_fine);
    assert_null(poor.refusals);
}

static void what_the_api_does_not_know_is_said(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(65536);
    CLEANUP(json_release) json_t *row = json_pack("{s:s, s:i, s:s, s:n}", "education", "form_2", "shoe_size", 41, "id", "x", "nothing");
    struct judging judging = {.arena = arena, .kind = &kind};
    assert_true(judge_row(&judging, row));
    assert_int_equal(json_array_size(judging.notes), 1);
    assert_string_equal(json_string_value(json_array_get(judging.notes, 0)), "shoe_size is no known member, left out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_row_stays_refused_where_there_is_no_memory_for_the_reason),
        cmocka_unit_test(what_the_api_does_not_know_is_said),
        cmocka_unit_test(another_spelling_is_said),
        cmocka_unit_test(what_nobody_sees_is_taken_out_and_said),
        cmocka_unit_test(a_long_value_is_said_as_far_as_its_letters_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
