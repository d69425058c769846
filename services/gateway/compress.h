// SPDX-License-Identifier: MIT
// gzip for answers, and the entity tags that go with it: the compressed form of "x" is "x-gzip"
// (RFC 9110 §8.8.3.3 wants two forms told apart), which clients may send back in either spelling.
#pragma once

#include "route.h"

#define COMPRESS_LEVEL_FAST 1
#define COMPRESS_LEVEL_SMALL 9

// True when Accept-Encoding (may be NULL) admits gzip.
bool gzip_accepted(const char *accept_encoding);
// False where it is not worth it or the arena failed.
bool gzip_body(struct arena *arena, const char *body, size_t length, int level, const char **ret,
               size_t *ret_length);
// Compresses rs where the client takes it, the type gains by it and no cookie comes along.
void gzip_response(const struct request *rq, struct response *rs);
// Whether a body of that type and length is worth compressing.
bool gzip_worthwhile(const char *content_type, size_t length);

// "x" → "x-gzip".
const char *etag_of_gzip(struct arena *arena, const char *etag);
// The same list of tags with every "-gzip" taken off.
const char *etag_plain(struct arena *arena, const char *tags);
// If-None-Match by weak comparison.
bool etag_matches(struct arena *arena, const char *if_none_match, const char *etag);
// Turns a read whose ETag the client has already into 304.
void etag_answer(const struct request *rq, struct response *rs);
