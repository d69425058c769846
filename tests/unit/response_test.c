// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "response.h"

static struct arena *arena;
static struct response rs;
static struct error err;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    rs = (struct response){.status = 200, .content_type = "application/json"};
    err = (struct error){.arena = arena};
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void expect_problem(int status, const char *body)
{
    assert_int_equal(rs.status, status);
    assert_string_equal(rs.content_type, "application/problem+json");
    assert_string_equal(rs.body, body);
    assert_int_equal(rs.length, strlen(body));
}

// --- Headers and bodies ---------------------------------------------------------------------------

static void headers_are_found_in_any_case(void **state)
{
    (void)state;
    response_header(&rs, "Location", "/users/1");
    response_header(&rs, "X-Empty", NULL); // left out
    assert_int_equal(rs.header_count, 1);
    assert_string_equal(response_header_find(&rs, "location"), "/users/1");
    assert_null(response_header_find(&rs, "X-Empty"));
}

static void headers_are_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < HTTP_RESPONSE_HEADERS_MAX + 5; i++) response_header(&rs, "X", "1");
    assert_int_equal(rs.header_count, HTTP_RESPONSE_HEADERS_MAX);
}

static void body_comes_with_its_length(void **state)
{
    (void)state;
    response_json(&rs, "{\"a\":1}");
    assert_string_equal(rs.body, "{\"a\":1}");
    assert_int_equal(rs.length, 7);
    response_json_length(&rs, "{}, and more", 2);
    assert_int_equal(rs.length, 2);
    response_json(&rs, NULL); // the arena failed: the kit answers 503
    assert_null(rs.body);
    assert_int_equal(rs.length, 0);
}

static void message_is_escaped(void **state)
{
    (void)state;
    struct request rq = {.arena = arena};
    assert_true(response_message(&rq, &rs, "Say \"hi\"."));
    assert_string_equal(rs.body, "{\"message\":\"Say \\\"hi\\\".\"}");
}

// --- Problems -------------------------------------------------------------------------------------

static void problem_says_what_and_what_next(void **state)
{
    (void)state;
    error_set(&err, &problem_not_found, "There is no user \"u1\".");
    error_cause(&err, "secret SQL");
    problem_write(&err, "r1", arena, &rs);
    expect_problem(404, "{\"type\":\"/problems/not-found\",\"title\":\"Not found\",\"status\":404,\"detail\":\"There is no user \\\"u1\\\".\","
                        "\"instance\":\"/requests/r1\",\"error\":\"There is no user \\\"u1\\\".\"}");
    assert_int_equal(rs.header_count, 0);
}

static void advice_is_told_where_there_is_no_detail(void **state)
{
    (void)state;
    err.problem = &problem_conflict;
    problem_write(&err, NULL, arena, &rs);
    expect_problem(409, "{\"type\":\"/problems/conflict\",\"title\":\"Conflict\",\"status\":409,\"detail\":\"Read the current state and try again.\","
                        "\"error\":\"Read the current state and try again.\"}");
}

static void violations_are_listed(void **state)
{
    (void)state;
    error_violation(&err, "/email", "is required");
    error_violation(&err, "?pa\"ge", "must be at least 1");
    problem_write(&err, NULL, arena, &rs);
    assert_int_equal(rs.status, 422);
    assert_non_null(strstr(rs.body, ",\"errors\":[{\"pointer\":\"/email\",\"message\":\"is required\"},"
                                    "{\"pointer\":\"?pa\\\"ge\",\"message\":\"must be at least 1\"}]}"));
}

static void error_without_a_problem_is_ours(void **state)
{
    (void)state;
    snprintf(err.detail, sizeof err.detail, "must not be seen");
    problem_write(&err, NULL, arena, &rs);
    assert_int_equal(rs.status, 500);
    assert_non_null(strstr(rs.body, "\"type\":\"/problems/internal\""));
    assert_null(strstr(rs.body, "must not be seen"));
}

static void caller_is_told_how_to_sign_in(void **state)
{
    (void)state;
    error_set(&err, &problem_unauthenticated, NULL);
    problem_write(&err, NULL, arena, &rs);
    assert_string_equal(response_header_find(&rs, "WWW-Authenticate"), "Bearer realm=\"domestic-connect\"");
    assert_null(response_header_find(&rs, "Retry-After"));
}

static void caller_is_told_what_is_allowed(void **state)
{
    (void)state;
    const char *const own = "GET, HEAD, OPTIONS";
    error_set(&err, &problem_method_not_allowed, NULL);
    problem_write(&err, NULL, arena, &rs);
    assert_string_equal(response_header_find(&rs, "Allow"), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    rs = (struct response){0};
    response_header(&rs, "Allow", own); // the path's own methods come first
    problem_write(&err, NULL, arena, &rs);
    assert_int_equal(rs.header_count, 1);
    assert_ptr_equal(response_header_find(&rs, "Allow"), own);
}

static void caller_is_told_when_to_come_back(void **state)
{
    (void)state;
    error_set(&err, &problem_rate_limited, NULL);
    problem_write(&err, NULL, arena, &rs);
    assert_string_equal(response_header_find(&rs, "Retry-After"), "2");
    rs = (struct response){0};
    error_set(&err, &problem_unavailable, NULL);
    err.retry_after_s = 30;
    problem_write(&err, NULL, arena, &rs);
    assert_string_equal(response_header_find(&rs, "Retry-After"), "30");
}

static void problem_takes_the_place_of_what_was_there(void **state)
{
    (void)state;
    response_json(&rs, "{\"half\":");
    rs.file = "/tmp/photo.jpg";
    error_set(&err, &problem_conflict, NULL);
    problem_write(&err, NULL, arena, &rs);
    assert_null(rs.file);
    assert_null(strstr(rs.body, "half"));
}

static void without_memory_there_is_an_answer_all_the_same(void **state)
{
    (void)state;
    assert_null(arena_alloc(arena, (1 << 20) + 1));
    error_set(&err, &problem_not_found, NULL);
    problem_write(&err, "r1", arena, &rs);
    expect_problem(503, "{\"type\":\"/problems/unavailable\",\"title\":\"Not available right now\",\"status\":503,"
                        "\"detail\":\"Try again in a few seconds.\",\"error\":\"Try again in a few seconds.\"}");
    assert_string_equal(response_header_find(&rs, "Retry-After"), "2");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(headers_are_found_in_any_case),
        TEST(headers_are_bounded),
        TEST(body_comes_with_its_length),
        TEST(message_is_escaped),
        TEST(problem_says_what_and_what_next),
        TEST(advice_is_told_where_there_is_no_detail),
        TEST(violations_are_listed),
        TEST(error_without_a_problem_is_ours),
        TEST(caller_is_told_how_to_sign_in),
        TEST(caller_is_told_what_is_allowed),
        TEST(caller_is_told_when_to_come_back),
        TEST(problem_takes_the_place_of_what_was_there),
        TEST(without_memory_there_is_an_answer_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
