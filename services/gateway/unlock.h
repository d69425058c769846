// SPDX-License-Identifier: MIT
// POST /payments/contact-access: payments spends the credit, profiles learns of it by an event, and the client gets the contact
// in the same answer.
#pragma once

#include "route.h"

bool unlock_create(struct request *rq, struct response *rs, struct error *err);
