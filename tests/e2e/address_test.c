// SPDX-License-Identifier: MIT
// What every address has in common: one form of refusal, HEAD and OPTIONS, 405 with Allow, and a last slash or none.
#include "story.h"

#include <string.h>

#include "text.h"

// What a client can send wrongly, wherever it goes: a problem of the contract, never a 500.
static void every_refusal_has_one_form(void **state)
{
    (void)state;
    struct person person = person_register("employer");
    static const struct { int status; const char *method, *path, *body; bool visitor; } calls[] = {
        {400, "POST", "/api/employers", "{\"location\":"}, {400, "POST", "/api/employers", "[]"}, {400, "POST", "/api/employers", "{\"a\":1,\"a\":2}"},
        {400, "GET", "/api/employers?page=%ff", NULL}, {400, "GET", "/api/employers/..%2fme", NULL},
        {401, "GET", "/api/profiles/me", NULL, true}, {401, "GET", "/api/employers", NULL, true}, {401, "GET", "/api/auth/me", NULL, true},
        {403, "GET", "/api/admin/users", NULL}, {403, "POST", "/api/agency-profiles", "{}"},
        {404, "GET", "/api/employers/nobody", NULL}, {404, "GET", "/api/no/such/thing", NULL}, {404, "GET", "/elsewhere", NULL},
        {404, "GET", "/api/housegirls/%20", NULL},
        {405, "DELETE", "/api/employers", NULL}, {405, "POST", "/api/me", "{}"}, {405, "PUT", "/api/auth/login", "{}"},
        {422, "GET", "/api/employers?page=0", NULL}, {422, "GET", "/api/employers?per_page=101", NULL}, {422, "GET", "/api/employers?nonsense=1", NULL},
        {422, "GET", "/api/me?x=1", NULL}, {422, "GET", "/api/employers?cursor=forged", NULL}, {422, "POST", "/api/employers", "{\"nonsense\":1}"},
        {503, "GET", "/api/agencies", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct answer answer = call(calls[i].visitor ? NULL : &person, calls[i].method, calls[i].path, calls[i].body ? "%s" : NULL, calls[i].body);
        expect_problem(&answer, calls[i].status);
        if (calls[i].status == 405) assert_non_null(header(&answer, "Allow"));
        if (calls[i].status == 503) assert_non_null(header(&answer, "Retry-After"));
    }
    const char *output; // call() always says application/json
    run(&output, "curl -s -o /dev/null -w '%%{http_code} %%{content_type}' %s/api/employers -H 'Authorization: Bearer %s' -d location=Karen",
        setting("GATEWAY_URL"), person.token);
    assert_string_equal(output, "415 application/problem+json");
}

// The same head; tried again where the row changed in between.
static void expect_head_like_get(const struct person *who, const char *address)
{
    static const char *const same[] = {"ETag", "Content-Type", "Content-Length", "Cache-Control"};
    const char *other = NULL;
    for (int tries = 0; tries < 5 && (tries == 0 || other); tries++) {
        struct answer read = call(who, "GET", address, NULL), head = call(who, "HEAD", address, NULL);
        expect_status(&read, 200);
        expect_status(&head, 200);
        assert_int_equal(head.http.body_length, 0);
        other = NULL;
        for (size_t i = 0; i < COUNT_OF(same); i++)
            if (!text_equal(header(&head, same[i]), header(&read, same[i]))) other = same[i];
    }
    if (other) fail_msg("HEAD %s: %s is not that of GET", address, other);
}

static void every_address_knows_its_methods(void **state)
{
    (void)state;
    struct person person = person_register("employer");
    struct answer made = call(&person, "POST", "/api/employers", "{\"location\":\"Karen\"}");
    expect_status(&made, 201);
    const char *path = arena_printf(story_arena(), "/api/employers/%s", text_at(&made, "id"));
    const struct { const char *path, *allow; } addresses[] = {
        {"/api/employers", "GET, HEAD, POST, OPTIONS"}, {path, "GET, HEAD, PATCH, PUT, DELETE, OPTIONS"},
        {"/api/housegirls", "GET, HEAD, POST, OPTIONS"}, {"/api/agency-profiles", "GET, HEAD, POST, OPTIONS"},
        {"/api/profiles", "GET, HEAD, POST, OPTIONS"}, {"/api/me", "GET, HEAD, OPTIONS"}, {"/api/auth/me", "GET, HEAD, PATCH, PUT, DELETE, OPTIONS"},
    };
    for (size_t i = 0; i < COUNT_OF(addresses); i++)
        for (int slash = 0; slash < 2; slash++) {
            const char *address = arena_printf(story_arena(), "%s%s", addresses[i].path, slash ? "/" : "");
            struct answer options = call(&person, "OPTIONS", address, NULL);
            expect_status(&options, 204);
            assert_string_equal(header(&options, "Allow"), addresses[i].allow);
            static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
            for (size_t m = 0; m < COUNT_OF(methods); m++) {
                if (strstr(addresses[i].allow, methods[m])) continue;
                struct answer refused = call(&person, methods[m], address, "{}");
                expect_problem(&refused, 405);
                assert_string_equal(header(&refused, "Allow"), addresses[i].allow);
            }
            expect_head_like_get(&person, address);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_has_one_form), cmocka_unit_test(every_address_knows_its_methods),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
