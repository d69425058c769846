// SPDX-License-Identifier: MIT
// Packages on sale.
#pragma once

#include "route.h"

bool package_list(struct request *rq, struct response *rs, struct error *err);
bool package_read(struct request *rq, struct response *rs, struct error *err);
bool package_create(struct request *rq, struct response *rs, struct error *err);
bool package_update(struct request *rq, struct response *rs, struct error *err);
