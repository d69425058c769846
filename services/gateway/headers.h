// SPDX-License-Identifier: MIT
// Which headers pass the gateway, and which it adds.
#pragma once

#include "http_client.h"
#include "response.h"
#include "route.h"

#define FORWARDED_MAX 24

// What a service gets: only headers of the table in headers.c (so nothing hop-by-hop, no
// X-Forwarded-*, X-Real-IP or X-User-* of a client's), and request id, trace and client address as
// the gateway knows them. with_token false leaves Authorization out. Returns the count.
size_t headers_forward(const struct request *rq, bool with_token, bool with_content,
                       struct http_header out[FORWARDED_MAX]);

// Copies a service's headers into rs, but for those that belong to the connection, to the server or
// to the gateway.
void headers_return(const struct http_answer *answer, struct response *rs);

// Replaces the first header of that name, or adds it where a place is free.
void response_header_set(struct response *rs, const char *name, const char *value);
void response_header_remove(struct response *rs, const char *name);

// Security headers, and no-store for all but anonymous reads that can be checked by ETag; what is set
// already stays.
void headers_secure(const struct request *rq, struct response *rs);
