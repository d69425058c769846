// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "crypto.h"
#include "line.h"

#define PACE_WEIGHT 8

struct semaphore {
    pthread_mutex_t mutex;
    int permits;
    struct line line; // a permit that comes back is the first one's
    int waiting_most;
    int64_t pace_us;  // between two releases while none was left: a moving mean
    int64_t moved_us; // when the last permit went, or one came back since then
};

static bool is_hopeless(const struct semaphore *semaphore, int timeout_ms);
static bool wait_in_line(struct semaphore *semaphore, int timeout_ms);

struct semaphore *semaphore_new(int permits, int waiting_most)
{
    struct semaphore *semaphore = calloc(1, sizeof(*semaphore));
    if (semaphore == NULL) {
        return NULL;
    }
    semaphore->permits = permits;
    semaphore->waiting_most = waiting_most;
    semaphore->moved_us = clock_monotonic_us();
    pthread_mutex_init(&semaphore->mutex, NULL);
    return semaphore;
}

bool semaphore_acquire(struct semaphore *semaphore, int timeout_ms)
{
    pthread_mutex_lock(&semaphore->mutex);
    bool acquired = semaphore->permits > 0;
    if (acquired) {
        semaphore->permits--;
    } else if (semaphore->line.waiting < semaphore->waiting_most && !is_hopeless(semaphore, timeout_ms)) {
        acquired = wait_in_line(semaphore, timeout_ms);
    }
    if (acquired && semaphore->permits == 0) {
        semaphore->moved_us = clock_monotonic_us();
    }
    pthread_mutex_unlock(&semaphore->mutex);
    return acquired;
}

static bool wait_in_line(struct semaphore *semaphore, int timeout_ms)
{
    const int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    struct line_place own;
    line_join(&semaphore->line, &own);
    while (own.handed == NULL && condition_wait_until(&own.called, &semaphore->mutex, until_us)) {
        continue;
    }
    line_leave(&semaphore->line, &own);
    return own.handed != NULL;
}

// By the pace of late, or by how long nothing has moved where that is longer, those who wait already take half the time there is;
// the other half is for a pace that slackens.
static bool is_hopeless(const struct semaphore *semaphore, int timeout_ms)
{
    const int64_t still_us = clock_monotonic_us() - semaphore->moved_us;
    const int64_t pace_us = still_us > semaphore->pace_us ? still_us : semaphore->pace_us;
    return 2 * semaphore->line.waiting * pace_us > (int64_t)timeout_ms * 1000;
}

void semaphore_release(struct semaphore *semaphore)
{
    pthread_mutex_lock(&semaphore->mutex);
    if (semaphore->permits == 0) {
        const int64_t now_us = clock_monotonic_us();
        semaphore->pace_us += (now_us - semaphore->moved_us - semaphore->pace_us) / PACE_WEIGHT;
        semaphore->moved_us = now_us;
    }
    semaphore->permits += !line_hand(&semaphore->line, semaphore);
    pthread_mutex_unlock(&semaphore->mutex);
}

void semaphore_free(struct semaphore *semaphore)
{
    if (semaphore == NULL) {
        return;
    }
    pthread_mutex_destroy(&semaphore->mutex);
    free(semaphore);
}
