// SPDX-License-Identifier: MIT
// profiles: who people are to each other: families, workers, agency users.
#include "profiles.h"

static bool start(struct app *app, struct error *err)
{
    app->state = count_cache_new();
    return app->state || error_set(err, &problem_unavailable, "No memory for the cache of totals.");
}

static void stop(struct app *app)
{
    count_cache_free(app->state);
    app->state = NULL;
}

// Totals are counted anew after a write; here it is committed.
static void after(struct request *rq, struct response *rs)
{
    if (rs->status < 300 && rq->method && !text_equal(rq->method, "GET") && !text_equal(rq->method, "HEAD")) count_cache_forget(rq->app->state);
}

const struct service profiles_service = {
    .name = "profiles",
    .summary = "Profiles of families, workers and agency users, and who may see whose contact.",
    .routes = profiles_routes,
    .migrations = profiles_migrations,
    .statements = profiles_statements,
    .plans_once = true,
    .constraints = profiles_constraints,
    .events = profiles_events,
    .subscriptions = profiles_subscriptions,
    .importers = profiles_importers,
    .start = start,
    .stop = stop,
    .after = after,
};

int main(int argc, char **argv)
{
    return service_main(&profiles_service, argc, argv);
}
