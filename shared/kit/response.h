// SPDX-License-Identifier: MIT
// What the kit's own files share about answers, beyond route.h.
#pragma once

#include "route.h"

// The value of a header that is already in rs (case-insensitive), or NULL.
const char *response_header_find(const struct response *rs, const char *name);
