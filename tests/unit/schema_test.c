// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema.h"

struct note_input {
    struct given given;
    const char *title;
    int64_t price;
};
FIELDS(note_input, FIELD(note_input, title, .required = true, .max = 40, .doc = "Title."),
       FIELD(note_input, price, .format = FORMAT_MONEY, .doc = "Price."));
struct note_query {
    struct given given;
    const char *sort;
    struct text_list tags;
};
static const char *const sorts[] = {"newest", "price", NULL};
FIELDS(note_query, FIELD(note_query, sort, .choices = sorts, .doc = "Order."),
       FIELD(note_query, tags, .many = true, .doc = "Tags."));
FIELDS_OUT(tag, FIELD_OUT("name", FIELD_TEXT, .doc = "Name."));
FIELDS_OUT(note, FIELD_OUT("id", FIELD_TEXT, .required = true, .doc = "Id."),
           FIELD_OUT("tags", FIELD_LIST, .of = &tag_fields, .doc = "Tags."));

static const struct route routes[] = {
    {"GET", "/notes/", ACCESS_ANYONE, "All notes", .query = &note_query_fields},
    {"POST", "/notes/", ACCESS_EMPLOYER, "New note", .body = &note_input_fields, .answer = &note_fields,
     .status = 201, .also = {200}, .admin_too = true, .idempotent = true},
    {"GET", "/notes/{note_id}", ACCESS_SIGNED_IN, "One note", .answer = &note_fields},
    {"PATCH", "/notes/{note_id}", ACCESS_SIGNED_IN, "Change", .body = &note_input_fields, .partial = true},
    {"GET", "/old-notes", ACCESS_ANYONE, "Alias", .hidden = true},
    {"GET", "/.well-known/jwks.json", ACCESS_ANYONE, "Keys"},
    {0},
};
static const struct event_type created = {"ke.domesticconnect.note.created.v1", &topic_users, &note_fields,
                                          "A note was made."};
static const struct event_type erased = {"ke.domesticconnect.note.erased.v1", &topic_users, NULL,
                                         "A note is gone."};
static const struct event_type *const events[] = {&created, &erased, NULL};
static const struct service notes = {
    .name = "notes", .summary = "Notes.", .routes = routes, .events = events};

// The value at a path of members set off by blanks.
static const json_t *at(const json_t *value, const char *path)
{
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", path);
    for (const char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        value = json_is_array(value) ? json_array_get(value, (size_t)(name[0] - '0'))
                                     : json_object_get(value, name);
        if (!value) fail_msg("nothing at %s of %s", name, path);
    }
    return value;
}
static const char *text_at(const json_t *value, const char *path)
{
    return json_string_value(at(value, path));
}

static void test_openapi(void **state)
{
    (void)state;
    json_t *document = schema_openapi(&notes, false);
    assert_non_null(document);
    assert_string_equal(text_at(document, "openapi"), "3.1.0");
    const json_t *paths = at(document, "paths");
    assert_int_equal(json_object_size(paths), 3);
    assert_non_null(json_object_get(paths, "/.well-known/jwks.json"));
    const json_t *post = at(paths, "/api/notes post");
    assert_string_equal(text_at(post, "operationId"), "post_notes");
    assert_string_equal(text_at(post, "x-access"), "employer");
    assert_true(json_is_true(at(post, "x-admin-too")));
    assert_string_equal(text_at(post, "requestBody content application/json schema $ref"),
                        "#/components/schemas/note_input");
    assert_string_equal(text_at(post, "responses 201 content application/json schema $ref"),
                        "#/components/schemas/note");
    assert_string_equal(text_at(post, "responses 200 content application/json schema $ref"),
                        "#/components/schemas/note");
    assert_string_equal(text_at(post, "responses default $ref"), "#/components/responses/problem");
    assert_int_equal(json_object_size(at(post, "responses")), 3);
    assert_string_equal(text_at(post, "parameters 0 name"), "Idempotency-Key");
    assert_int_equal(json_array_size(at(post, "security")), 1);
    assert_int_equal(json_array_size(at(paths, "/api/notes get security")), 2);
    assert_string_equal(text_at(paths, "/api/notes get parameters 0 schema enum 0"), "newest");
    assert_true(json_is_false(at(paths, "/api/notes get parameters 1 explode")));
    assert_string_equal(text_at(paths, "/api/notes/{note_id} get parameters 0 name"), "note_id");
    assert_string_equal(text_at(paths, "/api/notes/{note_id} patch parameters 1 name"), "If-Match");
    const json_t *schemas = at(document, "components schemas");
    assert_non_null(at(schemas, "tag"));
    assert_non_null(at(schemas, "problem properties errors items properties pointer"));
    assert_int_equal(json_array_size(at(schemas, "note_input required")), 1);
    assert_null(json_object_get(at(schemas, "note_input_partial"), "required"));
    json_decref(document);
}

static void test_openapi_with_hidden_routes(void **state)
{
    (void)state;
    json_t *document = schema_openapi(&notes, true);
    const json_t *paths = at(document, "paths");
    assert_int_equal(json_object_size(paths), 4);
    assert_true(json_is_true(at(paths, "/api/old-notes get x-hidden")));
    assert_null(json_object_get(at(paths, "/api/notes get"), "x-hidden"));
    json_decref(document);
}

static void test_events(void **state)
{
    (void)state;
    json_t *schemas = schema_events(&notes);
    assert_int_equal(json_object_size(schemas), 2);
    const json_t *event = at(schemas, "note.created.v1.json");
    assert_string_equal(text_at(event, "title"), "ke.domesticconnect.note.created.v1");
    assert_string_equal(text_at(event, "x-topic"), "dc.auth.users");
    assert_string_equal(text_at(event, "x-key"), "user_id");
    assert_int_equal(json_integer_value(at(event, "x-partitions")), 6);
    assert_true(json_is_true(at(event, "x-compacted")));
    assert_int_equal(json_integer_value(at(event, "x-retention-ms")), -1);
    assert_non_null(at(event, "components schemas tag"));
    assert_string_equal(text_at(schemas, "note.erased.v1.json type"), "null");
    assert_true(json_is_true(at(schemas, "note.erased.v1.json x-tombstone")));
    json_decref(schemas);
}

static void test_routes(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    schema_routes(&notes, out);
    fclose(out);
    assert_non_null(strstr(text, "POST /notes/ employer+admin\nGET /notes/{note_id} signed_in\n"));
    assert_non_null(strstr(text, "GET /old-notes anyone\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openapi),
        cmocka_unit_test(test_openapi_with_hidden_routes),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
