// SPDX-License-Identifier: MIT
// A person who is erased: what M-Pesa has not been asked for yet ends, her phone goes, the money stays.
#pragma once

#include "event.h"

bool person_erased(struct app *app, struct db *db, const struct event *event, struct error *err);

// Ends the pushes of erased persons that wait to be sent: one may go back into waiting, or be asked for, while she is erased.
MUST_USE bool erased_end(struct app *app, struct db *db, struct error *err);
