// SPDX-License-Identifier: MIT
// What no route of our own answers goes to the service behind its prefix.
#include "forward.h"

#include <string.h>

#include "compress.h"
#include "gateway.h"
#include "headers.h"

// One request on its way.
struct passage {
    const struct upstream_route *route;
    const char *cache_key; // NULL: not cacheable
    uint64_t generation;
    struct http_header headers[FORWARDED_MAX];
    struct http_call call;
};

static bool from_cache(struct request *rq, struct response *rs, const char *key);
static void passage_prepare(struct passage *passage, struct request *rq);
static void drop_stale(struct gateway *gateway, const struct passage *passage, bool answered, int status);
static void answer_keep(struct request *rq, const struct passage *passage, struct response *rs);
static void answer_write(const struct request *rq, struct response *rs, const struct cache_answer *answer);
static bool is_read(const struct request *rq);
static bool is_storable(const struct response *rs);

bool forward_to_service(struct request *rq, struct response *rs, struct error *err)
{
    struct gateway *gateway = gateway_of(rq);
    struct passage passage = {.route = upstream_route_find(rq->method, rq->path)};
    if (!passage.route) return error_set(err, &problem_not_found, NULL);
    if ((int64_t)rq->http->body_length > passage.route->body_limit_bytes)
        return error_set(err, &problem_too_large, NULL);
    if (passage.route->cached && cache_is_on(gateway->cache) && is_read(rq) && !http_request_header(rq->http, "Authorization")) {
        passage.cache_key = cache_key(rq->arena, rq->path, rq->http->query);
    }
    if (passage.cache_key && from_cache(rq, rs, passage.cache_key)) return true;
    passage_prepare(&passage, rq);

    struct http_answer answer = {0};
    passage.generation = cache_generation(gateway->cache);
    const bool answered =
        upstream_call(gateway->upstreams, passage.route->service, &passage.call, rq->arena, &answer, err);
    drop_stale(gateway, &passage, answered, answer.status);
    if (!answered) return false;

    headers_return(&answer, rs);
    rs->status = answer.status;
    rs->body = answer.body;
    rs->length = answer.body_length;
    rs->no_etag = true;
    if (passage.cache_key) {
        response_header_set(rs, "X-Cache", "miss");
        metric_add(gateway->cache_misses, 1);
        if (is_storable(rs)) answer_keep(rq, &passage, rs);
    }
    return true;
}

static bool from_cache(struct request *rq, struct response *rs, const char *key)
{
    struct gateway *gateway = gateway_of(rq);
    struct cache_answer *answer = cache_get(gateway->cache, key, clock_monotonic_ms());
    if (!answer || !arena_defer(rq->arena, cache_release, answer)) return false;
    metric_add(gateway->cache_hits, 1);
    answer_write(rq, rs, answer);
    response_header_set(rs, "X-Cache", "hit");
    return true;
}

static void passage_prepare(struct passage *passage, struct request *rq)
{
    const struct http_request *http = rq->http;
    const bool with_token = rq->caller.signed_in || passage->route->bad_token == BAD_TOKEN_FORWARDED;
    const size_t count = headers_forward(rq, with_token, http->body_length > 0, passage->headers);
    for (size_t i = 0; i < count; i++) {
        struct http_header *header = &passage->headers[i];
        if (strcmp(header->name, "If-Match") == 0) header->value = etag_plain(rq->arena, header->value);
    }
    passage->call = (struct http_call){
        .method = strcmp(http->method, "HEAD") == 0 ? "GET" : http->method, // the server sends the head alone
        .path = http->query ? arena_printf(rq->arena, "%s?%s", rq->path, http->query) : rq->path,
        .headers = passage->headers,
        .header_count = count,
        .body = http->body,
        .body_length = http->body_length,
        .timeout_ms = passage->route->timeout_ms,
    };
}

// A write to profiles changes what lists show, unless it was surely refused. Dropping before the
// answer goes out lets the client read its own write.
static void drop_stale(struct gateway *gateway, const struct passage *passage, bool answered, int status)
{
    if (passage->route->service != UPSTREAM_PROFILES || strcmp(passage->call.method, "GET") == 0) return;
    if (!answered || status < 400 || status >= 500) cache_drop(gateway->cache);
}

// Keeps the answer and writes it as a later hit would, so that it is compressed once.
static void answer_keep(struct request *rq, const struct passage *passage, struct response *rs)
{
    struct gateway *gateway = gateway_of(rq);
    struct cache_answer kept = {.content_type = rs->content_type, .body = rs->body, .length = rs->length};
    for (size_t i = 0; i < rs->header_count; i++) {
        if (strcmp(rs->headers[i].name, "X-Cache") != 0) kept.headers[kept.header_count++] = rs->headers[i];
    }
    if (gzip_worthwhile(kept.content_type, kept.length) &&
        !gzip_body(rq->arena, kept.body, kept.length, COMPRESS_LEVEL_FAST, &kept.gzip, &kept.gzip_length)) {
        kept.gzip = NULL;
        kept.gzip_length = 0;
    }
    cache_put(gateway->cache, passage->cache_key, &kept, passage->generation, clock_monotonic_ms());
    metric_set(gateway->cache_size_bytes, cache_bytes(gateway->cache));
    answer_write(rq, rs, &kept);
}

static void answer_write(const struct request *rq, struct response *rs, const struct cache_answer *answer)
{
    const bool gzip = answer->gzip && gzip_accepted(http_request_header(rq->http, "Accept-Encoding"));
    rs->status = 200;
    rs->no_etag = true;
    rs->content_type = answer->content_type;
    rs->body = gzip ? answer->gzip : answer->body;
    rs->length = gzip ? answer->gzip_length : answer->length;
    for (size_t i = 0; i < answer->header_count; i++) {
        response_header_set(rs, answer->headers[i].name, answer->headers[i].value);
    }
    if (gzip) response_header_set(rs, "Content-Encoding", "gzip");
}

static bool is_read(const struct request *rq)
{
    return strcmp(rq->http->method, "GET") == 0 || strcmp(rq->http->method, "HEAD") == 0;
}

// A whole answer that its service did not call personal.
static bool is_storable(const struct response *rs)
{
    const char *control = response_header_find(rs, "Cache-Control");
    const bool personal = control && (strstr(control, "no-store") || strstr(control, "private"));
    return rs->status == 200 && !personal && !response_header_find(rs, "Set-Cookie") &&
           !response_header_find(rs, "Content-Encoding") && rs->header_count <= CACHE_HEADERS_MAX;
}
