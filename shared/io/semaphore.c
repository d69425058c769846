// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "crypto.h"

struct semaphore {
    pthread_mutex_t mutex;
    pthread_cond_t released;
    int permits;
    int waiting;
};

struct semaphore *semaphore_new(int permits)
{
    struct semaphore *semaphore = calloc(1, sizeof(*semaphore));
    if (semaphore == NULL) {
        return NULL;
    }
    semaphore->permits = permits;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&semaphore->mutex, NULL);
    pthread_cond_init(&semaphore->released, &attributes);
    pthread_condattr_destroy(&attributes);
    return semaphore;
}

bool semaphore_acquire(struct semaphore *semaphore, int timeout_ms)
{
    struct timespec until;
    bool in_time = true;
    pthread_mutex_lock(&semaphore->mutex);
    if (semaphore->permits == 0) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t nanoseconds = until.tv_nsec + (int64_t)timeout_ms * 1000000;
        until.tv_sec += nanoseconds / 1000000000;
        until.tv_nsec = nanoseconds % 1000000000;
    }
    semaphore->waiting++;
    while (semaphore->permits == 0 && in_time) {
        in_time = pthread_cond_timedwait(&semaphore->released, &semaphore->mutex, &until) == 0;
    }
    semaphore->waiting--;
    bool acquired = semaphore->permits > 0;
    semaphore->permits -= acquired;
    pthread_mutex_unlock(&semaphore->mutex);
    return acquired;
}

void semaphore_release(struct semaphore *semaphore)
{
    pthread_mutex_lock(&semaphore->mutex);
    semaphore->permits++;
    bool wake = semaphore->waiting > 0;
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
