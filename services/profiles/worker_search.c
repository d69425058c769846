// SPDX-License-Identifier: MIT
// Finds in the index of workers: block by block, who is in a set of each filter, as bits.
#include <string.h>

#include "worker_index_private.h"

#define SETS_MOST 24 // to count who is in more of them takes longer than a look along the list: 0.3 ms among a million
#define NUMBERS_MOST 16384 // then they are judged. It is more than looks are to meet where a page of 20 is wanted among a million

// A filter: who is in one of the sets.
struct term {
    const struct number_set *sets;
    size_t count;
    uint64_t members;
};

struct place {
    int64_t rank;
    uint32_t number;
};

struct search {
    const struct worker_index *index;
    const struct worker_wish *wish;
    struct term *terms;
    size_t term_count;
    bool judges;         // not all who pass have the salary that is wanted
    int64_t many;        // so many are not picked
    int64_t passing;     // who is in all terms
    int64_t fitting;     // those of them who fit, as far as they are judged
    uint32_t *numbers;   // of those who pass and are not judged yet
    size_t number_count;
    struct place *heap;  // the best so far, the worst of them on top
    size_t count;
};

static bool search_begin(struct search *search, const struct worker_index *index, const struct worker_wish *wish, struct arena *arena);
static size_t sets_of(const struct search *search);
static bool pass_blocks(struct search *search, struct arena *arena);
static void judge(struct search *search);
static bool take_all(struct search *search, struct arena *arena, struct worker_finds *ret);

bool worker_index_find(const struct worker_index *index, const struct worker_wish *wish, struct arena *arena, struct worker_finds *ret)
{
    struct search search;
    *ret = (struct worker_finds){.fitting = -1};
    if (!search_begin(&search, index, wish, arena)) return false;
    if (wish->looks && (search.judges || (search.term_count > 1 && sets_of(&search) > SETS_MOST))) return true;
    if (wish->looks && search.term_count == 1) ret->fitting = (int64_t)search.terms[0].members;
    if (ret->fitting >= search.many) return true;
    if (!pass_blocks(&search, arena)) return false;
    if (wish->looks) ret->fitting = search.passing;
    if (ret->fitting >= search.many) return true;
    judge(&search);
    return take_all(&search, arena, ret);
}

static bool by_salary(const struct worker_wish *wish)
{
    return wish->min_salary > INT64_MIN || wish->max_salary < INT64_MAX;
}

static bool by_age(const struct worker_wish *wish)
{
    return wish->min_age > INT64_MIN || wish->max_age < INT64_MAX;
}

static size_t age_step(int64_t age)
{
    return age < 0 ? 0 : age >= WORKER_AGES ? WORKER_AGES - 1 : (size_t)age;
}

static struct term range(const struct number_set *sets, size_t from, size_t to)
{
    struct term term = {&sets[from], from <= to ? to - from + 1 : 0, 0};
    for (size_t i = 0; i < term.count; i++) term.members += term.sets[i].count;
    return term;
}

// *ret_partly: of the first or the last step some ask for less, or for more, than is wanted.
static struct term salary_range(const struct worker_index *index, int64_t min, int64_t max, bool *ret_partly)
{
    size_t from = worker_salary_step(min), to = worker_salary_step(max);
    while (from < to && (!index->salaries[from].count || index->spans[from].most < min)) from++;
    while (from < to && (!index->salaries[to].count || index->spans[to].least > max)) to--;
    const struct term term = range(index->salaries, from, to);
    *ret_partly = term.members && (index->spans[from].least < min || index->spans[to].most > max);
    return term;
}

// A range that lets most through is no term, where there is another: who passes is judged, too. Unless all are to be counted.
static bool is_worth(const struct search *search, const struct term *range, bool has_others)
{
    return search->wish->looks || !has_others || range->members * 2 <= search->index->count;
}

// Salaries first: most workers are numbered by them, so that many a block has nobody who asks for that, and nothing else of it is read.
static void add_terms(struct search *search)
{
    const struct worker_index *index = search->index;
    const struct worker_wish *wish = search->wish;
    struct term *terms = search->terms;
    size_t count = 0;
    if (by_salary(wish)) {
        terms[count] = salary_range(index, wish->min_salary, wish->max_salary, &search->judges);
        count += is_worth(search, &terms[count], wish->facet_count > 0 || by_age(wish));
    }
    for (size_t i = 0; i < wish->facet_count; i++) {
        const struct number_set *set = worker_facet_set(index, wish->facets[i]);
        terms[count++] = (struct term){set, 1, set->count};
    }
    if (by_age(wish)) {
        terms[count] = range(index->ages, age_step(wish->min_age), age_step(wish->max_age));
        count += is_worth(search, &terms[count], count > 0);
    }
    search->term_count = count;
}

static bool search_begin(struct search *search, const struct worker_index *index, const struct worker_wish *wish, struct arena *arena)
{
    *search = (struct search){.index = index, .wish = wish, .many = INT64_MAX, .terms = arena_alloc(arena, (wish->facet_count + 2) * sizeof(struct term))};
    if (!search->terms) return false;
    if (wish->looks) search->many = ((int64_t)wish->most * index->count + wish->looks - 1) / wish->looks;
    add_terms(search);
    return true;
}

// Those that somebody is in.
static size_t sets_of(const struct search *search)
{
    size_t count = 0;
    for (size_t i = 0; i < search->term_count; i++)
        for (size_t n = 0; n < search->terms[i].count; n++) count += search->terms[i].sets[n].count > 0;
    return count;
}

static bool mark_any(const struct term *term, uint32_t block, uint64_t *words)
{
    bool some = false;
    memset(words, 0, NUMBER_BLOCK_WORDS * sizeof *words);
    for (size_t i = 0; i < term->count; i++) some |= number_set_mark(&term->sets[i], block, words);
    return some;
}

static bool mark_all(const struct search *search, uint32_t block, uint64_t *words, uint64_t *spare)
{
    if (!search->term_count || !mark_any(&search->terms[0], block, words)) return false;
    for (size_t i = 1; i < search->term_count; i++) {
        const struct term *term = &search->terms[i];
        if (term->count == 1 ? !number_set_keep(term->sets, block, words) : !mark_any(term, block, spare)) return false;
        if (term->count != 1) number_words_keep(words, spare);
    }
    return true;
}

static void add_passing(struct search *search, uint32_t block, const uint64_t *words)
{
    for (uint32_t w = 0; w < NUMBER_BLOCK_WORDS; w++) {
        if (!words[w]) continue;
        search->passing += __builtin_popcountll(words[w]);
        if (search->passing >= search->many) continue;
        if (search->number_count + 64 > NUMBERS_MOST) judge(search);
        for (uint64_t word = words[w]; word; word &= word - 1)
            search->numbers[search->number_count++] = (block << NUMBER_BLOCK_SHIFT) + w * 64 + (uint32_t)__builtin_ctzll(word);
    }
}

static bool pass_blocks(struct search *search, struct arena *arena)
{
    const uint32_t blocks = (search->index->count + (1 << NUMBER_BLOCK_SHIFT) - 1) >> NUMBER_BLOCK_SHIFT;
    uint64_t *words = arena_alloc(arena, NUMBER_BLOCK_WORDS * sizeof *words), *spare = arena_alloc(arena, NUMBER_BLOCK_WORDS * sizeof *spare);
    search->numbers = arena_alloc(arena, NUMBERS_MOST * sizeof(uint32_t));
    search->heap = arena_alloc(arena, (search->wish->most + 1) * sizeof(struct place));
    if (!words || !spare || !search->numbers || !search->heap) return false;
    for (uint32_t block = 0; block < blocks; block++)
        if (mark_all(search, block, words, spare)) add_passing(search, block, words);
    return true;
}

static bool in_bounds(const struct worker_row *worker, const struct worker_wish *wish)
{
    if (by_salary(wish) && (worker->cheapest_rank < wish->min_salary || worker->cheapest_rank > wish->max_salary || worker->cheapest_rank == INT64_MAX)) return false;
    return !by_age(wish) || (worker->age >= 0 && worker->age >= wish->min_age && worker->age <= wish->max_age);
}

static int64_t rank_of(const struct worker_row *worker, enum worker_order order)
{
    switch (order) {
    case WORKER_CHEAPEST: return worker->cheapest_rank;
    case WORKER_DEAREST: return worker->cheapest_rank == INT64_MAX ? 1 : -worker->cheapest_rank;
    case WORKER_EXPERIENCED: return worker->experienced_rank;
    case WORKER_NEWEST: break;
    }
    return worker->newest_rank;
}

static const char *id_of(const struct worker_index *index, uint32_t number)
{
    return index->ids + index->workers[number].id_at;
}

static bool is_behind(const struct worker_index *index, struct place a, struct place b)
{
    if (a.rank != b.rank) return a.rank > b.rank;
    return strcmp(id_of(index, a.number), id_of(index, b.number)) > 0;
}

// Has the heap's order again below what has changed at the top.
static void sink(const struct search *search)
{
    struct place *heap = search->heap;
    for (size_t at = 0, child; (child = 2 * at + 1) < search->count; at = child) {
        if (child + 1 < search->count && is_behind(search->index, heap[child + 1], heap[child])) child++;
        if (!is_behind(search->index, heap[child], heap[at])) return;
        const struct place moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

static void push(struct search *search, struct place place)
{
    struct place *heap = search->heap;
    size_t at = search->count++;
    for (; at > 0 && is_behind(search->index, place, heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = place;
}

static void add_fitting(struct search *search, uint32_t number)
{
    const struct worker_wish *wish = search->wish;
    const struct worker_row *worker = &search->index->workers[number];
    if (!in_bounds(worker, wish)) return;
    search->fitting++;
    const struct place place = {rank_of(worker, wish->order), number};
    if (place.rank < wish->after_rank || (place.rank == wish->after_rank && strcmp(id_of(search->index, number), wish->after_id) <= 0)) return;
    if (search->count < wish->most) {
        push(search, place);
    } else if (search->count && is_behind(search->index, search->heap[0], place)) {
        search->heap[0] = place;
        sink(search);
    }
}

static void judge(struct search *search)
{
    for (size_t i = 0; i < search->number_count; i++) add_fitting(search, search->numbers[i]);
    search->number_count = 0;
}

// The last is taken off the heap first.
static bool take_all(struct search *search, struct arena *arena, struct worker_finds *ret)
{
    *ret = (struct worker_finds){.is_picked = true, .fitting = search->fitting, .count = search->count,
                                 .ids = arena_alloc(arena, (search->count + 1) * sizeof(char *)), .ranks = arena_alloc(arena, (search->count + 1) * sizeof(int64_t))};
    if (!ret->ids || !ret->ranks) return false;
    while (search->count) {
        const struct place place = search->heap[0];
        search->heap[0] = search->heap[--search->count];
        sink(search);
        ret->ids[search->count] = arena_strdup(arena, id_of(search->index, place.number));
        ret->ranks[search->count] = place.rank;
    }
    return !arena_failed(arena);
}
