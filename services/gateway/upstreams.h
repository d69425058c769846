// SPDX-License-Identifier: MIT
// Who is behind which prefix, and how they are called: per service a few replicas, each with a pool
// of kept connections and a circuit breaker; least busy first; one retry where it is safe and the
// retry budget allows; a bound on how many requests wait for one service, so that a dead or stalled
// one costs only its own routes. Thread-safe.
#pragma once

#include "http_client.h"
#include "limit.h"
#include "metrics.h"

// Name, and where its replicas are when no setting says so: NULL: one must; "": an installation may do without.
#define UPSTREAM_TABLE(X)                                                                                    \
    X(AUTH, "auth", NULL)                                                                                    \
    X(PROFILES, "profiles", NULL)                                                                            \
    X(AGENCIES, "agencies", "")                                                                              \
    X(PAYMENTS, "payments", "")

#define X(symbol, name, fallback) UPSTREAM_##symbol,
enum upstream_service { UPSTREAM_TABLE(X) UPSTREAM_COUNT };
#undef X
const char *upstream_name(enum upstream_service service);

// The largest body any prefix takes: a photo of 8 MB and what multipart puts around it.
#define UPSTREAM_BODY_MAX (9 * 1024 * 1024)

// What becomes of an Authorization header that is no good token of ours.
enum bad_token {
    BAD_TOKEN_REFUSED,  // 401 here
    BAD_TOKEN_DROPPED,  // sign-in, refresh: an expired token must not stop them
    BAD_TOKEN_FORWARDED // Firebase ID tokens: auth judges them
};

struct upstream_route {
    const char *prefix; // whole segments
    enum upstream_service service;
    int timeout_ms; // total, retry included
    enum limit_class rate;
    enum bad_token bad_token;
    bool cached; // answers to anonymous GETs are kept
    int64_t body_limit_bytes;
    bool by_account;    // counted by the account it aims at, too
    const char *method; // NULL: any
};

// The route of a path (without /api), or NULL.
const struct upstream_route *upstream_route_find(const char *method, const char *path);

struct upstreams_config {
    const char *const *addresses; // UPSTREAM_COUNT of them: "http://host:port,http://host:port"; "": not there yet
    int connections;              // per replica
    int connect_timeout_ms;
    int queue_ms; // longest wait for a free place
    int workers;  // requests the gateway handles at once
    int64_t answer_limit_bytes;
    int breaker_failures;
    int64_t breaker_open_ms;
    struct metrics *metrics; // may be NULL
};

struct upstreams;
// False when an address is malformed.
MUST_USE struct upstreams *upstreams_new(const struct upstreams_config *config, struct error *err);
void upstreams_free(struct upstreams *upstreams);

bool upstream_configured(const struct upstreams *upstreams, enum upstream_service service);

// Calls the service within call->timeout_ms, retry included. True when any HTTP answer came.
// False: problem_not_configured, problem_upstream_busy, problem_upstream_unavailable, problem_timeout.
MUST_USE bool upstream_call(struct upstreams *upstreams, enum upstream_service service,
                            const struct http_call *call, struct arena *arena, struct http_answer *ret,
                            struct error *err);
