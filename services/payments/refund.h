// SPDX-License-Identifier: MIT
// Money given back: asked for by an administrator, sent by a worker (refund_send.c), settled by M-Pesa's result.
#pragma once

#include "callback.h"

bool refund_create(struct request *rq, struct response *rs, struct error *err);
// Takes M-Pesa's result of a refund, as it came.
MUST_USE bool refund_result(struct app *app, struct arena *arena, const struct spooled *told_by_mpesa, struct error *err);

// The verb refund-settled: an operator says what M-Pesa's statement shows of a refund that M-Pesa never spoke of again.
int verb_refund_settled(struct app *app, int argc, char **argv);

// Settles a refund inside the session's transaction: completed with a receipt, failed with code and words.
MUST_USE bool refund_settle(struct db *db, const char *refund_id, bool completed, const char *receipt, const char *code, const char *detail, struct error *err);
