// SPDX-License-Identifier: MIT
#include "health.h"

#include <pthread.h>
#include <stdlib.h>

#include "fanout.h"
#include "inbox.h"

#define PROBE_TIMEOUT_MS 1000
#define KEPT_MS 1000

struct health_cache {
    pthread_mutex_t lock;
    int64_t asked_ms; // 0: never
    bool asking;
    const char *states[UPSTREAM_COUNT]; // literals
};

static bool parts_answer(struct request *rq, struct response *rs);
static void probe(struct request *rq, const char *states[UPSTREAM_COUNT]);
static void services_ask(struct request *rq, const char *states[UPSTREAM_COUNT]);
static const char *state_of(const struct fanout_call *call);
static bool own_ready(struct request *rq);

struct health_cache *health_cache_new(void)
{
    struct health_cache *health = calloc(1, sizeof *health);
    if (health) pthread_mutex_init(&health->lock, NULL);
    return health;
}

void health_cache_free(struct health_cache *health)
{
    if (!health) return;
    pthread_mutex_destroy(&health->lock);
    free(health);
}

bool liveness_read(struct request *rq, struct response *rs, struct error *err)
{
    (void)rq, (void)err;
    response_json(rs, "{\"status\":\"alive\"}");
    return true;
}

bool readiness_read(struct request *rq, struct response *rs, struct error *err)
{
    (void)err;
    if (parts_answer(rq, rs)) return true;
    rs->status = 503;
    response_header(rs, "Retry-After", "1");
    return true;
}

bool health_read(struct request *rq, struct response *rs, struct error *err)
{
    (void)err;
    (void)parts_answer(rq, rs);
    return true;
}

// True when all parts are ready.
static bool parts_answer(struct request *rq, struct response *rs)
{
    const char *states[UPSTREAM_COUNT];
    probe(rq, states);
    bool ready = own_ready(rq);
    struct text_buffer parts = text_buffer(rq->arena);
    text_printf(&parts, "\"gateway\":\"%s\"", ready ? "ready" : "not_ready");
    for (int i = 0; i < UPSTREAM_COUNT; i++) {
        const bool on = upstream_configured(gateway_of(rq)->upstreams, i);
        const char *state = on ? states[i] : "not_configured";
        text_printf(&parts, ",\"%s\":\"%s\"", upstream_name(i), state);
        ready = ready && (!on || text_equal(state, "ready"));
    }
    const char *text = text_take(&parts);
    response_json(rs,
                  text ? arena_printf(rq->arena, "{\"status\":\"%s\",\"service\":\"gateway\",\"parts\":{%s}}",
                                      ready ? "ready" : "not_ready", text)
                       : NULL);
    return ready;
}

// Whoever finds the answer too old asks; all others take what is known, so that a stalled service
// cannot hold them.
static void probe(struct request *rq, const char *states[UPSTREAM_COUNT])
{
    struct health_cache *health = gateway_of(rq)->health;
    pthread_mutex_lock(&health->lock);
    const int64_t now_ms = clock_monotonic_ms();
    const bool ask = !health->asking && (!health->asked_ms || now_ms - health->asked_ms >= KEPT_MS);
    health->asking = health->asking || ask;
    for (int i = 0; i < UPSTREAM_COUNT; i++)
        states[i] = health->states[i] ? health->states[i] : "not_asked_yet";
    pthread_mutex_unlock(&health->lock);
    if (!ask) return;

    services_ask(rq, states);
    pthread_mutex_lock(&health->lock);
    for (int i = 0; i < UPSTREAM_COUNT; i++) health->states[i] = states[i];
    health->asked_ms = clock_monotonic_ms();
    health->asking = false;
    pthread_mutex_unlock(&health->lock);
}

static void services_ask(struct request *rq, const char *states[UPSTREAM_COUNT])
{
    struct fanout_call calls[UPSTREAM_COUNT] = {0};
    int count = 0;
    for (int i = 0; i < UPSTREAM_COUNT; i++) {
        if (!upstream_configured(gateway_of(rq)->upstreams, i)) continue;
        calls[count++] = (struct fanout_call){.service = i, .path = "/health/readiness"};
    }
    fanout(rq, calls, count, PROBE_TIMEOUT_MS);
    for (int i = 0; i < count; i++) states[calls[i].service] = state_of(&calls[i]);
}

static const char *state_of(const struct fanout_call *call)
{
    if (call->answered) return call->answer.status < 500 ? "ready" : "not_ready";
    if (call->err.problem == &problem_timeout) return "too_slow";
    return call->err.problem == &problem_upstream_busy ? "busy" : "unreachable";
}

// Without the keys of dc.auth.keys nobody can be told apart.
static bool own_ready(struct request *rq)
{
    return !rq->app->stopping && (!rq->app->broadcast || broadcast_caught_up(rq->app->broadcast));
}
