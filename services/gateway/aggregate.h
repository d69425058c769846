// SPDX-License-Identifier: MIT
// Answers put together from several services. A part that fails costs only itself: its member is
// null and its service is named in "partial".
#pragma once

#include "route.h"

bool me_read(struct request *rq, struct response *rs, struct error *err);
bool dashboard_read(struct request *rq, struct response *rs, struct error *err);
