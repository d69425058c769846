// SPDX-License-Identifier: MIT
// service_handle without a socket: where a request goes, who calls, what is given, and what stands around the
// handler.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notes.h"

// --- Routing and headers ----------------------------------------------------------------------------
static void test_answers(void **state)
{
    (void)state;
    CALL("GET", "/echo/x");
    notes_expect(200, "{\"path\":\"/echo/x\",\"user\":\"-\",\"address\":\"10.0.0.9\"}");
    assert_string_equal(notes_header("Content-Type"), "application/json");
    assert_null(notes_header("Cache-Control"));
    assert_int_equal(strlen(notes_header("X-Request-Id")), 36);
    assert_int_equal(strlen(notes_header("traceparent")), 55);
}

static void test_ids_are_kept(void **state)
{
    (void)state;
    CALL("GET", "/echo/x",
         .headers = {{"X-Request-Id", "my.id_1-2"},
                     {"traceparent", TRACE},
                     {"X-Forwarded-For", "41.90.1.2, 10.0.0.1"}});
    notes_expect(200, "\"address\":\"41.90.1.2\"");
    assert_string_equal(notes_header("X-Request-Id"), "my.id_1-2");
    assert_memory_equal(notes_header("traceparent"), TRACE, 35);
    assert_memory_not_equal(notes_header("traceparent") + 36, TRACE + 36, 16);
    CALL("GET", "/echo/x", .headers = {{"X-Request-Id", "a\"b"}, {"X-Forwarded-For", "<script>"}});
    notes_expect(200, "\"address\":\"10.0.0.9\"");
    assert_string_not_equal(notes_header("X-Request-Id"), "a\"b");
}

static void test_wrong_places(void **state)
{
    (void)state;
    CALL("GET", "/nowhere");
    notes_expect(404, "\"type\":\"/problems/not-found\"");
    assert_string_equal(notes_header("Content-Type"), "application/problem+json");
    assert_non_null(notes_header("X-Request-Id"));
    CALL("DELETE", "/notes");
    notes_expect(405, NULL);
    assert_string_equal(notes_header("Allow"), "GET, HEAD, POST, OPTIONS");
    CALL("OPTIONS", "/notes/n1");
    notes_expect(204, NULL);
    assert_string_equal(notes_header("Allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
    assert_null(notes_header("Content-Type"));
    CALL("HEAD", "/notes/n1");
    notes_expect(200, NULL);
    CALL("GET", "/notes/n1/");
    notes_expect(200, "first");
}

static void test_refusal_of_the_server(void **state)
{
    (void)state;
    const struct http_request request = {.arena = notes.arena, .refusal = &problem_head_too_large};
    notes.answer = (struct http_response){0};
    service_handle(&notes.app, &request, &notes.answer);
    notes_expect(431, "/problems/head-too-large");
}

// --- Who calls ---------------------------------------------------------------------------------------
static void test_access(void **state)
{
    (void)state;
    CALL("GET", "/mine");
    notes_expect(401, NULL);
    assert_non_null(notes_header("WWW-Authenticate"));
    CALL("GET", "/mine", .headers = {{"Authorization", notes_bearer(false, 60)}});
    notes_expect(200, "\"user\":\"u1\"");
    assert_string_equal(notes_header("Cache-Control"), "no-store");
    CALL("GET", "/admin", .headers = {{"Authorization", notes_bearer(false, 60)}});
    notes_expect(403, NULL);
    CALL("GET", "/admin", .headers = {{"Authorization", notes_bearer(true, 61)}});
    notes_expect(200, NULL);
    CALL("GET", "/private");
    assert_string_equal(notes_header("Cache-Control"), "no-store");
}

static void test_bad_token_stops_only_where_one_is_needed(void **state)
{
    (void)state;
    CALL("GET", "/mine", .headers = {{"Authorization", notes_bearer(false, -1)}});
    notes_expect(401, NULL);
    CALL("GET", "/echo/x", .headers = {{"Authorization", notes_bearer(false, -1)}});
    notes_expect(200, "\"user\":\"-\"");
    CALL("GET", "/nowhere", .headers = {{"Authorization", "Bearer x"}});
    notes_expect(404, NULL);
}

// --- Input -------------------------------------------------------------------------------------------
static void test_query(void **state)
{
    (void)state;
    CALL("GET", "/echo/x", "a=1&b=2");
    notes_expect(422, "\"pointer\":\"?a\"");
    notes_expect(422, "\"pointer\":\"?b\"");
    CALL("GET", "/notes", "q=%zz");
    notes_expect(400, NULL);
    CALL("GET", "/notes", "q=a+b&page=2&per_page=7");
    notes_expect(200, "\"page\":2,\"per_page\":7");
    CALL("GET", "/notes", "per_page=101");
    notes_expect(422, "\"pointer\":\"?per_page\"");
    CALL("GET", "/notes", "per_page=0");
    notes_expect(422, NULL);
    CALL("GET", "/notes", "&&");
    notes_expect(200, NULL);
    struct text_buffer many = text_buffer(notes.arena);
    for (int i = 0; i < 70; i++) text_add(&many, "q=1&");
    CALL("GET", "/notes", text_take(&many));
    notes_expect(400, NULL);
}

static void test_body(void **state)
{
    (void)state;
    CALL("POST", "/notes", .body = "{\"title\":\"x\"}");
    notes_expect(415, NULL);
    CALL("POST", "/notes", .body = "{\"title\":\"x\"}",
         .headers = {{"Content-Type", "application/json-patch+json"}});
    notes_expect(415, NULL);
    CALL("POST", "/notes", .headers = {JSON});
    notes_expect(400, NULL);
    CALL("POST", "/notes", .body = "{\"title\":", .headers = {JSON});
    notes_expect(400, NULL);
    CALL("POST", "/notes", .body = "[1]", .headers = {JSON});
    notes_expect(400, NULL);
    CALL("POST", "/notes", .body = "{\"titel\":\"x\"}", .headers = {JSON});
    notes_expect(422, "/titel");
    notes_expect(422, "/title");
    CALL("POST", "/small", .body = "{\"title\":\"a bit too long\"}", .headers = {JSON});
    notes_expect(413, NULL);
    CALL("POST", "/optional");
    notes_expect(200, "none");
    CALL("POST", "/optional", .body = "{\"title\":\"given\"}", .headers = {JSON});
    notes_expect(200, "given");
    CALL("PATCH", "/notes/n1", .body = "{}", .headers = {JSON});
    notes_expect(422, NULL);
    assert_int_equal(notes.runs, 0);
}

// --- Hooks -------------------------------------------------------------------------------------------------
static int after_calls;

static bool before_hook(struct request *rq, struct response *rs, struct error *err)
{
    assert_int_equal(rs->status, 0);
    response_header(rs, "X-Before", "1");
    if (strcmp(rq->path, "/limited") == 0) return error_set(err, &problem_rate_limited, NULL);
    if (strcmp(rq->path, "/preflight") == 0) rs->status = 204;
    if (text_starts_with(rq->path, "/api/")) rq->path += 4;
    return true;
}

static void after_hook(struct request *rq, struct response *rs)
{
    (void)rq;
    after_calls++;
    response_header(rs, "X-After", "1");
}

static bool fallback_hook(struct request *rq, struct response *rs, struct error *err)
{
    (void)err;
    assert_false(rq->caller.signed_in);
    rs->status = 202;
    rs->content_type = "text/plain";
    response_json(rs, "elsewhere");
    return true;
}

static void test_hooks(void **state)
{
    (void)state;
    struct service hooked = notes_service;
    hooked.before = before_hook;
    hooked.after = after_hook;
    hooked.fallback = fallback_hook;
    notes.app.service = &hooked;
    after_calls = 0;
    CALL("GET", "/limited");
    notes_expect(429, NULL);
    assert_string_equal(notes_header("X-Before"), "1");
    CALL("GET", "/preflight");
    notes_expect(204, NULL);
    CALL("GET", "/api/notes/n1");
    notes_expect(200, "first");
    CALL("PUT", "/elsewhere", "a=%zz", .headers = {{"Authorization", "Bearer expired"}});
    notes_expect(202, "elsewhere");
    assert_string_equal(notes_header("Content-Type"), "text/plain");
    assert_null(notes_header("ETag"));
    assert_null(notes_header("Cache-Control"));
    CALL("POST", "/api/notes/n1");
    notes_expect(405, NULL);
    assert_string_equal(notes_header("X-Before"), "1");
    assert_string_equal(notes_header("X-After"), "1");
    assert_int_equal(after_calls, 5);
}

// --- Trouble ---------------------------------------------------------------------------------------------
static void test_out_of_memory(void **state)
{
    (void)state;
    CALL("GET", "/memory");
    notes_expect(503, "/problems/unavailable");
}

static void test_bug_tells_nothing(void **state)
{
    (void)state;
    CALL("GET", "/bug");
    notes_expect(500, "/problems/internal");
    assert_null(strstr(notes.answer.body, "secret"));
}

static void test_requests_are_counted(void **state)
{
    (void)state;
    CALL("GET", "/echo/a");
    CALL("GET", "/echo/b");
    CALL("GET", "/echo/b", "x=1");
    CALL("GET", "/nowhere/1");
    struct text_buffer out = text_buffer(notes.arena);
    metrics_print(notes.app.metrics, &out);
    const char *text = text_take(&out);
    assert_non_null(
        strstr(text, "http_requests_total{method=\"GET\",route=\"/echo/{name}\",status=\"422\"}"));
    assert_non_null(strstr(text, "http_requests_total{method=\"-\",route=\"-\",status=\"404\"}"));
    assert_non_null(
        strstr(text, "http_request_duration_seconds_count{method=\"GET\",route=\"/echo/{name}\"}"));
    assert_null(strstr(text, "/nowhere"));
}

static void test_health_on_the_main_port(void **state)
{
    (void)state;
    CALL("GET", "/health/liveness");
    notes_expect(200, "alive");
    CALL("GET", "/health/readiness");
    notes_expect(503, "\"start\"");
    CALL("POST", "/health/liveness");
    notes_expect(404, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, notes_setup, notes_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_ids_are_kept),
        TEST(test_wrong_places),
        TEST(test_refusal_of_the_server),
        TEST(test_access),
        TEST(test_bad_token_stops_only_where_one_is_needed),
        TEST(test_query),
        TEST(test_body),
        TEST(test_hooks),
        TEST(test_out_of_memory),
        TEST(test_bug_tells_nothing),
        TEST(test_requests_are_counted),
        TEST(test_health_on_the_main_port),
    };
    return cmocka_run_group_tests(tests, notes_start, notes_stop);
}
