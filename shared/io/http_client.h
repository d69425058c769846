// SPDX-License-Identifier: MIT
// libcurl with pooled keep-alive handles: one pool per peer. Thread-safe.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "error.h"
#include "http_server.h"

struct http_client;

struct http_client_config {
    const char *base_url;        // "http://127.0.0.1:9001"; requests give the path
    int connections;             // handles kept
    int connect_timeout_ms;
    int64_t answer_limit_bytes;  // longer answers are an error
};

struct http_call {
    const char *method;
    const char *path;             // appended to base_url, raw
    const struct http_header *headers;
    size_t header_count;
    const char *body;             // may be NULL
    size_t body_length;
    int timeout_ms;               // total, name lookup included
};

struct http_answer {
    int status;
    struct http_header *headers;
    size_t header_count;
    const char *body;
    size_t body_length;
};

// Connects to nobody yet. The config's strings are copied. NULL: no memory, or a base_url that is neither http nor https.
MUST_USE struct http_client *http_client_new(const struct http_client_config *config, struct error *err);
void http_client_free(struct http_client *client);
// Calls under way fail within about a second, later ones at once, so that their threads can end.
void http_client_stop(struct http_client *client);

// Sends and waits. True when any HTTP answer came (whatever its status); the answer lives in the
// arena. False: problem_timeout when the deadline passed, problem_upstream_unavailable otherwise.
// *ret_sent (may be NULL) tells whether the request may have reached the peer.
MUST_USE bool http_client_call(struct http_client *client, const struct http_call *call, struct arena *arena,
                               struct http_answer *ret, bool *ret_sent, struct error *err);

// Whether the peer may get the request twice: where that does no more than once whatever the peer does with it. A PUT may switch
// something over; and an Idempotency-Key counts for the POSTs that are made for it.
bool http_call_may_repeat(const struct http_call *call);

// In whatever case its name is written; NULL when absent. Borrowed from the answer.
const char *http_answer_header(const struct http_answer *answer, const char *name);
