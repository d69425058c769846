// SPDX-License-Identifier: MIT
// What M-Pesa tells us: taken in fast and kept as it came (callback.c, spool.c), worked off by a worker (callback_settle.c).
#pragma once

#include "route.h"

bool callback_stk(struct request *rq, struct response *rs, struct error *err);
bool callback_result(struct request *rq, struct response *rs, struct error *err);
bool callback_timeout(struct request *rq, struct response *rs, struct error *err);

// A callback of a push, read without trusting it. Members that are missing are NULL or false.
struct stk_result {
    const char *merchant_request_id, *checkout_request_id;
    const char *code;      // a number or text in the wild; here text
    const char *detail;
    bool has_amount;
    int64_t amount;        // cents
    const char *receipt;
};
// False when it is none. Strings live in the arena.
bool stk_result_read(const char *body, size_t length, struct arena *arena, struct stk_result *ret);

// What the database could not take in time, on disk: one file each, moved to its place whole and synced.
struct spooled {
    const char *push_id, *refund_id; // of which it is: a push's callback or a refund's result; the other is NULL
    const char *source_address, *body;
};
MUST_USE bool spool_write(const char *folder, const struct spooled *callback, struct arena *arena, struct error *err);
// Hands every file to take, which is told its text; a file goes once take has succeeded. *ret_count may be NULL.
typedef bool (*spool_taker)(void *argument, const struct spooled *callback, struct error *err);
MUST_USE bool spool_read(const char *folder, spool_taker take, void *argument, int *ret_count, struct error *err);
