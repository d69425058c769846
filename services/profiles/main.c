// SPDX-License-Identifier: MIT
// profiles: who people are to each other: families, workers, agency users.
#include "profiles.h"

#include <stdlib.h>

#include "known_workers.h"

static const struct setting settings[] = {
    SETTING(profiles_settings, totals_kept_ms, "DC_TOTALS_KEPT_MS", "5000", .max = 3600000,
            .doc = "How long the total of a list is kept, in milliseconds, where nothing is written by way of this replica."),
    SETTING(profiles_settings, known_workers_most, "DC_KNOWN_WORKERS_MAX", "2000000", .max = 100000000,
            .doc = "How many workers a replica knows in memory, at some 100 bytes each, to find the few who fit many filters; of more, or with 0, "
                   "the database alone looks, which takes longer."),
    {0},
};

static const struct worker workers[] = {
    {"known_workers", 1, 1000, known_workers_follow},
    {0},
};

static bool start(struct app *app, struct error *err)
{
    const struct profiles_settings *own = app->settings;
    struct profiles *profiles = calloc(1, sizeof *profiles);
    if (!profiles) return error_set(err, &problem_unavailable, "No memory.");
    app->state = profiles;
    profiles->totals = count_cache_new(own->totals_kept_ms);
    profiles->known = known_workers_new(
        own->known_workers_most,
        metrics_gauge(app->metrics, "profiles_known_workers", "Workers known in memory; 0 while they are read, or are too many.", NULL),
        metrics_counter(app->metrics, "profiles_known_reads_total", "Times that workers were read to be known in memory, or what was told of them.", NULL));
    return (profiles->totals && profiles->known) || error_set(err, &problem_unavailable, "No memory for what lists are found by.");
}

static void stop(struct app *app)
{
    struct profiles *profiles = profiles_of(app);
    if (!profiles) return;
    known_workers_free(profiles->known);
    count_cache_free(profiles->totals);
    free(profiles);
    app->state = NULL;
}

// Totals are counted anew after a write; here it is committed.
static void after(struct request *rq, struct response *rs)
{
    if (rs->status < 300 && rq->method && !text_equal(rq->method, "GET") && !text_equal(rq->method, "HEAD")) count_cache_forget(profiles_of(rq->app)->totals);
}

const struct service profiles_service = {
    .name = "profiles",
    .summary = "Profiles of families, workers and agency users, and who may see whose contact.",
    .routes = profiles_routes,
    .settings = settings,
    .settings_size = sizeof(struct profiles_settings),
    .migrations = profiles_migrations,
    .statements = profiles_statements,
    .plans_once = true,
    .constraints = profiles_constraints,
    .events = profiles_events,
    .subscriptions = profiles_subscriptions,
    .workers = workers,
    .importers = profiles_importers,
    .start = start,
    .stop = stop,
    .after = after,
};

int main(int argc, char **argv)
{
    return service_main(&profiles_service, argc, argv);
}
