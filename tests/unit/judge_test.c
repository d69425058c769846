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

// What is noted of the choice given, and what becomes of it.
static const char *noted(struct arena *arena, const char *given, const char **ret_taken)
{
    CLEANUP(json_release) json_t *row = json_pack("{s:s}", "education", given), *clean = json_object(), *notes = json_array();
    struct judging judging = {.arena = arena, .notes = notes};
    judge_choice(&judging, row, clean, "education", choices, spellings);
    *ret_taken = arena_strdup(arena, json_member_text(clean, "education"));
    return arena_strdup(arena, json_string_value(json_array_get(notes, 0)));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_spelling_is_said),
        cmocka_unit_test(a_long_value_is_said_as_far_as_its_letters_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
