// SPDX-License-Identifier: MIT
// Time as a value that can be injected, so that tests can assert exact expiries.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

struct clock {
    int64_t (*now_ms)(const struct clock *clock); // milliseconds since the Unix epoch
    int64_t fixed_ms;                             // what a fixed clock answers
};

extern const struct clock clock_system;
struct clock clock_fixed(int64_t now_ms);

// Milliseconds since 1970, UTC: of the system, or what a fixed clock answers.
int64_t clock_now_ms(const struct clock *clock);
// Never goes back, not related to the calendar; for durations and deadlines.
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

// RFC 3339, UTC, milliseconds: 2026-11-23T08:00:00.000Z. size must be at least 25.
#define CLOCK_RFC3339_SIZE 25
void clock_format(int64_t time_ms, char *out, size_t size);
// Accepts RFC 3339 with any offset and fraction; false for anything else, an impossible date or one outside of the years 1 to
// 9999 in UTC.
bool clock_parse(const char *text, int64_t *ret_ms);
// Accepts YYYY-MM-DD.
bool clock_is_date(const char *text);
