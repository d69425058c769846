// SPDX-License-Identifier: MIT
// Forward-only migrations: numbered, one transaction each, checksummed, under an advisory lock.
// The kit's own tables (outbox, inbox, parked, idempotency) come first, from shared/kit/sql/.
#pragma once

#include "service.h"

// Applies what is missing; refuses a changed or unknown one. Prints one line per migration.
MUST_USE bool migrate_apply(const char *url, const struct service *service, struct error *err);
// True when nothing is missing; problem_unavailable naming the first missing one otherwise.
MUST_USE bool migrate_check(struct db_pool *pool, const struct service *service, struct error *err);
