// SPDX-License-Identifier: MIT
// What a single value may be, format by format.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "field_private.h"
#include "test_arena.h"

static void expect_text(const struct field *field, const char *text, const char *normalised)
{
    const char *value = NULL, *wrong = field_check_text(field, text, arena, &value);
    if (wrong) fail_msg("\"%s\" %s", text, wrong);
    assert_string_equal(value, normalised);
}

static void expect_wrong(const struct field *field, const char *text, const char *message)
{
    const char *value = NULL, *wrong = field_check_text(field, text, arena, &value);
    if (!wrong) fail_msg("\"%s\" is taken", text);
    assert_string_equal(wrong, message);
}

static void expect_integer(const struct field *field, int64_t value, const char *message)
{
    const char *wrong = field_check_integer(field, value, arena);
    if (message && wrong) assert_string_equal(wrong, message);
    else if (message || wrong) fail_msg("%ld: %s", (long)value, wrong ? wrong : "is taken");
}

static char *repeated(char letter, size_t count)
{
    char *text = arena_alloc(arena, count + 1);
    memset(text, letter, count);
    return text;
}

// --- Text -----------------------------------------------------------------------------------------

static void plain_text_is_squeezed(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_TEXT};
    expect_text(&field, "  Jane \n\t Wambui ", "Jane Wambui");
    expect_text(&field, "", "");
    expect_wrong(&field, "a\x01" "b", "must not hold control characters");
    expect_wrong(&field, "a\x7f", "must not hold control characters");
    expect_wrong(&field, "Ja\u200bne", "must not hold the invisible character U+200B");
    expect_wrong(&field, "\u202eenaJ", "must not hold the invisible character U+202E");
    expect_text(&field, "👩🏾‍🍳 cook", "👩🏾‍🍳 cook");
}

static void prose_keeps_its_lines(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_TEXT, .format = FORMAT_PROSE};
    expect_text(&field, "  a\n\n\tb ", "  a\n\n\tb ");
    expect_wrong(&field, "a\x1b[31m", "must not hold control characters");
    expect_text(&field, "\ufeffCall \u202a0\u200b7\u200b2\u200b2\u202c", "Call 0722"); // so that masking sees what people see
}

static void exact_text_is_taken_byte_by_byte(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_TEXT, .format = FORMAT_EXACT};
    expect_text(&field, "  pass\tword\x01 ", "  pass\tword\x01 ");
}

static void ids_are_checked(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_TEXT, .format = FORMAT_ID};
    expect_text(&field, "demo_agency_1", "demo_agency_1");
    expect_wrong(&field, " 1", "must be an id: 1 to 64 letters, digits, '_' or '-'");
    expect_wrong(&field, "", "must be an id: 1 to 64 letters, digits, '_' or '-'");
}

static void emails_and_phones_are_normalised(void **state)
{
    (void)state;
    static const struct field email = {.type = FIELD_TEXT, .format = FORMAT_EMAIL, .max = 254};
    static const struct field phone = {.type = FIELD_TEXT, .format = FORMAT_PHONE};
    expect_text(&email, "  jane@example.com ", "jane@example.com");
    expect_wrong(&email, "jane@", "must be an e-mail address such as jane@example.com");
    expect_text(&phone, "0722-000 111", "+254722000111");
    expect_wrong(&phone, "12345", "must be a Kenyan mobile number such as 0722 000 111 or +254722000111");
}

static void dates_and_times_are_checked(void **state)
{
    (void)state;
    static const struct field date = {.type = FIELD_TEXT, .format = FORMAT_DATE};
    static const struct field time = {.type = FIELD_TEXT, .format = FORMAT_TIME};
    expect_text(&date, "2024-02-29", "2024-02-29");
    expect_wrong(&date, "2023-02-29", "must be a date such as 2026-01-31");
    expect_text(&time, "2026-01-31T08:00:00+03:00", "2026-01-31T08:00:00+03:00");
    expect_wrong(&time, "2026-01-31", "must be a time such as 2026-01-31T08:00:00Z");
}

static void addresses_of_the_web_are_checked(void **state)
{
    (void)state;
    static const struct field url = {.type = FIELD_TEXT, .format = FORMAT_URL};
    static const char *const wrong[] = {"ftp://x", "javascript:alert(1)", "https://", "https:///path", "https://a b", "https://a\"b", "x.com", "",
                                        "https://a\nb", "https://a\u202eb"};
    expect_text(&url, "https://example.com/a?b=c#d", "https://example.com/a?b=c#d");
    expect_text(&url, "http://localhost:8080", "http://localhost:8080");
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        expect_wrong(&url, wrong[i], "must be an address that begins with https:// or http://");
}

static void names_hold_no_contact_details(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_TEXT, .format = FORMAT_NAME};
    expect_text(&field, " Wanjikũ  wa Kamau ", "Wanjikũ wa Kamau");
    expect_wrong(&field, "Jane 0722 000 111", "must not hold a phone number or e-mail address");
    expect_wrong(&field, "jane@example.com", "must not hold a phone number or e-mail address");
    expect_wrong(&field, "Jane\u2066", "must not hold the invisible character U+2066");
}

static void choices_are_listed_where_none_fits(void **state)
{
    (void)state;
    static const char *const colours[] = {"red", "green", NULL};
    static const struct field field = {.type = FIELD_TEXT, .choices = colours};
    expect_text(&field, " green ", "green");
    expect_wrong(&field, "Green", "must be one of red, green");
}

static void length_counts_after_squeezing(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_TEXT, .min = 2, .max = 4};
    expect_text(&field, "   ab   ", "ab");
    expect_text(&field, "abcd     ", "abcd");
    expect_wrong(&field, "  a  ", "must be at least 2 bytes long");
    expect_wrong(&field, "abcde", "must be at most 4 bytes long");
    expect_wrong(&field, "éé1", "must be at most 4 bytes long"); // bytes, not letters
    static const struct field some = {.type = FIELD_TEXT, .min = 1};
    expect_wrong(&some, "   ", "must not be empty");
}

static void length_is_bounded_by_default(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_TEXT};
    expect_text(&field, repeated('x', 200), repeated('x', 200));
    expect_wrong(&field, repeated('x', 201), "must be at most 200 bytes long");
    expect_wrong(&field, repeated(' ', 10000), "must be at most 200 bytes long"); // before any work
}

static void required_text_is_not_empty(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_TEXT, .required = true};
    expect_wrong(&field, "   ", "must not be empty");
    expect_text(&field, "x", "x");
}

// --- Integers -------------------------------------------------------------------------------------

static void integers_are_held_to_their_bounds(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_INTEGER, .min = 18, .max = 70};
    expect_integer(&field, 18, NULL);
    expect_integer(&field, 70, NULL);
    expect_integer(&field, 17, "must be between 18 and 70");
    expect_integer(&field, 71, "must be between 18 and 70");
}

static void integers_without_bounds_stay_exact_in_json(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_INTEGER};
    expect_integer(&field, INTEGER_MAX, NULL);
    expect_integer(&field, -INTEGER_MAX, NULL);
    expect_integer(&field, INTEGER_MAX + 1, "must be between -9007199254740992 and 9007199254740992");
}

static void integers_with_a_least_value_have_a_most_all_the_same(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_INTEGER, .min = 1};
    expect_integer(&field, 1, NULL);
    expect_integer(&field, 0, "must be at least 1");
    expect_integer(&field, INTEGER_MAX + 1, "must be between 1 and 9007199254740992");
}

static void bounds_of_money_are_told_in_shillings(void **state)
{
    (void)state;
    static const struct field field = {.type = FIELD_INTEGER, .format = FORMAT_MONEY, .min = 1, .max = 10050};
    expect_integer(&field, 10050, NULL);
    expect_integer(&field, 0, "must be between 0.01 and 100.50");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, arena_setup, arena_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_text_is_squeezed),
        TEST(prose_keeps_its_lines),
        TEST(exact_text_is_taken_byte_by_byte),
        TEST(ids_are_checked),
        TEST(emails_and_phones_are_normalised),
        TEST(dates_and_times_are_checked),
        TEST(addresses_of_the_web_are_checked),
        TEST(names_hold_no_contact_details),
        TEST(choices_are_listed_where_none_fits),
        TEST(length_counts_after_squeezing),
        TEST(length_is_bounded_by_default),
        TEST(required_text_is_not_empty),
        TEST(integers_are_held_to_their_bounds),
        TEST(integers_without_bounds_stay_exact_in_json),
        TEST(integers_with_a_least_value_have_a_most_all_the_same),
        TEST(bounds_of_money_are_told_in_shillings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
