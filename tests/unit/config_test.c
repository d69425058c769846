// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "config.h"

struct sample_settings {
    int64_t life_s;
    const char *name;
    const char *secret;
    const char *colour;
    bool fast;
};
static const char *const colours[] = {"red", "green", NULL};
static const struct setting rows[] = {
    SETTING(sample_settings, life_s, "DC_LIFE_S", "900", .min = 60, .max = 3600, .doc = "Life, in seconds."),
    SETTING(sample_settings, name, "SAMPLE_NAME", NULL, .max = 8, .doc = "A name."),
    SETTING(sample_settings, secret, "DC_SECRET", "", .secret = true, .min = 4, .doc = "A secret."),
    SETTING(sample_settings, colour, "DC_COLOUR", "red", .choices = colours, .doc = "A colour."),
    SETTING(sample_settings, fast, "DC_FAST", "true", .doc = "Fast or not."),
    {0},
};

static struct sample_settings got;
static struct setting_group groups[] = {{rows, &got}};

// The report, "" when all is well.
static char *read_with(const char *const *environment)
{
    char *report = NULL;
    memset(&got, 0, sizeof got);
    if (config_read(groups, 1, (char *const *)(uintptr_t)environment, true, &report)) {
        assert_null(report);
        return strdup("");
    }
    assert_non_null(report);
    return report;
}

static void expect_report(const char *const *environment, const char *expected)
{
    char *report = read_with(environment);
    assert_string_equal(report, expected);
    free(report);
}

static void test_defaults(void **state)
{
    (void)state;
    expect_report((const char *const[]){"SAMPLE_NAME=ann", "HOME=/root", NULL}, "");
    assert_int_equal(got.life_s, 900);
    assert_string_equal(got.name, "ann");
    assert_string_equal(got.secret, "");
    assert_string_equal(got.colour, "red");
    assert_true(got.fast);
    config_release(groups, 1);
    assert_null(got.name);
}

static void test_given(void **state)
{
    (void)state;
    expect_report((const char *const[]){"DC_LIFE_S=60", "SAMPLE_NAME=bo", "DC_SECRET=12=4", "DC_COLOUR=green",
                                        "DC_FAST=false", NULL},
                  "");
    assert_int_equal(got.life_s, 60);
    assert_string_equal(got.secret, "12=4");
    assert_string_equal(got.colour, "green");
    assert_false(got.fast);
    config_release(groups, 1);
}

static void test_empty_is_not_given(void **state)
{
    (void)state;
    expect_report((const char *const[]){"DC_LIFE_S=", "SAMPLE_NAME=", NULL},
                  "SAMPLE_NAME is required. A name.\n");
}

static void test_all_problems_at_once(void **state)
{
    (void)state;
    expect_report(
        (const char *const[]){"DC_LIFE_S=59", "SAMPLE_NAME=much too long", "DC_SECRET=abc", "DC_COLOUR=blue",
                              "DC_FAST=yes", "DC_LIEF_S=5", NULL},
        "DC_LIFE_S must be from 60 to 3600.\n"
        "SAMPLE_NAME must have at most 8 bytes.\n"
        "DC_SECRET must have at least 4 bytes.\n"
        "DC_COLOUR is none of the known choices; see --help-config.\n"
        "DC_FAST must be true or false.\n"
        "DC_LIEF_S is no setting of this service: correct its name or remove it; see --help-config.\n");
    expect_report((const char *const[]){"DC_LIFE_S=60s", "SAMPLE_NAME=a", NULL},
                  "DC_LIFE_S must be a whole number.\n");
}

static void test_a_problem_does_not_repeat_the_secret(void **state)
{
    (void)state;
    char *report = read_with((const char *const[]){"SAMPLE_NAME=a", "DC_SECRET=xyz", NULL});
    assert_null(strstr(report, "xyz"));
    free(report);
}

static void test_from_file(void **state)
{
    (void)state;
    char path[] = "/tmp/config_test_XXXXXX", setting[64];
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "hush hush\n", 10), 10);
    close(file);
    snprintf(setting, sizeof setting, "DC_SECRET_FILE=%s", path);
    expect_report((const char *const[]){"SAMPLE_NAME=a", setting, NULL}, "");
    assert_string_equal(got.secret, "hush hush");
    config_release(groups, 1);
    expect_report((const char *const[]){"SAMPLE_NAME=a", "DC_SECRET=hush", setting, NULL},
                  "DC_SECRET is given twice, also as DC_SECRET_FILE: remove one of them.\n");
    unlink(path);
    expect_report(
        (const char *const[]){"SAMPLE_NAME=a", setting, NULL},
        "DC_SECRET cannot be read from the file that DC_SECRET_FILE names: No such file or directory.\n");
}

// What is said of DC_SECRET in a file with these bytes.
static void expect_of_file(const char *bytes, size_t length, const char *report, const char *value)
{
    char path[] = "/tmp/config_test_XXXXXX", setting[64];
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, length), length);
    close(file);
    snprintf(setting, sizeof setting, "DC_SECRET_FILE=%s", path);
    expect_report((const char *const[]){"SAMPLE_NAME=a", setting, NULL}, report);
    unlink(path);
    if (value) assert_string_equal(got.secret, value);
    config_release(groups, 1);
}

static void test_files_are_judged(void **state)
{
    (void)state;
    static char long_text[64 * 1024 + 1];
    memset(long_text, 'x', sizeof long_text);
    expect_of_file("hush hush\r\n\n", 12, "", "hush hush"); // line ends are no part of it
    expect_of_file("  hush ", 7, "", "  hush ");
    expect_of_file(long_text, sizeof long_text - 1, "", NULL);
    expect_of_file(long_text, sizeof long_text, "DC_SECRET is too long in its file: at most 65536 bytes.\n", NULL);
    expect_of_file("hu\0sh", 5, "DC_SECRET has a NUL byte in its file.\n", NULL);
    expect_of_file("\n", 1, "DC_SECRET is empty in its file.\n", NULL);
    expect_of_file("abc", 3, "DC_SECRET must have at least 4 bytes.\n", NULL); // the same checks as given directly
}

static void test_groups_are_read_together(void **state)
{
    (void)state;
    static const struct setting more_rows[] = {SETTING(sample_settings, life_s, "DC_OTHER_LIFE_S", "7", .min = 5, .doc = "Another life."),
                                               SETTING(sample_settings, name, "OTHER_NAME", "x", .doc = "Another name."), {0}};
    struct sample_settings more = {0};
    struct setting_group both[] = {{rows, &got}, {more_rows, &more}, {NULL, NULL}};
    char *report = NULL;
    memset(&got, 0, sizeof got);
    const char *const good[] = {"SAMPLE_NAME=a", "DC_OTHER_LIFE_S=9", NULL};
    assert_true(config_read(both, 3, (char *const *)(uintptr_t)good, true, &report));
    assert_int_equal(got.life_s, 900);
    assert_int_equal(more.life_s, 9);
    config_release(both, 3);
    assert_null(more.name);
    const char *const bad[] = {"DC_LIFE_S=1", "SAMPLE_NAME=a", "DC_OTHER_LIFE_S=-1", NULL};
    assert_false(config_read(both, 3, (char *const *)(uintptr_t)bad, true, &report));
    assert_string_equal(report, "DC_LIFE_S must be from 60 to 3600.\nDC_OTHER_LIFE_S must be at least 5.\n");
    assert_null(got.name); // nothing is kept of a reading that failed
    free(report);
}

static void test_help_names_each_setting(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    config_help(groups, 1, out);
    fclose(out);
    assert_non_null(
        strstr(text, "DC_LIFE_S                        Life, in seconds. From 60 to 3600. Default: 900.\n"));
    assert_non_null(strstr(text, "A name. Required.\n"));
    assert_non_null(strstr(text, "One of: red green. Default: red.\n"));
    free(text);
}

static void test_log_masks_secrets(void **state)
{
    (void)state;
    expect_report((const char *const[]){"SAMPLE_NAME=ann", "DC_SECRET=hush-hush", NULL}, "");
    char path[] = "/tmp/config_test_XXXXXX", line[4096] = "";
    const int file = mkstemp(path), kept = dup(STDOUT_FILENO);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    config_log(groups, 1);
    dup2(kept, STDOUT_FILENO);
    assert_true(pread(file, line, sizeof line - 1, 0) > 0);
    close(file);
    close(kept);
    unlink(path);
    assert_non_null(strstr(line, "\"SAMPLE_NAME\":\"ann\""));
    assert_non_null(strstr(line, "\"DC_SECRET\":\"***\""));
    assert_null(strstr(line, "hush"));
    config_release(groups, 1);
}

// Every setting of the kit says what it is for, and its default is one it would take.
static void test_kit_settings_are_sound(void **state)
{
    (void)state;
    struct kit_settings settings = {0};
    struct setting_group kit = {kit_settings, &settings};
    char *report = NULL;
    static const char *const given[] = {"DATABASE_URL=postgresql://x", "KAFKA_BROKERS=localhost:9092",
                                        "DC_CURSOR_SECRET=0123456789012345678901234567890123456789", NULL};
    assert_true(config_read(&kit, 1, (char *const *)(uintptr_t)given, true, &report));
    assert_int_equal(settings.stop_timeout_ms, 10000);
    config_release(&kit, 1);
    for (const struct setting *row = kit_settings; row->name; row++) assert_non_null(row->doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_empty_is_not_given),
        cmocka_unit_test(test_all_problems_at_once),
        cmocka_unit_test(test_a_problem_does_not_repeat_the_secret),
        cmocka_unit_test(test_from_file),
        cmocka_unit_test(test_files_are_judged),
        cmocka_unit_test(test_groups_are_read_together),
        cmocka_unit_test(test_help_names_each_setting),
        cmocka_unit_test(test_log_masks_secrets),
        cmocka_unit_test(test_kit_settings_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
