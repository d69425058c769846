// SPDX-License-Identifier: MIT
// Checks and sends the collections in their order, side by side: a collection is checked while those before it are sent, as soon as all
// that it leads to has been.
#include <pthread.h>
#include <string.h>

#include "import.h"

#define CHECK_ARENA_BYTES ((size_t)1 << 20)

// Shared by the two threads under the lock.
struct stages {
    struct import *import;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int checked, sent;   // collections so far
    bool failed;
    struct error err;    // of the checks
};

static void *check_all(void *argument);
static bool send_in_order(struct stages *stages, int64_t rows, struct error *err);
static int sent_before(const struct collection *collection);

bool import_check_and_send(struct import *import, int64_t rows, struct error *err)
{
    struct stages stages = {.import = import, .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    pthread_t checker;
    if (pthread_create(&checker, NULL, check_all, &stages) != 0) return error_set(err, &problem_unavailable, "No thread to check with.");
    const bool ok = send_in_order(&stages, rows, err);
    pthread_join(checker, NULL);
    if (!ok) error_join(err, &stages.err);
    return ok || err->problem ? ok : error_set(err, &problem_unavailable, NULL);
}

// One stage has come to `count`, or failed.
static void move(struct stages *stages, int *stage, int count, bool ok)
{
    pthread_mutex_lock(&stages->lock);
    if (ok) *stage = count;
    else stages->failed = true;
    pthread_cond_broadcast(&stages->moved);
    pthread_mutex_unlock(&stages->lock);
}

// Until the other stage has come to `count`; false when it never will.
static bool await(struct stages *stages, const int *stage, int count)
{
    pthread_mutex_lock(&stages->lock);
    while (*stage < count && !stages->failed) pthread_cond_wait(&stages->moved, &stages->lock);
    const bool ok = !stages->failed;
    pthread_mutex_unlock(&stages->lock);
    return ok;
}

static void *check_all(void *argument)
{
    struct stages *stages = argument;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(CHECK_ARENA_BYTES);
    bool ok = arena || error_set(&stages->err, &problem_unavailable, "No memory.");
    for (int i = 0; ok && import_collections[i].name; i++) {
        if (!await(stages, &stages->sent, sent_before(&import_collections[i]))) return NULL;
        arena_reset(arena);
        stages->err.arena = arena;
        ok = import_check(stages->import, &import_collections[i], arena, &stages->err);
        move(stages, &stages->checked, i + 1, ok);
    }
    stages->err.arena = NULL;
    if (!ok) move(stages, &stages->checked, 0, false);
    return NULL;
}

static bool send_in_order(struct stages *stages, int64_t rows, struct error *err)
{
    int64_t done = 0;
    bool ok = true;
    for (int i = 0; ok && import_collections[i].name; i++) {
        ok = await(stages, &stages->checked, i + 1) && import_send(stages->import, &import_collections[i], rows, &done, err);
        move(stages, &stages->sent, i + 1, ok);
    }
    return ok;
}

// How many must have been sent before a collection is checked: what it leads to may still be quarantined by its service.
static int sent_before(const struct collection *collection)
{
    int most = 0;
    for (int i = 0; i < IMPORT_REFERENCES && collection->references[i].member; i++) {
        const char *target = collection->references[i].target;
        const int place = !target ? 0 : (int)import_place(strcmp(target, "user") == 0 ? "profiles" : target);
        if (place > most) most = place;
    }
    return most;
}
