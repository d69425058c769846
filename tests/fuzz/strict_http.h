// SPDX-License-Identifier: MIT
// A second reader of HTTP/1.1 (RFC 9112) that forgives as good as nothing, to hold our server against: what the server takes must
// read the same here, and end at the same byte, or two programs on the way of a request could disagree on what it says.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

#define STRICT_HEADERS_MAX 64

struct strict_header {
    const char *name, *value; // without the blanks around the value
};

struct strict_message {
    const char *start[3];     // the three words of the first line
    struct strict_header headers[STRICT_HEADERS_MAX];
    size_t header_count;
    bool chunked;
    const char *body;
    size_t body_length;
    size_t length;            // of the whole message
};

// Reads one request from the beginning of the bytes. False when it is malformed, ambiguous or not whole.
bool strict_request_read(const char *bytes, size_t length, struct arena *arena, struct strict_message *ret);
// Reads one answer; to_head: the request was HEAD, so that no body follows.
bool strict_answer_read(const char *bytes, size_t length, bool to_head, struct arena *arena, struct strict_message *ret);
