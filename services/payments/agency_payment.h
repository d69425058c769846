// SPDX-License-Identifier: MIT
// Fees around agencies: asked for by an event, answered by another.
#pragma once

#include "event.h"
#include "route.h"

bool agency_payment_list(struct request *rq, struct response *rs, struct error *err);

// What agencies ask for: what this reader needs of every *.fee_requested.
struct fee_input {
    struct given given;
    const char *fee_id, *agency_id, *payer_user_id, *payment_type, *description;
    int64_t amount;
};
extern const char *const fee_types[];
FIELDS(fee_input, FIELD(fee_input, fee_id, .required = true, .format = FORMAT_ID, .max = 64, .doc = "The fee."),
       FIELD(fee_input, agency_id, .required = true, .format = FORMAT_ID, .max = 64, .doc = "The agency."),
       FIELD(fee_input, payer_user_id, .required = true, .format = FORMAT_ID, .max = 64, .doc = "Who pays."),
       FIELD(fee_input, payment_type, .required = true, .choices = fee_types, .doc = "For what."),
       FIELD(fee_input, description, .max = 500, .doc = "For people."),
       FIELD(fee_input, amount, .required = true, .min = 1, .max = 25000000, .format = FORMAT_MONEY, .doc = "KES."))
bool fee_requested(struct app *app, struct db *db, const struct event *event, struct error *err);
