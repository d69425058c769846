// SPDX-License-Identifier: MIT
#include "hostile.h"

#include <stdlib.h>
#include <string.h>

#include "stack.h"
#include "text.h"

// The side whose people a route is for; an administrator where it is for administrators.
static const struct person *admitted(const struct cast *cast, const struct api_route *route, const struct route_row *row)
{
    if (strcmp(route->access, "anyone") == 0) return NULL;
    if (strcmp(route->access, "admin") == 0) return &cast->admin;
    if (strcmp(route->access, "worker") == 0 || text_equal(row->side, "housegirl")) return &cast->worker;
    if (strcmp(route->access, "agency") == 0 || text_equal(row->side, "agency")) return &cast->agency;
    return &cast->employer;
}

static const struct person *owner(const struct cast *cast, const struct route_row *row)
{
    return text_equal(row->side, "housegirl") ? &cast->worker : text_equal(row->side, "agency") ? &cast->agency : &cast->employer;
}

struct target target_of(const struct cast *cast, const struct api_route *route)
{
    static const struct route_row none = {0};
    const struct route_row *row = route_row(route);
    if (!row) row = &none;
    const char *thing = cast_thing(cast, owner(cast, row), row->thing);
    const struct person *who = admitted(cast, route, row);
    return (struct target){route, row, who, route_url(route, thing ? thing : "some-id"), cast_fill(cast, who, row->body ? row->body : "{}")};
}

static void fail_answer(const struct answer *answer, const char *attack, const char *what)
{
    fail_msg("%s, attacked by %s, answered %d, %s: %.*s", answer->called, attack, answer->status, what, (int)(answer->http.body_length < 2000 ? answer->http.body_length : 2000),
             answer->http.body ? answer->http.body : "");
}

void expect_civil(const struct answer *answer, const char *attack)
{
    static const char *const insides[] = {"SQLSTATE", "syntax error", "relation \"", "column \"", "jansson", "postgres", ".sql", ".c:", "0x"};
    static const char *const members[] = {"type", "title", "detail", "error", "instance"};
    const char *type = header(answer, "Content-Type");
    if (answer->status >= 500) fail_answer(answer, attack, "which is our fault");
    if (answer->status < 400) return;
    if (!text_equal(type, "application/problem+json")) fail_answer(answer, attack, "which is no problem+json");
    if (!answer->body) fail_answer(answer, attack, "which is no JSON");
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (!json_string_length(at(answer, members[i]))) fail_answer(answer, attack, members[i]);
    if (number_at(answer, "status") != answer->status) fail_answer(answer, attack, "and says another status");
    if (strcmp(text_at(answer, "error"), text_at(answer, "detail")) != 0) fail_answer(answer, attack, "whose error is not its detail");
    if (answer->http.body_length > 65536) fail_answer(answer, attack, "at too great a length");
    for (size_t i = 0; i < COUNT_OF(insides); i++)
        if (strstr(text_at(answer, "detail"), insides[i])) fail_answer(answer, attack, "which tells of our insides");
}

bool names_member(const struct answer *answer, const char *pointer)
{
    size_t i;
    json_t *error;
    json_array_foreach(at(answer, "errors"), i, error)
        if (text_equal(json_string_value(json_object_get(error, "pointer")), pointer)) return true;
    return false;
}

const char *service_logs(void)
{
    struct text_buffer out = text_buffer(story_arena());
    for (size_t i = 0; stack_services[i]; i++) text_printf(&out, "%s.log* ", stack_services[i]);
    return text_take(&out);
}

static int service_starts(void)
{
    const char *output;
    run(&output, "cd %s/log && cat %s | grep -c '\"event\":\"ready\"'", setting("RUN_DIR"), service_logs());
    assert_true(atoi(output) > SERVICE_COUNT); // each, and the gateway
    return atoi(output);
}

static int starts_noted;

void note_service_starts(void)
{
    starts_noted = service_starts();
}

void nobody_has_died_of_it(void **state)
{
    (void)state;
    struct answer ready = call(NULL, "GET", "/health/readiness", NULL);
    expect_status(&ready, 200);
    assert_int_equal(service_starts(), starts_noted);
}
