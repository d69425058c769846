// SPDX-License-Identifier: MIT
// Paths and queries nobody should send, to every route: ids that are none, parameters of the wrong kind, repeated or unknown.
// Nothing is our fault, nothing is found, nothing is written.
#include "hostile.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

static struct cast cast;
static struct target *targets;
static size_t target_count;

static int every_route_is_a_target(void **state)
{
    if (story_setup(state) != 0) return -1;
    cast_make(&cast);
    const struct route_list routes = route_list();
    targets = arena_alloc(story_arena(), routes.count * sizeof *targets);
    for (size_t i = 0; i < routes.count; i++) targets[target_count++] = target_of(&cast, &routes.items[i]);
    note_service_starts();
    return 0;
}

static bool is_read(const struct target *target)
{
    return strcmp(target->route->method, "GET") == 0;
}

static struct answer ask(const struct target *target, const char *path)
{
    const char *body = target->route->body ? target->body : NULL;
    return call_bytes(target->who, target->route->method, path, body ? "application/json" : NULL, body, body ? strlen(body) : 0);
}

// --- Paths ---------------------------------------------------------------------------------------------

static void ids_that_are_none_find_nothing(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "no-such-id", "0", "-1", "%27%20OR%20%271%27%3D%271", "x%27%3B%20DROP%20TABLE%20users%3B--", "%3Cscript%3E", "%00", "a%00b", "%ff%fe", "%c0%ae", "%0d%0aX-Injected%3A%201",
        "%2e%2e", "%252e%252e%252f", "..%2f..%2fadmin%2fusers", "%e2%80%ae", "%zz", "%", "a%2", "null", "undefined", "*", "$1", "{id}", "a,b", "id;v=1", "%7b%7d",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", // 65 of them
    };
    const struct database_image before = database_image_settled();
    for (size_t t = 0; t < target_count; t++) {
        for (size_t i = 0; strchr(targets[t].route->path, '{') && i < COUNT_OF(ids); i++) {
            struct answer answer = ask(&targets[t], route_url(targets[t].route, ids[i]));
            expect_civil(&answer, ids[i]);
            if (answer.status != 400 && answer.status != 404) fail_msg("%s found something: %d %s", answer.called, answer.status, answer.http.body);
            assert_null(header(&answer, "X-Injected"));
        }
    }
    database_image_expect(&before);
}

static void a_very_long_path_is_refused(void **state)
{
    (void)state;
    static char segment[6000];
    memset(segment, 'a', sizeof segment - 1);
    for (size_t t = 0; t < target_count; t++) {
        if (!strchr(targets[t].route->path, '{')) continue;
        struct answer answer = ask(&targets[t], route_url(targets[t].route, segment));
        expect_civil(&answer, "6,000 letters");
        assert_in_range(answer.status, 400, 404);
    }
}

// --- Queries --------------------------------------------------------------------------------------------

static void unknown_parameters_are_named(void **state)
{
    (void)state;
    const struct database_image before = database_image_settled();
    for (size_t t = 0; t < target_count; t++) {
        if (strcmp(targets[t].route->service, "gateway") == 0 && !strstr(targets[t].route->access, "signed_in")) continue; // health and documents
        struct answer answer = ask(&targets[t], arena_printf(story_arena(), "%s?nonsense=1&is_admin=true&user_id=x", targets[t].url));
        expect_civil(&answer, "unknown parameters");
        const bool addressed = answer.status == 404 && targets[t].row->ok == 404; // nothing is there to have parameters
        if (addressed) continue;
        expect_status(&answer, 422);
        assert_true(names_member(&answer, "?nonsense") && names_member(&answer, "?is_admin"));
    }
    database_image_expect(&before);
}

static const char *const values[] = {
    "", "x", "-1", "0", "1.5", "1e9", "99999999999999999999", "-9223372036854775809", "9007199254740993", "NaN", "true", "TRUE", "null", "[]", "%5B1%5D", "%00", "%ff", "%c0%ae", "%zz", "%",
    "%27", "%27%3B%20DROP%20TABLE%20users%3B--", "%27%20OR%20%271%27%3D%271", "%25%25%25", "_", "%5C", "%3Cscript%3E", "%0d%0aX-Injected%3A%201", "a,b,,c", ",", "%F0%9F%98%80", "%E2%80%AE",
    "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "0001-01-01T00:00:00%2B23:59", "2026-02-30T00:00:00Z", "%26%7C%21%28%29%3A%2A", "e30.e30", "AAAA.0123456789abcdef0123456789abcdef",
};

static void odd_parameters_are_taken_or_refused(void **state)
{
    (void)state;
    for (size_t t = 0; t < target_count; t++) {
        size_t p;
        json_t *parameter;
        json_array_foreach((json_t *)(uintptr_t)targets[t].route->parameters, p, parameter) {
            const char *name = json_string_value(json_object_get(parameter, "name"));
            if (!text_equal(json_string_value(json_object_get(parameter, "in")), "query")) continue;
            for (size_t i = 0; i < COUNT_OF(values); i++) {
                struct answer answer = ask(&targets[t], arena_printf(story_arena(), "%s?%s=%s", targets[t].url, name, values[i]));
                expect_civil(&answer, values[i]);
                if (answer.status == 422 && !names_member(&answer, arena_printf(story_arena(), "?%s", name))) fail_msg("%s: not named: %s", answer.called, answer.http.body);
                if (answer.status != 200 && answer.status != 422 && answer.status != 400) fail_msg("%s answered %d: %s", answer.called, answer.status, answer.http.body);
                assert_null(header(&answer, "X-Injected"));
            }
        }
    }
}

// What a parameter's schema rules out is refused, and named.
static void parameters_of_the_wrong_kind_are_named(void **state)
{
    (void)state;
    size_t tried = 0;
    for (size_t t = 0; t < target_count; t++) {
        size_t p;
        json_t *parameter;
        json_array_foreach((json_t *)(uintptr_t)targets[t].route->parameters, p, parameter) {
            const json_t *schema = json_object_get(parameter, "schema");
            const char *name = json_string_value(json_object_get(parameter, "name")), *type = json_string_value(json_object_get(schema, "type"));
            const bool is_closed = json_object_get(schema, "enum") || (type && strcmp(type, "string") != 0 && strcmp(type, "array") != 0);
            if (!is_closed || !text_equal(json_string_value(json_object_get(parameter, "in")), "query")) continue;
            struct answer wrong = ask(&targets[t], arena_printf(story_arena(), "%s?%s=nonsense", targets[t].url, name));
            expect_civil(&wrong, "nonsense");
            expect_status(&wrong, 422);
            assert_true(names_member(&wrong, arena_printf(story_arena(), "?%s", name)));
            struct answer twice = ask(&targets[t], arena_printf(story_arena(), "%s?%s=1&%s=1", targets[t].url, name, name));
            expect_civil(&twice, "a parameter twice");
            expect_status(&twice, 422);
            tried++;
        }
    }
    assert_true(tried > 20);
}

static void long_and_many_parameters_are_refused(void **state)
{
    (void)state;
    struct text_buffer many = text_buffer(story_arena());
    for (int i = 0; i < 500; i++) text_printf(&many, "&p%d=1", i);
    static char value[5000];
    memset(value, 'a', sizeof value - 1);
    const char *const queries[] = {arena_printf(story_arena(), "?%s", text_take(&many) + 1), arena_printf(story_arena(), "?q=%s", value), arena_printf(story_arena(), "?%s=1", value)};
    for (size_t t = 0; t < target_count; t++) {
        if (!is_read(&targets[t]) || strcmp(targets[t].route->service, "gateway") == 0) continue;
        for (size_t i = 0; i < COUNT_OF(queries); i++) {
            struct answer answer = ask(&targets[t], arena_printf(story_arena(), "%s%s", targets[t].url, queries[i]));
            expect_civil(&answer, "a long query");
            assert_in_range(answer.status, 400, 422);
        }
    }
}

// --- Methods --------------------------------------------------------------------------------------------

static void other_methods_are_told_which_are_allowed(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    const struct database_image before = database_image_settled();
    for (size_t t = 0; t < target_count; t++) {
        for (size_t m = 0; m < COUNT_OF(methods); m++) {
            bool is_route = false;
            for (size_t other = 0; other < target_count; other++)
                is_route |= strcmp(targets[other].route->path, targets[t].route->path) == 0 && strcmp(targets[other].route->method, methods[m]) == 0;
            if (is_route) continue;
            struct answer answer = call(targets[t].who, methods[m], targets[t].url, NULL);
            expect_civil(&answer, methods[m]);
            if (answer.status != 405) continue; // the path fits a route of another name, such as /profiles/{id}
            const char *allow = header(&answer, "Allow");
            assert_non_null(allow);
            assert_non_null(strstr(allow, targets[t].route->method));
            assert_null(strstr(allow, methods[m]));
        }
    }
    database_image_expect(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_that_are_none_find_nothing), cmocka_unit_test(a_very_long_path_is_refused), cmocka_unit_test(unknown_parameters_are_named),
        cmocka_unit_test(odd_parameters_are_taken_or_refused), cmocka_unit_test(parameters_of_the_wrong_kind_are_named),
        cmocka_unit_test(long_and_many_parameters_are_refused), cmocka_unit_test(other_methods_are_told_which_are_allowed),
        cmocka_unit_test(nobody_has_died_of_it),
    };
    return cmocka_run_group_tests(tests, every_route_is_a_target, story_teardown);
}
