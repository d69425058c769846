// SPDX-License-Identifier: MIT
// payments: packages, purchases by M-Pesa, unlocked contacts, fees, refunds, and the ledger over all.
#include "payments.h"

const struct service payments_service = {
    .name = "payments",
    .summary = "Money: packages, purchases by M-Pesa, credits and what they unlock, fees, refunds, the ledger.",
    .routes = payments_routes,
    .settings = payments_settings,
    .settings_size = sizeof(struct payments_settings),
    .migrations = payments_migrations,
    .statements = payments_statements,
    .constraints = payments_constraints,
    .events = payments_events,
    .subscriptions = payments_subscriptions,
    .jobs = payments_jobs,
    .workers = payments_workers,
    .importers = payments_importers,
    .verbs = payments_verbs,
    .start = payments_start,
    .stop = payments_stop,
};

int main(int argc, char **argv)
{
    return service_main(&payments_service, argc, argv);
}
