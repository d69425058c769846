// SPDX-License-Identifier: MIT
// The workers on M-Pesa's side: pushes go out (push.c), callbacks are worked off (callback_settle.c), silence is asked about
// (query.c), refunds go out (refund_send.c). Each takes one thing, calls without holding a connection, and records the result.
#pragma once

#include "settle.h"

bool push_next(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err);
bool settle_next(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err);
bool query_next(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err);
bool refund_next(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err);

// For attempt_begin.
MUST_USE bool push_give_back(struct app *app, struct db *db, const char *attempt_id, struct error *err);
MUST_USE bool refund_give_back(struct app *app, struct db *db, const char *attempt_id, struct error *err);

// push_settle in a transaction of its own.
MUST_USE bool push_settle_now(struct app *app, struct arena *arena, const struct settlement *settlement, enum settled *ret, struct error *err);
