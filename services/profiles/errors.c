// SPDX-License-Identifier: MIT
#include "profiles.h"

#define X(name, status, slug, title, advice) const struct problem problem_##name = {slug, status, title, advice};
#include "errors.def"
#undef X

const struct constraint_problem profiles_constraints[] = {
    {"housegirl_profiles_profile_key", &problem_part_exists},
    {"employer_profiles_profile_key", &problem_part_exists},
    {"agency_profiles_profile_key", &problem_part_exists},
    {"profile_part_type", &problem_wrong_type},
    {"housegirl_age", &problem_invalid_fields, "/age"},
    {"housegirl_salary", &problem_invalid_fields, "/expected_salary"},
    {0},
};
