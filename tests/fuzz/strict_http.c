// SPDX-License-Identifier: MIT
#include "strict_http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t\r\n\v\f"
#define DIGITS "0123456789abcdefABCDEF"

struct reading {
    const char *at, *end;
    bool is_alone;            // the first line is all of the head
    struct arena *arena;
    struct strict_message *message;
};

static char *read_line(struct reading *reading);
static bool read_first_line(struct reading *reading);
static bool read_start(struct reading *reading, char *line);
static bool read_headers(struct reading *reading);
static bool read_body(struct reading *reading);
static bool read_chunks(struct reading *reading);

static bool is_token(const char *text)
{
    return *text && !text[strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

static size_t headers_named(const struct strict_message *message, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < message->header_count; i++) count += strcasecmp(message->headers[i].name, name) == 0;
    return count;
}

static const char *header_find(const struct strict_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcasecmp(message->headers[i].name, name) == 0) return message->headers[i].value;
    return NULL;
}

bool strict_request_read(const char *bytes, size_t length, struct arena *arena, struct strict_message *ret)
{
    *ret = (struct strict_message){0};
    struct reading reading = {.at = bytes, .end = bytes + length, .arena = arena, .message = ret};
    if (!read_first_line(&reading) || !is_token(ret->start[0]) || !read_headers(&reading)) return false;
    const char *target = ret->start[1], *version = ret->start[2];
    if (target[0] != '/' || target[strcspn(target, " \t#")]) return false;
    const bool is_new = strcmp(version, "HTTP/1.1") == 0;
    if (!is_new && strcmp(version, "HTTP/1.0") != 0) return false;
    const size_t hosts = headers_named(ret, "Host");
    if (hosts > 1 || (is_new && hosts == 0)) return false;
    if (!read_body(&reading) || (ret->chunked && !is_new)) return false;
    ret->length = (size_t)(reading.at - bytes);
    return true;
}

bool strict_answer_read(const char *bytes, size_t length, bool to_head, struct arena *arena, struct strict_message *ret)
{
    *ret = (struct strict_message){0};
    struct reading reading = {.at = bytes, .end = bytes + length, .arena = arena, .message = ret};
    if (!read_start(&reading, read_line(&reading)) || !read_headers(&reading) || strcmp(ret->start[0], "HTTP/1.1") != 0) return false;
    const long status = strtol(ret->start[1], NULL, 10);
    const bool bare = to_head || status < 200 || status == 204 || status == 304;
    if (!bare && !header_find(ret, "Content-Length")) return false;
    if (!bare && !read_body(&reading)) return false;
    ret->length = (size_t)(reading.at - bytes);
    return true;
}

// The next line without its CRLF; NULL where there is none, or where it holds a control character other than a tab.
static char *read_line(struct reading *reading)
{
    const char *end = memmem(reading->at, (size_t)(reading->end - reading->at), "\r\n", 2);
    if (!end) return NULL;
    for (const char *at = reading->at; at < end; at++)
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7F) return NULL;
    char *line = arena_memdup(reading->arena, reading->at, (size_t)(end - reading->at));
    reading->at = end + 2;
    return line;
}

// Also where the bytes have ended: civetweb's buffer holds a NUL there.
static bool is_blank(const struct reading *reading, const char *at)
{
    return at >= reading->end || strchr(BLANKS, *at);
}

// The end of a request's first line is the first of three things that are forgiven: civetweb blanks its two bytes before we can look, and
// those of the empty line too where no header stands between them, which then a NUL of the client's is not to be told from.
static bool read_first_line(struct reading *reading)
{
    const char *end = reading->at;
    while (end < reading->end && (unsigned char)*end >= 0x20 && *end != 0x7F) end++;
    char *line = arena_memdup(reading->arena, reading->at, (size_t)(end - reading->at));
    const ptrdiff_t left = reading->end - end;
    reading->is_alone = is_blank(reading, end + 2) && is_blank(reading, end + 3);
    const ptrdiff_t blanked = reading->is_alone ? 4 : 2;
    reading->at = end + (blanked < left ? blanked : left);
    const bool is_ended = left >= 2 && strchr("\r\n", end[0]) && strchr(BLANKS, end[1]) && end[0] && end[1];
    return is_ended && read_start(reading, line);
}

static bool read_start(struct reading *reading, char *line)
{
    char *rest = line;
    for (int i = 0; i < 2; i++) {
        char *blank = rest ? strchr(rest, ' ') : NULL;
        if (!blank || blank == rest) return false;
        *blank = '\0';
        reading->message->start[i] = rest;
        rest = blank + 1;
    }
    reading->message->start[2] = rest;
    return true;
}

static bool read_headers(struct reading *reading)
{
    struct strict_message *message = reading->message;
    if (reading->is_alone) return true;
    for (char *line = read_line(reading); line; line = read_line(reading)) {
        if (!*line) return true;
        char *colon = strchr(line, ':');
        if (!colon || message->header_count == STRICT_HEADERS_MAX) return false;
        *colon = '\0';
        char *value = colon + 1 + strspn(colon + 1, " \t");
        for (size_t length = strlen(value); length && strchr(" \t", value[length - 1]); length--) value[length - 1] = '\0';
        if (!is_token(line)) return false;
        message->headers[message->header_count++] = (struct strict_header){line, value};
    }
    return false;
}

static bool take_bytes(struct reading *reading, size_t length)
{
    if (length > (size_t)(reading->end - reading->at)) return false;
    reading->at += length;
    return true;
}

static bool read_body(struct reading *reading)
{
    struct strict_message *message = reading->message;
    const char *length = header_find(message, "Content-Length"), *encoding = header_find(message, "Transfer-Encoding");
    message->body = reading->at;
    if (headers_named(message, "Content-Length") + headers_named(message, "Transfer-Encoding") > 1) return false;
    message->chunked = encoding != NULL;
    if (encoding) return strcasecmp(encoding, "chunked") == 0 && read_chunks(reading);
    if (!length) return true;
    if (!*length || strlen(length) > 15 || length[strspn(length, "0123456789")]) return false;
    message->body_length = strtoul(length, NULL, 10);
    return take_bytes(reading, message->body_length);
}

// Up to an empty line. If there is none, which civetweb does not look for, the body is whole; but then nothing may follow, for
// two programs would disagree on where it begins.
static void skip_trailers(struct reading *reading)
{
    const char *line = read_line(reading);
    while (line && *line) line = read_line(reading);
    if (!line) reading->at = reading->end;
}

// The line before a chunk. civetweb takes a lone CR among its digits, reads those before it, and tells nobody.
static char *read_size(struct reading *reading)
{
    const char *end = memmem(reading->at, (size_t)(reading->end - reading->at), "\r\n", 2);
    const char *lone = end ? memchr(reading->at, '\r', (size_t)(end - reading->at)) : NULL;
    if (!lone) return read_line(reading);
    for (const char *at = lone; at < end; at++)
        if (!memchr("\r" DIGITS, *at, sizeof DIGITS)) return NULL;
    char *line = arena_memdup(reading->arena, reading->at, (size_t)(lone - reading->at));
    reading->at = end + 2;
    return line;
}

static bool read_chunks(struct reading *reading)
{
    struct strict_message *message = reading->message;
    char *body = arena_alloc(reading->arena, (size_t)(reading->end - reading->at) + 1);
    message->body = body;
    for (char *line = read_size(reading); line; line = read_size(reading)) {
        const size_t digits = strspn(line, DIGITS);
        if (digits < 1 || (line[digits] && !strchr("; \t", line[digits]))) return false;
        const size_t size = strtoul(line, NULL, 16);
        const char *from = reading->at;
        if (size == 0) {
            skip_trailers(reading);
            return true;
        }
        if (!take_bytes(reading, size) || !take_bytes(reading, 2) || memcmp(reading->at - 2, "\r\n", 2) != 0) return false;
        memcpy(body + message->body_length, from, size);
        message->body_length += size;
    }
    return false;
}
