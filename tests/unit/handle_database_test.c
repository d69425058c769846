// SPDX-License-Identifier: MIT
// service_handle and the database: what a request keeps and rolls back, when it runs again or not at all, and
// the versions of what it reads and changes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "notes.h"

// --- Transactions --------------------------------------------------------------------------------------
static void test_write_is_committed_with_its_trace(void **state)
{
    (void)state;
    CALL("POST", "/notes", .body = "{\"title\":\"x\"}", .headers = {JSON, {"traceparent", TRACE}});
    notes_expect(201, "made");
    assert_string_equal(notes_sql("SELECT title FROM notes WHERE id = 'x'"), "x");
    assert_string_equal(notes_sql("SELECT traceparent FROM outbox"), notes_header("traceparent"));
}

static void test_refused_write_is_rolled_back(void **state)
{
    (void)state;
    CALL("POST", "/notes", .body = "{\"title\":\"refused\"}", .headers = {JSON});
    notes_expect(409, "No.");
    assert_string_equal(notes_sql("SELECT count(*) FROM notes"), "1");
    CALL("POST", "/notes", .body = "{\"title\":\"kept\"}", .headers = {JSON});
    notes_expect(409, "written down");
    assert_string_equal(notes_sql("SELECT count(*) FROM notes WHERE id = 'kept'"), "1");
}

static void test_retry(void **state)
{
    (void)state;
    CALL("POST", "/retried");
    notes_expect(200, NULL);
    assert_int_equal(notes.runs, 3);
    int tries = 0;
    for (size_t i = 0; i < notes.answer.header_count; i++)
        tries += strcmp(notes.answer.headers[i].name, "X-Try") == 0;
    assert_int_equal(tries, 1); // what rolled back runs said is not sent
    notes.runs = 0;
    CALL("POST", "/never");
    notes_expect(503, NULL);
    assert_int_equal(notes.runs, 5);
    assert_non_null(notes_header("Retry-After"));
}

static void test_route_with_transactions_of_its_own(void **state)
{
    (void)state;
    CALL("POST", "/slow/n1");
    notes_expect(200, "first");
    assert_string_equal(notes_sql("SELECT title FROM notes WHERE id = 'slow'"), "alone");
    CALL("POST", "/slow/none");
    notes_expect(404, NULL);
}

static void test_row_is_the_answer(void **state)
{
    (void)state;
    CALL("GET", "/notes/n1");
    notes_expect(200, NULL);
    assert_string_equal(notes.answer.body, notes_sql("SELECT json_build_object('id', id, 'title', title) FROM notes WHERE id = 'n1'"));
    CALL("GET", "/notes/nobody");
    notes_expect(404, problem_not_found.advice);
}

static void test_idempotency(void **state)
{
    (void)state;
    const struct notes_call first = {"POST", "/notes", .body = "{\"title\":\"once\"}",
                               .headers = {JSON, {"Idempotency-Key", "k1"}}};
    notes_handle(&first);
    notes_expect(201, "made");
    assert_null(notes_header("Idempotent-Replayed"));
    notes_handle(&first);
    notes_expect(201, "made");
    assert_string_equal(notes_header("Idempotent-Replayed"), "true");
    assert_int_equal(notes.runs, 1);
    CALL("POST", "/notes", .body = "{\"title\":\"other\"}", .headers = {JSON, {"Idempotency-Key", "k1"}});
    notes_expect(422, "/problems/idempotency-key-reused");
    // a refusal that is committed is the answer of its key; one that is not leaves the key free
    const struct notes_call kept = {"POST", "/notes", .body = "{\"title\":\"kept\"}",
                              .headers = {JSON, {"Idempotency-Key", "k2"}}};
    notes_handle(&kept);
    notes_expect(409, "written down");
    notes_handle(&kept);
    notes_expect(409, "written down");
    assert_string_equal(notes_header("Idempotent-Replayed"), "true");
    const struct notes_call refused = {"POST", "/notes", .body = "{\"title\":\"refused\"}",
                                 .headers = {JSON, {"Idempotency-Key", "k3"}}};
    notes_handle(&refused);
    notes_handle(&refused);
    notes_expect(409, "No.");
    assert_null(notes_header("Idempotent-Replayed"));
    assert_int_equal(notes.runs, 4);
}

// --- Lists ---------------------------------------------------------------------------------------------
static void expect_titles(const char *titles, const char *total)
{
    const char *json = arena_printf(notes.arena, "{\"titles\":%s,", titles);
    notes_expect(200, total);
    if (strncmp(notes.answer.body, json, strlen(json)) != 0) fail_msg("%s instead of %s", notes.answer.body, titles);
}

static const char *next_cursor(void)
{
    struct error err = {0};
    CLEANUP(json_release) json_t *body = json_parse(notes.answer.body, notes.answer.body_length, &err);
    const char *cursor = json_member_text(json_object_get(body, "pagination"), "next_cursor");
    return cursor ? arena_strdup(notes.arena, cursor) : NULL;
}

static void test_list_is_walked(void **state)
{
    (void)state;
    notes_sql("INSERT INTO notes VALUES ('n2', 'b'), ('n3', '\"c\"'), ('n4', 'b'), ('n5', 'e')");
    CALL("GET", "/titles", "per_page=2");
    expect_titles("[\"first\",\"b\"]", "\"total\":4,\"pages\":2,\"total_is_estimate\":true"); // counted no further than 4
    CALL("GET", "/titles", arena_printf(notes.arena, "per_page=2&cursor=%s", next_cursor()));
    expect_titles("[\"\\\"c\\\"\",\"b\"]", "\"total\":null");
    CALL("GET", "/titles", arena_printf(notes.arena, "per_page=2&cursor=%s", next_cursor()));
    expect_titles("[\"e\"]", "\"has_next\":false");
    assert_null(next_cursor());
    CALL("GET", "/titles", "per_page=2&page=3");
    expect_titles("[\"e\"]", "\"has_prev\":true");
    CALL("GET", "/titles", "q=b&per_page=2"); // as many as a page holds
    expect_titles("[\"b\",\"b\"]", "\"total\":2,\"pages\":1,\"total_is_estimate\":false,\"has_next\":false");
    CALL("GET", "/titles", "q=nobody");
    expect_titles("[]", "\"total\":0");
}

// --- Versions ------------------------------------------------------------------------------------------
static void test_etag(void **state)
{
    (void)state;
    CALL("GET", "/notes/n1");
    const char *etag = notes_header("ETag");
    assert_non_null(etag);
    assert_int_equal(strlen(etag), 34);
    CALL("GET", "/notes/n1", .headers = {{"If-None-Match", arena_printf(notes.arena, "\"x\", W/%s", etag)}});
    notes_expect(304, NULL);
    assert_null(notes.answer.body);
    assert_null(notes_header("Content-Type"));
    assert_string_equal(notes_header("ETag"), etag);
    CALL("GET", "/notes/n1", .headers = {{"If-None-Match", "*"}});
    notes_expect(304, NULL);
    CALL("GET", "/notes/n1", .headers = {{"If-None-Match", "\"other\", \"a,b\", \"unfinished"}});
    notes_expect(200, NULL);
    notes_sql("UPDATE notes SET title = 'second'");
    CALL("GET", "/notes/n1", .headers = {{"If-None-Match", etag}});
    notes_expect(200, "second");
    CALL("GET", "/nowhere");
    assert_null(notes_header("ETag"));
}

static void test_if_match(void **state)
{
    (void)state;
    CALL("GET", "/notes/n1");
    const char *etag = notes_header("ETag");
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"b\"}", .headers = {JSON, {"If-Match", "\"other\""}});
    notes_expect(412, "/problems/stale");
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"b\"}",
         .headers = {JSON, {"If-Match", arena_printf(notes.arena, "W/%s", etag)}});
    notes_expect(412, NULL);
    assert_int_equal(notes.runs, 0);
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"b\"}", .headers = {JSON, {"If-Match", etag}});
    notes_expect(200, "\"b\"");
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"c\"}", .headers = {JSON, {"If-Match", etag}});
    notes_expect(412, NULL);
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"d\"}", .headers = {JSON, {"If-Match", "*"}});
    notes_expect(200, "\"d\"");
    CALL("DELETE", "/notes/none", .headers = {{"If-Match", "*"}});
    notes_expect(404, NULL);
    CALL("DELETE", "/notes/n1", .headers = {{"If-Match", etag}});
    notes_expect(412, NULL);
    CALL("DELETE", "/notes/n1");
    notes_expect(204, NULL);
    assert_string_equal(notes_sql("SELECT count(*) FROM notes"), "0");
}

// Whoever asks for a guard is not left without.
static void test_if_match_where_nothing_is_read(void **state)
{
    (void)state;
    CALL("PUT", "/pins/n1", .headers = {{"If-Match", "*"}});
    notes_expect(412, "without If-Match");
    CALL("PUT", "/pins/n1");
    notes_expect(200, NULL);
}

// The other writer comes between the check and the change: the change is refused, not lost.
static void test_if_match_under_race(void **state)
{
    (void)state;
    CALL("GET", "/notes/n1");
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"raced\"}",
         .headers = {JSON, {"If-Match", notes_header("ETag")}});
    notes_expect(412, NULL);
    assert_int_equal(notes.runs, 1);
    assert_string_equal(notes_sql("SELECT title FROM notes"), "other");
}

// --- Trouble -----------------------------------------------------------------------------------------
static void test_database_away(void **state)
{
    (void)state;
    test_database_allow(&notes.database, false);
    CALL("GET", "/notes/n1");
    test_database_allow(&notes.database, true);
    notes_expect(503, NULL);
    assert_non_null(notes_header("Retry-After"));
    for (int i = 0; i < 100 && notes.answer.status != 200; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        CALL("GET", "/notes/n1");
    }
    notes_expect(200, "first");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, notes_setup, notes_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_is_committed_with_its_trace),
        TEST(test_refused_write_is_rolled_back),
        TEST(test_retry),
        TEST(test_route_with_transactions_of_its_own),
        TEST(test_row_is_the_answer),
        TEST(test_idempotency),
        TEST(test_list_is_walked),
        TEST(test_etag),
        TEST(test_if_match),
        TEST(test_if_match_under_race),
        TEST(test_if_match_where_nothing_is_read),
        TEST(test_database_away),
    };
    return cmocka_run_group_tests(tests, notes_start, notes_stop);
}
