// SPDX-License-Identifier: MIT
// What does not add up: for administrators, and as the verb reconcile.
#pragma once

#include "payments.h"

bool reconciliation_read(struct request *rq, struct response *rs, struct error *err);
bool payment_list(struct request *rq, struct response *rs, struct error *err);

int verb_reconcile(struct app *app, int argc, char **argv);
int verb_states(struct app *app, int argc, char **argv);
