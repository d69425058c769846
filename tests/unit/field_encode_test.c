// SPDX-License-Identifier: MIT
// What was decoded, on its way to PostgreSQL; and what the tables say of themselves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "field.h"
#include "test_arena.h"

struct sample {
    struct given given;
    const char *name;
    int64_t salary;
    bool active;
    struct text_list skills;
    json_t *extra;
};
static const char *const skill_names[] = {"cooking", "driving", NULL};
FIELDS(sample, FIELD(sample, name, .required = true, .nullable = true, .min = 2, .max = 10, .doc = "A name."),
       FIELD(sample, salary, .format = FORMAT_MONEY, .nullable = true, .min = 50, .max = 100000050), FIELD(sample, active, .nullable = true),
       FIELD(sample, skills, .nullable = true, .choices = skill_names), FIELD(sample, extra, .nullable = true))

// Decoded and encoded again.
static const char *again(const char *text)
{
    struct error err = {0};
    struct sample sample;
    CLEANUP(json_release) json_t *body = json_parse(text, strlen(text), &err);
    if (!field_decode(&sample_fields, body, FIELD_PARTIAL, &sample, arena, &err)) fail_msg("%s is refused", text);
    return field_encode(&sample_fields, &sample, arena);
}

static const char *schema_text(const struct fields *fields, bool partial)
{
    CLEANUP(json_release) json_t *schema = field_schema(fields, partial);
    return json_text(arena, schema);
}

// --- Encoding -------------------------------------------------------------------------------------

static void given_fields_alone_are_encoded(void **state)
{
    (void)state;
    assert_string_equal(again("{\"name\":\"Jane\"}"), "{\"name\":\"Jane\"}");
    assert_string_equal(again("{\"active\":false}"), "{\"active\":false}");
}

static void values_are_encoded_as_they_were_normalised(void **state)
{
    (void)state;
    assert_string_equal(again("{\"extra\":{\"a\": [1]},\"skills\":[\" cooking\",\"driving\"],\"active\":true,\"salary\":1.5,\"name\":\" a\\\"b \"}"),
                        "{\"name\":\"a\\\"b\",\"salary\":150,\"active\":true,\"skills\":[\"cooking\",\"driving\"],\"extra\":{\"a\":[1]}}");
}

static void null_is_encoded_whatever_the_type(void **state)
{
    (void)state;
    static const char text[] = "{\"name\":null,\"salary\":null,\"active\":null,\"skills\":null,\"extra\":null}";
    assert_string_equal(again(text), text);
}

static void nothing_given_is_an_empty_object(void **state)
{
    (void)state;
    assert_string_equal(field_encode(&sample_fields, &(struct sample){0}, arena), "{}");
}

static void full_arena_gives_nothing(void **state)
{
    (void)state;
    struct arena *small = arena_new(64);
    assert_null(field_encode(&sample_fields, &(struct sample){.given = {1}, .name = "Jane"}, small));
    arena_free(small);
}

// --- Schema ---------------------------------------------------------------------------------------

static void schema_says_what_is_checked(void **state)
{
    (void)state;
    assert_string_equal(
        schema_text(&sample_fields, false),
        "{\"type\":\"object\",\"properties\":{"
        "\"name\":{\"type\":[\"string\",\"null\"],\"description\":\"A name. 2 to 10 bytes of UTF-8.\",\"minLength\":1,\"maxLength\":10},"
        "\"salary\":{\"type\":[\"number\",\"null\"],\"multipleOf\":0.01,\"minimum\":0.5,\"maximum\":1000000.5},"
        "\"active\":{\"type\":[\"boolean\",\"null\"]},"
        "\"skills\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\",\"enum\":[\"cooking\",\"driving\"]},\"maxItems\":50},"
        "\"extra\":{}},\"required\":[\"name\"],\"additionalProperties\":false}");
}

static void partial_schema_requires_nothing(void **state)
{
    (void)state;
    assert_null(strstr(schema_text(&sample_fields, true), "required"));
}

struct secretive {
    struct given given;
    const char *password;
    const char *born;
    const char *colour;
};
static const char *const colours[] = {"red", NULL};
FIELDS(secretive, FIELD(secretive, password, .secret = true), FIELD(secretive, born, .format = FORMAT_DATE),
       FIELD(secretive, colour, .nullable = true, .choices = colours))

static void formats_secrets_and_choices_are_told(void **state)
{
    (void)state;
    assert_string_equal(schema_text(&secretive_fields, false),
                        "{\"type\":\"object\",\"properties\":{"
                        "\"password\":{\"type\":\"string\",\"format\":\"password\",\"writeOnly\":true,\"description\":\"At most 200 bytes of UTF-8.\",\"maxLength\":200},"
                        "\"born\":{\"type\":\"string\",\"format\":\"date\",\"maxLength\":200},"
                        "\"colour\":{\"type\":[\"string\",\"null\"],\"enum\":[\"red\",null]}},\"additionalProperties\":false}");
}

FIELDS_OUT(part, FIELD_OUT("id", FIELD_TEXT, .required = true))
FIELDS_OUT(whole, FIELD_OUT("one", FIELD_OBJECT, .of = &part_fields), FIELD_OUT("many", FIELD_LIST, .of = &part_fields),
           FIELD_OUT("ratio", FIELD_NUMBER))

static void tables_of_answers_refer_to_each_other(void **state)
{
    (void)state;
    assert_string_equal(schema_text(&whole_fields, false),
                        "{\"type\":\"object\",\"properties\":{\"one\":{\"$ref\":\"#/components/schemas/part\"},"
                        "\"many\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/part\"}},\"ratio\":{\"type\":\"number\"}}}");
    assert_string_equal(schema_text(&part_fields, false), "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}},\"required\":[\"id\"]}");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, arena_setup, arena_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(given_fields_alone_are_encoded),
        TEST(values_are_encoded_as_they_were_normalised),
        TEST(null_is_encoded_whatever_the_type),
        TEST(nothing_given_is_an_empty_object),
        TEST(full_arena_gives_nothing),
        TEST(schema_says_what_is_checked),
        TEST(partial_schema_requires_nothing),
        TEST(formats_secrets_and_choices_are_told),
        TEST(tables_of_answers_refer_to_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
