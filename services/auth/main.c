// SPDX-License-Identifier: MIT
// auth: users, sessions, passwords, signing keys.
#include "admin.h"
#include "auth.h"
#include "import.h"

const struct verb auth_verbs[] = {
    {"admin", "admin create --email E --password-stdin: makes an administrator", operator_admin},
    {0},
};

const struct service auth_service = {
    .name = "auth",
    .summary = "Users, sessions, passwords and the keys that sign access tokens.",
    .routes = auth_routes,
    .settings = auth_settings,
    .settings_size = sizeof(struct auth_settings),
    .migrations = auth_migrations,
    .statements = auth_statements,
    .constraints = auth_constraints,
    .events = auth_events,
    .subscriptions = auth_subscriptions,
    .broadcasts = auth_broadcasts,
    .jobs = auth_jobs,
    .importers = auth_importers,
    .verbs = auth_verbs,
    .start = auth_start,
    .stop = auth_stop,
};

int main(int argc, char **argv)
{
    return service_main(&auth_service, argc, argv);
}
