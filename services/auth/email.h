// SPDX-License-Identifier: MIT
// Proving an e-mail address, and changing it.
#pragma once

#include "auth.h"

bool email_verify(struct request *rq, struct response *rs, struct error *err);
bool email_verify_resend(struct request *rq, struct response *rs, struct error *err);
bool email_change(struct request *rq, struct response *rs, struct error *err);
