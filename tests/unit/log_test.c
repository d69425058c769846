// SPDX-License-Identifier: MIT
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "output.h"

#define THREADS 4
#define LINES_EACH 200

static json_t *line; // the last one logged, as an object

static int setup(void **state)
{
    (void)state;
    log_start("sample", LOG_LEVEL_INFO);
    log_scope(NULL, NULL);
    output_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    output_end();
    json_release(&line);
    line = NULL;
    log_scope(NULL, NULL);
    log_start("test", LOG_LEVEL_ERROR);
    return 0;
}

// Reads the one line that was logged; what it says without its time.
static const char *logged(void)
{
    static char rest[4096];
    const char *text = output_so_far();
    const char *end = strchr(text, '\n');
    assert_true(end && end[1] == '\0');
    struct error err = {0};
    json_release(&line);
    line = json_parse(text, (size_t)(end - text), &err);
    assert_true(json_is_object(line));
    const char *time = json_member_text(line, "time");
    int64_t time_ms;
    assert_true(clock_parse(time, &time_ms));
    snprintf(rest, sizeof rest, "%.*s", (int)(end - text - 35), text + 35); // {"time":"2026-11-23T08:00:00.000Z",
    output_begin();
    return rest;
}

static void line_is_an_object_with_what_happened(void **state)
{
    (void)state;
    log_info("user_registered", LOG_TEXT("user_id", "u1"), LOG_INT("duration_ms", -12), LOG_BOOL("new", true), LOG_REAL("share", 0.25));
    assert_string_equal(logged(), "\"level\":\"info\",\"service\":\"sample\",\"event\":\"user_registered\",\"user_id\":\"u1\","
                                  "\"duration_ms\":-12,\"new\":true,\"share\":0.25}");
    log_error("stopped");
    assert_string_equal(logged(), "\"level\":\"error\",\"service\":\"sample\",\"event\":\"stopped\"}");
}

static void lower_levels_are_left_out(void **state)
{
    (void)state;
    log_debug("detail");
    assert_string_equal(output_so_far(), "");
    log_start("sample", LOG_LEVEL_ERROR);
    log_info("news");
    log_warning("odd");
    assert_string_equal(output_so_far(), "");
    log_start("sample", LOG_LEVEL_DEBUG);
    log_debug("detail");
    assert_non_null(strstr(logged(), "\"level\":\"debug\""));
}

static void levels_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warning", "error"};
    enum log_level level = LOG_LEVEL_INFO;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_true(log_level_parse(names[i], &level));
        assert_int_equal(level, i);
    }
    assert_false(log_level_parse("loud", &level));
    assert_false(log_level_parse(NULL, &level));
    assert_int_equal(level, LOG_LEVEL_ERROR);
}

static void scope_adds_its_ids(void **state)
{
    (void)state;
    log_scope("r1", "t1");
    log_info("answered");
    assert_string_equal(logged(), "\"level\":\"info\",\"service\":\"sample\",\"event\":\"answered\",\"request_id\":\"r1\",\"trace_id\":\"t1\"}");
    log_scope(NULL, NULL);
    log_info("answered");
    assert_null(strstr(logged(), "request_id"));
}

static void *log_alone(void *argument)
{
    log_info("other", LOG_TEXT("name", argument));
    return NULL;
}

static void scope_belongs_to_its_thread(void **state)
{
    (void)state;
    static char name[] = "thread";
    pthread_t thread;
    log_scope("r1", "t1");
    assert_int_equal(pthread_create(&thread, NULL, log_alone, name), 0);
    pthread_join(thread, NULL);
    assert_null(strstr(logged(), "r1"));
}

static void no_value_can_forge_a_line(void **state)
{
    (void)state;
    log_info("odd", LOG_TEXT("name", "x\"}\n{\"level\":\"error\",\"event\":\"forged"));
    assert_string_equal(logged(), "\"level\":\"info\",\"service\":\"sample\",\"event\":\"odd\","
                                  "\"name\":\"x\\\"}\\u000a{\\\"level\\\":\\\"error\\\",\\\"event\\\":\\\"forged\"}");
}

static void values_that_are_none_are_told_so(void **state)
{
    (void)state;
    log_info("odd", LOG_TEXT("missing", NULL), LOG_TEXT("bytes", "\xff\xfe"), LOG_REAL("ratio", NAN), LOG_REAL("speed", INFINITY));
    assert_string_equal(logged(), "\"level\":\"info\",\"service\":\"sample\",\"event\":\"odd\",\"missing\":\"\",\"bytes\":\"(not UTF-8)\","
                                  "\"ratio\":null,\"speed\":null}");
}

static void failure_is_told_with_its_cause(void **state)
{
    (void)state;
    struct error err = {0};
    error_set(&err, &problem_unavailable, "Try later.");
    error_cause(&err, "connect: refused");
    log_failure(LOG_LEVEL_WARNING, "relay_interrupted", &err);
    assert_string_equal(logged(), "\"level\":\"warning\",\"service\":\"sample\",\"event\":\"relay_interrupted\",\"problem\":\"unavailable\","
                                  "\"detail\":\"Try later.\",\"cause\":\"connect: refused\"}");
}

static void long_value_is_cut_and_the_line_kept(void **state)
{
    (void)state;
    static char text[200001] = "x";
    for (size_t i = 1; i + 2 < sizeof text; i += 2) memcpy(text + i, "é", 2);
    log_error("odd", LOG_TEXT("path", text), LOG_INT("after", 7));
    logged();
    assert_int_equal(strlen(json_member_text(line, "path")), 2047); // no half character
    assert_memory_equal(json_member_text(line, "path"), text, 2047);
    assert_int_equal(json_integer_value(json_object_get(line, "after")), 7);
}

static void *log_many(void *argument)
{
    for (int i = 0; i < LINES_EACH; i++) log_info("counted", LOG_TEXT("thread", argument), LOG_INT("number", i));
    return NULL;
}

static void lines_of_threads_stay_whole(void **state)
{
    (void)state;
    static char names[THREADS][2] = {"0", "1", "2", "3"};
    pthread_t threads[THREADS];
    int next[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (const char *text = output_so_far(); *text; text = strchr(text, '\n') + 1) {
        struct error err = {0};
        CLEANUP(json_release) json_t *one = json_parse(text, strcspn(text, "\n"), &err);
        const int thread = json_member_text(one, "thread")[0] - '0';
        assert_int_equal(json_integer_value(json_object_get(one, "number")), next[thread]++);
    }
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(next[i], LINES_EACH);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(line_is_an_object_with_what_happened),
        TEST(lower_levels_are_left_out),
        TEST(levels_have_names),
        TEST(scope_adds_its_ids),
        TEST(scope_belongs_to_its_thread),
        TEST(no_value_can_forge_a_line),
        TEST(values_that_are_none_are_told_so),
        TEST(failure_is_told_with_its_cause),
        TEST(long_value_is_cut_and_the_line_kept),
        TEST(lines_of_threads_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
