// SPDX-License-Identifier: MIT
#include "upstreams.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "breaker.h"
#include "clock.h"
#include "crypto.h"
#include "gateway.h"

#define REPLICAS_MAX 8
#define BODY_BYTES (256 * 1024)
// The retry budget counts in tenths of a retry: each request earns two, a retry costs ten, so at
// most a fifth of the requests is sent twice, after a first ten.
#define BUDGET_MAX 100
#define BUDGET_EARNED 2
#define BUDGET_COST 10

// Longer prefixes first. A prefix ends at a segment.
static const struct upstream_route routes[] = {
    {"/auth/login", UPSTREAM_AUTH, 10000, LIMIT_LOGIN, BAD_TOKEN_DROPPED, false, BODY_BYTES, .by_account = true},
    {"/auth/firebase", UPSTREAM_AUTH, 10000, LIMIT_LOGIN, BAD_TOKEN_FORWARDED, false, BODY_BYTES},
    {"/auth/firebase_user", UPSTREAM_AUTH, 10000, LIMIT_LOGIN, BAD_TOKEN_FORWARDED, false, BODY_BYTES},
    {"/auth/firebase_signup", UPSTREAM_AUTH, 10000, LIMIT_REGISTER, BAD_TOKEN_FORWARDED, false, BODY_BYTES},
    {"/auth/register", UPSTREAM_AUTH, 10000, LIMIT_REGISTER, BAD_TOKEN_DROPPED, false, BODY_BYTES},
    {"/auth/signup", UPSTREAM_AUTH, 10000, LIMIT_REGISTER, BAD_TOKEN_DROPPED, false, BODY_BYTES},
    {"/auth/password-reset", UPSTREAM_AUTH, 10000, LIMIT_RESET, BAD_TOKEN_DROPPED, false, BODY_BYTES},
    {"/auth/password", UPSTREAM_AUTH, 10000, LIMIT_LOGIN, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/auth/email", UPSTREAM_AUTH, 10000, LIMIT_RESET, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/auth/verify-email", UPSTREAM_AUTH, 10000, LIMIT_RESET, BAD_TOKEN_DROPPED, false, BODY_BYTES},
    {"/auth/me", UPSTREAM_AUTH, 10000, LIMIT_LOGIN, BAD_TOKEN_DROPPED, false, BODY_BYTES, .method = "DELETE"}, // asks for the password
    {"/auth", UPSTREAM_AUTH, 10000, LIMIT_DEFAULT, BAD_TOKEN_DROPPED, false, BODY_BYTES},
    {"/.well-known", UPSTREAM_AUTH, 5000, LIMIT_DEFAULT, BAD_TOKEN_DROPPED, false, BODY_BYTES},
    {"/admin/users", UPSTREAM_AUTH, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/admin/audit", UPSTREAM_AUTH, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/me/erasure", UPSTREAM_AUTH, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/housegirls", UPSTREAM_PROFILES, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, true, BODY_BYTES},
    {"/profiles", UPSTREAM_PROFILES, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/employers", UPSTREAM_PROFILES, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/agency-profiles", UPSTREAM_PROFILES, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/photos", UPSTREAM_PROFILES, 30000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, UPSTREAM_BODY_MAX},
    {"/admin/housegirls", UPSTREAM_PROFILES, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/agencies", UPSTREAM_AGENCIES, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/admin/agencies", UPSTREAM_AGENCIES, 10000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/payments", UPSTREAM_PAYMENTS, 15000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/admin/payments", UPSTREAM_PAYMENTS, 15000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
    {"/admin/reconciliation", UPSTREAM_PAYMENTS, 15000, LIMIT_DEFAULT, BAD_TOKEN_REFUSED, false, BODY_BYTES},
};

struct replica {
    struct http_client *client;
    struct breaker breaker;
    atomic_int in_flight;
    struct metric *state;
};

enum outcome { OUTCOME_OK, OUTCOME_ERROR, OUTCOME_UNAVAILABLE, OUTCOME_TIMEOUT, OUTCOME_BUSY, OUTCOMES };

struct upstream {
    struct replica replicas[REPLICAS_MAX];
    int count;
    struct semaphore *places;
    atomic_uint turn;
    atomic_int budget;
    struct metric *outcomes[OUTCOMES], *retries, *duration;
};

struct upstreams {
    int queue_ms;
    struct upstream services[UPSTREAM_COUNT];
};

static bool upstream_open(struct upstream *upstream, const char *name, const char *addresses,
                          const struct upstreams_config *config, struct error *err);
static bool replica_open(struct upstream *upstream, const char *name, const char *address,
                         const struct upstreams_config *config, struct error *err);
static void upstream_metrics(struct upstream *upstream, const char *name, struct metrics *metrics);
static bool call_replicas(struct upstream *upstream, const struct http_call *call, int64_t deadline_ms,
                          struct arena *arena, struct http_answer *ret, struct error *err);
static struct replica *replica_take(struct upstream *upstream, const struct replica *avoid, int64_t now_ms);
static bool replica_call(struct replica *replica, const struct http_call *call, int64_t deadline_ms,
                         struct arena *arena, struct http_answer *ret, bool *ret_sent, struct error *err);
static bool budget_take(struct upstream *upstream);
static bool refuse_open(struct upstream *upstream, int64_t now_ms, struct error *err);
static enum outcome outcome_of(bool answered, const struct http_answer *answer, const struct error *err);

const char *upstream_name(enum upstream_service service)
{
#define X(symbol, name, fallback) name,
    static const char *const names[UPSTREAM_COUNT] = {UPSTREAM_TABLE(X)};
#undef X
    return names[service];
}

const struct upstream_route *upstream_route_find(const char *method, const char *path)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (routes[i].method && strcmp(routes[i].method, method) != 0) continue;
        const size_t length = strlen(routes[i].prefix);
        if (strncmp(path, routes[i].prefix, length) == 0 && (path[length] == '/' || path[length] == '\0')) {
            return &routes[i];
        }
    }
    return NULL;
}

struct upstreams *upstreams_new(const struct upstreams_config *config, struct error *err)
{
    struct upstreams *upstreams = calloc(1, sizeof *upstreams);
    if (!upstreams) return error_set(err, &problem_unavailable, NULL), NULL;
    upstreams->queue_ms = config->queue_ms;
    for (int i = 0; i < UPSTREAM_COUNT; i++) {
        if (!upstream_open(&upstreams->services[i], upstream_name(i), config->addresses[i], config, err)) {
            upstreams_free(upstreams);
            return NULL;
        }
    }
    return upstreams;
}

void upstreams_free(struct upstreams *upstreams)
{
    if (!upstreams) return;
    for (int i = 0; i < UPSTREAM_COUNT; i++) {
        struct upstream *upstream = &upstreams->services[i];
        for (int j = 0; j < upstream->count; j++) {
            http_client_free(upstream->replicas[j].client);
            breaker_release(&upstream->replicas[j].breaker);
        }
        if (upstream->places) semaphore_free(upstream->places);
    }
    free(upstreams);
}

bool upstream_configured(const struct upstreams *upstreams, enum upstream_service service)
{
    return upstreams->services[service].count > 0;
}

bool upstream_call(struct upstreams *upstreams, enum upstream_service service, const struct http_call *call,
                   struct arena *arena, struct http_answer *ret, struct error *err)
{
    struct upstream *upstream = &upstreams->services[service];
    if (!upstream->count) return error_set(err, &problem_not_configured, NULL);
    const int64_t started_us = clock_monotonic_us();
    const int64_t deadline_ms = started_us / 1000 + call->timeout_ms;
    if (!semaphore_acquire(upstream->places, upstreams->queue_ms < call->timeout_ms ? upstreams->queue_ms : call->timeout_ms)) {
        metric_add(upstream->outcomes[OUTCOME_BUSY], 1);
        err->retry_after_s = 1;
        return error_set(err, &problem_upstream_busy, NULL);
    }
    const bool answered = call_replicas(upstream, call, deadline_ms, arena, ret, err);
    semaphore_release(upstream->places);
    metric_add(upstream->outcomes[outcome_of(answered, ret, err)], 1);
    metric_observe_us(upstream->duration, clock_monotonic_us() - started_us);
    return answered;
}

// --- Opening -------------------------------------------------------------------------------------

static bool upstream_open(struct upstream *upstream, const char *name, const char *addresses,
                          const struct upstreams_config *config, struct error *err)
{
    atomic_init(&upstream->budget, BUDGET_MAX);
    for (const char *at = addresses; at && *at;) {
        const size_t length = strcspn(at, ",");
        char address[256];
        if (length >= sizeof address || upstream->count == REPLICAS_MAX) {
            error_set(err, &problem_malformed, NULL);
            return error_cause(err, "too many or too long addresses for upstream %s", name);
        }
        memcpy(address, at, length);
        address[length] = '\0';
        if (length && !replica_open(upstream, name, address, config, err)) return false;
        at += length + (at[length] == ',');
    }
    if (!upstream->count) return true;
    // Half of the workers at most may wait for one service's answers, a quarter for a place.
    const int half = config->workers > 1 ? config->workers / 2 : 1;
    const int places = upstream->count * config->connections;
    upstream->places = semaphore_new(places < half ? places : half, config->workers > 4 ? config->workers / 4 : 1);
    upstream_metrics(upstream, name, config->metrics);
    return upstream->places != NULL || error_set(err, &problem_unavailable, NULL);
}

static bool replica_open(struct upstream *upstream, const char *name, const char *address,
                         const struct upstreams_config *config, struct error *err)
{
    if (strncmp(address, "http://", 7) != 0) {
        error_set(err, &problem_malformed, NULL);
        return error_cause(err, "upstream %s: an address must be http://host:port", name);
    }
    const struct http_client_config client = {.base_url = address,
                                              .connections = config->connections,
                                              .connect_timeout_ms = config->connect_timeout_ms,
                                              .answer_limit_bytes = config->answer_limit_bytes};
    struct replica *replica = &upstream->replicas[upstream->count];
    replica->client = http_client_new(&client, err);
    if (!replica->client) return false;
    breaker_init(&replica->breaker, config->breaker_failures, config->breaker_open_ms);
    if (config->metrics) {
        char labels[96];
        snprintf(labels, sizeof labels, "service=\"%s\",replica=\"%d\"", name, upstream->count);
        replica->state =
            metrics_gauge(config->metrics, "dc_gateway_breaker_state",
                          "Circuit breaker of a replica: 0 closed, 1 open, 2 half-open.", labels);
    }
    upstream->count++;
    return true;
}

static void upstream_metrics(struct upstream *upstream, const char *name, struct metrics *metrics)
{
    static const char *const outcomes[OUTCOMES] = {"ok", "error", "unavailable", "timeout", "busy"};
    if (!metrics) return;
    char labels[96];
    for (int i = 0; i < OUTCOMES; i++) {
        snprintf(labels, sizeof labels, "service=\"%s\",outcome=\"%s\"", name, outcomes[i]);
        upstream->outcomes[i] =
            metrics_counter(metrics, "dc_gateway_upstream_requests_total",
                            "Requests passed to a service, by what became of them.", labels);
    }
    snprintf(labels, sizeof labels, "service=\"%s\"", name);
    upstream->retries =
        metrics_counter(metrics, "dc_gateway_upstream_retries_total", "Requests sent a second time.", labels);
    upstream->duration =
        metrics_histogram(metrics, "dc_gateway_upstream_seconds",
                          "Time a service took to answer, waiting for a place included.", labels);
}

// --- Calling -------------------------------------------------------------------------------------

static bool call_replicas(struct upstream *upstream, const struct http_call *call, int64_t deadline_ms,
                          struct arena *arena, struct http_answer *ret, struct error *err)
{
    struct replica *replica = replica_take(upstream, NULL, clock_monotonic_ms());
    if (!replica) return refuse_open(upstream, clock_monotonic_ms(), err);
    if (atomic_load(&upstream->budget) < BUDGET_MAX) atomic_fetch_add(&upstream->budget, BUDGET_EARNED);
    bool sent = false;
    if (replica_call(replica, call, deadline_ms, arena, ret, &sent, err)) return true;
    const bool may_repeat = err->problem != &problem_timeout && (!sent || http_call_may_repeat(call));
    if (!may_repeat || clock_monotonic_ms() >= deadline_ms || !budget_take(upstream)) return false;
    replica = replica_take(upstream, replica, clock_monotonic_ms());
    if (!replica) return false;
    error_clear(err);
    metric_add(upstream->retries, 1);
    return replica_call(replica, call, deadline_ms, arena, ret, &sent, err);
}

// The least busy replica whose breaker lets a request through; `avoid` only where there is no other.
static struct replica *replica_take(struct upstream *upstream, const struct replica *avoid, int64_t now_ms)
{
    const unsigned first = atomic_fetch_add(&upstream->turn, 1); // ties go round
    struct replica *best = NULL;
    int best_load = 0;
    for (int i = 0; i < upstream->count; i++) {
        struct replica *replica = &upstream->replicas[(first + (unsigned)i) % (unsigned)upstream->count];
        const int load = atomic_load(&replica->in_flight) + (replica == avoid ? 1 << 20 : 0);
        if ((best && load >= best_load) || !breaker_would_admit(&replica->breaker, now_ms)) continue;
        best = replica;
        best_load = load;
    }
    return best && breaker_admit(&best->breaker, now_ms) ? best : NULL;
}

static bool replica_call(struct replica *replica, const struct http_call *call, int64_t deadline_ms,
                         struct arena *arena, struct http_answer *ret, bool *ret_sent, struct error *err)
{
    struct http_call timed = *call;
    const int64_t left_ms = deadline_ms - clock_monotonic_ms();
    timed.timeout_ms = left_ms > 1 ? (int)left_ms : 1;
    atomic_fetch_add(&replica->in_flight, 1);
    const bool answered = http_client_call(replica->client, &timed, arena, ret, ret_sent, err);
    atomic_fetch_sub(&replica->in_flight, 1);
    // A request that could not be put together says nothing about the replica.
    const bool failed =
        !answered && (err->problem == &problem_upstream_unavailable || err->problem == &problem_timeout);
    breaker_report(&replica->breaker, !failed, clock_monotonic_ms());
    metric_set(replica->state, breaker_state(&replica->breaker));
    if (!answered && err->problem == &problem_upstream_unavailable) err->retry_after_s = 1;
    return answered;
}

static bool budget_take(struct upstream *upstream)
{
    if (atomic_fetch_sub(&upstream->budget, BUDGET_COST) >= BUDGET_COST) return true;
    atomic_fetch_add(&upstream->budget, BUDGET_COST);
    return false;
}

static bool refuse_open(struct upstream *upstream, int64_t now_ms, struct error *err)
{
    int64_t soonest_ms = breaker_wait_ms(&upstream->replicas[0].breaker, now_ms);
    for (int i = 1; i < upstream->count; i++) {
        const int64_t wait_ms = breaker_wait_ms(&upstream->replicas[i].breaker, now_ms);
        if (wait_ms < soonest_ms) soonest_ms = wait_ms;
    }
    err->retry_after_s = (int)((soonest_ms + 1000) / 1000);
    error_set(err, &problem_upstream_unavailable, NULL);
    return error_cause(err, "all circuit breakers are open");
}

static enum outcome outcome_of(bool answered, const struct http_answer *answer, const struct error *err)
{
    if (answered) return answer->status < 500 ? OUTCOME_OK : OUTCOME_ERROR;
    return err->problem == &problem_timeout ? OUTCOME_TIMEOUT : OUTCOME_UNAVAILABLE;
}
