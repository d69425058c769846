// SPDX-License-Identifier: MIT
// The gateway's settings, state and hooks. The state is made once by gateway_start and is then
// read-only, except for what locks or counts by itself (cache, limiter, breakers, metrics).
#pragma once

#include "cache.h"
#include "cors.h"
#include "docs.h"
#include "limit.h"
#include "proxies.h"
#include "service.h"
#include "upstreams.h"

#define X(name, status, slug, title, advice) extern const struct problem problem_##name;
#include "errors.def"
#undef X

struct gateway_settings {
    const char *upstream[UPSTREAM_COUNT];
    int64_t upstream_connections, upstream_connect_timeout_ms, upstream_queue_ms, upstream_answer_limit_bytes;
    int64_t breaker_failures, breaker_open_ms;
    int64_t aggregate_timeout_ms, unlock_wait_ms;
    const char *cors_origins;
    const char *trusted_proxies;
    int64_t rate[LIMIT_CLASSES];
    int64_t rate_entries;
    int64_t cache_bytes, cache_ttl_ms;
    const char *schemas_dir, *docs_dir;
};

struct gateway {
    struct upstreams *upstreams;
    struct cache *cache;
    struct limiter *limiter;
    struct cors *cors;
    struct proxies *proxies;
    struct docs *docs;
    struct health_cache *health; // health.h
    struct metric *cache_hits, *cache_misses, *cache_size_bytes;
    struct metric *rate_limited[LIMIT_CLASSES];
};

extern const struct setting gateway_settings[];
extern const struct route gateway_routes[];
extern const struct broadcast_subscription gateway_broadcasts[];

bool gateway_start(struct app *app, struct error *err);
void gateway_stop(struct app *app);

// The service's hooks: edge.c has before and after; the fallback is in unlock.h.
bool gateway_before(struct request *rq, struct response *rs, struct error *err);
void gateway_after(struct request *rq, struct response *rs);

static inline struct gateway *gateway_of(const struct request *rq)
{
    return rq->app->state;
}
