// SPDX-License-Identifier: MIT
#include "breaker.h"

#include <stddef.h>

#include "cleanup.h"

enum event { SUCCEEDED, FAILED, FAILED_TOO_OFTEN, WAITED };

// The whole behaviour; a pair that is not listed changes nothing.
static const struct transition {
    enum breaker_state from;
    enum event event;
    enum breaker_state to;
} transitions[] = {
    {BREAKER_CLOSED, FAILED_TOO_OFTEN, BREAKER_OPEN},
    {BREAKER_OPEN, WAITED, BREAKER_HALF_OPEN},
    {BREAKER_HALF_OPEN, SUCCEEDED, BREAKER_CLOSED},
    {BREAKER_HALF_OPEN, FAILED, BREAKER_OPEN},
    {BREAKER_HALF_OPEN, FAILED_TOO_OFTEN, BREAKER_OPEN},
};

static bool admits(const struct breaker *breaker, int64_t now_ms);
static void move(struct breaker *breaker, enum event event, int64_t now_ms);

void breaker_init(struct breaker *breaker, int failures_to_open, int64_t open_ms)
{
    *breaker = (struct breaker){.failures_to_open = failures_to_open, .open_ms = open_ms};
    pthread_mutex_init(&breaker->lock, NULL);
}

void breaker_release(struct breaker *breaker)
{
    pthread_mutex_destroy(&breaker->lock);
}

bool breaker_would_admit(struct breaker *breaker, int64_t now_ms)
{
    pthread_mutex_lock(&breaker->lock);
    const bool admitted = admits(breaker, now_ms);
    pthread_mutex_unlock(&breaker->lock);
    return admitted;
}

bool breaker_admit(struct breaker *breaker, int64_t now_ms)
{
    pthread_mutex_lock(&breaker->lock);
    const bool admitted = admits(breaker, now_ms);
    if (admitted && breaker->state == BREAKER_OPEN) move(breaker, WAITED, now_ms);
    if (admitted && breaker->state == BREAKER_HALF_OPEN) breaker->probing = true;
    pthread_mutex_unlock(&breaker->lock);
    return admitted;
}

void breaker_report(struct breaker *breaker, bool success, int64_t now_ms)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->failures = success ? 0 : breaker->failures + 1;
    const enum event event = success                                           ? SUCCEEDED
                             : breaker->failures >= breaker->failures_to_open ? FAILED_TOO_OFTEN
                                                                              : FAILED;
    move(breaker, event, now_ms);
    pthread_mutex_unlock(&breaker->lock);
}

enum breaker_state breaker_state(struct breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    const enum breaker_state state = breaker->state;
    pthread_mutex_unlock(&breaker->lock);
    return state;
}

int64_t breaker_wait_ms(struct breaker *breaker, int64_t now_ms)
{
    pthread_mutex_lock(&breaker->lock);
    const int64_t left_ms = breaker->opened_ms + breaker->open_ms - now_ms;
    const bool waiting = breaker->state == BREAKER_OPEN && left_ms > 0;
    pthread_mutex_unlock(&breaker->lock);
    return waiting ? left_ms : 0;
}

static bool admits(const struct breaker *breaker, int64_t now_ms)
{
    switch (breaker->state) {
    case BREAKER_CLOSED: return true;
    case BREAKER_OPEN: return now_ms - breaker->opened_ms >= breaker->open_ms;
    case BREAKER_HALF_OPEN: return !breaker->probing;
    }
    return false;
}

static void move(struct breaker *breaker, enum event event, int64_t now_ms)
{
    for (size_t i = 0; i < COUNT_OF(transitions); i++) {
        if (transitions[i].from != breaker->state || transitions[i].event != event) continue;
        breaker->state = transitions[i].to;
        breaker->probing = false;
        if (breaker->state == BREAKER_OPEN) breaker->opened_ms = now_ms;
        return;
    }
}
