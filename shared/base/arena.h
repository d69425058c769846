// SPDX-License-Identifier: MIT
// An arena owns everything that lives as long as one request, one event or one job.
//
//   struct arena *arena = arena_new(1 << 20);
//   const char *name = arena_printf(arena, "%s %s", first, last);
//   arena_free(arena);                                   // frees all, runs the deferred calls
//
// An allocation that would exceed the cap, or that the system refuses, returns NULL and marks the
// arena as failed for good: later allocations return NULL too, and the database layer refuses to
// run a statement for a failed arena. A caller may therefore pass a possibly-NULL string on and
// need not check each one; nothing can be half written. Not thread-safe: one thread at a time.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

struct arena;

// What follows each piece and may not be touched: something under the address sanitizer alone, which sees by it where a piece
// ends. It counts towards the cap.
#ifdef __has_feature
#define ARENA_HAS_FEATURE(name) __has_feature(name)
#else
#define ARENA_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || ARENA_HAS_FEATURE(address_sanitizer)
#define ARENA_GAP_BYTES _Alignof(max_align_t)
#else
#define ARENA_GAP_BYTES ((size_t)0)
#endif

// Makes an arena that hands out at most cap_bytes. NULL when the system has no memory.
struct arena *arena_new(size_t cap_bytes);

// Runs the deferred calls, newest first, and frees everything. Accepts NULL.
void arena_free(struct arena *arena);

// Runs the deferred calls and forgets all allocations, keeping the first block for reuse.
void arena_reset(struct arena *arena);

// True once any allocation failed.
bool arena_failed(const struct arena *arena);
// The same for an allocation that was not of the arena, but that what it holds depends on.
void arena_fail(struct arena *arena);

// Zeroed memory, aligned for any type. NULL on failure (see above).
void *arena_alloc(struct arena *arena, size_t size);

// Copies, owned by the arena; NULL in gives NULL out. The copy always ends in NUL.
char *arena_strdup(struct arena *arena, const char *string);
char *arena_memdup(struct arena *arena, const void *bytes, size_t length);

char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

// Calls release(handle) when the arena is freed or reset. On failure releases at once and
// returns false: the handle is never leaked.
bool arena_defer(struct arena *arena, void (*release)(void *), void *handle);

static inline void arena_cleanup(struct arena **arena)
{
    arena_free(*arena);
}
