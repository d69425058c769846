// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "page.h"
#include "service.h"

static struct app app = {.config = {.cursor_secret = "0123456789abcdef0123456789abcdef"}};
static struct http_request http;
static struct request rq;
static struct error err;

static int setup(void **state)
{
    (void)state;
    rq = (struct request){.app = &app, .http = &http, .path = "/housegirls", .arena = arena_new(1 << 20)};
    http = (struct http_request){.arena = rq.arena};
    err = (struct error){.arena = rq.arena};
    return !rq.arena;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(rq.arena);
    return 0;
}

static json_t *written(const struct page *page, int64_t total, const char *next_key, const char **ret_link)
{
    struct response rs = {0};
    assert_true(page_write(&rq, &rs, "housegirls", "[1,2]", page, total, false, next_key, "f", &err));
    json_t *body = json_loadb(rs.body, rs.length, 0, NULL);
    assert_non_null(body);
    assert_int_equal(json_array_size(json_object_get(body, "housegirls")), 2);
    if (ret_link) *ret_link = rs.header_count ? rs.headers[0].value : NULL;
    json_t *pagination = json_incref(json_object_get(body, "pagination"));
    json_decref(body);
    return pagination;
}

static int64_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void test_defaults(void **state)
{
    (void)state;
    struct page page;
    assert_true(page_read(&rq, 0, 0, NULL, "f", &page, &err));
    assert_int_equal(page.number, 1);
    assert_int_equal(page.size, 20);
    assert_int_equal(page.offset, 0);
    assert_null(page.after);
}

static void test_pages_are_counted(void **state)
{
    (void)state;
    struct page page;
    const char *link;
    http.query = "page=2&q=a%20b&per_page=2&cursor=x";
    assert_true(page_read(&rq, 2, 2, NULL, "f", &page, &err));
    assert_int_equal(page.offset, 2);
    json_t *pagination = written(&page, 5, "key", &link);
    assert_int_equal(number(pagination, "page"), 2);
    assert_int_equal(number(pagination, "per_page"), 2);
    assert_int_equal(number(pagination, "total"), 5);
    assert_int_equal(number(pagination, "pages"), 3);
    assert_true(json_is_true(json_object_get(pagination, "has_next")));
    assert_true(json_is_true(json_object_get(pagination, "has_prev")));
    assert_string_equal(link, "</api/housegirls?q=a%20b&per_page=2&page=3>; rel=\"next\", "
                              "</api/housegirls?q=a%20b&per_page=2&page=1>; rel=\"prev\"");
    json_decref(pagination);
}

static void test_last_page(void **state)
{
    (void)state;
    struct page page = {.number = 1, .size = 20};
    const char *link = "";
    json_t *pagination = written(&page, 0, NULL, &link);
    assert_int_equal(number(pagination, "pages"), 0);
    assert_true(json_is_false(json_object_get(pagination, "has_next")));
    assert_true(json_is_null(json_object_get(pagination, "next_cursor")));
    assert_null(link);
    json_decref(pagination);
}

static void test_cursor_walks_on(void **state)
{
    (void)state;
    struct page page = {.number = 1, .size = 20}, next;
    json_t *pagination = written(&page, -1, "2026-01-01|a\xc3\xa9.b", NULL);
    const char *cursor = json_member_text(pagination, "next_cursor");
    assert_true(json_is_null(json_object_get(pagination, "total")));
    assert_true(page_read(&rq, 7, 20, cursor, "f", &next, &err));
    assert_string_equal(next.after, "2026-01-01|a\xc3\xa9.b");
    assert_int_equal(next.number, 1);
    assert_int_equal(next.offset, 0);
    json_decref(pagination);
    const char *link;
    pagination = written(&next, -1, "k", &link);
    assert_non_null(strstr(link, "</api/housegirls?cursor="));
    assert_true(json_is_true(json_object_get(pagination, "has_prev")));
    json_decref(pagination);
}

static void test_foreign_cursors_are_refused(void **state)
{
    (void)state;
    struct page page = {.number = 1, .size = 20}, next;
    json_t *pagination = written(&page, -1, "key", NULL);
    const char *mine = json_member_text(pagination, "next_cursor");
    char *forged = arena_strdup(rq.arena, mine);
    forged[0] ^= 1;
    const char *const bad[] = {forged,
                               "",
                               ".",
                               "a.b",
                               "....",
                               "a.00000000000000000000000000000000",
                               arena_printf(rq.arena, "%s0", mine),
                               arena_printf(rq.arena, ".%s", mine)};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        error_clear(&err);
        assert_false(page_read(&rq, 1, 20, bad[i], "f", &next, &err));
        assert_ptr_equal(err.problem, &problem_invalid_fields);
        assert_string_equal(err.violations->pointer, "?cursor");
    }
    error_clear(&err);
    assert_false(page_read(&rq, 1, 20, mine, "another list", &next, &err));
    json_decref(pagination);
}

static void test_depth_ends(void **state)
{
    (void)state;
    struct page page;
    const char *link;
    assert_true(page_read(&rq, 100, 100, NULL, "f", &page, &err));
    json_t *pagination = written(&page, 20000, "k", &link);
    assert_non_null(strstr(link, "cursor=")); // the next number would be refused
    json_decref(pagination);
    assert_false(page_read(&rq, 101, 100, NULL, "f", &page, &err));
    assert_string_equal(err.violations->pointer, "?page");
    assert_non_null(strstr(err.violations->message, "cursor"));
}

static void test_link_cannot_be_broken_out_of(void **state)
{
    (void)state;
    struct page page = {.number = 1, .size = 20};
    const char *link;
    http.query = "q=x>;rel=\"evil\"";
    json_decref(written(&page, 50, "k", &link));
    assert_string_equal(link, "</api/housegirls?q=x%3E;rel=%22evil%22&page=2>; rel=\"next\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cursor_walks_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_cursors_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_link_cannot_be_broken_out_of, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
