// SPDX-License-Identifier: MIT
// Threads that take one thing each, do it, and look for the next. Idle ones are woken one at a time.
#include "running.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "condition.h"
#include "log.h"
#include "outbox.h"

#define MEMORY_BYTES ((size_t)4 << 20)
#define PAUSE_MS_MIN 200
#define PAUSE_MS_MAX 10000

struct crew {
    struct workers *workers;
    const struct worker *worker;
    pthread_cond_t wake;
    int wakes; // asked for and not yet heard
    int started;
    pthread_t *threads;
};

struct workers {
    struct app *app;
    pthread_mutex_t lock;
    bool stopping;
    int count;
    struct crew crews[];
};

static void *work(void *argument);
static bool run_once(struct crew *crew, struct arena *arena, void *state);
static void rest(struct crew *crew, int64_t time_ms, bool until_woken);

static bool start_crew(struct crew *crew, struct workers *workers, const struct worker *worker)
{
    crew->workers = workers;
    crew->worker = worker;
    condition_init(&crew->wake);
    crew->threads = calloc((size_t)worker->threads, sizeof(pthread_t));
    while (crew->threads && crew->started < worker->threads && pthread_create(&crew->threads[crew->started], NULL, work, crew) == 0)
        crew->started++;
    return crew->started == worker->threads;
}

struct workers *workers_start(struct app *app, struct error *err)
{
    int count = 0;
    while (app->service->workers && app->service->workers[count].name) count++;
    struct workers *workers = calloc(1, sizeof *workers + (size_t)count * sizeof(struct crew));
    if (!workers) return error_set(err, &problem_unavailable, NULL), NULL;
    workers->app = app;
    pthread_mutex_init(&workers->lock, NULL);
    bool ok = true;
    while (ok && workers->count < count) {
        ok = start_crew(&workers->crews[workers->count], workers, &app->service->workers[workers->count]);
        workers->count++;
    }
    if (ok) return workers;
    workers_stop(workers);
    error_set(err, &problem_unavailable, "There is not enough memory for threads.");
    return NULL;
}

void workers_wake(struct workers *workers, const struct worker *worker)
{
    for (int i = 0; workers && i < workers->count; i++) {
        struct crew *crew = &workers->crews[i];
        if (crew->worker != worker) continue;
        pthread_mutex_lock(&workers->lock);
        if (crew->wakes < worker->threads) crew->wakes++;
        pthread_cond_signal(&crew->wake);
        pthread_mutex_unlock(&workers->lock);
    }
}

void workers_stop(struct workers *workers)
{
    if (!workers) return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    for (int i = 0; i < workers->count; i++) pthread_cond_broadcast(&workers->crews[i].wake);
    pthread_mutex_unlock(&workers->lock);
    for (int i = 0; i < workers->count; i++) {
        struct crew *crew = &workers->crews[i];
        for (int j = 0; j < crew->started; j++) pthread_join(crew->threads[j], NULL);
        pthread_cond_destroy(&crew->wake);
        free(crew->threads);
    }
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

static void *work(void *argument)
{
    struct crew *crew = argument;
    struct arena *arena = NULL;
    void *state = NULL;
    int64_t pause_ms = PAUSE_MS_MIN;
    pthread_setname_np(pthread_self(), crew->worker->name);
    while (!atomic_load(&crew->workers->app->stopping)) {
        if (!arena) arena = arena_new(MEMORY_BYTES);
        if (!state) state = calloc(1, crew->worker->state_bytes + 1);
        if (arena && state && run_once(crew, arena, state)) {
            pause_ms = PAUSE_MS_MIN;
        } else {
            rest(crew, pause_ms, false); // what failed now would most likely fail at once again
            if (pause_ms < PAUSE_MS_MAX) pause_ms *= 2;
        }
        if (!arena || !arena_failed(arena)) continue;
        arena_free(arena);
        arena = NULL;
    }
    arena_free(arena);
    free(state);
    return NULL;
}

// False when it failed. Without anything to do it rests until woken.
static bool run_once(struct crew *crew, struct arena *arena, void *state)
{
    struct app *app = crew->workers->app;
    struct error err = {.arena = arena};
    bool worked = false;
    const bool ok = crew->worker->run(app, arena, state, &worked, &err);
    if (!ok)
        log_warning("worker_failed", LOG_TEXT("worker", crew->worker->name), LOG_TEXT("detail", err.detail), LOG_TEXT("cause", err.cause));
    arena_reset(arena);
    if (worked) relay_wake(app->relay);
    if (ok && !worked) rest(crew, crew->worker->poll_ms, true);
    return ok;
}

static void rest(struct crew *crew, int64_t time_ms, bool until_woken)
{
    struct workers *workers = crew->workers;
    const int64_t until_ms = clock_monotonic_ms() + time_ms;
    pthread_mutex_lock(&workers->lock);
    while (!workers->stopping && !(until_woken && crew->wakes) && clock_monotonic_ms() < until_ms)
        condition_wait_until(&crew->wake, &workers->lock, until_ms * 1000);
    if (until_woken && crew->wakes) crew->wakes--;
    pthread_mutex_unlock(&workers->lock);
}
