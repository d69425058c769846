// SPDX-License-Identifier: MIT
#include "service_names.h"

#include <stddef.h>

const char *const service_names[] = {
#define X(name) #name,
#include "services.def"
#undef X
    NULL,
};
