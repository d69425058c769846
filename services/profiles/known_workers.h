// SPDX-License-Identifier: MIT
// The index in memory of who fits which filters (worker_index.h), kept true. A thread of each replica reads all workers at the start, and
// from then on, each second, those of whom the outbox tells: every change that a list could show is told there, in its own transaction.
// What was told since is left to who asks: from as_of.told_to on. Ids of the outbox are not committed in their order, so told_to moves only
// to an id that was the last one before a transaction id was drawn below which all have ended by now (PostgreSQL 15, 9.26.8 "Transaction ID
// and Snapshot Information Functions": the xmin of a snapshot). All functions may be called from any thread, the last one by one alone.
#pragma once

#include "service.h"
#include "worker_index.h"

struct known_workers;
// most: of more there is no index; 0: none at all. count and reads show how many are known, and how often it was looked what is told.
// NULL where memory is short.
struct known_workers *known_workers_new(int64_t most, struct metric *count, struct metric *reads);
void known_workers_free(struct known_workers *known);

// What a find is worth: all of which events up to told_to tell is in it.
struct known_as_of {
    int64_t told_to;
    int64_t connects;
    bool has_changed; // since all were read: some may be counted twice, or be gone
};
// Whether it is worth asking. Accepts NULL.
bool known_workers_ready(struct known_workers *known);
// False: nothing is known now (it is being read, there are too many, memory is short); the database has to look alone.
bool known_workers_find(struct known_workers *known, struct db_pool *pool, const struct worker_wish *wish, struct arena *arena, struct worker_finds *ret,
                        struct known_as_of *as_of);
// False: the database may have forgotten since what the find knew (it crashed, or another has taken its place): the find is worth nothing.
bool known_workers_hold(const struct known_as_of *as_of, struct db_pool *pool);

// bigint[] as PostgreSQL writes it; NULL where the arena has no room.
int64_t *numbers_read(struct arena *arena, const char *array, size_t *ret_count);

// The thread's work: a piece of it.
bool known_workers_follow(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err);
