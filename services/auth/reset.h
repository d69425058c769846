// SPDX-License-Identifier: MIT
// A new password by a mailed link.
#pragma once

#include "auth.h"

bool reset_ask(struct request *rq, struct response *rs, struct error *err);
bool reset_confirm(struct request *rq, struct response *rs, struct error *err);
