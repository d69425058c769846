// SPDX-License-Identifier: MIT
// Settings, start and stop, and the events that empty the cache.
#include "gateway.h"

#include <stdlib.h>

#include "health.h"

static bool gateway_fill(struct gateway *gateway, struct app *app, struct error *err);
static bool cache_and_limits(struct app *app, struct gateway *gateway, struct error *err);
static void gateway_free(struct gateway *gateway);
static void count_things(struct gateway *gateway, struct metrics *metrics);
static bool lists_changed(struct app *app, const struct event *event, struct error *err);

#define UPSTREAM(symbol, name, fallback)                                                           \
    SETTING(gateway_settings, upstream[UPSTREAM_##symbol], "DC_UPSTREAM_" #symbol, fallback,        \
            .doc = "Replicas of " name ": http://host:port, comma-separated."),
#define RATE(symbol, name, setting, fallback, what)                                                \
    SETTING(gateway_settings, rate[LIMIT_##symbol], setting, fallback, .min = 0, .max = 100000000,  \
            .doc = what " Per minute; 0: no limit."),
const struct setting gateway_settings[] = {
    UPSTREAM_TABLE(UPSTREAM)
    SETTING(gateway_settings, upstream_connections, "DC_UPSTREAM_CONNECTIONS", "64", .min = 1, .max = 1024,
            .doc = "Connections kept to each replica, and how many requests it gets at once. Services need more threads than this."),
    SETTING(gateway_settings, upstream_connect_timeout_ms, "DC_UPSTREAM_CONNECT_TIMEOUT_MS", "500", .min = 10, .max = 60000,
            .doc = "Longest wait for a connection to a replica, in milliseconds."),
    SETTING(gateway_settings, upstream_queue_ms, "DC_UPSTREAM_QUEUE_MS", "200", .min = 0, .max = 10000,
            .doc = "Longest wait while a service has all the requests it may have, in milliseconds."),
    SETTING(gateway_settings, upstream_answer_limit_bytes, "DC_UPSTREAM_ANSWER_LIMIT_BYTES", "16777216", .min = 1024,
            .max = 268435456, .doc = "Largest answer taken from a service, in bytes."),
    SETTING(gateway_settings, breaker_failures, "DC_BREAKER_FAILURES", "5", .min = 1, .max = 1000,
            .doc = "Failures in a row after which a replica is left alone."),
    SETTING(gateway_settings, breaker_open_ms, "DC_BREAKER_OPEN_MS", "1000", .min = 10, .max = 600000,
            .doc = "How long it is left alone before one request tries again, in milliseconds."),
    SETTING(gateway_settings, aggregate_timeout_ms, "DC_AGGREGATE_TIMEOUT_MS", "1500", .min = 50, .max = 60000,
            .doc = "When an answer of several parts goes out, with what is there, in milliseconds."),
    SETTING(gateway_settings, unlock_wait_ms, "DC_UNLOCK_WAIT_MS", "1500", .min = 0, .max = 30000,
            .doc = "How long an unlock waits for the contact to be there before it answers 202, in milliseconds."),
    SETTING(gateway_settings, cors_origins, "DC_CORS_ORIGINS", "",
            .doc = "Origins of browser apps, exact, comma-separated: https://app.example.com"),
    SETTING(gateway_settings, trusted_proxies, "DC_TRUSTED_PROXIES", "",
            .doc = "Addresses and networks whose X-Forwarded-For counts, comma-separated."),
    LIMIT_TABLE(RATE)
    SETTING(gateway_settings, rate_entries, "DC_RATE_ENTRIES", "131072", .min = 512, .max = 16777216,
            .doc = "Callers remembered at once for the limits; 16 bytes each."),
    SETTING(gateway_settings, cache_bytes, "DC_CACHE_BYTES", "33554432", .min = 0, .max = 4294967296,
            .doc = "Memory for answers to anonymous reads, in bytes; 0: no cache."),
    SETTING(gateway_settings, cache_ttl_ms, "DC_CACHE_TTL_MS", "30000", .min = 1, .max = 3600000,
            .doc = "Longest life of a kept answer, in milliseconds."),
    SETTING(gateway_settings, schemas_dir, "DC_SCHEMAS_DIR", "", .doc = "Folder with openapi/*.json and asyncapi.json; empty: own routes only."),
    SETTING(gateway_settings, docs_dir, "DC_DOCS_DIR", "", .doc = "Folder with the files of Swagger UI; empty: links only."),
    {0},
};
#undef UPSTREAM
#undef RATE

// Every replica drops its own cache, so it listens for itself, and only for what is new.
const struct broadcast_subscription gateway_broadcasts[] = {
    {&topic_workers, .from_end = true, lists_changed},
    {&topic_profiles, .from_end = true, lists_changed},
    {0},
};

bool gateway_start(struct app *app, struct error *err)
{
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (!gateway) return error_set(err, &problem_unavailable, NULL);
    if (!gateway_fill(gateway, app, err)) return gateway_free(gateway), false;
    app->state = gateway; // whole: events may come in already
    return true;
}

void gateway_stop(struct app *app)
{
    struct gateway *gateway = app->state;
    app->state = NULL;
    gateway_free(gateway);
}

static bool gateway_fill(struct gateway *gateway, struct app *app, struct error *err)
{
    const struct gateway_settings *settings = app->settings;
    const struct upstreams_config upstreams = {
        .addresses = settings->upstream,
        .connections = (int)settings->upstream_connections,
        .connect_timeout_ms = (int)settings->upstream_connect_timeout_ms,
        .queue_ms = (int)settings->upstream_queue_ms,
        .workers = (int)app->config.http_workers,
        .answer_limit_bytes = settings->upstream_answer_limit_bytes,
        .breaker_failures = (int)settings->breaker_failures,
        .breaker_open_ms = settings->breaker_open_ms,
        .metrics = app->metrics,
    };
    if (!(gateway->upstreams = upstreams_new(&upstreams, err))) return false;
    if (!(gateway->cors = cors_new(settings->cors_origins, err))) return false;
    if (!(gateway->proxies = proxies_new(settings->trusted_proxies, err))) return false;
    if (!(gateway->docs = docs_new(app->service, settings->schemas_dir, settings->docs_dir, err)))
        return false;
    return cache_and_limits(app, gateway, err);
}

static bool cache_and_limits(struct app *app, struct gateway *gateway, struct error *err)
{
    const struct gateway_settings *settings = app->settings;
    gateway->cache = cache_new(settings->cache_bytes, settings->cache_ttl_ms);
    gateway->limiter = limiter_new(settings->rate_entries, settings->rate);
    gateway->health = health_cache_new();
    if (!gateway->cache || !gateway->limiter || !gateway->health)
        return error_set(err, &problem_unavailable, NULL);
    if (app->metrics) count_things(gateway, app->metrics);
    return true;
}

static void gateway_free(struct gateway *gateway)
{
    if (!gateway) return;
    upstreams_free(gateway->upstreams);
    cors_free(gateway->cors);
    proxies_free(gateway->proxies);
    docs_free(gateway->docs);
    cache_free(gateway->cache);
    limiter_free(gateway->limiter);
    health_cache_free(gateway->health);
    free(gateway);
}

static void count_things(struct gateway *gateway, struct metrics *metrics)
{
    static const char help[] = "Anonymous reads, by whether they were answered from memory.";
    gateway->cache_hits = metrics_counter(metrics, "dc_gateway_cache_requests_total", help, "result=\"hit\"");
    gateway->cache_misses =
        metrics_counter(metrics, "dc_gateway_cache_requests_total", help, "result=\"miss\"");
    gateway->cache_size_bytes =
        metrics_gauge(metrics, "dc_gateway_cache_bytes", "Memory held by kept answers.", NULL);
    for (int i = 0; i < LIMIT_CLASSES; i++) {
        char labels[64];
        snprintf(labels, sizeof labels, "class=\"%s\"", limit_class_name(i));
        gateway->rate_limited[i] =
            metrics_counter(metrics, "dc_gateway_rate_limited_total", "Requests refused with 429.", labels);
    }
}

static bool lists_changed(struct app *app, const struct event *event, struct error *err)
{
    (void)event;
    (void)err;
    struct gateway *gateway = app->state;
    if (gateway) cache_drop(gateway->cache);
    return true;
}
