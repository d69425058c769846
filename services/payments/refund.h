// SPDX-License-Identifier: MIT
// Money given back: asked for by an administrator, sent by a worker (refund_send.c), settled by M-Pesa's result.
#pragma once

#include "route.h"

bool refund_create(struct request *rq, struct response *rs, struct error *err);
// Takes M-Pesa's result of a refund from the request's body.
MUST_USE bool refund_result(struct request *rq, const char *refund_id, struct error *err);

// Settles a refund inside the session's transaction: completed with a receipt, failed with code and words.
MUST_USE bool refund_settle(struct db *db, const char *refund_id, bool completed, const char *receipt, const char *code, const char *detail, struct error *err);
