// SPDX-License-Identifier: MIT
#include "worker_index_private.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"

#define ROOM_LEAST 1024

static bool make_room(struct worker_index *index, size_t id_size);
static bool add_facet(struct worker_index *index, int64_t hash, uint32_t number);
static bool make_room_for_facet(struct worker_index *index);
static struct facet *place_of(const struct worker_index *index, struct facet *facets, uint32_t room, int64_t hash);
static bool add_salary(struct worker_index *index, int64_t salary, uint32_t number);

struct worker_index *worker_index_new(void)
{
    struct worker_index *index = calloc(1, sizeof *index);
    if (!index) return NULL;
    crypto_random(&index->seed, sizeof index->seed);
    index->seed |= 1;
    return index;
}

void worker_index_free(struct worker_index *index)
{
    if (!index) return;
    for (uint32_t i = 0; i < index->facet_room; i++) number_set_clear(&index->facets[i].set);
    for (size_t i = 0; i < WORKER_AGES; i++) number_set_clear(&index->ages[i]);
    for (size_t i = 0; i < WORKER_SALARIES; i++) number_set_clear(&index->salaries[i]);
    free(index->facets);
    free(index->workers);
    free(index->ids);
    free(index);
}

size_t worker_index_count(const struct worker_index *index)
{
    return index->count;
}

bool worker_index_add(struct worker_index *index, const struct worker_entry *entry)
{
    const size_t id_size = strlen(entry->id) + 1;
    if (!make_room(index, id_size)) return false;
    const uint32_t number = index->count;
    const bool has_age = entry->age >= 0 && entry->age < WORKER_AGES, has_salary = entry->cheapest_rank < INT64_MAX;
    bool ok = (!has_age || number_set_add(&index->ages[entry->age], number)) && (!has_salary || add_salary(index, entry->cheapest_rank, number));
    for (size_t i = 0; ok && i < entry->facet_count; i++) ok = add_facet(index, entry->facets[i], number);
    if (!ok) return false;
    memcpy(index->ids + index->ids_size, entry->id, id_size);
    index->workers[number] = (struct worker_row){.newest_rank = entry->newest_rank, .cheapest_rank = entry->cheapest_rank, .id_at = index->ids_size,
                                             .age = (int8_t)(has_age ? entry->age : -1), .experienced_rank = (int8_t)entry->experienced_rank};
    index->ids_size += (uint32_t)id_size;
    index->count++;
    return true;
}

static bool make_room(struct worker_index *index, size_t id_size)
{
    if (index->count == index->room) {
        const uint32_t room = index->room ? index->room * 2 : ROOM_LEAST;
        struct worker_row *workers = room > index->room ? realloc(index->workers, room * sizeof *workers) : NULL;
        if (!workers) return false;
        index->workers = workers;
        index->room = room;
    }
    if (index->ids_room - index->ids_size < id_size) {
        const uint64_t room = index->ids_room + (uint64_t)index->ids_room / 2 + ROOM_LEAST;
        char *ids = room <= UINT32_MAX ? realloc(index->ids, room) : NULL;
        if (!ids) return false;
        index->ids = ids;
        index->ids_room = (uint32_t)room;
    }
    return true;
}

static bool add_facet(struct worker_index *index, int64_t hash, uint32_t number)
{
    if (!make_room_for_facet(index)) return false;
    struct facet *facet = place_of(index, index->facets, index->facet_room, hash);
    const bool is_new = facet->set.count == 0;
    if (!number_set_add(&facet->set, number)) return false;
    facet->hash = hash;
    index->facet_count += is_new;
    return true;
}

static bool make_room_for_facet(struct worker_index *index)
{
    if (index->facet_count < index->facet_room / 4 * 3) return true;
    const uint32_t room = index->facet_room ? index->facet_room * 2 : ROOM_LEAST;
    struct facet *facets = room > index->facet_room ? calloc(room, sizeof *facets) : NULL;
    if (!facets) return false;
    for (uint32_t i = 0; i < index->facet_room; i++)
        if (index->facets[i].set.count) *place_of(index, facets, room, index->facets[i].hash) = index->facets[i];
    free(index->facets);
    index->facets = facets;
    index->facet_room = room;
    return true;
}

// Where it is, or would be: room is a power of two, and some of it is free.
static struct facet *place_of(const struct worker_index *index, struct facet *facets, uint32_t room, int64_t hash)
{
    uint32_t at = (uint32_t)((uint64_t)hash * index->seed >> 32) & (room - 1);
    while (facets[at].set.count && facets[at].hash != hash) at = (at + 1) & (room - 1);
    return &facets[at];
}

const struct number_set *worker_facet_set(const struct worker_index *index, int64_t hash)
{
    static const struct number_set nobody;
    return index->facet_room ? &place_of(index, index->facets, index->facet_room, hash)->set : &nobody;
}

// As a floating-point number of so many bits has them.
size_t worker_salary_step(int64_t salary)
{
    if (salary < 1 << SALARY_BITS) return salary < 0 ? 0 : (size_t)salary;
    const int doublings = 63 - __builtin_clzll((uint64_t)salary) - SALARY_BITS;
    return ((size_t)doublings << SALARY_BITS) + (size_t)((uint64_t)salary >> doublings);
}

static bool add_salary(struct worker_index *index, int64_t salary, uint32_t number)
{
    const size_t step = worker_salary_step(salary);
    struct span *span = &index->spans[step];
    const bool is_first = index->salaries[step].count == 0;
    if (is_first || salary < span->least) span->least = salary;
    if (is_first || salary > span->most) span->most = salary;
    return number_set_add(&index->salaries[step], number);
}
