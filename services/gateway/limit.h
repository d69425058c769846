// SPDX-License-Identifier: MIT
// Rate limits: token buckets per class and caller (an address, a user, an account) in a table of
// fixed size. A bucket holds what may be asked for in a minute and fills evenly, so a burst of a
// whole minute's worth passes. Thread-safe; no memory is taken after the start, and where the table
// is full the bucket that is (nearly) full again is forgotten first.
//
// Limits are per gateway process: with n replicas a caller gets up to n times as much.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The classes: symbol, name in the RateLimit headers, setting, default per minute, what it is for.
// One mobile network puts many people behind one address, so the limits by address are wide.
#define LIMIT_TABLE(X)                                                                                       \
    X(DEFAULT, "default", "DC_RATE_DEFAULT_PER_MINUTE", "6000", "All requests of one address.")              \
    X(USER, "user", "DC_RATE_USER_PER_MINUTE", "1200", "All requests of one signed-in user.")                \
    X(LOGIN, "login", "DC_RATE_LOGIN_PER_MINUTE", "60", "Sign-ins from one address.")                        \
    X(ACCOUNT, "account", "DC_RATE_ACCOUNT_PER_MINUTE", "20", "Sign-ins to one account.")                    \
    X(RESET, "reset", "DC_RATE_RESET_PER_MINUTE", "20", "Password resets and mails from one address.")       \
    X(REGISTER, "register", "DC_RATE_REGISTER_PER_MINUTE", "30", "New accounts from one address.")

#define X(symbol, ...) LIMIT_##symbol,
enum limit_class { LIMIT_TABLE(X) LIMIT_CLASSES };
#undef X
const char *limit_class_name(enum limit_class class);

struct limiter;
// entries: buckets kept at once. per_minute[class]: 0 switches the class off. NULL: no memory.
struct limiter *limiter_new(int64_t entries, const int64_t per_minute[LIMIT_CLASSES]);
void limiter_free(struct limiter *limiter);

struct limit_verdict {
    bool allowed;
    int64_t quota; // per minute; 0: no limit
    int64_t remaining;
    int64_t retry_after_s; // at least 1 when not allowed
};
// Takes one token of who's bucket. now_us: any clock that never goes back.
struct limit_verdict limiter_take(struct limiter *limiter, enum limit_class class, const char *who,
                                  int64_t now_us);
