// SPDX-License-Identifier: MIT
// Legacy profiles rows become users. What a row may hold is decided here, row by row; who is there
// already, and whose e-mail it is, is decided by one statement for the whole batch.
#pragma once

#include "auth.h"

// Judges one row and adds {place,id,email,…}, as SQL_import_users takes it, to out. False when it cannot
// be a user. Says in notes (an array of texts, without the values) what was left out, or why.
MUST_USE bool import_clean(const json_t *row, int place, struct arena *arena, struct text_buffer *out, json_t *notes);
