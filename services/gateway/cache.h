// SPDX-License-Identifier: MIT
// Answers to anonymous reads, bounded in bytes, forgotten after a while and dropped at once when
// something they show may have changed. An entry is immutable and counted, so a hit copies nothing:
//
//   struct cache_answer *answer = cache_get(cache, key, now_ms);
//   if (answer) arena_defer(rq->arena, cache_release, answer);       // borrowed for the request
//
// A read takes cache_generation before it asks the service; cache_put refuses what was read before
// the last cache_drop. Thread-safe.
#pragma once

#include "arena.h"
#include "http_server.h"

#define CACHE_HEADERS_MAX 12
#define CACHE_KEY_MAX 1024

struct cache_answer {
    struct http_header headers[CACHE_HEADERS_MAX];
    size_t header_count;
    const char *content_type;
    const char *body;
    size_t length;
    const char *gzip; // NULL: not worth it
    size_t gzip_length;
};

struct cache;
// NULL: no memory. limit_bytes 0 switches it off.
struct cache *cache_new(int64_t limit_bytes, int64_t ttl_ms);
void cache_free(struct cache *cache);
bool cache_is_on(const struct cache *cache);

// Path and sorted query: the same for every spelling of one question. NULL: too long to keep.
char *cache_key(struct arena *arena, const char *path, const char *query);

struct cache_answer *cache_get(struct cache *cache, const char *key, int64_t now_ms);
void cache_release(void *answer);

uint64_t cache_generation(const struct cache *cache);
// Copies the answer. Does nothing when it does not fit or was read in an earlier generation.
void cache_put(struct cache *cache, const char *key, const struct cache_answer *answer, uint64_t generation,
               int64_t now_ms);
// Everything stored or being read becomes invalid.
void cache_drop(struct cache *cache);
int64_t cache_bytes(const struct cache *cache);
