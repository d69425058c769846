// SPDX-License-Identifier: MIT
// What the parts of the relay share: thread and leadership (relay.c), to whom it publishes (relay_cluster.c), publishing
// (relay_publish.c), counting and purging (relay_house.c). Private to relay*.c.
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
    bool waits_for_broker;
    const char **delivered;         // ids acknowledged in this batch
    size_t delivered_count, undelivered_count;
    char *unmarked;                 // those that the database does not know of yet, as an array; NULL: none
    struct relay_stuck stuck;
    int64_t cluster_due_ms, purge_due_ms, stats_due_ms, lead_due_ms, notified_ms;
    _Atomic bool leader;
    _Atomic int64_t published_total, producers_total, backlog, oldest_age_ms;
    struct metric *published_metric, *backlog_metric, *age_metric, *leader_metric, *producers_metric;
};

// All false: the database, and the lead may be lost with it. What is wrong with the broker is waited for and no failure.

// *ret_ready: there is a producer that works, and the cluster is known and has its topics.
MUST_USE bool relay_ready(struct relay *relay, bool *ret_ready, struct error *err);
// Whether another producer must take over: this one has failed for good, or was cut off from all brokers.
bool relay_producer_is_spent(const struct relay *relay);
// The producer's report of one message.
void relay_delivered(void *state, void *tag, bool delivered);
// Sends a batch in id order and marks what the broker acknowledged; *ret_count rows were there.
MUST_USE bool relay_publish(struct relay *relay, int64_t *ret_count, struct error *err);
// Marks what was acknowledged and could not be marked then, so that it is not sent again and again.
MUST_USE bool relay_mark(struct relay *relay, struct error *err);

// Counts what waits, where that is due.
MUST_USE bool relay_count_backlog(struct relay *relay, struct error *err);
// The same, and purges what is old.
MUST_USE bool relay_keep_house(struct relay *relay, struct error *err);
