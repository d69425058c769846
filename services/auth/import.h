// SPDX-License-Identifier: MIT
// Legacy profiles rows become users. What a row may hold is decided here, row by row; who is there
// already, and whose e-mail it is, is decided by one statement for the whole batch. What is said of a row holds none of its values.
#pragma once

#include "auth.h"
#include "judge.h"

extern const struct judge_kind legacy_users;
