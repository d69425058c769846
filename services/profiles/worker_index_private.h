// SPDX-License-Identifier: MIT
// What the index of workers holds. Private to worker_index.c, which fills it, and worker_search.c.
#pragma once

#include "number_set.h"
#include "worker_index.h"

#define WORKER_AGES 128
#define SALARY_BITS 7 // 128 steps of each doubling: what people ask for mostly has a step of its own
#define WORKER_SALARIES ((size_t)64 << SALARY_BITS)

struct facet {
    int64_t hash;
    struct number_set set; // empty: nobody's place
};

struct worker_row {
    int64_t newest_rank, cheapest_rank;
    uint32_t id_at; // in ids
    int8_t age, experienced_rank;
};

struct worker_index {
    struct worker_row *workers; // by number
    uint32_t count, room;
    char *ids;              // one behind the other
    uint32_t ids_size, ids_room;
    struct facet *facets;   // by hash and seed, the next free place where that is taken
    uint64_t seed;          // so that nobody can choose words of one place
    uint32_t facet_count, facet_room;
    struct number_set ages[WORKER_AGES], salaries[WORKER_SALARIES];
    struct span {
        int64_t least, most;
    } spans[WORKER_SALARIES];      // of the salaries in each step
};

// The set of a facet; of one that nobody has an empty one.
const struct number_set *worker_facet_set(const struct worker_index *index, int64_t hash);
// Its step among the salaries.
size_t worker_salary_step(int64_t salary);
