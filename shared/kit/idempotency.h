// SPDX-License-Identifier: MIT
// Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header): claimed by INSERT … ON CONFLICT
// in the request's own transaction, so that the effect and the stored answer commit together.
// Same key and body → the first answer again with Idempotent-Replayed: true; another body → 422;
// still running → 409. Kept 24 h. The key belongs to the caller (user id, or client address).
#pragma once

#include "route.h"

enum idempotency_state { IDEMPOTENCY_NEW, IDEMPOTENCY_REPLAYED, IDEMPOTENCY_REFUSED };
// REPLAYED: rs is filled. REFUSED: err is set. NEW: go on, then call idempotency_keep.
enum idempotency_state idempotency_claim(struct request *rq, const char *key, struct response *rs, struct error *err);
MUST_USE bool idempotency_keep(struct request *rq, const char *key, const struct response *rs, struct error *err);

// Deletes a bounded piece (5,000) of what is older than retention_h; for the kit's clean-up job.
MUST_USE bool idempotency_purge(struct db *db, int64_t retention_h, struct error *err);
