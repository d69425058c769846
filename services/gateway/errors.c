// SPDX-License-Identifier: MIT
#include "gateway.h"

#define X(name, status, slug, title, advice) const struct problem problem_##name = {slug, status, title, advice};
#include "errors.def"
#undef X
