// SPDX-License-Identifier: MIT
#include "cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "siphash.h"

#define SHARDS 16
#define BUCKETS 512
#define PARAMETERS_MAX 32

struct entry {
    struct cache_answer answer; // first: what callers hold is also the entry
    atomic_int references;
    uint64_t hash, generation;
    int64_t expires_ms;
    size_t size;
    const char *key;
    struct entry *next;          // of the bucket
    struct entry *newer, *older; // by last use
};

struct shard {
    _Alignas(64) pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t bytes;
};

struct cache {
    _Alignas(64) atomic_uint_least64_t generation;
    atomic_int_least64_t bytes;
    size_t shard_limit_bytes;
    int64_t ttl_ms;
    uint8_t hash_key[SIPHASH_KEY_SIZE];
    struct shard shards[SHARDS];
};

static struct shard *shard_of(struct cache *cache, uint64_t hash);
static struct entry *shard_find(struct shard *shard, uint64_t hash, const char *key);
static void shard_insert(struct cache *cache, struct shard *shard, struct entry *entry);
static void shard_remove(struct cache *cache, struct shard *shard, struct entry *entry);
static void list_add(struct shard *shard, struct entry *entry);
static void list_remove(struct shard *shard, struct entry *entry);
static struct entry *entry_new(const char *key, const struct cache_answer *answer);
static const char *copy(char **at, const char *bytes, size_t length);
static int by_text(const void *left, const void *right);

struct cache *cache_new(int64_t limit_bytes, int64_t ttl_ms)
{
    struct cache *cache = aligned_alloc(64, sizeof *cache);
    if (!cache) return NULL;
    memset(cache, 0, sizeof *cache);
    cache->shard_limit_bytes = (size_t)limit_bytes / SHARDS;
    cache->ttl_ms = ttl_ms;
    crypto_random(cache->hash_key, sizeof cache->hash_key);
    for (int i = 0; i < SHARDS; i++) pthread_mutex_init(&cache->shards[i].lock, NULL);
    return cache;
}

bool cache_is_on(const struct cache *cache)
{
    return cache->shard_limit_bytes > 0;
}

void cache_free(struct cache *cache)
{
    if (!cache) return;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        while (shard->oldest) shard_remove(cache, shard, shard->oldest);
        pthread_mutex_destroy(&shard->lock);
    }
    free(cache);
}

char *cache_key(struct arena *arena, const char *path, const char *query)
{
    const size_t path_length = strlen(path);
    const size_t query_length = query ? strlen(query) : 0;
    if (path_length + query_length + 2 > CACHE_KEY_MAX) return NULL;
    char *parts = arena_memdup(arena, query ? query : "", query_length + 1);
    char *key = arena_alloc(arena, path_length + query_length + 2);
    if (!parts || !key) return NULL;

    const char *sorted[PARAMETERS_MAX] = {NULL};
    size_t count = 0;
    for (char *at = parts, *part; (part = strsep(&at, "&"));) {
        if (!*part) continue;
        if (count == PARAMETERS_MAX) return NULL;
        sorted[count++] = part;
    }
    qsort(sorted, count, sizeof *sorted, by_text);

    const bool slash = path_length > 1 && path[path_length - 1] == '/'; // both spellings are one
    char *at = mempcpy(key, path, path_length - slash);
    for (size_t i = 0; i < count; i++) {
        *at++ = i ? '&' : '?';
        at = mempcpy(at, sorted[i], strlen(sorted[i]));
    }
    return key; // the arena's memory is zeroed
}

struct cache_answer *cache_get(struct cache *cache, const char *key, int64_t now_ms)
{
    const uint64_t hash = siphash(cache->hash_key, key, strlen(key));
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = shard_find(shard, hash, key);
    if (entry && (entry->expires_ms <= now_ms || entry->generation != cache_generation(cache))) {
        shard_remove(cache, shard, entry);
        entry = NULL;
    }
    if (entry) {
        atomic_fetch_add(&entry->references, 1);
        list_remove(shard, entry);
        list_add(shard, entry);
    }
    pthread_mutex_unlock(&shard->lock);
    return entry ? &entry->answer : NULL;
}

void cache_release(void *answer)
{
    struct entry *entry = answer;
    if (entry && atomic_fetch_sub(&entry->references, 1) == 1) free(entry);
}

uint64_t cache_generation(const struct cache *cache)
{
    return atomic_load(&cache->generation);
}

void cache_put(struct cache *cache, const char *key, const struct cache_answer *answer, uint64_t generation,
               int64_t now_ms)
{
    struct entry *entry = entry_new(key, answer);
    if (!entry || entry->size > cache->shard_limit_bytes / 4) {
        free(entry);
        return;
    }
    entry->hash = siphash(cache->hash_key, key, strlen(key));
    entry->generation = generation;
    entry->expires_ms = now_ms + cache->ttl_ms;
    struct shard *shard = shard_of(cache, entry->hash);
    pthread_mutex_lock(&shard->lock);
    // A drop between this test and the insertion does no harm: get compares generations too.
    if (generation == cache_generation(cache)) {
        shard_insert(cache, shard, entry);
    } else {
        free(entry);
    }
    pthread_mutex_unlock(&shard->lock);
}

void cache_drop(struct cache *cache)
{
    atomic_fetch_add(&cache->generation, 1);
}

int64_t cache_bytes(const struct cache *cache)
{
    return atomic_load(&cache->bytes);
}

static struct shard *shard_of(struct cache *cache, uint64_t hash)
{
    return &cache->shards[hash % SHARDS];
}

static struct entry *shard_find(struct shard *shard, uint64_t hash, const char *key)
{
    struct entry *entry = shard->buckets[hash / SHARDS % BUCKETS];
    while (entry && (entry->hash != hash || strcmp(entry->key, key) != 0)) entry = entry->next;
    return entry;
}

static void shard_insert(struct cache *cache, struct shard *shard, struct entry *entry)
{
    struct entry *before = shard_find(shard, entry->hash, entry->key);
    if (before) shard_remove(cache, shard, before);
    while (shard->oldest && shard->bytes + entry->size > cache->shard_limit_bytes) {
        shard_remove(cache, shard, shard->oldest);
    }
    struct entry **bucket = &shard->buckets[entry->hash / SHARDS % BUCKETS];
    entry->next = *bucket;
    *bucket = entry;
    list_add(shard, entry);
    shard->bytes += entry->size;
    atomic_fetch_add(&cache->bytes, (int64_t)entry->size);
}

static void shard_remove(struct cache *cache, struct shard *shard, struct entry *entry)
{
    struct entry **at = &shard->buckets[entry->hash / SHARDS % BUCKETS];
    while (*at != entry) at = &(*at)->next;
    *at = entry->next;
    list_remove(shard, entry);
    shard->bytes -= entry->size;
    atomic_fetch_sub(&cache->bytes, (int64_t)entry->size);
    cache_release(entry);
}

static void list_add(struct shard *shard, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = shard->newest;
    if (shard->newest) shard->newest->newer = entry;
    shard->newest = entry;
    if (!shard->oldest) shard->oldest = entry;
}

static void list_remove(struct shard *shard, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &shard->oldest) = entry->newer;
}

// One block: the entry, its key, headers and bodies.
static struct entry *entry_new(const char *key, const struct cache_answer *answer)
{
    const char *type = answer->content_type ? answer->content_type : "";
    size_t size =
        sizeof(struct entry) + strlen(key) + strlen(type) + answer->length + answer->gzip_length + 4;
    for (size_t i = 0; i < answer->header_count; i++) {
        size += strlen(answer->headers[i].name) + strlen(answer->headers[i].value) + 2;
    }
    struct entry *entry = malloc(size);
    if (!entry) return NULL;
    *entry = (struct entry){.answer = *answer, .references = 1, .size = size};
    char *at = (char *)(entry + 1);
    entry->key = copy(&at, key, strlen(key));
    entry->answer.content_type = copy(&at, type, strlen(type));
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct http_header *header = &answer->headers[i];
        entry->answer.headers[i].name = copy(&at, header->name, strlen(header->name));
        entry->answer.headers[i].value = copy(&at, header->value, strlen(header->value));
    }
    entry->answer.body = copy(&at, answer->body, answer->length);
    if (answer->gzip) entry->answer.gzip = copy(&at, answer->gzip, answer->gzip_length);
    return entry;
}

static const char *copy(char **at, const char *bytes, size_t length)
{
    char *start = *at;
    if (length) memcpy(start, bytes, length);
    start[length] = '\0';
    *at = start + length + 1;
    return start;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}
