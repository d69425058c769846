// SPDX-License-Identifier: MIT
// The collections of legacy files (reference: legacy-data). Rows of services that do not exist yet
// are checked and wait in the staging database; they come last, and are checked while others are sent.
#include <string.h>

#include "import.h"

const struct collection import_collections[] = {
    {"profiles", {"profiles", "auth"}, {{0}}, {{"user_id", NULL}}},
    {"photos", {"profiles"}, {{0}}, {{"profile_id", "profiles"}}}, // before workers, who show them
    {"employer_profiles", {"profiles"}, {{0}}, {{"profile_id", "profiles"}}},
    {"housegirl_profiles", {"profiles"}, {{0}}, {{"profile_id", "profiles"}}},
    {"agency_profiles", {"profiles"}, {{0}}, {{"profile_id", "profiles"}}},
    {"agencies", {0}, {{0}}, {{0}}},
    {"agency_payments", {"payments"}, {{0}}, {{"agency_id", "agencies"}}},
    {"payment_packages", {"payments"}, {{0}}, {{0}}},
    {"user_purchases", {"payments"}, {{0}}, {{"user_id", "user"}, {"package_id", "payment_packages"}}},
    {"contact_access", {"payments"}, {{"purchaser_id", "user_id"}},
     {{"user_id", "user"}, {"target_profile_id", "housegirl_profiles", .through = "housegirl_profiles"}}},
    {"agency_workers", {0}, {{0}},
     {{"agency_id", "agencies"}, {"worker_id", "housegirl_profiles", .through = "housegirl_profiles"}}},
    {"agency_clients", {0}, {{0}},
     {{"agency_id", "agencies"},
      {"client_id", "employer_profiles", .through = "employer_profiles"},
      {"worker_id", "housegirl_profiles", .optional = true, .through = "housegirl_profiles"}}},
    {"agency_subscriptions", {0}, {{0}}, {{"agency_id", "agencies"}}},
    {0},
};

int64_t import_place(const char *collection)
{
    for (int i = 0; import_collections[i].name; i++)
        if (strcmp(import_collections[i].name, collection) == 0) return i + 1;
    return 0;
}
