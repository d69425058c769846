// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "condition.h"
#include "crypto.h"

#define PACE_WEIGHT 8

struct semaphore {
    pthread_mutex_t mutex;
    pthread_cond_t released;
    int permits;
    int waiting;
    int handed; // permits that came back for those who wait: nobody steps in before them
    int64_t pace_us;  // between two releases while none was left: a moving mean
    int64_t moved_us; // when the last permit went, or one came back since then
};

static bool is_hopeless(const struct semaphore *semaphore, int timeout_ms);
static bool wait_in_line(struct semaphore *semaphore, int timeout_ms);

struct semaphore *semaphore_new(int permits)
{
    struct semaphore *semaphore = calloc(1, sizeof(*semaphore));
    if (semaphore == NULL) {
        return NULL;
    }
    semaphore->permits = permits;
    semaphore->moved_us = clock_monotonic_us();
    pthread_mutex_init(&semaphore->mutex, NULL);
    condition_init(&semaphore->released);
    return semaphore;
}

bool semaphore_acquire(struct semaphore *semaphore, int timeout_ms)
{
    pthread_mutex_lock(&semaphore->mutex);
    bool acquired = semaphore->permits > 0;
    if (acquired) {
        semaphore->permits--;
    } else if (!is_hopeless(semaphore, timeout_ms)) {
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
    bool in_time = true;
    semaphore->waiting++;
    while (semaphore->handed == 0 && in_time) {
        in_time = condition_wait_until(&semaphore->released, &semaphore->mutex, until_us);
    }
    semaphore->waiting--;
    const bool acquired = semaphore->handed > 0;
    semaphore->handed -= acquired;
    return acquired;
}

// By the pace of late, or by how long nothing has moved where that is longer, those who wait already take half the time there is;
// the other half is for a pace that slackens.
static bool is_hopeless(const struct semaphore *semaphore, int timeout_ms)
{
    const int64_t still_us = clock_monotonic_us() - semaphore->moved_us;
    const int64_t pace_us = still_us > semaphore->pace_us ? still_us : semaphore->pace_us;
    return 2 * semaphore->waiting * pace_us > (int64_t)timeout_ms * 1000;
}

void semaphore_release(struct semaphore *semaphore)
{
    pthread_mutex_lock(&semaphore->mutex);
    if (semaphore->permits == 0) {
        const int64_t now_us = clock_monotonic_us();
        semaphore->pace_us += (now_us - semaphore->moved_us - semaphore->pace_us) / PACE_WEIGHT;
        semaphore->moved_us = now_us;
    }
    const bool wake = semaphore->waiting > semaphore->handed;
    *(wake ? &semaphore->handed : &semaphore->permits) += 1;
    pthread_mutex_unlock(&semaphore->mutex);
    if (wake) {
        pthread_cond_signal(&semaphore->released);
    }
}

void semaphore_free(struct semaphore *semaphore)
{
    if (semaphore == NULL) {
        return;
    }
    pthread_cond_destroy(&semaphore->released);
    pthread_mutex_destroy(&semaphore->mutex);
    free(semaphore);
}
