// SPDX-License-Identifier: MIT
// A growing piece of text in an arena, and small string helpers.
//
//   struct text_buffer out = text_buffer(arena);
//   text_add(&out, "{\"id\":");
//   text_add_json(&out, id);                             // quoted and escaped
//   text_add(&out, "}");
//   const char *json = text_take(&out);                  // NULL when the arena failed
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

struct text_buffer {
    struct arena *arena;
    char *data;
    size_t length;
    size_t capacity;
    bool failed;
};

// An empty one. What is added once the arena has failed is dropped; text_take tells.
struct text_buffer text_buffer(struct arena *arena);
void text_add(struct text_buffer *buffer, const char *string);
void text_add_bytes(struct text_buffer *buffer, const void *bytes, size_t length);
void text_printf(struct text_buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
// Adds string as a JSON string literal, or null for NULL. Control characters are escaped.
void text_add_json(struct text_buffer *buffer, const char *string);
// The finished, NUL-terminated text, owned by the arena; NULL when anything failed.
char *text_take(struct text_buffer *buffer);

bool text_equal(const char *left, const char *right);      // NULL equals only NULL
bool text_starts_with(const char *text, const char *prefix);
// Strict decimal integer: no blanks, sign only '-', whole string; false otherwise or on overflow.
bool text_to_int64(const char *text, int64_t *ret);
// True when the bytes are well-formed UTF-8 without NUL (RFC 3629).
bool text_is_utf8(const char *bytes, size_t length);
// FNV-1a of 64 bits (G. Fowler, L. C. Noll, P. Vo; draft-eastlake-fnv), to spread texts nobody chooses to collide: not for keys that
// strangers make up. Another seed is another spread.
uint64_t text_hash(uint64_t seed, const char *text);
// For UTF-8 that was cut to a size: takes away what is left of a character at the end.
void text_drop_half_character(char *text);
// The first character of well-formed UTF-8 that nobody sees, or that turns the direction of what follows: controls but for line
// breaks and tabs, what has no width, bidirectional overrides. What emoji and scripts are shaped with does not count behind what it
// shapes. 0 when there is none.
uint32_t text_unseen(const char *text);
// A copy without such characters; NULL for NULL.
char *text_without_unseen(struct arena *arena, const char *text);
// A copy without leading and trailing blanks and with inner runs of blanks folded to one; of blanks as pages write them, too.
char *text_squeeze(struct arena *arena, const char *text);
