// SPDX-License-Identifier: MIT
// Query and body, decoded by the route's tables.
#include "running.h"

#include <string.h>
#include <strings.h>

#define PARAMETERS_MAX 64

static bool query_read(struct request *rq, struct error *err);
static bool query_split(struct request *rq, struct text_pair *pairs, size_t *ret_count, struct error *err);
static bool body_read(struct request *rq, struct error *err);
static bool body_is_json(const struct request *rq);

bool input_read(struct request *rq, struct error *err)
{
    return query_read(rq, err) && body_read(rq, err);
}

static bool query_read(struct request *rq, struct error *err)
{
    struct text_pair pairs[PARAMETERS_MAX];
    size_t count = 0;
    const struct fields *fields = rq->route->query;
    if (!query_split(rq, pairs, &count, err)) return false;
    if (!fields) {
        for (size_t i = 0; i < count; i++) {
            const char *pointer = arena_printf(rq->arena, "?%.100s", pairs[i].name);
            (void)error_violation(err, pointer ? pointer : "?", "is not a known parameter");
        }
        return count == 0;
    }
    void *query = arena_alloc(rq->arena, fields->size);
    if (!query) return error_set(err, &problem_unavailable, NULL);
    rq->query = query;
    return field_decode_query(fields, pairs, count, query, rq->arena, err);
}

static bool query_split(struct request *rq, struct text_pair *pairs, size_t *ret_count, struct error *err)
{
    for (const char *at = rq->http->query; at && *at;) {
        const size_t length = strcspn(at, "&"), name = strcspn(at, "=&");
        if (length > 0) {
            if (*ret_count == PARAMETERS_MAX)
                return error_set(err, &problem_malformed, "At most %d query parameters are taken.",
                                 PARAMETERS_MAX);
            const size_t value = name < length ? name + 1 : length;
            const struct text_pair pair = {http_decode(rq->arena, at, name, true),
                                           http_decode(rq->arena, at + value, length - value, true)};
            if (arena_failed(rq->arena)) return error_set(err, &problem_unavailable, NULL);
            if (!pair.name || !pair.value)
                return error_set(err, &problem_malformed,
                                 "The query is not well-formed: percent-encode it as UTF-8.");
            pairs[(*ret_count)++] = pair;
        }
        at += length + (at[length] == '&');
    }
    return true;
}

static bool body_read(struct request *rq, struct error *err)
{
    const struct route *route = rq->route;
    const struct http_request *http = rq->http;
    const int64_t limit =
        route->body_limit_bytes ? route->body_limit_bytes : rq->app->config.body_limit_bytes;
    if (limit > 0 && (int64_t)http->body_length > limit)
        return error_set(err, &problem_too_large, "The body may have at most %lld bytes.", (long long)limit);
    if (!route->body) return true;
    void *input = arena_alloc(rq->arena, route->body->size);
    if (!input) return error_set(err, &problem_unavailable, NULL);
    rq->input = input;
    if (http->body_length == 0 && route->body_optional) return true;
    if (!body_is_json(rq)) return error_set(err, &problem_unsupported_media, NULL);
    if (http->body_length == 0) return error_set(err, &problem_malformed, "Send a JSON object as the body.");
    json_t *body = json_parse(http->body, http->body_length, err);
    if (!body) return false;
    if (!json_keep(rq->arena, body)) return error_set(err, &problem_unavailable, NULL);
    rq->body = body;
    const enum field_mode mode = route->partial ? FIELD_PARTIAL : FIELD_WHOLE;
    return field_decode(route->body, body, mode, input, rq->arena, err);
}

// application/json, with or without parameters; application/…+json would mean something else.
static bool body_is_json(const struct request *rq)
{
    const char *type = http_request_header(rq->http, "Content-Type");
    const size_t length = strlen("application/json");
    if (!type || strncasecmp(type, "application/json", length) != 0) return false;
    return strchr(" \t;", type[length]) != NULL; // the NUL at the end counts too
}
