// SPDX-License-Identifier: MIT
// The inbox: one consumer thread per replica. Inbox row + effect + new outbox rows are one
// transaction; offsets are stored after the commit. Messages are taken in batches: a batch is one
// transaction, and where one of its events fails, the batch is rolled back and gone through one by
// one. Trouble that passes pauses the partition and retries; trouble that stays parks the event and
// all later ones of its key, in order. Redrive is asked for in the database (dcctl) and done here.
#pragma once

#include "service.h"

MUST_USE struct inbox *inbox_start(struct app *app, struct error *err);
void inbox_stop(struct inbox *inbox);   // finishes the running batch; accepts NULL
int64_t inbox_lag(struct inbox *inbox); // -1 unknown

// For a request that waits for the effect of an event: take the progress, look, and where the effect is not there wait for more of
// it and look again. Waits for bounded times only, for another replica may have applied the event. Any thread; accepts NULL.
uint64_t inbox_progress(struct inbox *inbox);
void inbox_await(struct inbox *inbox, uint64_t seen, int timeout_ms);

// The same for one event without Kafka, for tests.
MUST_USE bool inbox_apply(struct app *app, const struct kafka_message *message, struct arena *arena, struct error *err);

// Broadcast: every replica reads, nothing is stored. Ready once what was there has been read.
MUST_USE struct broadcast *broadcast_start(struct app *app, struct error *err);
bool broadcast_caught_up(struct broadcast *broadcast);
void broadcast_stop(struct broadcast *broadcast); // accepts NULL
