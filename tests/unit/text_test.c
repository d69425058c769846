// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const char *json_of(const char *text)
{
    struct text_buffer out = text_buffer(arena);
    text_add_json(&out, text);
    return text_take(&out);
}

// --- Buffer ---------------------------------------------------------------------------------------

static void buffer_joins_what_is_added(void **state)
{
    (void)state;
    struct text_buffer out = text_buffer(arena);
    text_add(&out, "a");
    text_add_bytes(&out, "bcd", 2);
    text_printf(&out, "-%d-%s", 7, "x");
    assert_string_equal(text_take(&out), "abc-7-x");
    assert_int_equal(out.length, 7);
}

static void buffer_grows_as_needed(void **state)
{
    (void)state;
    struct text_buffer out = text_buffer(arena);
    for (int i = 0; i < 10000; i++) text_printf(&out, "%d,", i % 10);
    const char *text = text_take(&out);
    assert_int_equal(strlen(text), 20000);
    assert_memory_equal(text, "0,1,2,", 6);
    assert_string_equal(text + 19994, "7,8,9,");
}

static void empty_buffer_is_an_empty_text(void **state)
{
    (void)state;
    struct text_buffer out = text_buffer(arena);
    assert_string_equal(text_take(&out), "");
}

static void text_that_failed_is_never_half(void **state)
{
    (void)state;
    struct text_buffer out = text_buffer(arena);
    text_add(&out, "a");
    text_add(&out, NULL);
    text_add(&out, "b");
    assert_null(text_take(&out));
}

static void text_over_the_cap_is_none(void **state)
{
    (void)state;
    struct arena *small = arena_new(1024);
    struct text_buffer out = text_buffer(small);
    for (int i = 0; i < 100; i++) text_add(&out, "0123456789");
    assert_null(text_take(&out));
    assert_true(arena_failed(small));
    arena_free(small);
}

static void json_texts_are_quoted_and_escaped(void **state)
{
    (void)state;
    assert_string_equal(json_of("plain"), "\"plain\"");
    assert_string_equal(json_of(""), "\"\"");
    assert_string_equal(json_of("a\"b\\c"), "\"a\\\"b\\\\c\"");
    assert_string_equal(json_of("a\nb\t\x01"), "\"a\\u000ab\\u0009\\u0001\"");
    assert_string_equal(json_of("Wanjikũ 🙂"), "\"Wanjikũ 🙂\"");
    assert_string_equal(json_of(NULL), "null");
}

// --- Helpers --------------------------------------------------------------------------------------

static void null_equals_only_null(void **state)
{
    (void)state;
    assert_true(text_equal("a", "a"));
    assert_false(text_equal("a", "b"));
    assert_false(text_equal("a", NULL));
    assert_false(text_equal(NULL, "a"));
    assert_true(text_equal(NULL, NULL));
}

static void beginnings_are_told(void **state)
{
    (void)state;
    assert_true(text_starts_with("https://x", "https://"));
    assert_true(text_starts_with("x", ""));
    assert_false(text_starts_with("http", "https"));
}

static void numbers_are_taken_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0}, {"-7", -7}, {"007", 7}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1x", "0x1", "1.0", "--1", "9223372036854775808", NULL};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        int64_t value = -1;
        if (!text_to_int64(good[i].text, &value)) fail_msg("%s is refused", good[i].text);
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int64_t value = 42;
        if (text_to_int64(bad[i], &value)) fail_msg("%s is taken", bad[i]);
        assert_int_equal(value, 42);
    }
}

static void utf8_is_checked_to_the_letter(void **state)
{
    (void)state;
    static const char *const good[] = {"", "abc", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                                       "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",             // follows nothing
        "\xc1\xbf",         // overlong
        "\xe0\x9f\xbf",     // overlong
        "\xf0\x8f\xbf\xbf", // overlong
        "\xed\xa0\x80",     // surrogate
        "\xf4\x90\x80\x80", // above U+10FFFF
        "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x99", "\xc3(", "\xe2(\xa1", "a\xe2\x82z",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!text_is_utf8(good[i], strlen(good[i]))) fail_msg("good text %zu is refused", i);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (text_is_utf8(bad[i], strlen(bad[i]))) fail_msg("bad text %zu is taken", i);
    assert_false(text_is_utf8("a\0b", 3));
    assert_true(text_is_utf8("\xc3\xa9\xff", 2)); // only the length counts
}

static const char *without_half(const char *text)
{
    char *copy = arena_strdup(arena, text);
    text_drop_half_character(copy);
    return copy;
}

static void half_a_character_at_the_end_is_dropped(void **state)
{
    (void)state;
    assert_string_equal(without_half("aé\xc3"), "aé");
    assert_string_equal(without_half("a\xe2\x82"), "a");
    assert_string_equal(without_half("a\xe2"), "a");
    assert_string_equal(without_half("🙂\xf0\x9f\x99"), "🙂");
    assert_string_equal(without_half("\xf0"), "");
}

static void whole_characters_stay(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a", "é", "€", "🙂", "aé€🙂"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) assert_string_equal(without_half(texts[i]), texts[i]);
}

static void blanks_are_squeezed(void **state)
{
    (void)state;
    assert_string_equal(text_squeeze(arena, "  Jane \t\n Wambui  "), "Jane Wambui");
    assert_string_equal(text_squeeze(arena, "x"), "x");
    assert_string_equal(text_squeeze(arena, "\u3000\u00a0Jane\u2003\u202fWambui\u2800"), "Jane Wambui");
    assert_string_equal(text_squeeze(arena, "Zoë\u200b–"), "Zoë\u200b–");
    assert_string_equal(text_squeeze(arena, " \t "), "");
    assert_string_equal(text_squeeze(arena, ""), "");
    assert_null(text_squeeze(arena, NULL));
}

static void hash_is_the_published_one(void **state)
{
    (void)state;
    assert_true(text_hash(0, "") == UINT64_C(0xcbf29ce484222325));
    assert_true(text_hash(0, "a") == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(text_hash(0, "foobar") == UINT64_C(0x85944171f73967e8));
    assert_true(text_hash(1, "a") != text_hash(0, "a"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
// --- What nobody sees -----------------------------------------------------------------------------

static void unseen_characters_are_found_and_taken_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t unseen;
        const char *without;
    } rows[] = {
        {"a\u202eb", 0x202E, "ab"}, {"a\u2066b\u2069", 0x2066, "ab"}, {"\ufeffa", 0xFEFF, "a"}, {"a\u00adb", 0xAD, "ab"}, {"a\u200e", 0x200E, "a"},
        {"a\u3164", 0x3164, "a"}, {"a\xc2\x85", 0x85, "a"}, {"a\x01" "b", 1, "ab"}, {"a\u2028b", 0x2028, "a\nb"}, {"\u200b", 0x200B, ""},
        {"Jane\u200d", 0x200D, "Jane"}, {"O’\u200cBrien", 0x200C, "O’Brien"}, {"Jane\ufe0f", 0xFE0F, "Jane"}, {"a\U000E0067", 0xE0067, "a"},
        {"\ufe0f", 0xFE0F, ""}, {"👩\u200d\u200d🍳", 0x200D, "👩‍🍳"}, {"م\u200b\u200d", 0x200B, "م‍"}, {"0\u200b7\u20602", 0x200B, "072"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(text_unseen(rows[i].text), rows[i].unseen);
        const char *without = text_without_unseen(arena, rows[i].text);
        assert_string_equal(without, rows[i].without);
        assert_int_equal(text_unseen(without), 0);
    }
}

static void what_shapes_emoji_and_scripts_is_left(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "Jane Wanjikũ\n\tO’Brien", "👩🏾‍🍳", "👨‍❤️‍👨", "🏳️‍🌈", "1️⃣ #️⃣", "©️ ™️ ‼️", "\U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F",
        "می‌خواهم", "ശ്രീ‍", "ክብደት", "a\u0301\u0301", "مرحبا",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (text_unseen(texts[i])) fail_msg("U+%04X in %s", (unsigned)text_unseen(texts[i]), texts[i]);
        assert_string_equal(text_without_unseen(arena, texts[i]), texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(buffer_joins_what_is_added),
        TEST(buffer_grows_as_needed),
        TEST(empty_buffer_is_an_empty_text),
        TEST(text_that_failed_is_never_half),
        TEST(text_over_the_cap_is_none),
        TEST(json_texts_are_quoted_and_escaped),
        TEST(null_equals_only_null),
        TEST(beginnings_are_told),
        TEST(numbers_are_taken_strictly),
        TEST(utf8_is_checked_to_the_letter),
        TEST(half_a_character_at_the_end_is_dropped),
        TEST(whole_characters_stay),
        TEST(blanks_are_squeezed),
        TEST(hash_is_the_published_one),
        TEST(unseen_characters_are_found_and_taken_out),
        TEST(what_shapes_emoji_and_scripts_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
