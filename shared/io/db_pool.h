// SPDX-License-Identifier: MIT
// The pool of connections. Requests never connect: a keeper thread replaces broken connections, with
// backoff, while requests wait for any that works. Private to db*.c.
#pragma once

#include <pthread.h>

#include "db_wire.h"
#include "line.h"

struct db_pool {
    struct db_pool_config config;      // texts are copies
    struct db_connection *connections; // config.connections of them
    pthread_mutex_t mutex;
    pthread_cond_t work;   // one broke, or the pool closes
    pthread_t keeper;
    bool keeper_runs, keeper_connects, closing;
    struct db_connection *idle; // last used first: its caches are warm; none while somebody waits
    struct line line; // of those who want a connection
    struct db_connection *broken;
    int idle_count, broken_count;
    int64_t acquired_total, timeouts_total, reconnects_total;
    int64_t down_since_ms; // since when connecting has failed; 0: it hasn't
    char failure[320];     // why it failed last
};

// Takes an idle connection that looks alive, waiting until deadline_ms (monotonic).
MUST_USE bool db_pool_take(struct db_pool *pool, int64_t deadline_ms, struct db_connection **ret,
                           struct error *err);
// Gives it back; a broken one, or one still in a transaction, goes to the keeper.
void db_pool_give(struct db_pool *pool, struct db_connection *connection);
