// SPDX-License-Identifier: MIT
// A subscriber of our own, outside of the stack and killed like its parts. Its effect is one that shows when it happens twice,
// or in another order: a row for each event.
#pragma once

#include "service.h"

extern const struct service witness_service;
