// SPDX-License-Identifier: MIT
#include "headers.h"

#include <string.h>
#include <strings.h>

// Requests: everything else is left out.
static const struct passed {
    const char *name;
    enum { ALWAYS, TOKEN, CONTENT } when;
} passed[] = {
    {"Accept", ALWAYS},     {"Accept-Language", ALWAYS}, {"Authorization", TOKEN}, {"Content-Type", CONTENT},
    {"Cookie", ALWAYS},     {"Idempotency-Key", ALWAYS}, {"If-Match", ALWAYS},     {"Origin", ALWAYS},
    {"User-Agent", ALWAYS}, {"Sec-Fetch-Site", ALWAYS},
};

// Answers: of the connection (RFC 9110 §7.6.1), of the server, or written by the gateway itself.
static const char *const withheld[] = {
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Content-Length",
    "Content-Type",
    "Date",
    "Server",
    "X-Powered-By",
    "X-Request-Id",
    "traceparent",
    "tracestate",
    "Vary",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Expose-Headers",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
    "Strict-Transport-Security",
    "X-Cache",
};

static const struct http_header security[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Strict-Transport-Security", "max-age=31536000; includeSubDomains"},
    {"Cross-Origin-Resource-Policy", "cross-origin"}, // photos are shown on the app's own origin
    {"Vary", "Authorization, Origin, Accept-Encoding"},
};

static bool is_withheld(const struct http_answer *answer, const char *name);
static bool is_named_by(const char *list, const char *name);
static void append(struct response *rs, const char *name, const char *value);

size_t headers_forward(const struct request *rq, bool with_token, bool with_content,
                       struct http_header out[FORWARDED_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(passed); i++) {
        if ((passed[i].when == TOKEN && !with_token) || (passed[i].when == CONTENT && !with_content))
            continue;
        const char *value = http_request_header(rq->http, passed[i].name);
        if (value) out[count++] = (struct http_header){passed[i].name, value};
    }
    const struct http_header known[] = {{"X-Request-Id", rq->request_id},
                                        {"traceparent", rq->traceparent},
                                        {"X-Forwarded-For", rq->client_address}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (known[i].value) out[count++] = known[i];
    }
    return count;
}

void headers_return(const struct http_answer *answer, struct response *rs)
{
    rs->content_type = http_answer_header(answer, "Content-Type");
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct http_header *header = &answer->headers[i];
        if (!is_withheld(answer, header->name)) append(rs, header->name, header->value);
    }
}

void response_header_set(struct response *rs, const char *name, const char *value)
{
    for (size_t i = 0; i < rs->header_count; i++) {
        if (strcasecmp(rs->headers[i].name, name) != 0) continue;
        rs->headers[i].value = value;
        return;
    }
    append(rs, name, value);
}

void response_header_remove(struct response *rs, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < rs->header_count; i++) {
        if (strcasecmp(rs->headers[i].name, name) != 0) rs->headers[kept++] = rs->headers[i];
    }
    rs->header_count = kept;
}

void headers_secure(const struct request *rq, struct response *rs)
{
    for (size_t i = 0; i < COUNT_OF(security); i++) {
        if (!response_header_find(rs, security[i].name)) append(rs, security[i].name, security[i].value);
    }
    if (response_header_find(rs, "Cache-Control")) return;
    const bool read = rq->http && rq->http->method &&
                      (strcmp(rq->http->method, "GET") == 0 || strcmp(rq->http->method, "HEAD") == 0);
    const bool shared = read && rs->status < 400 && response_header_find(rs, "ETag") &&
                        !http_request_header(rq->http, "Authorization");
    append(rs, "Cache-Control", shared ? "no-cache" : "no-store");
}

static bool is_withheld(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(withheld); i++) {
        if (strcasecmp(name, withheld[i]) == 0) return true;
    }
    const char *connection = http_answer_header(answer, "Connection");
    return connection && is_named_by(connection, name);
}

// True when the comma-separated list names the header.
static bool is_named_by(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; *at;) {
        at += strspn(at, ", \t");
        const size_t word = strcspn(at, ", \t");
        if (word == length && strncasecmp(at, name, length) == 0) return true;
        at += word;
    }
    return false;
}

// A few places are left to the kit.
static void append(struct response *rs, const char *name, const char *value)
{
    if (rs->header_count < HTTP_RESPONSE_HEADERS_MAX - 2) {
        rs->headers[rs->header_count++] = (struct http_header){name, value};
    }
}
