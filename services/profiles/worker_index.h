// SPDX-License-Identifier: MIT
// Who fits which filters, in memory: finds the few that fit among a million in a tenth of a millisecond or two, which no index of the
// database can where each filter alone lets many through. It holds what lists are filtered and sorted by, and no other fact about anybody.
// It only grows: who changes is added once more, and what she was before stays. So what it finds are candidates, to be judged by the
// database (worker_known in sql/queries.sql), among which is everybody who fits. Not for several threads at once, but to be read.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

// As in housegirl_profiles; -1 for an age that is not known.
struct worker_entry {
    const char *id;
    int64_t newest_rank, cheapest_rank, experienced_rank;
    int64_t age;
    const int64_t *facets; // as facet_hashes makes them
    size_t facet_count;
};

struct worker_index;
// NULL where memory is short.
struct worker_index *worker_index_new(void);
void worker_index_free(struct worker_index *index);
// The texts are copied. In any order; what bounds the salary is found faster where they come in that of salaries. False: there is no memory,
// and the index is of no more use.
bool worker_index_add(struct worker_index *index, const struct worker_entry *entry);
// How often one was added.
size_t worker_index_count(const struct worker_index *index);

enum worker_order { WORKER_NEWEST, WORKER_CHEAPEST, WORKER_DEAREST, WORKER_EXPERIENCED };

// At least one filter, of facets, salary or age.
struct worker_wish {
    const int64_t *facets; // all of them
    size_t facet_count;
    int64_t min_salary, max_salary, min_age, max_age; // each with itself; INT64_MIN, INT64_MAX: no bound
    enum worker_order order;
    int64_t after_rank; // those behind this place of the order, as ids compare byte by byte
    const char *after_id;
    size_t most;        // of those that are found
    int64_t looks;      // none is picked where so many looks along the order are likely to meet `most` of them; 0: they are in any case
};

struct worker_finds {
    bool is_picked;
    const char **ids;   // if so: in order, in the arena
    int64_t *ranks;
    size_t count;
    int64_t fitting;    // all that fit, with those at and before the place; -1: to count them takes as long as the looks
};

// False: the arena has no room.
bool worker_index_find(const struct worker_index *index, const struct worker_wish *wish, struct arena *arena, struct worker_finds *ret);
