// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "http_server_internal.h"

// After a rush the rest goes back.
#define SPACES_KEPT 64

static struct http_space *space_new(const struct http_server *server);
static void space_free(struct http_space *space);

struct http_space *http_space_take(struct http_server *server)
{
    struct http_spaces *spaces = &server->spaces;
    pthread_mutex_lock(&spaces->mutex);
    struct http_space *space = spaces->first;
    if (space != NULL) {
        spaces->first = space->next;
        spaces->count--;
    }
    pthread_mutex_unlock(&spaces->mutex);
    return space != NULL ? space : space_new(server);
}

void http_space_give(struct http_server *server, struct http_space *space)
{
    struct http_spaces *spaces = &server->spaces;
    bool keep = !arena_failed(space->arena);
    if (keep) {
        arena_reset(space->arena);
        pthread_mutex_lock(&spaces->mutex);
        keep = spaces->count < SPACES_KEPT;
        if (keep) {
            space->next = spaces->first;
            spaces->first = space;
            spaces->count++;
        }
        pthread_mutex_unlock(&spaces->mutex);
    }
    if (!keep) {
        space_free(space);
    }
}

void http_spaces_free(struct http_spaces *spaces)
{
    while (spaces->first != NULL) {
        struct http_space *space = spaces->first;
        spaces->first = space->next;
        space_free(space);
    }
    pthread_mutex_destroy(&spaces->mutex);
}

// An arena keeps its first block on reset: this makes it a small one, not somebody's large body.
static struct http_space *space_new(const struct http_server *server)
{
    struct http_space *space = malloc(sizeof(*space));
    struct arena *arena = arena_new((size_t)server->config.request_memory_bytes);
    if (space == NULL || arena == NULL) {
        free(space);
        arena_free(arena);
        return NULL;
    }
    arena_alloc(arena, 1);
    arena_reset(arena);
    space->arena = arena;
    return space;
}

static void space_free(struct http_space *space)
{
    arena_free(space->arena);
    free(space);
}
