// SPDX-License-Identifier: MIT
// What the parts of the relay share: thread and leadership (relay.c), publishing (relay_publish.c), counting and purging
// (relay_house.c). Private to relay*.c.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "outbox.h"
#include "relay_stuck.h"

struct relay {
    struct app *app;
    pthread_t thread;
    int wake_fd;
    _Atomic bool stopping;
    struct db_pool *pool;
    struct db db;                   // one session for as long as the connection lives
    struct arena *arena;
    struct kafka_producer *producer;
    char cluster[64];
    const char **delivered;         // ids acknowledged in this batch
    size_t delivered_count, undelivered_count;
    struct relay_stuck stuck;
    int64_t cluster_due_ms, purge_due_ms, stats_due_ms, lead_due_ms, notified_ms;
    _Atomic bool leader;
    _Atomic int64_t published_total, producers_total, backlog, oldest_age_ms;
    struct metric *published_metric, *backlog_metric, *age_metric, *leader_metric, *producers_metric;
};

// A producer that works, and the same cluster as before.
MUST_USE bool relay_ready(struct relay *relay, struct error *err);
// Sends a batch in id order and marks what the broker acknowledged; *ret_count rows were there.
MUST_USE bool relay_publish(struct relay *relay, int64_t *ret_count, struct error *err);

// Counts what waits and purges what is old, each when it is due.
MUST_USE bool relay_keep_house(struct relay *relay, struct error *err);
