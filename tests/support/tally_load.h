// SPDX-License-Identifier: MIT
// Many who count at once, at whichever replicas there are, and note what they were answered.
//
//   load_start(&load, replicas, 3);     // replicas may be started, killed and frozen meanwhile
//   load_stop(&load);
//   load_expect_kept(&load, &tally);    // nothing that was answered is lost
#pragma once

#include <pthread.h>

#include "tally.h"

#define LOAD_THREADS 4
#define LOAD_KEYS 24

struct load {
    const struct replica *replicas;
    int replica_count;
    pthread_t threads[LOAD_THREADS];
    _Atomic bool stopping;
    _Atomic int64_t highest[LOAD_KEYS]; // number that was answered, of each key
    _Atomic int64_t answered, refused, unanswered;
};

void load_start(struct load *load, const struct replica *replicas, int count);
void load_stop(struct load *load);      // what was answered stays noted, and is added to by the next start
void load_expect_kept(const struct load *load, const struct tally *tally);
