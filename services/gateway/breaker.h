// SPDX-License-Identifier: MIT
// A circuit breaker: after some failures in a row a replica is left alone for a while, then one
// request at a time tries whether it is back. Thread-safe. Whoever was admitted must report.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    pthread_mutex_t lock;
    int failures_to_open;
    int64_t open_ms;
    enum breaker_state state;
    int failures;      // in a row
    int64_t opened_ms; // when
    bool probing;      // half-open: the one trial is under way
};

void breaker_init(struct breaker *breaker, int failures_to_open, int64_t open_ms);
void breaker_release(struct breaker *breaker);

// Whether a request would be let through now.
bool breaker_would_admit(struct breaker *breaker, int64_t now_ms);
// Lets a request through; in half-open only one at a time.
bool breaker_admit(struct breaker *breaker, int64_t now_ms);
void breaker_report(struct breaker *breaker, bool success, int64_t now_ms);

enum breaker_state breaker_state(struct breaker *breaker);
// Milliseconds until an open breaker tries again; 0 otherwise.
int64_t breaker_wait_ms(struct breaker *breaker, int64_t now_ms);
