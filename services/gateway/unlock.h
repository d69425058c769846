// SPDX-License-Identifier: MIT
// POST /payments/contact-access: payments spends the credit, profiles learns of it by an event, and the client gets the contact
// in the same answer.
#pragma once

#include "route.h"

// The gateway's fallback: that one call as told above, everything else passed on. No route of our own table, for then the other
// methods of the path, which are payments', would be refused here.
bool unlock_or_forward(struct request *rq, struct response *rs, struct error *err);
