// SPDX-License-Identifier: MIT
// Passwords: what may be one, and bcrypt with bounded concurrency. Neither call may hold a database
// connection; db_end first.
#pragma once

#include "auth.h"

// Adds a violation at pointer and returns false when the password is too short, too long or common.
MUST_USE bool password_allowed(const char *password, const char *pointer, struct error *err);
bool password_is_common(const char *password);

// Waits for one of DC_PASSWORD_WORKERS places, then hashes. problem_busy (503) when none gets free.
MUST_USE bool password_hash_bounded(struct app *app, struct arena *arena, const char *password, char **ret, struct error *err);
// The same for checking; hash NULL takes the same time and gives false.
MUST_USE bool password_check_bounded(struct app *app, const char *password, const char *hash, bool *ret_matches, struct error *err);

bool password_change(struct request *rq, struct response *rs, struct error *err);
