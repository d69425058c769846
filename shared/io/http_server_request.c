// SPDX-License-Identifier: MIT
// What civetweb 1.15 lets pass and we don't (each read from its source):
// - at the 64th header it stops parsing, and drops the rest in silence;
// - so it does at a line that starts with a blank or a byte over 126: headers after it vanish;
// - "Name : value", bare line feeds and blank lines before the request are taken, as are several blanks in its line and a
//   fragment, which whoever is behind would not see;
// - of two Content-Length lines the first counts, "12abc" is 12, and chunked beats both;
// - "Transfer-Encoding: identity" counts as none.
// Two programs that read one request differently are how requests get smuggled.
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http_server_internal.h"

static const char *head_end(struct http_exchange *exchange);
static bool request_line_is_plain(const struct mg_request_info *info);
static bool headers_take(struct http_exchange *exchange);
static bool length_read(struct http_exchange *exchange);
static bool wants_keep_alive(const struct http_exchange *exchange);
static void expectation_meet(struct http_exchange *exchange);
static const struct problem *body_pull(struct http_exchange *exchange, struct text_buffer *body);

const struct problem *http_head_check(struct http_exchange *exchange)
{
    const struct mg_request_info *info = exchange->info;
    if (info->num_headers >= MG_MAX_HEADERS) {
        return &problem_head_too_large;
    }
    const char *end = head_end(exchange);
    if (end == NULL || !headers_take(exchange)) {
        return &problem_malformed;
    }
    if (end - exchange->worker->buffer > HTTP_HEAD_MAX) {
        return &problem_head_too_large;
    }
    exchange->request.method = info->request_method;
    exchange->request.path = info->local_uri_raw;
    exchange->request.query = info->query_string;
    exchange->close = !wants_keep_alive(exchange);
    return length_read(exchange) ? NULL : &problem_malformed;
}

// civetweb cuts the head into strings in place. If every line ended in CRLF and none was skipped,
// each string starts two bytes after the end of the one before. The end of the head, NULL if not.
static const char *head_end(struct http_exchange *exchange)
{
    const struct mg_request_info *info = exchange->info;
    struct http_worker *worker = exchange->worker;
    // The buffer belongs to the thread for good, so the lowest start ever seen is its start.
    if (worker->buffer == NULL || info->request_method < worker->buffer) {
        worker->buffer = info->request_method;
    }
    if (info->request_method != worker->buffer) {
        return NULL; // something stood before the method
    }
    if (!request_line_is_plain(info)) {
        return NULL;
    }
    const char *end = info->http_version + strlen(info->http_version);
    for (int i = 0; i < info->num_headers; i++) {
        const char *name = info->http_headers[i].name;
        const char *value = info->http_headers[i].value;
        const char *colon = name + strlen(name);
        if (name != end + 2 || (value > colon + 1 && colon[1] == '\0')) {
            return NULL;
        }
        end = value + strlen(value);
    }
    if (end + 3 >= worker->buffer + HTTP_HEAD_BUFFER) {
        return NULL;
    }
    // Now the empty line; civetweb blanks its CR too when there is no header at all. A NUL of the client's looks the same there,
    // but such a request is HTTP/1.0 and its connection ends.
    bool empty_line = end[2] == '\r' || (end[2] == '\0' && info->num_headers == 0);
    return empty_line && end[3] == '\0' ? end + 4 : NULL;
}

// One blank on either side of the target, which ends where its query does.
static bool request_line_is_plain(const struct mg_request_info *info)
{
    const char *target = info->request_uri;
    const char *last = info->query_string != NULL ? info->query_string : target;
    return target == info->request_method + strlen(info->request_method) + 1 && strchr(target, '#') == NULL &&
           strchr(last, '#') == NULL && info->http_version == last + strlen(last) + strlen(" HTTP/");
}

static bool is_token(const char *name)
{
    static const char letters[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

// civetweb looks at the method once it has read the first line, and then reads no further.
bool http_method_is_unknown(const struct mg_request_info *info)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    if (info->num_headers != 0 || info->http_version == NULL || strncmp(info->http_version, "1.", 2) != 0) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(info->request_method, known[i]) == 0) {
            return false;
        }
    }
    return is_token(info->request_method);
}

// Copies the headers, without the blanks that may trail a value.
static bool headers_take(struct http_exchange *exchange)
{
    const struct mg_request_info *info = exchange->info;
    struct http_header *headers = exchange->space->headers;
    int hosts = 0;
    for (int i = 0; i < info->num_headers; i++) {
        const char *value = info->http_headers[i].value;
        size_t length = strlen(value);
        size_t kept = length;
        while (kept > 0 && value[kept - 1] == ' ') {
            kept--;
        }
        headers[i].name = info->http_headers[i].name;
        headers[i].value = kept == length ? value : arena_memdup(exchange->request.arena, value, kept);
        hosts += strcasecmp(headers[i].name, "Host") == 0;
        if (headers[i].value == NULL || !is_token(headers[i].name)) {
            return false;
        }
    }
    exchange->request.header_count = (size_t)info->num_headers;
    return hosts == 1 || (hosts == 0 && strcmp(info->http_version, "1.0") == 0);
}

// One way of saying how long the body is, or none.
static bool length_read(struct http_exchange *exchange)
{
    const char *length = NULL;
    const char *encoding = NULL;
    for (size_t i = 0; i < exchange->request.header_count; i++) {
        const struct http_header *header = &exchange->request.headers[i];
        bool is_length = strcasecmp(header->name, "Content-Length") == 0;
        bool is_encoding = strcasecmp(header->name, "Transfer-Encoding") == 0;
        if ((is_length || is_encoding) && (length != NULL || encoding != NULL)) {
            return false;
        }
        length = is_length ? header->value : length;
        encoding = is_encoding ? header->value : encoding;
    }
    exchange->chunked = encoding != NULL;
    if (encoding != NULL) {
        return strcasecmp(encoding, "chunked") == 0 && strcmp(exchange->info->http_version, "1.1") == 0;
    }
    size_t digits = length == NULL ? 1 : strspn(length, "0123456789");
    return length == NULL || (digits > 0 && digits <= 15 && length[digits] == '\0' &&
                              text_to_int64(length, &exchange->content_length));
}

static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);
    while (list != NULL && *list != '\0') {
        list += strspn(list, " ,");
        size_t item = strcspn(list, ",");
        size_t trimmed = item;
        while (trimmed > 0 && list[trimmed - 1] == ' ') {
            trimmed--;
        }
        if (trimmed == length && strncasecmp(list, word, length) == 0) {
            return true;
        }
        list += item;
    }
    return false;
}

static bool wants_keep_alive(const struct http_exchange *exchange)
{
    const char *wish = http_request_header(&exchange->request, "Connection");
    if (wish == NULL) {
        return strcmp(exchange->info->http_version, "1.1") == 0;
    }
    return list_has(wish, "keep-alive") && !list_has(wish, "close");
}

const struct problem *http_body_read(struct http_exchange *exchange)
{
    const struct http_server_config *config = &exchange->worker->server->config;
    if (!exchange->chunked && exchange->content_length == 0) {
        return NULL;
    }
    if (exchange->content_length > config->body_limit_bytes) {
        return &problem_too_large;
    }
    expectation_meet(exchange);
    struct text_buffer body = text_buffer(exchange->request.arena);
    // civetweb's own limit is for each read call, so a byte now and then would hold it for hours.
    http_deadline_begin(exchange, SHUT_RD, config->body_timeout_ms);
    const struct problem *problem = body_pull(exchange, &body);
    bool late = http_deadline_end(exchange);
    if (problem != NULL) {
        return problem == &problem_malformed && late ? &problem_request_timeout : problem;
    }
    exchange->unread = false;
    // Behind the last chunk civetweb takes trailers, an empty line, or nothing, and among a chunk's digits a lone CR. It does not
    // tell us, so nothing is believed to follow.
    exchange->close |= exchange->chunked;
    exchange->request.body_length = body.length;
    exchange->request.body = text_take(&body);
    return exchange->request.body != NULL ? NULL : &problem_unavailable;
}

static void expectation_meet(struct http_exchange *exchange)
{
    const char *expected = http_request_header(&exchange->request, "Expect");
    if (expected != NULL && strcasecmp(expected, "100-continue") == 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        mg_write(exchange->connection, go_on, sizeof(go_on) - 1);
    }
}

static const struct problem *body_pull(struct http_exchange *exchange, struct text_buffer *body)
{
    struct http_space *space = exchange->space;
    int64_t limit = exchange->worker->server->config.body_limit_bytes;
    int got = 1;
    if (!exchange->chunked) { // the size is known: no growing
        body->capacity = (size_t)exchange->content_length + 2;
        body->data = arena_alloc(body->arena, body->capacity);
        body->failed = body->data == NULL;
    }
    while (got > 0 && (exchange->chunked || (int64_t)body->length < exchange->content_length)) {
        got = mg_read(exchange->connection, space->out, sizeof(space->out));
        if (got > 0) {
            text_add_bytes(body, space->out, (size_t)got);
        }
        if ((int64_t)body->length > limit) {
            return &problem_too_large;
        }
        if (body->failed) {
            return &problem_unavailable;
        }
    }
    bool whole = exchange->chunked ? got == 0 : (int64_t)body->length == exchange->content_length;
    return whole ? NULL : &problem_malformed;
}
