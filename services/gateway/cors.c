// SPDX-License-Identifier: MIT
#include "cors.h"

#include <stdlib.h>
#include <string.h>

#include "headers.h"

#define ORIGINS_MAX 32

struct cors {
    char *list; // cut into the origins
    const char *origins[ORIGINS_MAX];
    size_t count;
};

static bool is_origin(const char *text);

struct cors *cors_new(const char *list, struct error *err)
{
    struct cors *cors = calloc(1, sizeof *cors);
    if (cors) cors->list = strdup(list);
    if (!cors || !cors->list) return cors_free(cors), error_set(err, &problem_unavailable, NULL), NULL;
    for (char *at = cors->list, *origin; (origin = strsep(&at, ", "));) {
        if (!*origin) continue;
        if (cors->count == ORIGINS_MAX || !is_origin(origin)) {
            error_set(err, &problem_malformed, NULL);
            error_cause(err, "DC_CORS_ORIGINS: '%s' is no origin like https://host:port", origin);
            cors_free(cors);
            return NULL;
        }
        cors->origins[cors->count++] = origin;
    }
    return cors;
}

void cors_free(struct cors *cors)
{
    if (cors) free(cors->list);
    free(cors);
}

bool cors_allows(const struct cors *cors, const char *origin)
{
    for (size_t i = 0; origin && i < cors->count; i++) {
        if (strcmp(cors->origins[i], origin) == 0) return true;
    }
    return false;
}

bool cors_preflight(const struct cors *cors, const struct http_request *http, struct response *rs)
{
    const char *origin = http_request_header(http, "Origin");
    if (strcmp(http->method, "OPTIONS") != 0 || !origin) return false;
    if (!http_request_header(http, "Access-Control-Request-Method")) return false;
    rs->status = 204;
    rs->content_type = NULL;
    if (!cors_allows(cors, origin)) return true; // without the headers a browser refuses
    response_header_set(rs, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    response_header_set(
        rs, "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, traceparent");
    response_header_set(rs, "Access-Control-Max-Age", "600");
    return true;
}

void cors_answer(const struct cors *cors, const struct http_request *http, struct response *rs)
{
    const char *origin = http_request_header(http, "Origin");
    if (!cors_allows(cors, origin)) return;
    response_header_set(rs, "Access-Control-Allow-Origin", origin);
    response_header_set(rs, "Access-Control-Allow-Credentials", "true");
    response_header_set(rs, "Access-Control-Expose-Headers",
                        "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, "
                        "Idempotent-Replayed, X-Cache");
}

// scheme://host[:port] and nothing more.
static bool is_origin(const char *text)
{
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : "";
    return *host && host[strcspn(host, "/?#@*\\")] == '\0';
}
