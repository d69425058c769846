// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "route.h"

static bool nothing(struct request *rq, struct response *rs, struct error *err)
{
    (void)rq;
    (void)rs;
    (void)err;
    return true;
}

static const struct route routes[] = {
    {"GET", "/profiles/{id}", ACCESS_ANYONE, "One", .handler = nothing},
    {"PATCH", "/profiles/{id}", ACCESS_ANYONE, "Change", .handler = nothing},
    {"PUT", "/profiles/{id}", ACCESS_ANYONE, "Change", .handler = nothing},
    {"GET", "/profiles/me", ACCESS_ANYONE, "Mine", .handler = nothing},
    {"GET", "/profiles/", ACCESS_ANYONE, "All", .handler = nothing},
    {"POST", "/profiles/", ACCESS_ANYONE, "New", .handler = nothing},
    {"GET", "/agencies/{agency_id}/workers/{id}", ACCESS_ANYONE, "Two", .handler = nothing},
    {"GET", "/files/{name}", ACCESS_ANYONE, "A file", .handler = nothing},
    {"DELETE", "/logout", ACCESS_ANYONE, "Out", .handler = nothing},
    {0},
};

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return !arena;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void expect(const char *method, const char *path, const char *pattern, const char *allow)
{
    const struct route_match match = route_find(routes, method, path, arena);
    if (pattern) {
        assert_non_null(match.route);
        assert_string_equal(match.route->path, pattern);
    } else {
        assert_null(match.route);
    }
    assert_int_equal(match.path_known, allow[0] != '\0');
    assert_string_equal(match.allow, allow);
}

static void test_paths(void **state)
{
    (void)state;
    expect("GET", "/profiles/5f23", "/profiles/{id}", "GET, HEAD, PATCH, PUT, OPTIONS");
    expect("PATCH", "/profiles/5f23", "/profiles/{id}", "GET, HEAD, PATCH, PUT, OPTIONS");
    expect("GET", "/nowhere", NULL, "");
    expect("GET", "", NULL, "");
    expect("GET", "/", NULL, "");
    expect("GET", "profiles", NULL, "");
    expect("GET", "/profiles/a/b", NULL, "");
    expect("GET", "/profilesx", NULL, "");
}

static void test_last_slash_does_not_matter(void **state)
{
    (void)state;
    expect("GET", "/profiles", "/profiles/", "GET, HEAD, POST, OPTIONS");
    expect("GET", "/profiles/", "/profiles/", "GET, HEAD, POST, OPTIONS");
    expect("DELETE", "/logout/", "/logout", "DELETE, OPTIONS");
    expect("GET", "/profiles//", NULL, "");
    expect("GET", "//profiles", NULL, "");
}

static void test_literal_wins_wherever_it_stands(void **state)
{
    (void)state;
    expect("GET", "/profiles/me", "/profiles/me", "GET, HEAD, PATCH, PUT, OPTIONS");
    expect("PATCH", "/profiles/me", "/profiles/{id}", "GET, HEAD, PATCH, PUT, OPTIONS");
}

static void test_methods(void **state)
{
    (void)state;
    expect("HEAD", "/profiles/5f23", "/profiles/{id}", "GET, HEAD, PATCH, PUT, OPTIONS");
    expect("DELETE", "/profiles/5f23", NULL, "GET, HEAD, PATCH, PUT, OPTIONS");
    expect("get", "/profiles/5f23", NULL, "GET, HEAD, PATCH, PUT, OPTIONS");
    expect("HEAD", "/logout", NULL, "DELETE, OPTIONS");
}

static void test_parameters_are_decoded(void **state)
{
    (void)state;
    struct route_match match = route_find(routes, "GET", "/agencies/demo_agency_1/workers/a%2Db", arena);
    assert_non_null(match.route);
    assert_string_equal(match.parameters[0], "demo_agency_1");
    assert_string_equal(match.parameters[1], "a-b");
    match = route_find(routes, "GET", "/files/caf%C3%A9.jpg", arena);
    assert_non_null(match.route);
    assert_string_equal(match.parameters[0], "caf\xc3\xa9.jpg");
}

static void test_hostile_parameters_lead_nowhere(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/profiles/a%00b",
        "/profiles/%",
        "/profiles/%zz",
        "/profiles/a%20b",
        "/profiles/..%2f..",
        "/profiles/a'--",
        "/profiles/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/files/..%2fetc%2fpasswd",
        "/files/%ff",
        "/agencies/a%2fb/workers/c",
        "/agencies//workers/c",
    };
    for (size_t i = 0; i < COUNT_OF(paths); i++) expect("GET", paths[i], NULL, "");
}

static void test_user_types(void **state)
{
    (void)state;
    assert_string_equal(user_type_name(USER_HOUSEGIRL), "housegirl");
    assert_null(user_type_name(USER_NONE));
    assert_int_equal(user_type_parse("agency"), USER_AGENCY);
    assert_int_equal(user_type_parse("Agency"), USER_NONE);
    assert_int_equal(user_type_parse(NULL), USER_NONE);
}

static void test_problem_is_written(void **state)
{
    (void)state;
    struct error err = {.arena = arena};
    struct response rs = {.status = 200};
    (void)error_violation(&err, "/email", "is required");
    problem_write(&err, "abc", arena, &rs);
    assert_int_equal(rs.status, 422);
    assert_string_equal(rs.content_type, "application/problem+json");
    assert_int_equal(rs.length, strlen(rs.body));
    json_t *body = json_loads(rs.body, 0, NULL);
    assert_non_null(body);
    assert_string_equal(json_member_text(body, "type"), "/problems/invalid-fields");
    assert_string_equal(json_member_text(body, "detail"), json_member_text(body, "error"));
    assert_string_equal(json_member_text(body, "instance"), "/requests/abc");
    const json_t *first = json_array_get(json_object_get(body, "errors"), 0);
    assert_string_equal(json_member_text(first, "pointer"), "/email");
    json_decref(body);
}

static void test_problem_without_memory(void **state)
{
    (void)state;
    struct arena *small = arena_new(64);
    (void)arena_alloc(small, 1000);
    assert_true(arena_failed(small));
    struct response rs = {0};
    problem_write(&(struct error){.problem = &problem_conflict}, "abc", small, &rs);
    assert_int_equal(rs.status, 503);
    assert_non_null(strstr(rs.body, "/problems/unavailable"));
    arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_last_slash_does_not_matter),
        cmocka_unit_test(test_literal_wins_wherever_it_stands),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_parameters_are_decoded),
        cmocka_unit_test(test_hostile_parameters_lead_nowhere),
        cmocka_unit_test(test_user_types),
        cmocka_unit_test(test_problem_is_written),
        cmocka_unit_test(test_problem_without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
