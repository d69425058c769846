// SPDX-License-Identifier: MIT
// The running simulator. No lock is held while anything is sent or waited for.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "clock.h"
#include "peers.h"
#include "quirks.h"
#include "simulator.h"
#include "timeline.h"
#include "transactions.h"

struct simulator {
    struct simulator_settings settings;
    atomic_uint_fast64_t requests;
    struct peers *peers;
    struct timeline *decisions, *callbacks;
    struct http_server *server;

    pthread_mutex_t lock; // of all below
    pthread_cond_t ended;
    bool ending;
    struct transactions transactions;
    struct counts counts;
    struct quirks quirks;
    uint64_t random;
    uint64_t malformed; // how many callbacks were, so that the ways take turns
    char token[64];
    int64_t token_until_ms; // monotonic
};

void simulator_lock(struct simulator *simulator);
void simulator_unlock(struct simulator *simulator);
// Waits, unless the simulator ends.
void simulator_pause(struct simulator *simulator, int64_t milliseconds);
