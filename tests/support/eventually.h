// SPDX-License-Identifier: MIT
// For what another thread or process does: asks again until the condition holds, and fails the test
// with the condition's text when it does not within EVENTUALLY_MS. No test sleeps for a fixed time.
//
//   eventually(count_rows("outbox") == 3);
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "clock.h"

#define EVENTUALLY_MS 30000

#define eventually(condition)                                                                      \
    do {                                                                                           \
        const int64_t until_ms_ = clock_monotonic_ms() + EVENTUALLY_MS;                            \
        while (!(condition)) {                                                                     \
            if (clock_monotonic_ms() > until_ms_) {                                                \
                print_error("not within %d s: %s\n", EVENTUALLY_MS / 1000, #condition);            \
                _fail(__FILE__, __LINE__);                                                         \
            }                                                                                      \
            nanosleep(&(struct timespec){0, 5000000}, NULL);                                       \
        }                                                                                          \
    } while (0)
