// SPDX-License-Identifier: MIT
// One request, from what arrived to what is sent.
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "crypto.h"
#include "id.h"
#include "idempotency.h"
#include "log.h"
#include "outbox.h"
#include "response.h"
#include "running.h"

#define ATTEMPTS 5

static struct request request_open(struct app *app, const struct http_request *http, struct error *err);
static const char *request_id_of(const struct http_request *http, int64_t now_ms);
static const char *client_address_of(const struct http_request *http);
static bool answer(struct request *rq, struct response *rs, struct error *err);
static bool answer_unrouted(struct request *rq, struct response *rs, const struct route_match *match,
                            struct error *err);
static bool answer_routed(struct request *rq, struct response *rs, struct error *err);
static bool identify(struct request *rq, struct error *err);
static bool run(struct request *rq, struct response *rs, struct error *err);
static bool run_once(struct request *rq, struct response *rs, const struct route *guard, struct error *err);
static bool run_handler(struct request *rq, struct response *rs, const struct route *guard,
                        struct error *err);
static bool run_keyed(struct request *rq, struct response *rs, const char *key, struct error *err);
static bool keep_refusal(struct request *rq, const char *key, const struct error *refusal);
static bool guard_find(struct request *rq, const struct route **ret, struct error *err);
static bool guard_holds(struct request *rq, const struct route *guard, struct error *err);
static void wait_before_retry(int attempt);
static void close_request(struct request *rq, struct response *rs, const struct error *err, int64_t began_us,
                          struct http_response *out);
static void log_request(const struct request *rq, const struct response *rs, const struct error *err,
                        int64_t duration_us);

void service_handle(struct app *app, const struct http_request *http, struct http_response *out)
{
    const int64_t began_us = clock_monotonic_us();
    struct error err = {.arena = http->arena};
    struct response rs = {0};
    struct request rq = request_open(app, http, &err);
    char trace_id[33] = "";
    if (rq.traceparent) memcpy(trace_id, rq.traceparent + 3, 32);
    log_scope(rq.request_id, trace_id);
    bool ok = !err.problem && answer(&rq, &rs, &err);
    if (ok && arena_failed(rq.arena)) ok = error_set(&err, &problem_unavailable, NULL);
    if (!ok) problem_write(&err, rq.request_id, rq.arena, &rs);
    close_request(&rq, &rs, ok ? NULL : &err, began_us, out);
    log_scope(NULL, NULL);
}

static struct request request_open(struct app *app, const struct http_request *http, struct error *err)
{
    struct request rq = {
        .app = app,
        .http = http,
        .method = http->method ? http->method : "",
        .path = http->path ? http->path : "",
        .arena = http->arena,
        .now_ms = clock_now_ms(app->clock),
        .client_address = client_address_of(http),
    };
    rq.request_id = request_id_of(http, rq.now_ms);
    char *traceparent = arena_alloc(http->arena, TRACEPARENT_SIZE);
    if (traceparent) traceparent_next(http_request_header(http, "traceparent"), traceparent);
    rq.traceparent = traceparent;
    if (!rq.request_id || !traceparent) (void)error_set(err, &problem_unavailable, NULL);
    if (http->refusal) (void)error_set(err, http->refusal, NULL);
    return rq;
}

// The caller's own id where it is harmless in headers and logs.
static const char *request_id_of(const struct http_request *http, int64_t now_ms)
{
    const char *given = http_request_header(http, "X-Request-Id");
    const size_t length = given ? strlen(given) : 0;
    bool fine = length > 0 && length <= ID_MAX;
    for (size_t i = 0; fine && i < length; i++)
        fine = isalnum((unsigned char)given[i]) || strchr("._-", given[i]);
    if (fine) return given;
    char id[UUID_SIZE];
    id_new(now_ms, id);
    return arena_strdup(http->arena, id);
}

// The first address of X-Forwarded-For; only the gateway talks to us, and it wrote the header.
static const char *client_address_of(const struct http_request *http)
{
    const char *forwarded = http_request_header(http, "X-Forwarded-For");
    const size_t length = forwarded ? strspn(forwarded, "0123456789abcdefABCDEF.:") : 0;
    if (length < 2 || length > 45) return http->remote_address;
    const char *address = arena_memdup(http->arena, forwarded, length);
    return address ? address : http->remote_address;
}

static bool answer(struct request *rq, struct response *rs, struct error *err)
{
    const struct service *service = rq->app->service;
    if (service->before) {
        if (!service->before(rq, rs, err)) return false;
        if (rs->status != 0) return true;
    }
    const struct route_match match = route_find(service->routes, rq->method, rq->path, rq->arena);
    if (!match.route) return answer_unrouted(rq, rs, &match, err);
    rq->route = match.route;
    memcpy(rq->parameters, match.parameters, sizeof rq->parameters);
    return answer_routed(rq, rs, err);
}

static bool answer_unrouted(struct request *rq, struct response *rs, const struct route_match *match,
                            struct error *err)
{
    if (!match->path_known) {
        const bool is_read = strcmp(rq->method, "GET") == 0 || strcmp(rq->method, "HEAD") == 0;
        const char *json = NULL;
        if (is_read && health_answer(rq->app, rq->path, rq->arena, &rs->status, &json)) {
            rs->content_type = "application/json";
            response_json(rs, json);
            return true;
        }
        if (rq->app->service->fallback) return rq->app->service->fallback(rq, rs, err);
        return error_set(err, &problem_not_found, NULL);
    }
    response_header(rs, "Allow", arena_strdup(rq->arena, match->allow));
    if (strcmp(rq->method, "OPTIONS") != 0) return error_set(err, &problem_method_not_allowed, NULL);
    rs->status = 204;
    return true;
}

static bool answer_routed(struct request *rq, struct response *rs, struct error *err)
{
    if (!identify(rq, err) || !identity_allow(rq->route, &rq->caller, err) || !input_read(rq, err))
        return false;
    if (!run(rq, rs, err)) return false;
    answer_finish(rq, rs);
    return true;
}

// A route for anyone works with a bad token as without one: an expired one must not stop signing in.
static bool identify(struct request *rq, struct error *err)
{
    if (rq->caller.signed_in || !rq->app->identity) return true; // known to `before` already
    if (identity_of_request(rq->app->identity, rq->http, rq->arena, &rq->caller, err)) return true;
    if (rq->route->who != ACCESS_ANYONE || err->problem != &problem_unauthenticated) return false;
    error_clear(err);
    return true;
}

// Runs the handler in its session; again where others were in the way. Each time starts from what
// `before` left, so nothing of a rolled back run is sent.
static bool run(struct request *rq, struct response *rs, struct error *err)
{
    const struct response blank = *rs;
    const struct route *guard = NULL;
    if (!guard_find(rq, &guard, err)) return false;
    for (int attempt = 1;; attempt++) {
        *rs = blank;
        rs->status = rq->route->status ? rq->route->status : 200;
        rs->content_type = "application/json";
        if (run_once(rq, rs, guard, err)) return true;
        if (!err->retry || attempt == ATTEMPTS) return false;
        error_clear(err);
        wait_before_retry(attempt);
    }
}

static bool run_once(struct request *rq, struct response *rs, const struct route *guard, struct error *err)
{
    if (!rq->app->pool) return rq->route->handler(rq, rs, err);
    const bool reads = strcmp(rq->route->method, "GET") == 0;
    const bool one_transaction = guard || (!reads && !rq->route->no_transaction);
    db_begin(&rq->db, rq->app->pool, guard ? DB_REPEATABLE : one_transaction ? DB_WRITE : DB_READ, rq->arena);
    rq->db.traceparent = rq->traceparent;
    const size_t headers_before = rs->header_count;
    bool ok = run_handler(rq, rs, guard, err);
    if (one_transaction && (ok || (err->commit && !err->retry))) {
        struct error commit = {.arena = rq->arena};
        if (!db_commit(&rq->db, &commit)) {
            ok = false;
            *err = commit;
            rs->header_count = headers_before; // what a lost change promised is not sent
        }
    }
    db_end(&rq->db);
    if (!reads) relay_wake(rq->app->relay); // routes without our transaction may have made some themselves
    if (ok && rs->wake) workers_wake(rq->app->workers, rs->wake);
    return ok;
}

static bool run_handler(struct request *rq, struct response *rs, const struct route *guard, struct error *err)
{
    if (guard && !guard_holds(rq, guard, err)) return false;
    const char *key = rq->route->idempotent ? http_request_header(rq->http, "Idempotency-Key") : NULL;
    if (key) return run_keyed(rq, rs, key, err);
    return rq->route->handler(rq, rs, err);
}

static bool run_keyed(struct request *rq, struct response *rs, const char *key, struct error *err)
{
    switch (idempotency_claim(rq, key, rs, err)) {
    case IDEMPOTENCY_REPLAYED: return true;
    case IDEMPOTENCY_REFUSED: return false;
    case IDEMPOTENCY_NEW: break;
    }
    if (rq->route->handler(rq, rs, err)) return idempotency_keep(rq, key, rs, err);
    if (err->commit && !err->retry && !keep_refusal(rq, key, err)) err->commit = false;
    return false;
}

// A refusal that is committed is the key's answer as well.
static bool keep_refusal(struct request *rq, const char *key, const struct error *refusal)
{
    struct response rs = {0};
    struct error err = {.arena = rq->arena};
    problem_write(refusal, rq->request_id, rq->arena, &rs);
    return idempotency_keep(rq, key, &rs, &err);
}

// The route that reads what this request would change, where the client says which version it knows; without one it can know none.
static bool guard_find(struct request *rq, const struct route **ret, struct error *err)
{
    const char *method = rq->route->method;
    const bool changes =
        strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0 || strcmp(method, "DELETE") == 0;
    if (!changes || !rq->app->pool || !http_request_header(rq->http, "If-Match")) return true;
    *ret = route_find(rq->app->service->routes, "GET", rq->path, rq->arena).route;
    return *ret || error_set(err, &problem_stale, "Nothing is read at this address, so there is no version of it to match. Send it without If-Match.");
}

// In one snapshot with the change: a writer in between makes the change fail as stale or be rerun.
static bool guard_holds(struct request *rq, const struct route *guard, struct error *err)
{
    struct request read = *rq;
    struct response current = {.status = 200};
    read.route = guard;
    read.method = "GET";
    read.input = NULL;
    read.body = NULL;
    read.query = guard->query ? arena_alloc(rq->arena, guard->query->size) : NULL;
    const bool ok = identity_allow(guard, &rq->caller, err) && guard->handler(&read, &current, err);
    rq->db = read.db;
    if (!ok) return false;
    const char *etag = response_header_find(&current, "ETag");
    if (!etag) etag = answer_etag(rq->arena, &current);
    return answer_etag_matches(http_request_header(rq->http, "If-Match"), etag, false) ||
           error_set(err, &problem_stale, NULL);
}

static void wait_before_retry(int attempt)
{
    uint8_t jitter = 0;
    crypto_random(&jitter, sizeof jitter);
    const long wait_ms = (1L << attempt) + jitter % 8;
    nanosleep(&(struct timespec){.tv_nsec = wait_ms * 1000000}, NULL);
}

static void close_request(struct request *rq, struct response *rs, const struct error *err, int64_t began_us,
                          struct http_response *out)
{
    if (err) answer_finish(rq, rs);
    response_header(rs, "X-Request-Id", rq->request_id);
    response_header(rs, "traceparent", rq->traceparent);
    if (rq->app->service->after) rq->app->service->after(rq, rs);
    if (rs->content_type && (rs->body || rs->file)) response_header(rs, "Content-Type", rs->content_type);
    out->status = rs->status ? rs->status : 500;
    out->header_count = rs->header_count;
    memcpy(out->headers, rs->headers, rs->header_count * sizeof rs->headers[0]);
    out->body = rs->body;
    out->body_length = rs->body ? rs->length : 0;
    out->file = rs->file;
    const int64_t duration_us = clock_monotonic_us() - began_us;
    kit_metrics_count(rq->app->kit_metrics, rq->route, out->status, duration_us);
    log_request(rq, rs, err, duration_us);
}

static void log_request(const struct request *rq, const struct response *rs, const struct error *err,
                        int64_t duration_us)
{
    // what the server refused (busy, stopping) is no fault of ours: the access line tells it
    if (err && rs->status >= 500 && !rq->http->refusal)
        log_failure(LOG_LEVEL_ERROR, "request_failed", err);
    else if (err && err->cause[0]) log_failure(LOG_LEVEL_DEBUG, "request_refused", err);
    log_info("request", LOG_TEXT("method", rq->method), LOG_TEXT("route", rq->route ? rq->route->path : "-"),
             LOG_INT("status", rs->status), LOG_REAL("duration_ms", (double)duration_us / 1000),
             LOG_TEXT("user_id", rq->caller.user_id));
}
