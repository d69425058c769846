// SPDX-License-Identifier: MIT
#include "peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PEERS_MAX 64
#define ORIGIN_MAX 200
#define CONNECT_MS 2000
#define ANSWER_MS 5000 // Daraja waits longer; a test should not
#define ANSWER_BYTES_MAX ((int64_t)1 << 20)

struct peer {
    char origin[ORIGIN_MAX]; // "http://127.0.0.1:9000"
    struct http_client *client;
    int users;
    uint64_t used; // when, by count: the one used longest ago makes room
};

struct peers {
    int connections;
    pthread_mutex_t lock; // of all below
    bool stopped;
    uint64_t uses;
    struct peer places[PEERS_MAX];
};

static const char *split(const char *url, struct arena *arena, const char **ret_path);
static struct peer *peer_take(struct peers *peers, const char *origin, struct error *err);
static struct peer *peer_place(struct peers *peers, const char *origin);

struct peers *peers_new(int connections)
{
    struct peers *peers = calloc(1, sizeof *peers);
    if (!peers) return NULL;
    peers->connections = connections;
    pthread_mutex_init(&peers->lock, NULL);
    return peers;
}

void peers_stop(struct peers *peers)
{
    if (!peers) return;
    pthread_mutex_lock(&peers->lock);
    peers->stopped = true;
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (peers->places[i].client) http_client_stop(peers->places[i].client);
    pthread_mutex_unlock(&peers->lock);
}

void peers_free(struct peers *peers)
{
    if (!peers) return;
    for (size_t i = 0; i < PEERS_MAX; i++) http_client_free(peers->places[i].client);
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}

bool peers_post(struct peers *peers, const char *url, const char *body, size_t length, struct arena *arena, struct http_answer *ret, struct error *err)
{
    static const struct http_header header = {"Content-Type", "application/json"};
    struct http_call call = {.method = "POST", .headers = &header, .header_count = 1, .body = body, .body_length = length, .timeout_ms = ANSWER_MS};
    const char *origin = split(url, arena, &call.path);
    struct peer *peer = origin ? peer_take(peers, origin, err) : NULL;
    if (!origin) return error_set(err, &problem_malformed, "The address must start with http:// or https:// and a host.");
    if (!peer) return false;
    const bool answered = http_client_call(peer->client, &call, arena, ret, NULL, err);
    pthread_mutex_lock(&peers->lock);
    peer->users--;
    pthread_mutex_unlock(&peers->lock);
    return answered;
}

// The origin of an address, and its path; NULL when it is none.
static const char *split(const char *url, struct arena *arena, const char **ret_path)
{
    const char *host = text_starts_with(url, "http://") ? url + 7 : text_starts_with(url, "https://") ? url + 8 : NULL;
    if (!host || !*host || *host == '/') return NULL;
    const size_t length = (size_t)(host - url) + strcspn(host, "/?");
    *ret_path = url[length] == '/' ? url + length : arena_printf(arena, "/%s", url + length);
    return length < ORIGIN_MAX && *ret_path ? arena_memdup(arena, url, length) : NULL;
}

static struct peer *peer_take(struct peers *peers, const char *origin, struct error *err)
{
    error_set(err, &problem_unavailable, NULL);
    error_cause(err, "stopped, or too many hosts at once");
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = peers->stopped ? NULL : peer_place(peers, origin);
    if (peer && strcmp(peer->origin, origin) != 0) { // another's, or nobody's
        http_client_free(peer->client);
        *peer = (struct peer){0};
        peer->client = http_client_new(&(struct http_client_config){.base_url = origin, .connections = peers->connections,
                                                                    .connect_timeout_ms = CONNECT_MS, .answer_limit_bytes = ANSWER_BYTES_MAX}, err);
        if (peer->client) memcpy(peer->origin, origin, strlen(origin) + 1);
        else peer = NULL;
    }
    if (peer) {
        peer->users++;
        peer->used = ++peers->uses;
        error_clear(err);
    }
    pthread_mutex_unlock(&peers->lock);
    return peer;
}

// The origin's own place, or the one of those not in use that was used longest ago. NULL: all are in use.
static struct peer *peer_place(struct peers *peers, const char *origin)
{
    struct peer *oldest = NULL;
    for (struct peer *peer = peers->places; peer < peers->places + PEERS_MAX; peer++) {
        if (strcmp(peer->origin, origin) == 0) return peer;
        if (peer->users == 0 && (!oldest || peer->used < oldest->used)) oldest = peer;
    }
    return oldest;
}
