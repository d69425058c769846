// SPDX-License-Identifier: MIT
// What is typed after a command is held against its line of help before anything is done.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "usage.h"

static const struct command nothing = {"topics", "", "create topics", NULL};
static const struct command file = {"import", "FILE", "load a file", NULL};
static const struct command create = {"admin create", "--email E [--password P | --password-stdin]", "make one", NULL};
static const struct command tail = {"events tail", "[TOPIC ...] [--from-beginning] [--exit]", "print events", NULL};

static const struct command settled = {"payments refund-settled", "ID completed RECEIPT | ID failed", "settle one", NULL};

#define FITS(command, ...) fits(&(command), (const char *[]){__VA_ARGS__ __VA_OPT__(,) NULL})

// 0: it may run; -1: it was only asked what it takes; else the exit status.
static int fits(const struct command *command, const char **words)
{
    int argc = 0, status = 0;
    while (words[argc]) argc++;
    const bool fine = usage_fits(command, argc, (char **)(uintptr_t)words, &status);
    return fine || status ? status : -1;
}

static void what_the_help_names_is_taken(void **state)
{
    (void)state;
    assert_int_equal(FITS(nothing), 0);
    assert_int_equal(FITS(file), 0); // the command itself says that one is missing
    assert_int_equal(FITS(file, "db.json"), 0);
    assert_int_equal(FITS(create, "--email", "a@b.example", "--password", "-begins-with-a-dash"), 0);
    assert_int_equal(FITS(create, "--password-stdin", "--email", "a@b.example"), 0);
    assert_int_equal(FITS(tail, "dc.auth.users", "--exit", "dc.auth.keys", "--from-beginning"), 0);
    assert_int_equal(FITS(settled, "r1", "completed", "QX1"), 0);
    assert_int_equal(FITS(settled, "r1", "failed"), 0);
}

static void words_are_found_wherever_they_stand(void **state)
{
    (void)state;
    const char *words[] = {"--exit", "dc.auth.users", "--from-beginning", "dc.auth.keys", NULL};
    assert_int_equal(fits(&tail, words), 0);
    char **argv = (char **)(uintptr_t)words;
    assert_string_equal(command_word(4, argv, 0), "dc.auth.users");
    assert_string_equal(command_word(4, argv, 1), "dc.auth.keys");
    assert_null(command_word(4, argv, 2));
    assert_true(command_flag(4, argv, "--exit"));
    const char *options[] = {"--password-stdin", "--email", "a@b.example", NULL};
    assert_int_equal(fits(&create, options), 0);
    assert_null(command_word(3, (char **)(uintptr_t)options, 0)); // a value is no word
    assert_string_equal(command_option(3, (char **)(uintptr_t)options, "--email"), "a@b.example");
    assert_null(command_word(0, NULL, 0));
}

static void what_it_does_not_name_is_refused(void **state)
{
    (void)state;
    assert_int_equal(FITS(nothing, "all"), 2);
    assert_int_equal(FITS(nothing, "--service", "auth"), 2);
    assert_int_equal(FITS(file, "db.json", "other.json"), 2);
    assert_int_equal(FITS(create, "--mail", "a@b.example"), 2);
    assert_int_equal(FITS(create, "--pass", "word"), 2); // the beginning of an option is none
    assert_int_equal(FITS(create, "--email=a@b.example"), 2);
    assert_int_equal(FITS(create, "-"), 2);
    assert_int_equal(FITS(create, "E"), 2); // the value's name is no word of its own
    assert_int_equal(FITS(tail, "--exit", "--begin"), 2);
    assert_int_equal(FITS(settled, "r1", "completed", "QX1", "QX2"), 2);
}

static void an_option_without_its_value_is_refused(void **state)
{
    (void)state;
    assert_int_equal(FITS(create, "--email"), 2);
    assert_int_equal(FITS(create, "--email", "a@b.example", "--password"), 2);
}

static void help_does_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(FITS(nothing, "--help"), -1);
    assert_int_equal(FITS(create, "--email", "a@b.example", "--help"), -1);
    assert_int_equal(FITS(tail, "-h"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_help_names_is_taken),
        cmocka_unit_test(words_are_found_wherever_they_stand),
        cmocka_unit_test(what_it_does_not_name_is_refused),
        cmocka_unit_test(an_option_without_its_value_is_refused),
        cmocka_unit_test(help_does_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
