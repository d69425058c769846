// SPDX-License-Identifier: MIT
// Errors are values: a function that can fail returns bool and takes a last `struct error *`.
//
//   if (!user_find(rq, id, &user, err)) return false;               // pass it on
//   return error_set(err, &problem_not_found, "There is no user %s.", id);
//
// A problem is a kind of error a client may meet (RFC 9457 `type`, `title`, `status`); a service
// lists its own in errors.def, the shared ones stand in problems.def. `detail` is a sentence for
// the person who caused it and says what to do next. `cause` is for the log alone: SQL, library
// text and host names go there and never reach a client.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

struct problem {
    const char *slug;   // last segment of the type URI, stable for ever: "email-taken"
    int status;         // HTTP status
    const char *title;  // short, the same for every occurrence
    const char *advice; // what to do next; used as detail where none is given
};

// One invalid field of a request.
struct violation {
    const char *pointer; // JSON Pointer ("/email"), or "?name" for a query parameter
    const char *message;
    struct violation *next;
};

struct error {
    const struct problem *problem; // NULL: no error
    char detail[320];
    char cause[320];
    struct violation *violations; // in the arena below
    struct arena *arena;          // may be NULL: then violations are not collected
    int retry_after_s;            // > 0: sent as Retry-After
    bool commit;                  // the transaction is kept although the answer is an error
    bool retry;                   // serialization failure or deadlock: run it again
};

// Sets problem and detail (format may be NULL: the problem's advice). Always returns false.
bool error_set(struct error *err, const struct problem *problem, const char *format, ...)
    PRINTF_LIKE(3, 4);
// Adds what only the log may see. Always returns false.
bool error_cause(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
// Adds an invalid field and sets problem_invalid_fields; the first VIOLATIONS_MAX are kept. Always
// returns false.
#define VIOLATIONS_MAX 100
bool error_violation(struct error *err, const char *pointer, const char *format, ...)
    PRINTF_LIKE(3, 4);
// What it means that a library failed: problem_unavailable where memory was short, otherwise what the caller makes of it. Few
// libraries tell the two apart; malloc does, in errno, which is to be 0 before the call.
const struct problem *problem_unless_memory(const struct problem *otherwise);
// True where waiting helps: the database or the broker is away, a deadlock, a timeout, no memory.
bool error_passes(const struct error *err);
// Takes over what another thread's error says, where there is none yet: the first failure counts. Violations stay with their arena.
void error_join(struct error *err, const struct error *other);
// Forgets the error but keeps the arena.
void error_clear(struct error *err);

// The problems every service shares, one extern per row of problems.def.
#define X(name, status, slug, title, advice) extern const struct problem problem_##name;
#include "problems.def"
#undef X
