// SPDX-License-Identifier: MIT
// A bucket is one number, the moment at which it will be full again ("theoretical arrival time" of
// the generic cell rate algorithm, ITU-T I.371): taking a token moves it one interval on, and it
// may lie at most one window ahead of now.
#include "limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "siphash.h"

#define SHARDS 64
#define WAYS 8 // buckets in which one caller may be found
#define WINDOW_US INT64_C(60000000)

struct bucket {
    uint64_t who; // 0: free
    int64_t full_at_us;
};

struct shard {
    _Alignas(64) pthread_mutex_t lock;
    struct bucket *buckets;
};

struct limiter {
    int64_t per_minute[LIMIT_CLASSES];
    uint8_t key[SIPHASH_KEY_SIZE];
    uint64_t sets; // per shard, WAYS buckets each
    struct shard shards[SHARDS];
};

static struct bucket *bucket_find(struct bucket *set, uint64_t who);
static struct limit_verdict bucket_take(struct bucket *bucket, int64_t quota, int64_t now_us);

const char *limit_class_name(enum limit_class class)
{
#define X(symbol, name, ...) name,
    static const char *const names[LIMIT_CLASSES] = {LIMIT_TABLE(X)};
#undef X
    return names[class];
}

struct limiter *limiter_new(int64_t entries, const int64_t per_minute[LIMIT_CLASSES])
{
    struct limiter *limiter = aligned_alloc(64, sizeof *limiter);
    if (!limiter) return NULL;
    memset(limiter, 0, sizeof *limiter);
    memcpy(limiter->per_minute, per_minute, sizeof limiter->per_minute);
    crypto_random(limiter->key, sizeof limiter->key);
    limiter->sets = entries > SHARDS * WAYS ? (uint64_t)entries / (SHARDS * WAYS) : 1;
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&limiter->shards[i].lock, NULL);
        limiter->shards[i].buckets = calloc(limiter->sets * WAYS, sizeof(struct bucket));
        if (!limiter->shards[i].buckets) return limiter_free(limiter), NULL;
    }
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    if (!limiter) return;
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&limiter->shards[i].lock);
        free(limiter->shards[i].buckets);
    }
    free(limiter);
}

struct limit_verdict limiter_take(struct limiter *limiter, enum limit_class class, const char *who,
                                  int64_t now_us)
{
    const int64_t quota = limiter->per_minute[class];
    if (!quota) return (struct limit_verdict){.allowed = true};
    uint8_t key[SIPHASH_KEY_SIZE];
    memcpy(key, limiter->key, sizeof key);
    key[0] ^= (uint8_t)class; // another bucket for each class
    const uint64_t hash = siphash(key, who, strlen(who));
    struct shard *shard = &limiter->shards[hash % SHARDS];
    struct bucket *set = &shard->buckets[hash / SHARDS % limiter->sets * WAYS];

    pthread_mutex_lock(&shard->lock);
    const struct limit_verdict verdict = bucket_take(bucket_find(set, hash | 1), quota, now_us);
    pthread_mutex_unlock(&shard->lock);
    return verdict;
}

// The caller's bucket, or else the one that is full soonest, emptied of its owner.
static struct bucket *bucket_find(struct bucket *set, uint64_t who)
{
    struct bucket *fullest = set;
    for (struct bucket *bucket = set; bucket < set + WAYS; bucket++) {
        if (bucket->who == who) return bucket;
        if (bucket->full_at_us < fullest->full_at_us) fullest = bucket;
    }
    *fullest = (struct bucket){.who = who};
    return fullest;
}

static struct limit_verdict bucket_take(struct bucket *bucket, int64_t quota, int64_t now_us)
{
    const int64_t interval_us = WINDOW_US / quota > 0 ? WINDOW_US / quota : 1;
    const int64_t from_us = bucket->full_at_us > now_us ? bucket->full_at_us : now_us;
    const int64_t over_us = from_us + interval_us - now_us - WINDOW_US;
    if (over_us > 0) {
        return (struct limit_verdict){.quota = quota, .retry_after_s = (over_us + 999999) / 1000000};
    }
    bucket->full_at_us = from_us + interval_us;
    return (struct limit_verdict){.allowed = true, .quota = quota, .remaining = -over_us / interval_us};
}
