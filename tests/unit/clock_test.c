// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"

static const char *formatted(int64_t time_ms)
{
    static char out[CLOCK_RFC3339_SIZE];
    clock_format(time_ms, out, sizeof out);
    return out;
}

static void expect_parsed(const char *text, int64_t expected_ms)
{
    int64_t time_ms = -1;
    if (!clock_parse(text, &time_ms)) fail_msg("%s is refused", text);
    assert_int_equal(time_ms, expected_ms);
}

static void expect_refused(const char *text)
{
    int64_t time_ms = 7;
    if (clock_parse(text, &time_ms)) fail_msg("%s is taken", text);
    assert_int_equal(time_ms, 7);
}

static void fixed_clock_stands_still(void **state)
{
    (void)state;
    const struct clock clock = clock_fixed(1800000000123);
    assert_int_equal(clock_now_ms(&clock), 1800000000123);
    assert_int_equal(clock_now_ms(&clock), 1800000000123);
}

static void system_clock_tells_todays_time(void **state)
{
    (void)state;
    assert_in_range(clock_now_ms(&clock_system), 1700000000000, 4102444800000); // 2023 to 2100
}

static void monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    int64_t last_us = clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        const int64_t now_us = clock_monotonic_us();
        assert_true(now_us >= last_us);
        last_us = now_us;
    }
    assert_true(clock_monotonic_ms() >= last_us / 1000);
}

static void times_are_written_in_utc_with_milliseconds(void **state)
{
    (void)state;
    assert_string_equal(formatted(0), "1970-01-01T00:00:00.000Z");
    assert_string_equal(formatted(1795420800000), "2026-11-23T08:00:00.000Z");
    assert_string_equal(formatted(1795420800007), "2026-11-23T08:00:00.007Z");
    assert_string_equal(formatted(-1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(formatted(1709164800000), "2024-02-29T00:00:00.000Z");
    assert_string_equal(formatted(253402300799999), "9999-12-31T23:59:59.999Z");
}

static void written_times_read_back(void **state)
{
    (void)state;
    static const int64_t times_ms[] = {0, -1, 1, 951782400000, 1795420800007, -62135596800000, 253402300799999};
    for (size_t i = 0; i < COUNT_OF(times_ms); i++) expect_parsed(formatted(times_ms[i]), times_ms[i]);
}

static void offsets_are_taken_off(void **state)
{
    (void)state;
    expect_parsed("2026-11-23T08:00:00Z", 1795420800000);
    expect_parsed("2026-11-23T11:00:00+03:00", 1795420800000);
    expect_parsed("2026-11-23T04:30:00-03:30", 1795420800000);
    expect_parsed("2026-11-23T23:59:00+15:59", 1795420800000);
    expect_parsed("2026-11-23t08:00:00z", 1795420800000);
    expect_parsed("2026-11-23 08:00:00Z", 1795420800000);
}

static void fractions_are_cut_to_milliseconds(void **state)
{
    (void)state;
    expect_parsed("2026-11-23T08:00:00.5Z", 1795420800500);
    expect_parsed("2026-11-23T08:00:00.07Z", 1795420800070);
    expect_parsed("2026-11-23T08:00:00.123456789Z", 1795420800123);
    expect_parsed("2026-11-23T08:00:00.000999999999999999999Z", 1795420800000);
}

static void leap_second_is_the_next_minute(void **state)
{
    (void)state;
    expect_parsed("2016-12-31T23:59:60Z", 1483228800000);
}

static void other_times_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026-11-23",
        "2026-11-23T08:00:00",       // no offset
        "2026-11-23T08:00Z",         // no seconds
        "2026-11-23T08:00:00.Z",     // no digit
        "2026-11-23T24:00:00Z",
        "2026-11-23T08:60:00Z",
        "2026-11-23T08:00:61Z",
        "2026-11-23T08:00:00+16:00", // PostgreSQL takes none beyond 15:59
        "0000-11-23T08:00:00Z",      // nor a year 0
        "2026-11-23T08:00:00+03:60",
        "2026-11-23T08:00:00+0300",
        "2026-11-23T08:00:00Zz",
        " 2026-11-23T08:00:00Z",
        "2026-02-29T08:00:00Z",      // no leap year
        "26-11-23T08:00:00Z",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) expect_refused(texts[i]);
    expect_refused(NULL);
}

static void dates_must_exist(void **state)
{
    (void)state;
    static const char *const good[] = {"2026-01-31", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"};
    static const char *const bad[] = {"2026-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00",
                                      "2026-1-31",  "2026-01-31 ", "31-01-2026", "2026/01/31", "2026-01", "", "0000-01-01"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!clock_is_date(good[i])) fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (clock_is_date(bad[i])) fail_msg("%s is taken", bad[i]);
    assert_false(clock_is_date(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_clock_stands_still),
        cmocka_unit_test(system_clock_tells_todays_time),
        cmocka_unit_test(monotonic_clock_never_goes_back),
        cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
        cmocka_unit_test(written_times_read_back),
        cmocka_unit_test(offsets_are_taken_off),
        cmocka_unit_test(fractions_are_cut_to_milliseconds),
        cmocka_unit_test(leap_second_is_the_next_minute),
        cmocka_unit_test(other_times_are_refused),
        cmocka_unit_test(dates_must_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
