// SPDX-License-Identifier: MIT
// A developer reads the documentation: the API as data, as a page that works offline, and the events.
#include "stack.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

// Addresses kept for existing clients, and the documentation itself: routes that the description leaves out.
static const char *const hidden[] = {
    "POST /auth/signup", "DELETE /auth/logout", "PUT /auth/update-profile", "POST /auth/firebase_user", "POST /auth/firebase_signup",
    "GET /cross-entity/dashboard-data", "GET /docs", "GET /docs/{file}", "POST /payments/purchase", "GET /payments/my-purchases",
    "POST /payments/stk/{secret}", "POST /payments/timeout/{secret}", "POST /payments/result/{secret}",
};

static bool is_hidden(const char *method, const char *path)
{
    const char *route = arena_printf(story_arena(), "%s %s", method, path);
    for (size_t i = 0; i < COUNT_OF(hidden); i++)
        if (strcmp(hidden[i], route) == 0) return true;
    return false;
}

static struct answer openapi(void)
{
    struct answer answer = call(NULL, "GET", "/api/openapi.json", NULL);
    expect_status(&answer, 200);
    assert_string_equal(header(&answer, "Content-Type"), "application/json");
    assert_true(text_starts_with(text_at(&answer, "openapi"), "3."));
    return answer;
}

static const char *lower(const char *text)
{
    char *copy = arena_strdup(story_arena(), text);
    for (char *at = copy; *at; at++)
        if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
    return copy;
}

// The operation of a route in the description, or NULL.
static json_t *operation_of(const struct answer *document, const char *method, const char *path)
{
    bool bare = text_starts_with(path, "/.well-known/") || text_starts_with(path, "/health"); // where machines look for them
    const char *address = bare ? path : arena_printf(story_arena(), "/api%s", path);
    json_t *paths = json_object_get(document->body, "paths");
    return json_object_get(json_object_get(paths, address), lower(method));
}

static size_t operations_in(const struct answer *document)
{
    const char *path, *method;
    json_t *operations, *operation;
    size_t count = 0;
    json_object_foreach(json_object_get(document->body, "paths"), path, operations)
        json_object_foreach(operations, method, operation) count += json_is_object(operation) && strcmp(method, "parameters") != 0;
    return count;
}

static void every_route_is_described(void **state)
{
    (void)state;
    struct answer document = openapi();
    size_t described = 0;
    for (size_t i = 0; stack_services[i]; i++) {
        const char *output;
        assert_int_equal(run(&output, "%s/%s routes", setting("BIN_DIR"), stack_services[i]), 0);
        char method[16], path[128], who[32], *rest = NULL;
        for (char *line = strtok_r(arena_strdup(story_arena(), output), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            assert_int_equal(sscanf(line, "%15s %127s %31s", method, path, who), 3);
            json_t *operation = operation_of(&document, method, path);
            if (!operation != is_hidden(method, path)) fail_msg("%s %s: %s", method, path, operation ? "should be hidden" : "is not described");
            if (!operation) continue;
            described++;
            if (!json_string_length(json_object_get(operation, "summary"))) fail_msg("%s %s has no summary", method, path);
            if (!json_object_size(json_object_get(operation, "responses"))) fail_msg("%s %s has no answers", method, path);
            bool secured = json_array_size(json_object_get(operation, "security")) > 0;
            if (!secured && strcmp(who, "anyone") != 0) fail_msg("%s %s does not say that one must sign in", method, path);
        }
    }
    assert_true(described > 40);
    assert_int_equal(described, operations_in(&document)); // and nothing is described that is not there
}

static void every_described_address_is_there(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    struct answer made = call(&jane, "POST", "/api/employers", "{\"location\":\"Karen\"}");
    expect_status(&made, 201);
    struct answer document = openapi();
    const char *path;
    json_t *operations;
    json_object_foreach(json_object_get(document.body, "paths"), path, operations) {
        if (strchr(path, '{') || !json_object_get(operations, "get")) continue;
        struct answer answer = call(&jane, "GET", path, NULL);
        expect_status(&answer, text_starts_with(path, "/api/admin/") ? 403 : 200);
    }
}

// The value at a JSON pointer of the document ("#/components/schemas/user").
static json_t *resolve(json_t *document, const char *reference)
{
    if (!text_starts_with(reference, "#/")) return NULL;
    json_t *value = document;
    char *rest = NULL;
    for (char *part = strtok_r(arena_strdup(story_arena(), reference + 2), "/", &rest); part && value; part = strtok_r(NULL, "/", &rest))
        value = json_object_get(value, part);
    return value;
}

static int references_checked(json_t *document, json_t *value)
{
    const char *name;
    json_t *inner;
    size_t i;
    int count = 0;
    json_object_foreach(value, name, inner) {
        if (strcmp(name, "$ref") == 0 && json_is_string(inner)) {
            if (!resolve(document, json_string_value(inner))) fail_msg("%s leads nowhere", json_string_value(inner));
            count++;
        } else {
            count += references_checked(document, inner);
        }
    }
    json_array_foreach(value, i, inner) count += references_checked(document, inner);
    return count;
}

static void every_reference_leads_somewhere(void **state)
{
    (void)state;
    struct answer document = openapi(), events = call(NULL, "GET", "/api/asyncapi.json", NULL);
    expect_status(&events, 200);
    assert_true(references_checked(document.body, document.body) > 40);
    assert_true(references_checked(events.body, events.body) > 20);
}

// What is not described is a problem to whoever reads the description.
static void every_other_good_answer_is_described(void **state)
{
    (void)state;
    static const struct { const char *method, *path, *statuses; } answers[] = {
        {"POST", "/payments/contact-access", "201 200 202"}, {"POST", "/auth/firebase", "200 201"}, {"GET", "/health/readiness", "200 503"}};
    struct answer document = openapi();
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        json_t *responses = json_object_get(operation_of(&document, answers[i].method, answers[i].path), "responses");
        char *rest = NULL;
        for (char *status = strtok_r(arena_strdup(story_arena(), answers[i].statuses), " ", &rest); status; status = strtok_r(NULL, " ", &rest))
            if (!json_object_get(json_object_get(json_object_get(responses, status), "content"), "application/json"))
                fail_msg("%s %s: %s is not described", answers[i].method, answers[i].path, status);
    }
}

// Where {id} stands in an address, it is a parameter of each of its operations.
static void every_parameter_is_described(void **state)
{
    (void)state;
    struct answer document = openapi();
    const char *path, *method;
    json_t *operations, *operation;
    json_object_foreach(json_object_get(document.body, "paths"), path, operations) {
        const char *brace = strchr(path, '{');
        if (!brace) continue;
        const char *name = arena_memdup(story_arena(), brace + 1, strcspn(brace + 1, "}"));
        json_object_foreach(operations, method, operation) {
            size_t i, found = 0;
            json_t *parameter;
            json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
                found += text_equal(json_string_value(json_object_get(parameter, "name")), name) &&
                         text_equal(json_string_value(json_object_get(parameter, "in")), "path");
            if (found != 1) fail_msg("%s %s: {%s} is no parameter of it", method, path, name);
        }
    }
}

// The next value of an attribute after *at, which moves on; NULL when there is none.
static const char *next_attribute(const char **at, const char *name)
{
    const char *found = strstr(*at, name);
    if (!found) return NULL;
    const char *value = found + strlen(name);
    *at = value;
    return arena_memdup(story_arena(), value, strcspn(value, "\""));
}

static void the_page_needs_nothing_from_elsewhere(void **state)
{
    (void)state;
    struct answer page = call(NULL, "GET", "/api/docs", NULL);
    expect_status(&page, 200);
    assert_true(text_starts_with(header(&page, "Content-Type"), "text/html"));
    const char *policy = header(&page, "Content-Security-Policy");
    assert_non_null(policy);
    assert_non_null(strstr(policy, "default-src 'none'"));
    assert_non_null(strstr(policy, "script-src 'self';"));
    assert_null(strstr(policy, "http"));
    const char *html = arena_memdup(story_arena(), page.http.body, page.http.body_length);
    static const char *const attributes[] = {"src=\"", "href=\""};
    int scripts = 0, styles = 0;
    for (size_t i = 0; i < COUNT_OF(attributes); i++)
        for (const char *at = html, *address; (address = next_attribute(&at, attributes[i]));) {
            if (address[0] != '/' || address[1] == '/') fail_msg("the page wants %s", address);
            struct answer file = call(NULL, "GET", address, NULL);
            expect_status(&file, 200);
            assert_true(file.http.body_length > 0);
            assert_string_equal(header(&file, "X-Content-Type-Options"), "nosniff");
            scripts += text_starts_with(header(&file, "Content-Type"), "text/javascript");
            styles += text_starts_with(header(&file, "Content-Type"), "text/css");
        }
    assert_true(scripts >= 2);
    assert_true(styles >= 1);
    struct answer other = call(NULL, "GET", "/api/docs/passwd", NULL);
    expect_problem(&other, 404);
}

static void every_topic_and_event_is_described(void **state)
{
    (void)state;
    struct answer document = call(NULL, "GET", "/api/asyncapi.json", NULL);
    expect_status(&document, 200);
    json_t *channels = at(&document, "channels");
    const char *folder = arena_printf(story_arena(), "%s/events", service_setting("gateway", "DC_SCHEMAS_DIR"));
    DIR *events = opendir(folder);
    assert_non_null(events);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(events));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0) continue;
        json_t *schema = json_load_file(arena_printf(story_arena(), "%s/%s", folder, entry->d_name), 0, NULL);
        assert_non_null(schema);
        const char *topic = json_string_value(json_object_get(schema, "x-topic"));
        const char *name = arena_memdup(story_arena(), entry->d_name, (size_t)(dot - entry->d_name));
        json_t *channel = json_object_get(channels, topic);
        if (!json_object_get(json_object_get(channel, "messages"), name)) fail_msg("%s is not among the messages of %s", name, topic);
        assert_string_equal(json_string_value(json_object_get(channel, "address")), topic);
        json_t *message = json_object_get(at(&document, "components/messages"), name);
        if (!json_equal(json_object_get(message, "payload"), schema)) fail_msg("%s is not described by its schema", name);
        json_decref(schema);
        count++;
    }
    closedir(events);
    assert_true(count > 15);
    assert_int_equal(json_object_size(at(&document, "components/messages")), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described), cmocka_unit_test(every_described_address_is_there),
        cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(every_other_good_answer_is_described),
        cmocka_unit_test(every_parameter_is_described), cmocka_unit_test(the_page_needs_nothing_from_elsewhere),
        cmocka_unit_test(every_topic_and_event_is_described),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
