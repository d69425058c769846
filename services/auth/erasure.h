// SPDX-License-Identifier: MIT
// Erasing a person: here at once, in the other services by user.erased; the steps tell how far it is.
#pragma once

#include "auth.h"

bool erasure_of_me(struct request *rq, struct response *rs, struct error *err);
bool erasure_of_user(struct request *rq, struct response *rs, struct error *err);
bool erasure_read(struct request *rq, struct response *rs, struct error *err);
