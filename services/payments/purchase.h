// SPDX-License-Identifier: MIT
// An employer buys a package; a worker pushes (push.c), a callback or a query settles (settle.c).
#pragma once

#include "route.h"

bool purchase_create(struct request *rq, struct response *rs, struct error *err);
bool purchase_list(struct request *rq, struct response *rs, struct error *err); // an admin's: of all
bool purchase_list_own(struct request *rq, struct response *rs, struct error *err);
bool purchase_read(struct request *rq, struct response *rs, struct error *err);
