// SPDX-License-Identifier: MIT
// Families at their browsers, many at a time: each signs up, buys, watches what becomes of it and unlocks workers with what
// she has bought. What she does is by chance of the seed and her number, whoever is taken down meanwhile.
#pragma once

#include "web.h"

struct crowd;

enum visit {
    VISIT_BUY,  // signs up and buys, at her time of the plan
    VISIT_LOOK, // comes back when all is over: looks at her purchases, unlocks what she has not, looks at every worker
};
struct crowd *crowd_start(struct account *account, const struct plan *plan, int clients, enum visit visit);
void crowd_join(struct crowd *crowd);
