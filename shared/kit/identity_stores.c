// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "identity_private.h"
#include "text.h"

#define WAYS 4
#define LOCKS 64
#define BUCKETS_MIN 1024
#define KEPT_MS (24LL * 3600 * 1000)

struct place {
    char digest[SHA256_HEX_SIZE]; // "" where free
    uint64_t generation;
    struct verified verified;
};

struct token_cache {
    pthread_mutex_t locks[LOCKS]; // one for every 64th set
    size_t sets;                  // a power of two
    struct place *places;
};

struct revocation {
    struct revocation *next;
    enum revoked kind;
    int64_t valid_after_ms;
    char id[ID_MAX + 1];
};

struct revocations {
    pthread_rwlock_t lock;
    struct revocation **buckets;
    size_t bucket_count, count; // bucket_count: a power of two
};

static struct place *set_of(struct token_cache *cache, const char *digest, pthread_mutex_t **ret_lock);
static struct revocation **slot_of(struct revocations *revocations, enum revoked kind, const char *id);
static size_t hash_of(enum revoked kind, const char *id);
static void prune(struct revocations *revocations, int64_t now_ms);

struct token_cache *token_cache_new(int64_t entries)
{
    struct token_cache *cache = calloc(1, sizeof *cache);
    if (!cache) return NULL;
    for (cache->sets = 1; (int64_t)(cache->sets * WAYS) < entries;) cache->sets *= 2;
    for (int i = 0; i < LOCKS; i++) pthread_mutex_init(&cache->locks[i], NULL);
    cache->places = calloc(cache->sets * WAYS, sizeof *cache->places);
    if (cache->places) return cache;
    token_cache_free(cache);
    return NULL;
}

void token_cache_free(struct token_cache *cache)
{
    if (!cache) return;
    for (int i = 0; i < LOCKS; i++) pthread_mutex_destroy(&cache->locks[i]);
    free(cache->places);
    free(cache);
}

bool token_cache_get(struct token_cache *cache, const char *digest, uint64_t generation, struct verified *ret)
{
    pthread_mutex_t *lock;
    const struct place *set = set_of(cache, digest, &lock);
    bool found = false;
    pthread_mutex_lock(lock);
    for (int i = 0; i < WAYS && !found; i++) {
        found = set[i].generation == generation && memcmp(set[i].digest, digest, SHA256_HEX_SIZE) == 0;
        if (found) *ret = set[i].verified;
    }
    pthread_mutex_unlock(lock);
    return found;
}

void token_cache_put(struct token_cache *cache, const char *digest, uint64_t generation, int64_t now_s,
                     const struct verified *verified)
{
    pthread_mutex_t *lock;
    struct place *set = set_of(cache, digest, &lock), *chosen = set;
    pthread_mutex_lock(lock);
    for (int i = 0; i < WAYS; i++) {
        const bool is_free =
            set[i].digest[0] == '\0' || set[i].generation != generation || set[i].verified.expires_s <= now_s;
        if (is_free || memcmp(set[i].digest, digest, SHA256_HEX_SIZE) == 0) {
            chosen = &set[i];
            break;
        }
        if (set[i].verified.expires_s < chosen->verified.expires_s) chosen = &set[i];
    }
    memcpy(chosen->digest, digest, SHA256_HEX_SIZE);
    chosen->generation = generation;
    chosen->verified = *verified;
    pthread_mutex_unlock(lock);
}

// The digest is uniform already: its first hex digits choose the set.
static struct place *set_of(struct token_cache *cache, const char *digest, pthread_mutex_t **ret_lock)
{
    char first[13];
    memcpy(first, digest, 12);
    first[12] = '\0';
    const size_t set = (size_t)strtoull(first, NULL, 16) & (cache->sets - 1);
    *ret_lock = &cache->locks[set % LOCKS];
    return cache->places + set * WAYS;
}

struct revocations *revocations_new(void)
{
    struct revocations *revocations = calloc(1, sizeof *revocations);
    if (!revocations) return NULL;
    pthread_rwlock_init(&revocations->lock, NULL);
    revocations->bucket_count = BUCKETS_MIN;
    revocations->buckets = calloc(BUCKETS_MIN, sizeof(struct revocation *));
    if (revocations->buckets) return revocations;
    revocations_free(revocations);
    return NULL;
}

void revocations_free(struct revocations *revocations)
{
    if (!revocations) return;
    for (size_t i = 0; revocations->buckets && i < revocations->bucket_count; i++) {
        while (revocations->buckets[i]) {
            struct revocation *gone = revocations->buckets[i];
            revocations->buckets[i] = gone->next;
            free(gone);
        }
    }
    free(revocations->buckets);
    pthread_rwlock_destroy(&revocations->lock);
    free(revocations);
}

bool revocations_add(struct revocations *revocations, enum revoked kind, const char *id,
                     int64_t valid_after_ms, int64_t now_ms)
{
    if (!id_is_valid(id) || valid_after_ms < now_ms - KEPT_MS) return true;
    pthread_rwlock_wrlock(&revocations->lock);
    if (revocations->count >= revocations->bucket_count) prune(revocations, now_ms);
    struct revocation **slot = slot_of(revocations, kind, id);
    if (!*slot && (*slot = calloc(1, sizeof **slot))) {
        (*slot)->kind = kind;
        snprintf((*slot)->id, sizeof(*slot)->id, "%s", id);
        revocations->count++;
    }
    const bool noted = *slot;
    if (noted && (*slot)->valid_after_ms < valid_after_ms) (*slot)->valid_after_ms = valid_after_ms;
    pthread_rwlock_unlock(&revocations->lock);
    return noted;
}

int64_t revocations_find(struct revocations *revocations, enum revoked kind, const char *id)
{
    pthread_rwlock_rdlock(&revocations->lock);
    const struct revocation *found = *slot_of(revocations, kind, id);
    const int64_t valid_after_ms = found ? found->valid_after_ms : 0;
    pthread_rwlock_unlock(&revocations->lock);
    return valid_after_ms;
}

// Where the revocation stands, or the end of the list where it would.
static struct revocation **slot_of(struct revocations *revocations, enum revoked kind, const char *id)
{
    struct revocation **slot = &revocations->buckets[hash_of(kind, id) & (revocations->bucket_count - 1)];
    while (*slot && ((*slot)->kind != kind || strcmp((*slot)->id, id) != 0)) slot = &(*slot)->next;
    return slot;
}

// The ids are our own random ones.
static size_t hash_of(enum revoked kind, const char *id)
{
    const uint64_t hash = text_hash((uint64_t)kind, id);
    return (size_t)(hash ^ (hash >> 32));
}

// Drops what no living token can meet; what remains moves into twice as many buckets.
static void prune(struct revocations *revocations, int64_t now_ms)
{
    const size_t before = revocations->bucket_count;
    struct revocation **old = revocations->buckets,
                      **buckets = calloc(before * 2, sizeof(struct revocation *));
    if (!buckets) return;
    revocations->buckets = buckets;
    revocations->bucket_count = before * 2;
    revocations->count = 0;
    for (size_t i = 0; i < before; i++) {
        while (old[i]) {
            struct revocation *moved = old[i];
            old[i] = moved->next;
            if (moved->valid_after_ms < now_ms - KEPT_MS) {
                free(moved);
                continue;
            }
            struct revocation **slot = slot_of(revocations, moved->kind, moved->id);
            moved->next = NULL;
            *slot = moved;
            revocations->count++;
        }
    }
    free(old);
}
