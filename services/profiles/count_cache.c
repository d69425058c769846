// SPDX-License-Identifier: MIT
// Totals of the list by filters: a few seconds old at most, and dropped by every write through this replica.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "profiles.h"

#define ENTRIES 512

struct entry {
    char key[SHA256_HEX_SIZE];
    int64_t until_ms;
    struct worker_total total;
};

struct count_cache {
    pthread_mutex_t lock;
    uint64_t generation;
    int64_t kept_ms;
    struct entry entries[ENTRIES];
};

struct count_cache *count_cache_new(int64_t kept_ms)
{
    struct count_cache *cache = calloc(1, sizeof *cache);
    if (!cache) return NULL;
    cache->kept_ms = kept_ms;
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void count_cache_free(struct count_cache *cache)
{
    if (!cache) return;
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

// The one place an entry may stand in; another key there is displaced.
static struct entry *place_of(struct count_cache *cache, const char key[SHA256_HEX_SIZE])
{
    unsigned long number = strtoul((char[]){key[0], key[1], key[2], key[3], '\0'}, NULL, 16);
    return &cache->entries[number % ENTRIES];
}

bool count_cache_get(struct count_cache *cache, const char *filters, int64_t now_ms, struct worker_total *ret)
{
    char key[SHA256_HEX_SIZE];
    crypto_sha256_hex(filters, strlen(filters), key);
    pthread_mutex_lock(&cache->lock);
    const struct entry *entry = place_of(cache, key);
    bool found = entry->until_ms > now_ms && strcmp(entry->key, key) == 0;
    if (found) *ret = entry->total;
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void count_cache_put(struct count_cache *cache, const char *filters, int64_t now_ms, uint64_t generation, const struct worker_total *total)
{
    char key[SHA256_HEX_SIZE];
    crypto_sha256_hex(filters, strlen(filters), key);
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = place_of(cache, key);
    if (cache->generation == generation) {
        *entry = (struct entry){.until_ms = now_ms + cache->kept_ms, .total = *total};
        memcpy(entry->key, key, sizeof key);
    }
    pthread_mutex_unlock(&cache->lock);
}

uint64_t count_cache_generation(struct count_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t generation = cache->generation;
    pthread_mutex_unlock(&cache->lock);
    return generation;
}

void count_cache_forget(struct count_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cache->generation++;
    for (size_t i = 0; i < ENTRIES; i++) cache->entries[i].until_ms = 0;
    pthread_mutex_unlock(&cache->lock);
}
