// SPDX-License-Identifier: MIT
// Unlocking a worker's contact for a credit, never twice and never below zero.
#pragma once

#include "route.h"

bool access_create(struct request *rq, struct response *rs, struct error *err);
bool access_list(struct request *rq, struct response *rs, struct error *err);
bool credits_read(struct request *rq, struct response *rs, struct error *err);
