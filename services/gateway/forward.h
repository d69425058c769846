// SPDX-License-Identifier: MIT
// Passes a request to the service behind its prefix.
#pragma once

#include "route.h"

// Cache, place, replica, retry.
bool forward_to_service(struct request *rq, struct response *rs, struct error *err);
