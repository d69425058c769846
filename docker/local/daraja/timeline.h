// SPDX-License-Identifier: MIT
// What is to be done at a time, by a pool of threads. Bounded, thread-safe.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

struct callback;

struct task {
    int64_t due_ms;            // monotonic
    uint64_t order;            // among those due at once
    uint64_t number;           // a transaction's
    struct callback *callback; // to be sent; NULL: a decision is due
};

struct timeline_config {
    const char *name; // of the threads
    int threads;
    size_t capacity;
    void (*run)(void *state, const struct task *task, struct arena *arena); // owns the task's callback
    void (*release)(struct callback *callback);                             // of what is never run
    void *state;
};

struct timeline;
MUST_USE struct timeline *timeline_start(const struct timeline_config *config); // NULL: no memory or thread
// False when there is no room or it ends: the callback stays the caller's.
MUST_USE bool timeline_add(struct timeline *timeline, int64_t due_ms, uint64_t number, struct callback *callback);
// Waits for what runs, and releases what waits. Accepts NULL.
void timeline_stop(struct timeline *timeline);
