// SPDX-License-Identifier: MIT
// jansson with our rules: duplicate keys refused, bounded size and depth, handles released by scope.
#pragma once

#include <jansson.h>

#include "arena.h"
#include "error.h"

// Nesting allowed in anything that arrives from outside.
#define JSON_DEPTH_MAX 32

// Parses one JSON value. Malformed UTF-8, duplicate keys, NUL anywhere, depth over
// JSON_DEPTH_MAX → problem_malformed with line and column. The caller owns the result.
MUST_USE json_t *json_parse(const char *bytes, size_t length, struct error *err);

// Before and after a library reads JSON by jansson itself, on the same thread. True: memory was short, what was read may lack a letter, and
// errno is ENOMEM.
void json_watch(void);
bool json_was_short(void);

// Leaves value to the arena, which releases it with its end, and returns it; NULL where there is none, or the arena failed and value is released.
MUST_USE json_t *json_keep(struct arena *arena, json_t *value);

// Compact text of value in the arena; NULL when the arena failed.
char *json_text(struct arena *arena, const json_t *value);

// The string member `name` of object, or NULL when absent or of another type. Borrowed.
const char *json_member_text(const json_t *object, const char *name);

static inline void json_release(json_t **value)
{
    json_decref(*value);
}
