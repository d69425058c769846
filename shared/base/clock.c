// SPDX-License-Identifier: MIT
#include "clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// What RFC 3339 can write and PostgreSQL can hold, which has no year 0.
#define YEAR_1_MS (-62135596800000LL)
#define YEAR_10000_MS 253402300800000LL

static int64_t system_now_ms(const struct clock *clock)
{
    (void)clock;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t fixed_now_ms(const struct clock *clock)
{
    return clock->fixed_ms;
}

const struct clock clock_system = {system_now_ms, 0};

struct clock clock_fixed(int64_t now_ms)
{
    return (struct clock){fixed_now_ms, now_ms};
}

int64_t clock_now_ms(const struct clock *clock)
{
    return clock->now_ms(clock);
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

void clock_format(int64_t time_ms, char *out, size_t size)
{
    int64_t millis = ((time_ms % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((time_ms - millis) / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
             parts.tm_min, parts.tm_sec, (int)millis); // strftime's %Y does not fill up to four digits
}

// Fixed-width decimal number at text; advances; -1 when not all digits.
static int take_number(const char **text, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (!isdigit((unsigned char)**text)) return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

static bool take_char(const char **text, const char *one_of)
{
    if (!**text || !strchr(one_of, **text)) return false;
    (*text)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(const char **text, struct tm *ret)
{
    int year = take_number(text, 4);
    if (year < 1 || !take_char(text, "-")) return false; // there is no year 0, and PostgreSQL takes none
    int month = take_number(text, 2);
    if (month < 1 || month > 12 || !take_char(text, "-")) return false;
    int day = take_number(text, 2);
    if (day < 1 || day > days_in_month(year, month)) return false;
    *ret = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    return true;
}

bool clock_is_date(const char *text)
{
    struct tm parts;
    return text && take_date(&text, &parts) && !*text;
}

static bool take_time(const char **text, struct tm *parts, int *ret_millis)
{
    int hour = take_number(text, 2);
    if (hour < 0 || hour > 23 || !take_char(text, ":")) return false;
    int minute = take_number(text, 2);
    if (minute < 0 || minute > 59 || !take_char(text, ":")) return false;
    int second = take_number(text, 2);
    if (second < 0 || second > 60) return false;
    parts->tm_hour = hour;
    parts->tm_min = minute;
    parts->tm_sec = second;
    *ret_millis = 0;
    if (!take_char(text, ".")) return true;
    int weight = 100;
    if (!isdigit((unsigned char)**text)) return false;
    for (; isdigit((unsigned char)**text); (*text)++, weight /= 10) *ret_millis += (**text - '0') * weight;
    return true;
}

// Z or ±hh:mm, in seconds. Nobody lives beyond 14:00, and PostgreSQL takes nothing beyond 15:59.
#define OFFSET_HOURS_MAX 15
static bool take_offset(const char **text, int *ret_seconds)
{
    *ret_seconds = 0;
    if (take_char(text, "Zz")) return true;
    int sign = **text == '-' ? -1 : 1;
    if (!take_char(text, "+-")) return false;
    int hour = take_number(text, 2);
    if (hour < 0 || hour > OFFSET_HOURS_MAX || !take_char(text, ":")) return false;
    int minute = take_number(text, 2);
    if (minute < 0 || minute > 59) return false;
    *ret_seconds = sign * (hour * 3600 + minute * 60);
    return true;
}

bool clock_parse(const char *text, int64_t *ret_ms)
{
    struct tm parts;
    int millis, offset_s;
    if (!text || !take_date(&text, &parts) || !take_char(&text, "Tt ") || !take_time(&text, &parts, &millis) ||
        !take_offset(&text, &offset_s) || *text)
        return false;
    *ret_ms = ((int64_t)timegm(&parts) - offset_s) * 1000 + millis;
    return *ret_ms >= YEAR_1_MS && *ret_ms < YEAR_10000_MS;
}
