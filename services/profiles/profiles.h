// SPDX-License-Identifier: MIT
// What the parts of the profiles service share.
#pragma once

#include "page.h"
#include "profiles_sql.h"
#include "service.h"

#define X(name, status, slug, title, advice) extern const struct problem problem_##name;
#include "errors.def"
#undef X

extern const struct route profiles_routes[];
extern const struct event_type *const profiles_events[];
extern const struct subscription profiles_subscriptions[];
extern const struct importer profiles_importers[];
extern const struct constraint_problem profiles_constraints[];

struct profiles_settings {
    int64_t totals_kept_ms, known_workers_most;
};

// The service's own state.
struct profiles {
    struct count_cache *totals;
    struct known_workers *known;
};

static inline struct profiles *profiles_of(const struct app *app)
{
    return app->state;
}

// Cached totals of the list of workers.
struct worker_total {
    int64_t count;
    bool is_estimate;
    bool is_few; // so few that looking for all of them at once is quicker
};

struct count_cache;
struct count_cache *count_cache_new(int64_t kept_ms);
void count_cache_free(struct count_cache *cache);
// The total kept for these filters, at most kept_ms old and from before no write here; false when there is none.
bool count_cache_get(struct count_cache *cache, const char *filters, int64_t now_ms, struct worker_total *ret);
// `generation` is what count_cache_generation said before the rows were counted.
void count_cache_put(struct count_cache *cache, const char *filters, int64_t now_ms, uint64_t generation, const struct worker_total *total);
uint64_t count_cache_generation(struct count_cache *cache);
void count_cache_forget(struct count_cache *cache);

// The key before the first row of a list by creation.
#define BEFORE_NEWEST "infinity|~"
