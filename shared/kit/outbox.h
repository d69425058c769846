// SPDX-License-Identifier: MIT
// The relay: one leader per service (advisory lock on a connection of its own) publishes outbox
// rows in id order with an idempotent producer and marks a row only in its delivery report. It is
// woken inside the process after a commit, by NOTIFY from other replicas, and polls as the truth.
// A fatal producer error makes a new producer; another cluster id makes the retained rows
// unpublished again. One thread; start and stop from main only, relay_wake from anywhere.
#pragma once

#include "service.h"

struct relay_stats {
    bool leader;
    int64_t published_total, producers_total, backlog, oldest_age_ms;
};

MUST_USE struct relay *relay_start(struct app *app, struct error *err);
void relay_wake(struct relay *relay);   // accepts NULL
void relay_stats(struct relay *relay, struct relay_stats *ret);
void relay_stop(struct relay *relay);   // publishes what is there for up to 2 s; accepts NULL
