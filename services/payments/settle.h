// SPDX-License-Identifier: MIT
// What a push becomes, and what follows: the one place where a purchase or fee is completed, failed or expired.
#pragma once

#include "payments.h"
#include "states.h"

// What somebody says of a push.
struct settlement {
    const char *push_id;
    enum push_event event;
    const char *code;     // M-Pesa's, or NULL
    const char *detail;   // for administrators
    const char *reason;   // for the buyer, where it is not paid
    const char *by;       // push, callback, query or nobody
    const char *receipt;  // NULL when not told
    const char *merchant_request_id, *checkout_request_id; // EVENT_ACCEPTED
    int64_t wait_s;       // until the next step, for states that wait
};

enum settled { SETTLED_APPLIED, SETTLED_DUPLICATE, SETTLED_IGNORED, SETTLED_NO_PUSH };

// Applies it inside the session's transaction: locks the push, asks the table of states, does what follows.
MUST_USE bool push_settle(struct app *app, struct db *db, const struct settlement *settlement, enum settled *ret, struct error *err);

// M-Pesa's result codes of a push: the event, and a sentence for the buyer. An unknown code is not believed: a query must confirm.
struct result_meaning {
    const char *code;
    enum push_event event;
    const char *reason;
};
const struct result_meaning *result_meaning_find(const char *code); // NULL: unknown
