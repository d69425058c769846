// SPDX-License-Identifier: MIT
// Scope-bound release of handles that belong to other libraries (json_t, PGresult, CURL …).
//
//   CLEANUP(json_release) json_t *body = json_loads(…);   // released on every return
//   return TAKE(body);                                    // … unless ownership moves out
//
// Memory that lives as long as a request comes from its arena instead (arena.h).
#pragma once

#define CLEANUP(function) __attribute__((cleanup(function)))

// Moves a pointer out of a CLEANUP variable: yields it and leaves NULL behind.
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, arguments_at)                                                       \
    __attribute__((format(printf, format_at, arguments_at)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
