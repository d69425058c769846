// SPDX-License-Identifier: MIT
// What the parts of field.h share.
#pragma once

#include "field.h"

#define TEXT_MAX_DEFAULT 200
#define LIST_MAX_DEFAULT 50
#define ITEM_MAX 100
#define INTEGER_MAX ((int64_t)1 << 53) // what JSON numbers carry exactly everywhere

// The limit that applies to a row: its own max, or the default of its type.
int64_t field_limit(const struct field *field);

// Checks and normalises a text by the row's format, length and choices. *ret is in the arena (NULL
// when that failed). Otherwise NULL is returned for "fine", or what is expected instead.
const char *field_check_text(const struct field *field, const char *text, struct arena *arena, const char **ret);
const char *field_check_integer(const struct field *field, int64_t value, struct arena *arena);
