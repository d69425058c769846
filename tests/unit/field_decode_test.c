// SPDX-License-Identifier: MIT
// Bodies and queries, decoded by a table.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "field.h"

struct sample {
    struct given given;
    const char *name;
    int64_t age, salary;
    bool active;
    struct text_list skills;
    json_t *extra;
};
static const char *const skill_names[] = {"cooking", "cleaning", "driving", NULL};
FIELDS(sample, FIELD(sample, name, .required = true, .max = 10), FIELD(sample, age, .required = true, .min = 18, .max = 70),
       FIELD(sample, salary, .format = FORMAT_MONEY, .nullable = true, .max = 1000000000000000),
       FIELD(sample, active), FIELD(sample, skills, .min = 1, .max = 2, .choices = skill_names),
       FIELD(sample, extra, .nullable = true))

static struct arena *arena;
static struct error err;
static json_t *body;
static struct sample got;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    err = (struct error){0};
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_release(&body);
    body = NULL;
    arena_free(arena);
    return 0;
}

static bool decode(const char *text, enum field_mode mode)
{
    json_release(&body);
    err = (struct error){0};
    memset(&got, 0xAA, sizeof got);
    body = json_parse(text, strlen(text), &err);
    assert_non_null(body);
    return field_decode(&sample_fields, body, mode, &got, arena, &err);
}

static void expect_fine(const char *text, enum field_mode mode)
{
    if (decode(text, mode)) return;
    fail_msg("%s: %s %s", err.detail, err.violations ? err.violations->pointer : "", err.violations ? err.violations->message : "");
}

// All violations as "pointer message; …".
static const char *violations(void)
{
    struct text_buffer out = text_buffer(arena);
    for (const struct violation *violation = err.violations; violation; violation = violation->next)
        text_printf(&out, "%s%s %s", out.length ? "; " : "", violation->pointer, violation->message);
    return text_take(&out);
}

static void expect_wrong(const char *text, enum field_mode mode, const char *expected)
{
    if (decode(text, mode)) fail_msg("%s is taken", text);
    assert_ptr_equal(err.problem, &problem_invalid_fields);
    assert_string_equal(violations(), expected);
}

// --- Bodies ---------------------------------------------------------------------------------------

static void every_type_is_decoded(void **state)
{
    (void)state;
    expect_fine("{\"name\":\" Jane \",\"age\":30,\"salary\":15000.5,\"active\":true,\"skills\":[\"cooking\",\"driving\"],\"extra\":{\"a\":1}}",
                FIELD_WHOLE);
    assert_string_equal(got.name, "Jane");
    assert_int_equal(got.age, 30);
    assert_int_equal(got.salary, 1500050);
    assert_true(got.active);
    assert_int_equal(got.skills.count, 2);
    assert_string_equal(got.skills.items[0], "cooking");
    assert_string_equal(got.skills.items[1], "driving");
    assert_int_equal(json_integer_value(json_object_get(got.extra, "a")), 1);
}

static void what_is_absent_is_zero_and_not_given(void **state)
{
    (void)state;
    expect_fine("{\"name\":\"Jane\",\"age\":30}", FIELD_WHOLE);
    assert_int_equal(got.salary, 0);
    assert_false(got.active);
    assert_int_equal(got.skills.count, 0);
    assert_null(got.extra);
    assert_true(field_given(&sample_fields, &got, "name"));
    assert_false(field_given(&sample_fields, &got, "salary"));
    assert_false(field_given(&sample_fields, &got, "no_such_member"));
}

static void every_bad_field_is_told_at_once(void **state)
{
    (void)state;
    expect_wrong("{\"name\":7,\"age\":17,\"salary\":\"1\",\"active\":1,\"skills\":{},\"colour\":\"red\"}", FIELD_WHOLE,
                 "/name must be text; /age must be between 18 and 70; /salary must be a number; /active must be true or false; "
                 "/skills must be a list of texts; /colour is not a known field");
    expect_wrong("{}", FIELD_WHOLE, "/name is required; /age is required");
}

static void numbers_must_be_whole_where_asked(void **state)
{
    (void)state;
    expect_wrong("{\"name\":\"a\",\"age\":30.0}", FIELD_WHOLE, "/age must be a whole number");
    expect_wrong("{\"name\":\"a\",\"age\":\"30\"}", FIELD_WHOLE, "/age must be a whole number");
}

static void null_is_for_nullable_fields_alone(void **state)
{
    (void)state;
    expect_fine("{\"name\":\"a\",\"age\":30,\"extra\":null,\"salary\":null}", FIELD_WHOLE);
    assert_true(field_given(&sample_fields, &got, "extra"));
    assert_null(got.extra);
    expect_wrong("{\"name\":null,\"age\":30}", FIELD_WHOLE, "/name must not be null");
}

static void lists_are_bounded_and_checked(void **state)
{
    (void)state;
    expect_wrong("{\"skills\":[]}", FIELD_PARTIAL, "/skills must have at least 1 entries");
    expect_wrong("{\"skills\":[\"cooking\",\"cooking\",\"cooking\"]}", FIELD_PARTIAL, "/skills must have at most 2 entries");
    expect_wrong("{\"skills\":[\"cooking\",1]}", FIELD_PARTIAL, "/skills entry 2 must be text");
    expect_wrong("{\"skills\":[\"singing\"]}", FIELD_PARTIAL, "/skills entry 1 must be one of cooking, cleaning, driving");
}

static void partial_takes_what_is_given(void **state)
{
    (void)state;
    expect_fine("{\"age\":40}", FIELD_PARTIAL);
    assert_int_equal(got.age, 40);
    assert_false(field_given(&sample_fields, &got, "name"));
    expect_wrong("{\"age\":4}", FIELD_PARTIAL, "/age must be between 18 and 70");
}

static void partial_needs_something_to_change(void **state)
{
    (void)state;
    assert_false(decode("{}", FIELD_PARTIAL));
    assert_ptr_equal(err.problem, &problem_invalid_fields);
    assert_string_equal(err.detail, "Nothing to change: give at least one field.");
}

static void tolerant_passes_over_unknown_fields(void **state)
{
    (void)state;
    expect_fine("{\"name\":\"a\",\"age\":30,\"colour\":\"red\"}", FIELD_TOLERANT);
    expect_wrong("{\"colour\":\"red\"}", FIELD_TOLERANT, "/name is required; /age is required");
}

static void body_must_be_an_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"[]", "7", "null", "\"a\""};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_false(decode(texts[i], FIELD_WHOLE));
        assert_ptr_equal(err.problem, &problem_malformed);
    }
}

static void full_arena_is_told(void **state)
{
    (void)state;
    struct arena *small = arena_new(32);
    CLEANUP(json_release) json_t *object = json_pack("{s:s,s:i}", "name", "a", "age", 30);
    struct error failed = {0};
    assert_null(arena_alloc(small, 33));
    assert_false(field_decode(&sample_fields, object, FIELD_WHOLE, &got, small, &failed));
    assert_ptr_equal(failed.problem, &problem_unavailable);
    arena_free(small);
}

static void pointer_escapes_what_json_pointer_does(void **state)
{
    (void)state;
    expect_wrong("{\"a/b~c\":1}", FIELD_PARTIAL, "/a~1b~0c is not a known field");
}

static void pointer_to_a_long_name_is_cut(void **state)
{
    (void)state;
    const char *text = "{\"aéééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé\":1}";
    assert_false(decode(text, FIELD_PARTIAL));
    assert_int_equal(strlen(err.violations->pointer), 100); // 101 would end in half a letter
    assert_true(text_is_utf8(err.violations->pointer, 100));
}

// --- Money ----------------------------------------------------------------------------------------

static void money_becomes_cents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t cents;
    } rows[] = {{"0", 0},           {"1", 100},           {"0.01", 1},           {"0.1", 10},
                {"19.99", 1999},    {"1.10", 110},        {"8.29", 829},         {"1.15", 115},
                {"1e3", 100000},    {"1000000.01", 100000001}, {"9999999999999.99", 999999999999999}, {"4503599627370.47", 450359962737047}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        expect_fine(arena_printf(arena, "{\"salary\":%s}", rows[i].text), FIELD_PARTIAL);
        if (got.salary != rows[i].cents) fail_msg("%s became %ld", rows[i].text, (long)got.salary);
    }
}

static void money_has_two_decimals_at_most(void **state)
{
    (void)state;
    static const char *const texts[] = {"0.001", "1.999", "0.015", "100000.001", "1000000.005", "1234567.891", "9999999999.995"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        expect_wrong(arena_printf(arena, "{\"salary\":%s}", texts[i]), FIELD_PARTIAL, "/salary must have at most two decimals");
}

static void money_is_bounded(void **state)
{
    (void)state;
    expect_wrong("{\"salary\":-0.01}", FIELD_PARTIAL, "/salary must be between 0.00 and 10000000000000.00");
    expect_wrong("{\"salary\":1e300}", FIELD_PARTIAL, "/salary is out of range");
}

// --- Queries --------------------------------------------------------------------------------------

static bool decode_query(const struct text_pair *pairs, size_t count)
{
    err = (struct error){0};
    memset(&got, 0xAA, sizeof got);
    return field_decode_query(&sample_fields, pairs, count, &got, arena, &err);
}

static void parameters_are_decoded_from_text(void **state)
{
    (void)state;
    static const struct text_pair pairs[] = {{"name", "Jane"}, {"age", "30"}, {"salary", "10.50"}, {"active", "false"}, {"skills", "cooking,driving"}};
    assert_true(decode_query(pairs, COUNT_OF(pairs)));
    assert_string_equal(got.name, "Jane");
    assert_int_equal(got.age, 30);
    assert_int_equal(got.salary, 1050);
    assert_false(got.active);
    assert_true(field_given(&sample_fields, &got, "active"));
    assert_int_equal(got.skills.count, 2);
    assert_string_equal(got.skills.items[1], "driving");
}

static void bad_parameters_are_told_with_a_question_mark(void **state)
{
    (void)state;
    static const struct text_pair pairs[] = {{"name", "\xff"}, {"age", "x"}, {"salary", "x"}, {"active", "yes"}, {"colour", "red"}};
    assert_false(decode_query(pairs, COUNT_OF(pairs)));
    assert_string_equal(violations(), "?name must be text in UTF-8; ?age must be a whole number; ?salary must be a number; "
                                      "?active must be true or false; ?colour is not a known parameter");
}

static void parameter_is_given_once(void **state)
{
    (void)state;
    static const struct text_pair pairs[] = {{"name", "a"}, {"age", "30"}, {"age", "31"}};
    assert_false(decode_query(pairs, COUNT_OF(pairs)));
    assert_string_equal(violations(), "?age must be given once");
}

static void required_parameters_must_be_there(void **state)
{
    (void)state;
    assert_false(decode_query(NULL, 0));
    assert_string_equal(violations(), "?name is required; ?age is required");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type_is_decoded),
        TEST(what_is_absent_is_zero_and_not_given),
        TEST(every_bad_field_is_told_at_once),
        TEST(numbers_must_be_whole_where_asked),
        TEST(null_is_for_nullable_fields_alone),
        TEST(lists_are_bounded_and_checked),
        TEST(partial_takes_what_is_given),
        TEST(partial_needs_something_to_change),
        TEST(tolerant_passes_over_unknown_fields),
        TEST(body_must_be_an_object),
        TEST(full_arena_is_told),
        TEST(pointer_escapes_what_json_pointer_does),
        TEST(pointer_to_a_long_name_is_cut),
        TEST(money_becomes_cents),
        TEST(money_has_two_decimals_at_most),
        TEST(money_is_bounded),
        TEST(parameters_are_decoded_from_text),
        TEST(bad_parameters_are_told_with_a_question_mark),
        TEST(parameter_is_given_once),
        TEST(required_parameters_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
