// SPDX-License-Identifier: MIT
// The index of workers in memory against a look at each: few and many with a facet, over several blocks of numbers, every order, from every place.
#include "worker_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number_set.h"

#define WORKERS 150000
#define FACETS 12
#define WISHES 400
#define MOST 60

static struct one {
    char id[16];
    struct worker_entry entry;
    int64_t facets[FACETS];
} ones[WORKERS];
static struct worker_index *known;

static int64_t below(int64_t end)
{
    return random() % end;
}

// Facet n is had by one in 2^n; the last alone by those in the middle block.
static void make(struct one *one, int number)
{
    snprintf(one->id, sizeof one->id, "w%d", (int)(((int64_t)number * 7919) % WORKERS));
    one->entry = (struct worker_entry){.id = one->id, .newest_rank = -below(50000), .cheapest_rank = below(9) ? 100 + below(60) * 50000 + (below(5) ? 0 : below(3000)) : INT64_MAX,
                                       .experienced_rank = -below(7), .age = below(20) ? 18 + below(58) : -1, .facets = one->facets};
    for (int64_t n = 0; n < FACETS - 1; n++)
        if (!below(1 << n)) one->facets[one->entry.facet_count++] = INT64_MIN + n * 977;
    if (number >= 70000 && number < 71000) one->facets[one->entry.facet_count++] = 77;
    if (one->entry.facet_count && !below(10)) one->facets[one->entry.facet_count - 1] = one->facets[0]; // the same twice
}

static int setup(void **state)
{
    (void)state;
    srandom(20261129);
    known = worker_index_new();
    for (int i = 0; known && i < WORKERS; i++) {
        make(&ones[i], i);
        if (!worker_index_add(known, &ones[i].entry)) return 1;
    }
    return known ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    worker_index_free(known);
    return 0;
}

static bool has(const struct worker_entry *entry, int64_t facet)
{
    for (size_t i = 0; i < entry->facet_count; i++)
        if (entry->facets[i] == facet) return true;
    return false;
}

static bool fits(const struct worker_entry *entry, const struct worker_wish *wish)
{
    for (size_t i = 0; i < wish->facet_count; i++)
        if (!has(entry, wish->facets[i])) return false;
    if (wish->min_salary > INT64_MIN && (entry->cheapest_rank == INT64_MAX || entry->cheapest_rank < wish->min_salary)) return false;
    if (wish->max_salary < INT64_MAX && (entry->cheapest_rank == INT64_MAX || entry->cheapest_rank > wish->max_salary)) return false;
    if (wish->min_age > INT64_MIN && (entry->age < 0 || entry->age < wish->min_age)) return false;
    return wish->max_age == INT64_MAX || (entry->age >= 0 && entry->age <= wish->max_age);
}

static int64_t rank(const struct worker_entry *entry, enum worker_order order)
{
    const int64_t dearest = entry->cheapest_rank == INT64_MAX ? 1 : -entry->cheapest_rank;
    return (const int64_t[]){entry->newest_rank, entry->cheapest_rank, dearest, entry->experienced_rank}[order];
}

static int few_picked, many_counted;
static enum worker_order sorted_by;
static int compare(const void *left, const void *right)
{
    const struct worker_entry *a = *(const struct worker_entry *const *)left, *b = *(const struct worker_entry *const *)right;
    const int64_t one = rank(a, sorted_by), other = rank(b, sorted_by);
    return one != other ? (one > other) - (one < other) : strcmp(a->id, b->id);
}

static struct worker_wish draw(int64_t facets[3])
{
    struct worker_wish wish = {.facets = facets, .min_salary = INT64_MIN, .max_salary = INT64_MAX, .min_age = INT64_MIN, .max_age = INT64_MAX,
                               .order = (enum worker_order)below(4), .after_rank = INT64_MIN, .after_id = "", .most = (size_t)(1 + below(MOST))};
    for (int64_t n = below(4); n > 0; n--) facets[wish.facet_count++] = below(15) ? INT64_MIN + below(FACETS) * 977 : 77;
    if (!below(3)) wish.min_salary = below(2) ? 100 + below(60) * 50000 : below(3100000);
    if (!below(3)) wish.max_salary = below(5) ? below(3100000) : 100000000000;
    if (!below(3)) wish.min_age = below(80);
    if (!below(3)) wish.max_age = below(200);
    if (wish.facet_count == 0 && wish.max_age == INT64_MAX) wish.max_age = 30; // at least one filter
    if (!below(3)) {
        const struct one *place = &ones[below(WORKERS)];
        wish.after_rank = rank(&place->entry, wish.order);
        wish.after_id = place->id;
    }
    return wish;
}

static void assert_found(const struct worker_wish *wish, int number)
{
    static const struct worker_entry *fitting[WORKERS];
    struct arena *arena = arena_new(1 << 20);
    struct worker_finds finds;
    size_t count = 0, at = 0, i = 0;
    assert_true(worker_index_find(known, wish, arena, &finds));
    for (int n = 0; n < WORKERS; n++)
        if (fits(&ones[n].entry, wish)) fitting[count++] = &ones[n].entry;
    sorted_by = wish->order;
    qsort(fitting, count, sizeof fitting[0], compare);
    const struct worker_entry place = {.id = wish->after_id, .newest_rank = wish->after_rank};
    while (at < count && (rank(fitting[at], wish->order) < place.newest_rank ||
                          (rank(fitting[at], wish->order) == place.newest_rank && strcmp(fitting[at]->id, place.id) <= 0))) at++;
    if (finds.fitting != (int64_t)count) fail_msg("wish %d: %lld fit, not %zu", number, (long long)finds.fitting, count);
    for (; i < finds.count && at + i < count; i++) {
        assert_string_equal(finds.ids[i], fitting[at + i]->id);
        assert_int_equal(finds.ranks[i], rank(fitting[at + i], wish->order));
    }
    assert_int_equal(i, count - at < wish->most ? count - at : wish->most);
    assert_int_equal(finds.count, i);
    arena_free(arena);
}

// Few are picked, as without looks; of many it is told how many there are.
static void assert_looks(const struct worker_wish *wish, int number)
{
    struct arena *arena = arena_new(1 << 20);
    struct worker_finds all, finds;
    struct worker_wish few = *wish;
    few.looks = 2000;
    assert_true(worker_index_find(known, wish, arena, &all) && worker_index_find(known, &few, arena, &finds));
    if (finds.fitting >= 0 && finds.fitting != all.fitting) fail_msg("wish %d: %lld fit, not %lld", number, (long long)finds.fitting, (long long)all.fitting);
    if (finds.fitting >= 0) assert_int_equal(finds.is_picked, all.fitting * few.looks < (int64_t)few.most * WORKERS);
    if (finds.is_picked) assert_int_equal(finds.count, all.count);
    for (size_t i = 0; finds.is_picked && i < finds.count; i++) assert_string_equal(finds.ids[i], all.ids[i]);
    few_picked += finds.is_picked;
    many_counted += !finds.is_picked && finds.fitting > 0;
    arena_free(arena);
}

static void whoever_fits_is_found_in_order(void **state)
{
    (void)state;
    int64_t facets[3];
    for (int i = 0; i < WISHES; i++) {
        const struct worker_wish wish = draw(facets);
        assert_found(&wish, i);
        assert_looks(&wish, i);
    }
    assert_true(few_picked > WISHES / 20 && many_counted > WISHES / 20);
}

static void nobody_is_found_in_an_empty_index(void **state)
{
    (void)state;
    struct worker_index *empty = worker_index_new();
    struct arena *arena = arena_new(1 << 20);
    struct worker_finds finds;
    const int64_t facet = 77;
    assert_true(worker_index_find(empty, &(struct worker_wish){.facets = &facet, .facet_count = 1, .min_salary = INT64_MIN, .max_salary = INT64_MAX, .min_age = INT64_MIN,
                                                               .max_age = INT64_MAX, .after_rank = INT64_MIN, .after_id = "", .most = 1}, arena, &finds));
    assert_int_equal(finds.count, 0);
    assert_int_equal(finds.fitting, 0);
    arena_free(arena);
    worker_index_free(empty);
}

static void a_set_marks_what_it_holds(void **state)
{
    (void)state;
    static uint64_t words[NUMBER_BLOCK_WORDS];
    struct number_set set = {0};
    for (uint32_t n = 0; n < 3000; n++) assert_true(number_set_add(&set, n * 3) && number_set_add(&set, n * 3)); // once
    assert_true(number_set_add(&set, 200000));
    assert_int_equal(set.count, 3001);
    assert_true(number_set_mark(&set, 0, words));
    for (uint32_t n = 0; n < 9000; n++) assert_int_equal(words[n / 64] >> n % 64 & 1, n % 3 == 0);
    assert_false(number_set_mark(&set, 1, words));
    assert_false(number_set_mark(&set, 9, words));
    memset(words, 0, sizeof words);
    assert_true(number_set_mark(&set, 3, words));
    assert_true(words[(200000 & 65535) / 64] == (uint64_t)1 << 200000 % 64);
    number_set_clear(&set);
    assert_false(number_set_mark(&set, 0, words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_fits_is_found_in_order), cmocka_unit_test(nobody_is_found_in_an_empty_index), cmocka_unit_test(a_set_marks_what_it_holds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
