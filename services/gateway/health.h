// SPDX-License-Identifier: MIT
// Health for clients. Readiness asks each configured service and says which part is not ready; the
// answer is kept for a second, so that asking often costs the services nothing.
#pragma once

#include "route.h"

struct health_cache;
struct health_cache *health_cache_new(void);
void health_cache_free(struct health_cache *health);

bool liveness_read(struct request *rq, struct response *rs, struct error *err);
bool readiness_read(struct request *rq, struct response *rs, struct error *err); // 503 when not ready
bool health_read(struct request *rq, struct response *rs, struct error *err);    // the same, always 200
