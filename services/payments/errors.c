// SPDX-License-Identifier: MIT
#include "payments.h"

#define X(name, status, slug, title, advice) const struct problem problem_##name = {slug, status, title, advice};
#include "errors.def"
#undef X

const struct constraint_problem payments_constraints[] = {
    {"ledger_balance_not_negative", &problem_no_credits},
    {"package_price", &problem_invalid_fields, "/price"},
    {"package_contacts", &problem_invalid_fields, "/contacts_included"},
    {"refunds_one_open", &problem_refund_running},
    {0},
};
