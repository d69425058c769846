// SPDX-License-Identifier: MIT
// The audit log: append-only and hash-chained by the database itself (shared/kit/sql/0001_events.sql).
#pragma once

#include "db.h"

// One entry in the session's transaction. details: JSON object text or NULL; no secrets in it.
MUST_USE bool audit_add(struct db *db, const char *actor, const char *action, const char *subject,
                        const char *details, struct error *err);

// Walks the whole chain: *ret_rows counted, *ret_bad is the first row whose hash, predecessor or
// number does not fit, 0 when all do.
MUST_USE bool audit_verify(struct db *db, int64_t *ret_rows, int64_t *ret_bad, struct error *err);
