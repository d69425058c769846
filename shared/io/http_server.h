// SPDX-License-Identifier: MIT
// civetweb behind our own rules (reference: its 1.15 source and manual). One thread per
// connection; a semaphore bounds how many requests work at once. Before a handler sees a request
// it has a method and path in order, at most 63 headers, one message length (Content-Length or
// chunked, never both, never twice, no other Transfer-Encoding), a body within bounds that arrived
// within a total deadline, and no NUL or control character in the head.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "error.h"
#include "text.h"

struct http_header {
    const char *name;
    const char *value;
};

// What arrived. Everything is borrowed until the handler returns.
struct http_request {
    const char *method;
    const char *path;         // raw, still percent-encoded, without the query
    const char *query;        // raw; NULL when there is none
    const struct http_header *headers;
    size_t header_count;
    const char *remote_address; // of the socket
    const char *body;
    size_t body_length;
    struct arena *arena;      // freed after the answer is sent
    const struct problem *refusal; // non-NULL: answer with this problem, the rest may be missing
    void *connection;         // the server's own
};

// What to answer. The server writes head and body in one piece and adds Content-Length, Date and
// Connection. HEAD sends the head alone.
#define HTTP_RESPONSE_HEADERS_MAX 32
struct http_response {
    int status;
    struct http_header headers[HTTP_RESPONSE_HEADERS_MAX];
    size_t header_count;
    const char *body;
    size_t body_length;
    const char *file;         // non-NULL: streamed from here instead of body
    bool close;               // end the connection after this answer
    bool unanswered;          // send nothing and end the connection, as a peer that dies would
};

struct http_server_config {
    const char *host;          // address to bind: "127.0.0.1", "0.0.0.0"
    int port;                  // 0: any free one, see http_server_port
    int threads;               // connections served at once
    int workers;               // requests handled at once; others wait up to queue_timeout_ms, then 503
    int queue_timeout_ms;
    int64_t body_limit_bytes;  // over it: 413
    int64_t request_memory_bytes; // cap of a request's arena; 0: enough for a body and its answer
    int head_timeout_ms;
    int body_timeout_ms;       // total
    int idle_timeout_ms;       // keep-alive
};

// It runs on a stack of 100 KiB, thread-local variables included: civetweb asks for no more, by a number Debian built it with
// (USE_STACK_SIZE), which no option changes.
typedef void (*http_handler)(void *state, const struct http_request *request, struct http_response *response);

struct http_server;
// What the server itself refuses (400, 413, 431 …) also goes through the handler, with
// request->refusal set, so that it looks like every other error.
// Errors: one that passes where there was no memory or thread; any other is of the address.
MUST_USE struct http_server *http_server_start(const struct http_server_config *config, http_handler handler,
                                               void *state, struct error *err);
int http_server_port(const struct http_server *server);
int http_server_connections(const struct http_server *server);
// Stops accepting, waits up to timeout_ms for running requests, then closes. Accepts NULL.
void http_server_stop(struct http_server *server, int timeout_ms);

// The value of a header (case-insensitive) or NULL. Of several, the first.
const char *http_request_header(const struct http_request *request, const char *name);
void http_response_header(struct http_response *response, const char *name, const char *value);

// Percent-decodes a path segment or query part ('+' is a blank when form is true). NULL when
// malformed, not UTF-8, or holding NUL.
char *http_decode(struct arena *arena, const char *text, size_t length, bool form);
char *http_encode(struct arena *arena, const char *text);
