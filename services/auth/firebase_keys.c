// SPDX-License-Identifier: MIT
#include "firebase_keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth.h"
#include "http_client.h"
#include "jose.h"
#include "log.h"

#define KEYS_MAX 16
#define TIMEOUT_MS 5000
#define ANSWER_BYTES (256 * 1024)
#define ARENA_BYTES ((size_t)1 << 20)
#define UNKNOWN_INTERVAL_MS 60000
#define RETRY_INTERVAL_MS 5000
#define STALE_MS ((int64_t)24 * 3600 * 1000)

struct key_set {
    struct jose_key *keys[KEYS_MAX];
    int count;
};

struct firebase_keys {
    struct http_client *client;
    char *path;
    const struct clock *clock;
    pthread_mutex_t lock;       // guards all below
    pthread_cond_t fetched;
    bool fetching;
    struct key_set set;
    int64_t expires_ms, tried_ms, got_ms;
};

static bool ensure_fresh(struct firebase_keys *keys, const char *kid, struct error *err);
static void fetch(struct firebase_keys *keys);
static bool fetch_set(struct firebase_keys *keys, struct key_set *ret, int64_t *ret_max_age_s);
static void set_release(struct key_set *set);
static const struct jose_key *set_find(const struct key_set *set, const char *kid);

struct firebase_keys *firebase_keys_new(const char *url, const struct clock *clock, struct error *err)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (!path) return error_set(err, &problem_unavailable, "DC_FIREBASE_KEYS_URL is no whole address."), NULL;
    struct firebase_keys *keys = calloc(1, sizeof *keys);
    char *base = strndup(url, (size_t)(path - url));
    if (keys) {
        keys->clock = clock;
        keys->path = strdup(path);
        keys->tried_ms = INT64_MIN / 2;
        pthread_mutex_init(&keys->lock, NULL);
        pthread_cond_init(&keys->fetched, NULL);
        if (base) keys->client = http_client_new(&(struct http_client_config){.base_url = base, .connections = 1, .connect_timeout_ms = TIMEOUT_MS,
                                                                              .answer_limit_bytes = ANSWER_BYTES}, err);
    }
    free(base);
    if (keys && keys->client && keys->path) return keys;
    firebase_keys_free(keys);
    if (!err->problem) error_set(err, &problem_unavailable, "No memory.");
    return NULL;
}

void firebase_keys_free(struct firebase_keys *keys)
{
    if (!keys) return;
    http_client_free(keys->client);
    set_release(&keys->set);
    pthread_mutex_destroy(&keys->lock);
    pthread_cond_destroy(&keys->fetched);
    free(keys->path);
    free(keys);
}

json_t *firebase_keys_verify(struct firebase_keys *keys, const char *token, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    struct jose_header header = {0};
    struct error unread = {0};
    if (!arena) return error_set(err, &problem_unavailable, NULL), NULL;
    if (!jose_header_read(token, JOSE_RS256, arena, &header, &unread) || !header.kid) {
        error_set(err, &problem_bad_id_token, NULL);
        return error_cause(err, "%s", unread.cause), NULL;
    }
    json_t *claims = NULL;
    pthread_mutex_lock(&keys->lock);
    const bool fresh = ensure_fresh(keys, header.kid, err);
    const struct jose_key *key = fresh ? set_find(&keys->set, header.kid) : NULL;
    if (key) claims = jose_verify(key, JOSE_RS256, token, &unread); // under the lock: keys may be replaced
    pthread_mutex_unlock(&keys->lock);
    if (claims || !fresh) return claims;
    error_set(err, &problem_bad_id_token, NULL);
    return error_cause(err, "%s", key ? "signature does not hold" : "unknown key"), NULL;
}

// Fetches when the keys are old, or lack kid; waits for the thread that already does. Called with the lock held.
static bool ensure_fresh(struct firebase_keys *keys, const char *kid, struct error *err)
{
    for (;;) {
        const int64_t now_ms = clock_now_ms(keys->clock), since_ms = now_ms - keys->tried_ms;
        const bool known = set_find(&keys->set, kid) != NULL, empty = keys->set.count == 0;
        const bool wanted = empty || now_ms >= keys->expires_ms ? since_ms >= RETRY_INTERVAL_MS : !known && since_ms >= UNKNOWN_INTERVAL_MS;
        if (wanted && !keys->fetching) fetch(keys);
        else if (keys->fetching && !known) pthread_cond_wait(&keys->fetched, &keys->lock);
        else break;
    }
    if (keys->set.count > 0 && clock_now_ms(keys->clock) - keys->got_ms < STALE_MS + (keys->expires_ms - keys->got_ms)) return true;
    err->retry_after_s = RETRY_INTERVAL_MS / 1000;
    return error_set(err, &problem_firebase_away, NULL);
}

// Lets go of the lock meanwhile, so that known keys go on working.
static void fetch(struct firebase_keys *keys)
{
    struct key_set set = {0};
    int64_t max_age_s = 0;
    keys->fetching = true;
    pthread_mutex_unlock(&keys->lock);
    const bool ok = fetch_set(keys, &set, &max_age_s);
    pthread_mutex_lock(&keys->lock);
    keys->tried_ms = clock_now_ms(keys->clock);
    if (ok) {
        set_release(&keys->set);
        keys->set = set;
        keys->got_ms = keys->tried_ms;
        keys->expires_ms = keys->tried_ms + max_age_s * 1000;
    }
    keys->fetching = false;
    pthread_cond_broadcast(&keys->fetched);
}

static bool fetch_set(struct firebase_keys *keys, struct key_set *ret, int64_t *ret_max_age_s)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    struct error err = {0};
    struct http_answer answer = {0};
    const struct http_call call = {.method = "GET", .path = keys->path, .timeout_ms = TIMEOUT_MS};
    if (!arena) return false;
    const bool came = http_client_call(keys->client, &call, arena, &answer, NULL, &err);
    CLEANUP(json_release) json_t *body = came && answer.status == 200 ? json_parse(answer.body, answer.body_length, &err) : NULL;
    size_t i;
    json_t *jwk;
    json_array_foreach(json_object_get(body, "keys"), i, jwk) {
        struct error unfit = {0};
        char *text = ret->count < KEYS_MAX ? json_text(arena, jwk) : NULL;
        struct jose_key *key = text ? jose_key_parse(text, &unfit) : NULL;
        if (key) ret->keys[ret->count++] = key;
    }
    if (came) *ret_max_age_s = cache_control_max_age_s(http_answer_header(&answer, "Cache-Control"));
    if (ret->count == 0) log_warning("firebase_keys_not_fetched", LOG_INT("status", answer.status), LOG_TEXT("cause", err.cause));
    return ret->count > 0;
}

int64_t cache_control_max_age_s(const char *header)
{
    const int64_t least = 60, most = 86400;
    const char *found = header ? strcasestr(header, "max-age=") : NULL;
    if (!found) return 3600;
    int64_t seconds = 0;
    for (found += 8; *found >= '0' && *found <= '9' && seconds < most; found++) seconds = seconds * 10 + (*found - '0');
    return seconds < least ? least : seconds > most ? most : seconds;
}

static void set_release(struct key_set *set)
{
    for (int i = 0; i < set->count; i++) jose_key_free(set->keys[i]);
    set->count = 0;
}

static const struct jose_key *set_find(const struct key_set *set, const char *kid)
{
    for (int i = 0; i < set->count; i++)
        if (text_equal(jose_key_id(set->keys[i]), kid)) return set->keys[i];
    return NULL;
}
