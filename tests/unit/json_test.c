// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "test_arena.h"

static struct error err;

static int setup(void **state)
{
    const int failed = arena_setup(state);
    err = (struct error){.arena = arena};
    return failed;
}

// Parsed and printed again.
static const char *again(const char *text)
{
    CLEANUP(json_release) json_t *value = json_parse(text, strlen(text), &err);
    if (!value) fail_msg("%s: %s", text, err.detail);
    return json_text(arena, value);
}

static void expect_malformed(const char *bytes, size_t length, const char *detail)
{
    error_clear(&err);
    json_t *value = json_parse(bytes, length, &err);
    assert_null(value);
    assert_ptr_equal(err.problem, &problem_malformed);
    assert_string_equal(err.detail, detail);
}

static const char *nested(int depth)
{
    char *text = arena_alloc(arena, 2 * (size_t)depth + 1);
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    return text;
}

static void values_of_every_kind_are_taken(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":[1,-2.5,true,false,null,\"x\"],\"b\":{}}", "[]", "\"é🙂\"", "7", "null", "true",
                                        "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\"", "{\"\\n\":[[],{},[{\"a\":[]}]]}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) assert_string_equal(again(texts[i]), texts[i]);
    assert_string_equal(again(" {\n \"a\" : 1 } "), "{\"a\":1}");
}

static void malformed_json_is_told_with_its_place(void **state)
{
    (void)state;
    expect_malformed("{\"a\":1,\n \"b\":}", 14, "The JSON is not well-formed at line 2, column 6.");
    expect_malformed("", 0, "The JSON is not well-formed at line 1, column 0.");
    expect_malformed("{} x", 4, "The JSON is not well-formed at line 1, column 4.");
}

static void member_given_twice_is_refused(void **state)
{
    (void)state;
    expect_malformed("{\"a\":1,\"a\":2}", 13, "The JSON is not well-formed at line 1, column 10: a member stands there twice.");
    expect_malformed("[9223372036854775808]", 21, "The JSON is not well-formed at line 1, column 20: a number is out of range.");
}

static void texts_must_be_utf8_without_nul(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"\xff\"", "\"\xed\xa0\x80\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"a\nb\"", "{\"a\\u0000\":1}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        CLEANUP(json_release) json_t *value = json_parse(texts[i], strlen(texts[i]), &err);
        if (value) fail_msg("text %zu is taken", i);
        assert_ptr_equal(err.problem, &problem_malformed);
    }
    assert_null(json_parse("\"a\0b\"", 5, &err));
    expect_malformed("1\0", 2, "The JSON holds a NUL byte.");
    expect_malformed("{\"a\":2e-99\0\t}", 13, "The JSON holds a NUL byte.");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    assert_string_equal(again(nested(JSON_DEPTH_MAX)), nested(JSON_DEPTH_MAX));
    expect_malformed(nested(JSON_DEPTH_MAX + 1), 2 * JSON_DEPTH_MAX + 2, "The JSON is nested more than 32 levels deep; flatten it.");
    expect_malformed(nested(100000), 200000, "The JSON is nested more than 32 levels deep; flatten it.");
}

static void brackets_inside_texts_do_not_nest(void **state)
{
    (void)state;
    const char *text = arena_printf(arena, "\"\\\"%s\"", nested(JSON_DEPTH_MAX + 1));
    assert_string_equal(again(text), text);
    assert_string_equal(again("[\"\\\\\",[[\"]\"]]]"), "[\"\\\\\",[[\"]\"]]]");
}

static void breadth_does_not_nest(void **state)
{
    (void)state;
    char text[1000] = "[";
    for (int i = 0; i < 100; i++) strcat(text, "[],{},");
    strcat(text, "0]");
    assert_string_equal(again(text), text);
}

static void text_is_none_when_the_arena_is_full(void **state)
{
    (void)state;
    struct arena *small = arena_new(16);
    CLEANUP(json_release) json_t *value = json_string("more than sixteen bytes");
    assert_null(json_text(small, value));
    assert_true(arena_failed(small));
    arena_free(small);
}

static void members_are_texts_or_nothing(void **state)
{
    (void)state;
    CLEANUP(json_release) json_t *object = json_pack("{s:s,s:i}", "a", "x", "n", 1);
    assert_string_equal(json_member_text(object, "a"), "x");
    assert_null(json_member_text(object, "n"));
    assert_null(json_member_text(object, "missing"));
    assert_null(json_member_text(NULL, "a"));
    assert_null(json_member_text(json_object_get(object, "a"), "a"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, arena_teardown)
static void what_an_arena_keeps_it_releases(void **state)
{
    (void)state;
    struct arena *own = arena_new(4096);
    json_t *value = json_object();
    assert_ptr_equal(json_keep(own, json_incref(value)), value);
    assert_int_equal(value->refcount, 2);
    arena_free(own);
    assert_int_equal(value->refcount, 1);
    json_decref(value);
    assert_null(json_keep(arena, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_of_every_kind_are_taken),
        TEST(malformed_json_is_told_with_its_place),
        TEST(member_given_twice_is_refused),
        TEST(texts_must_be_utf8_without_nul),
        TEST(nesting_is_bounded),
        TEST(brackets_inside_texts_do_not_nest),
        TEST(breadth_does_not_nest),
        TEST(text_is_none_when_the_arena_is_full),
        TEST(members_are_texts_or_nothing),
        TEST(what_an_arena_keeps_it_releases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
