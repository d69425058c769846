// SPDX-License-Identifier: MIT
// The files of schemas/: event schemas by name.
#pragma once

#include <jansson.h>

// The schemas of a folder by the name of their event ("purchase.completed.v1"), in order; NULL, said on standard error, when
// one cannot be read. The caller owns the result.
json_t *schemas_load(const char *folder);
