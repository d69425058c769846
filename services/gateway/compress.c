// SPDX-License-Identifier: MIT
#include "compress.h"

#include <limits.h>
#include <string.h>
#include <strings.h>
#define ZLIB_CONST
#include <zlib.h>

#include "headers.h"

#define WORTHWHILE_BYTES 1024
#define MARK "-gzip\""

static bool is_zero_quality(const char *parameters, size_t length);
static const char *plain_tag(const char *tag);

bool gzip_accepted(const char *accept_encoding)
{
    bool star = false;
    for (const char *at = accept_encoding; at && *at;) {
        at += strspn(at, ", \t");
        const size_t length = strcspn(at, ",");
        const size_t name = strcspn(at, ",; \t");
        const bool refused = is_zero_quality(at + name, length - name);
        if (name == 4 && strncasecmp(at, "gzip", 4) == 0) return !refused;
        if (name == 1 && *at == '*') star = !refused;
        at += length;
    }
    return star;
}

bool gzip_body(struct arena *arena, const char *body, size_t length, int level, const char **ret,
               size_t *ret_length)
{
    z_stream stream = {0};
    if (length > UINT_MAX / 2 ||
        deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    const size_t bound = deflateBound(&stream, length);
    unsigned char *out = arena_alloc(arena, bound);
    stream.next_in = (const Bytef *)body;
    stream.avail_in = (uInt)length;
    stream.next_out = out;
    stream.avail_out = (uInt)bound;
    const bool done = out && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    *ret = (const char *)out;
    *ret_length = stream.total_out;
    deflateEnd(&stream);
    return done && *ret_length < length;
}

void gzip_response(const struct request *rq, struct response *rs)
{
    const char *gzip;
    size_t length;
    if (rs->status == 304 || rs->file || !gzip_worthwhile(rs->content_type, rs->length)) return;
    if (response_header_find(rs, "Content-Encoding") || response_header_find(rs, "Set-Cookie")) return;
    if (!gzip_accepted(http_request_header(rq->http, "Accept-Encoding"))) return;
    if (!gzip_body(rq->arena, rs->body, rs->length, COMPRESS_LEVEL_FAST, &gzip, &length)) return;
    rs->body = gzip;
    rs->length = length;
    response_header_set(rs, "Content-Encoding", "gzip");
}

bool gzip_worthwhile(const char *content_type, size_t length)
{
    static const char *const types[] = {"application/json", "application/problem+json", "text/",
                                        "application/javascript", "image/svg+xml"};
    if (length <= WORTHWHILE_BYTES || !content_type) return false;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strncasecmp(content_type, types[i], strlen(types[i])) == 0) return true;
    }
    return false;
}

const char *etag_of_gzip(struct arena *arena, const char *etag)
{
    const size_t length = strlen(etag);
    if (length < 2 || etag[length - 1] != '"') return etag;
    return arena_printf(arena, "%.*s" MARK, (int)length - 1, etag);
}

const char *etag_plain(struct arena *arena, const char *tags)
{
    if (!strstr(tags, MARK)) return tags;
    struct text_buffer out = text_buffer(arena);
    for (const char *mark; (mark = strstr(tags, MARK)); tags = mark + strlen(MARK)) {
        text_add_bytes(&out, tags, (size_t)(mark - tags));
        text_add(&out, "\"");
    }
    text_add(&out, tags);
    return text_take(&out);
}

bool etag_matches(struct arena *arena, const char *if_none_match, const char *etag)
{
    const char *have = etag_plain(arena, if_none_match);
    const char *want = etag_plain(arena, etag);
    if (!have || !want) return false;
    if (text_equal(have, "*")) return true;
    want = plain_tag(want);
    const size_t length = strlen(want);
    for (const char *at = have; *at;) {
        at += strspn(at, ", \t");
        const char *tag = plain_tag(at);
        if (*tag != '"') return false;
        const char *end = strchr(tag + 1, '"');
        if (!end) return false;
        if ((size_t)(end + 1 - tag) == length && memcmp(tag, want, length) == 0) return true;
        at = end + 1;
    }
    return false;
}

void etag_answer(const struct request *rq, struct response *rs)
{
    const bool read = strcmp(rq->http->method, "GET") == 0 || strcmp(rq->http->method, "HEAD") == 0;
    const char *etag = response_header_find(rs, "ETag");
    const char *if_none_match = http_request_header(rq->http, "If-None-Match");
    if (!read || rs->status != 200 || !etag || !if_none_match) return;
    if (!etag_matches(rq->arena, if_none_match, etag)) return;
    rs->status = 304;
    rs->body = NULL;
    rs->length = 0;
    rs->file = NULL;
    rs->content_type = NULL;
    response_header_remove(rs, "Content-Encoding");
}

static bool is_zero_quality(const char *parameters, size_t length)
{
    const char *end = parameters + length;
    const char *at = memmem(parameters, length, "q=", 2);
    if (!at) return false;
    for (at += 2; at < end && (*at == '0' || *at == '.'); at++) {}
    return at == end || *at == ' ' || *at == ';';
}

static const char *plain_tag(const char *tag)
{
    return strncmp(tag, "W/", 2) == 0 ? tag + 2 : tag;
}
