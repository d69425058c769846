// SPDX-License-Identifier: MIT
// The services behind the gateway, as services.def names them: those with a database and a role of their own.
#pragma once

enum {
    SERVICE_COUNT = 0
#define X(name) +1
#include "services.def"
#undef X
};
extern const char *const service_names[]; // NULL-terminated
