// SPDX-License-Identifier: MIT
#include "payments.h"

const struct importer payments_importers[] = {{0}};
