// SPDX-License-Identifier: MIT
// The last steps of an answer: ETag and 304, caching, ids.
#include "running.h"

#include <string.h>

#include "crypto.h"
#include "response.h"

static void conditional(struct request *rq, struct response *rs);
static void caching(const struct request *rq, struct response *rs);
static bool tag_matches(const char *given, size_t length, const char *etag, bool weakly);

void answer_finish(struct request *rq, struct response *rs)
{
    conditional(rq, rs);
    caching(rq, rs);
}

const char *answer_etag(struct arena *arena, const struct response *rs)
{
    char hex[SHA256_HEX_SIZE];
    crypto_sha256_hex(rs->body ? rs->body : "", rs->body ? rs->length : 0, hex);
    return arena_printf(arena, "\"%.32s\"", hex);
}

// True when one tag of the list (or *) is etag. If-None-Match compares weakly, If-Match strongly.
bool answer_etag_matches(const char *header, const char *etag, bool weakly)
{
    if (!etag) return false;
    while (*header) {
        header += strspn(header, " \t,");
        const char *quote = strpbrk(header, "\",");
        size_t length = strcspn(header, ",");
        if (quote && *quote == '"') { // a comma inside the quotes is part of the tag
            const char *end = strchr(quote + 1, '"');
            length = end ? (size_t)(end - header) + 1 : strlen(header);
        }
        while (length > 0 && strchr(" \t", header[length - 1])) length--;
        if (length == 1 && header[0] == '*') return true;
        if (length > 0 && tag_matches(header, length, etag, weakly)) return true;
        header += strcspn(header + length, ",") + length;
    }
    return false;
}

static bool tag_matches(const char *given, size_t length, const char *etag, bool weakly)
{
    if (length > 2 && memcmp(given, "W/", 2) == 0) {
        if (!weakly) return false;
        given += 2;
        length -= 2;
    }
    return length == strlen(etag) && memcmp(given, etag, length) == 0;
}

static void conditional(struct request *rq, struct response *rs)
{
    const bool is_read = strcmp(rq->method, "GET") == 0 || strcmp(rq->method, "HEAD") == 0;
    if (!is_read || !rq->route || rs->status != 200 || !rs->body || rs->file) return;
    const char *etag = response_header_find(rs, "ETag");
    if (!etag && !rs->no_etag) {
        etag = answer_etag(rq->arena, rs);
        response_header(rs, "ETag", etag);
    }
    const char *known = http_request_header(rq->http, "If-None-Match");
    if (!etag || !known || !answer_etag_matches(known, etag, true)) return;
    rs->status = 304;
    rs->content_type = NULL;
    response_json(rs, NULL);
}

// Whatever was said to somebody in particular, or went wrong, is kept by no cache.
static void caching(const struct request *rq, struct response *rs)
{
    const bool personal =
        rq->caller.signed_in || (rq->route && rq->route->private_answer) || rs->status >= 400;
    if (personal && !response_header_find(rs, "Cache-Control"))
        response_header(rs, "Cache-Control", "no-store");
}
