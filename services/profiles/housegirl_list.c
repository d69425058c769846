// SPDX-License-Identifier: MIT
// The list of workers: filters become facets, so that one index serves them all.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "housegirl.h"
#include "known_workers.h"

const char *const worker_sort_choices[] = {"newest", "salary", "-salary", "experience", NULL};

static const struct sort {
    const char *name;
    const struct sql *near;
    enum worker_order order;
} sorts[] = {
    {"newest", &SQL_worker_near_newest, WORKER_NEWEST},
    {"salary", &SQL_worker_near_cheapest, WORKER_CHEAPEST},
    {"-salary", &SQL_worker_near_dearest, WORKER_DEAREST},
    {"experience", &SQL_worker_near_experienced, WORKER_EXPERIENCED},
};

// A look costs a tenth of a microsecond or two; to ask the statistics some 1,000 looks, to read a worker some four.
#define LOOKS_FIRST 2000
#define LOOKS_FOR_READ 4
// Of those who are known to fit, so many may fit no more; and so many, if that was not enough.
#define KNOWN_SPARE 3
#define KNOWN_SPARE_MORE 100
#define KNOWN_DEEPEST 1000     // rows to skip; more would all be asked for
#define KNOWN_TOLD_TOO_MUCH (-3) // says worker_known
#define KNOWN_TOTAL_LEAST 1000 // a total of less is counted

#define FACETS_MAX 96
struct facets {
    struct arena *arena;
    const char *items[FACETS_MAX];
    size_t count;
};

static void add_facet(struct facets *facets, const char *prefix, const char *value, size_t length)
{
    char *facet = arena_printf(facets->arena, "%s%.*s", prefix, (int)length, value);
    for (char *at = facet ? strchr(facet, ':') : NULL; at && *at; at++) *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    if (facets->count < FACETS_MAX) facets->items[facets->count++] = facet;
}

// As stored: choices keep their case, see worker_facets in 0001_profiles.sql.
static void add_exact(struct facets *facets, const char *prefix, const char *value)
{
    if (value && facets->count < FACETS_MAX) facets->items[facets->count++] = arena_printf(facets->arena, "%s%s", prefix, value);
}

static bool in_word(unsigned char c)
{
    return isalnum(c) || c >= 0x80;
}

// One facet for each word, cut as facet_words in 0001_profiles.sql cuts them.
static void add_words(struct facets *facets, const char *prefix, const char *text)
{
    for (const char *at = text; at && *at;) {
        size_t length = 0;
        while (in_word((unsigned char)at[length])) length++;
        if (length) add_facet(facets, prefix, at, length);
        at += length + (at[length] != '\0' && !in_word((unsigned char)at[length]));
    }
}

static void add_each(struct facets *facets, const char *prefix, const struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++) add_facet(facets, prefix, list->items[i], strlen(list->items[i]));
}

static struct facets facets_of(const struct worker_query *query, struct arena *arena)
{
    struct facets facets = {.arena = arena};
    add_exact(&facets, "county:", query->county);
    add_exact(&facets, "education:", query->education);
    add_exact(&facets, "experience:", query->experience);
    add_exact(&facets, "accommodation_type:", query->accommodation_type);
    add_exact(&facets, "profile_id:", query->profile_id);
    if (field_given(&worker_query_fields, query, "is_available")) add_exact(&facets, "is_available:", query->is_available ? "true" : "false");
    if (field_given(&worker_query_fields, query, "verified")) add_exact(&facets, "verified:", query->verified ? "true" : "false");
    if (query->role) add_facet(&facets, "role:", query->role, strlen(query->role));
    add_each(&facets, "skill:", &query->skills);
    add_each(&facets, "language:", &query->languages);
    add_words(&facets, "place:", query->location);
    add_words(&facets, "word:", query->q);
    return facets;
}

// A bound, or SQL NULL.
static struct db_value bound(const struct worker_query *query, const char *member, int64_t value)
{
    return field_given(&worker_query_fields, query, member) ? DB_INT(value) : DB_TEXT(NULL);
}

struct listing {
    const char *facets;
    const struct sort *sort;
    struct db_value min_salary, max_salary, min_age, max_age;
    const char *before;    // the sort key before the first that can fit
    const char *filters;   // stands for all of the above: binds cursors, keys the count cache
    const struct sql *far; // the statement that finds all that fit; NULL: there is no filter
    bool may_be_known;     // who fits may be known in memory
    struct worker_wish wish; // the filters as they are asked for there; facets NULL: not yet
};

static const struct sql *far_of(const struct facets *facets, const struct listing *listing)
{
    if (facets->count) return &SQL_worker_far_facets;
    if (listing->min_salary.type == DB_VALUE_INT || listing->max_salary.type == DB_VALUE_INT) return &SQL_worker_far_salary;
    if (listing->min_age.type == DB_VALUE_INT || listing->max_age.type == DB_VALUE_INT) return &SQL_worker_far_age;
    return NULL;
}

// In the order of salaries, those below the wanted ones are stepped over; in that of experience, those who have more than is wanted.
static const char *before_first(const struct worker_query *query, const struct listing *listing, struct arena *arena)
{
    int years = 0;
    while (query->experience && !text_equal(experience_choices[years], query->experience)) years++;
    if (listing->sort->order == WORKER_EXPERIENCED && query->experience) return arena_printf(arena, "%d|", -(years + 1)); // experienced_rank
    if (listing->sort->order == WORKER_CHEAPEST && listing->min_salary.type == DB_VALUE_INT)
        return arena_printf(arena, "%lld|", (long long)listing->min_salary.integer);
    if (listing->sort->order == WORKER_DEAREST && listing->max_salary.type == DB_VALUE_INT)
        return arena_printf(arena, "%lld|", -(long long)listing->max_salary.integer);
    return "-9223372036854775808|";
}

static const struct sort *sort_of(const struct worker_query *query)
{
    size_t i = 0;
    while (query->sort && strcmp(sorts[i].name, query->sort) != 0) i++;
    return &sorts[i];
}

static struct listing listing_of(const struct worker_query *query, struct arena *arena)
{
    struct facets facets = facets_of(query, arena);
    struct listing listing = {.facets = db_array(arena, facets.items, facets.count), .sort = sort_of(query),
                              .min_salary = bound(query, "min_salary", query->min_salary), .max_salary = bound(query, "max_salary", query->max_salary),
                              .min_age = bound(query, "min_age", query->min_age), .max_age = bound(query, "max_age", query->max_age)};
    const struct db_value bounds[] = {listing.min_salary, listing.max_salary, listing.min_age, listing.max_age};
    struct text_buffer filters = text_buffer(arena);
    text_printf(&filters, "%s %s", listing.facets ? listing.facets : "", listing.sort->name);
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        if (bounds[i].type == DB_VALUE_INT) text_printf(&filters, " %lld", (long long)bounds[i].integer);
        else text_add(&filters, " -");
    }
    listing.filters = text_take(&filters);
    listing.far = far_of(&facets, &listing);
    listing.may_be_known = !query->profile_id;
    listing.before = before_first(query, &listing, arena);
    return listing;
}

struct found {
    const char *workers, *next_key;
    int64_t count;
    struct worker_total total; // count -1: not known
};

// The sort key that the page is behind.
static const char *key_before(const struct listing *listing, const struct page *page)
{
    return page->after ? page->after : listing->before;
}

// What a statement takes behind its tenth parameter, as far as it does.
struct own {
    struct db_value first; // near: how many to look at; the others: the sort
    const char *ids;
    int64_t told_to;
    const char *until;
};

static bool find(struct request *rq, const struct sql *sql, const struct listing *listing, const struct page *page, const struct own *own, struct found *ret,
                 struct error *err)
{
    const struct db_value values[] = {DB_TEXT(listing->facets), listing->min_salary, listing->max_salary, listing->min_age, listing->max_age,
                                      DB_TEXT(key_before(listing, page)), DB_INT(page->offset), DB_INT(page->size),
                                      DB_TEXT(rq->caller.user_id), DB_BOOL(rq->caller.is_admin), own->first, DB_TEXT(own->ids), DB_INT(own->told_to),
                                      DB_TEXT(own->until)};
    *ret = (struct found){0};
    return db_row(&rq->db, sql, (struct db_values){values, sql->parameters},
                  DB_OUT(DB_GET_TEXT(&ret->workers), DB_GET_TEXT(&ret->next_key), DB_GET_INT(&ret->count), DB_GET_INT(&ret->total.count),
                         DB_GET_BOOL(&ret->total.is_few)), err) == DB_FOUND;
}

static int64_t bound_or(struct db_value bound, int64_t none)
{
    return bound.type == DB_VALUE_INT ? bound.integer : none;
}

// Whether those in memory can be asked; then what for stands in listing->wish.
static bool can_be_known(struct request *rq, struct listing *listing, bool *ret, struct error *err)
{
    struct worker_wish *wish = &listing->wish;
    const char *hashes = NULL;
    *ret = listing->far && listing->may_be_known && known_workers_ready(profiles_of(rq->app)->known);
    if (!*ret || wish->facets) return true;
    if (db_row(&rq->db, &SQL_worker_hashes, DB_IN(DB_TEXT(listing->facets)), DB_OUT(DB_GET_TEXT(&hashes)), err) != DB_FOUND) return false;
    *wish = (struct worker_wish){.min_salary = bound_or(listing->min_salary, INT64_MIN), .max_salary = bound_or(listing->max_salary, INT64_MAX),
                                 .min_age = bound_or(listing->min_age, INT64_MIN), .max_age = bound_or(listing->max_age, INT64_MAX),
                                 .order = listing->sort->order};
    wish->facets = numbers_read(rq->arena, hashes, &wish->facet_count);
    return wish->facets || error_set(err, &problem_unavailable, NULL);
}

enum known {
    KNOWN_NOT,        // or nothing that helps
    KNOWN_NOT_ENOUGH, // of those who were picked too many fit no more
    KNOWN_FOUND,
};

// Those who are known in memory, as the database finds them now. Where wish->looks are likely to find a page nobody is picked, and how
// many there are goes to total, where an estimate will do.
static bool find_among_known(struct request *rq, const struct listing *listing, const struct page *page, struct found *ret, struct worker_total *total,
                             enum known *ret_known, struct error *err)
{
    const struct worker_wish *wish = &listing->wish;
    struct worker_finds finds;
    struct known_as_of as_of;
    *ret_known = KNOWN_NOT;
    if (!known_workers_find(profiles_of(rq->app)->known, rq->app->pool, wish, rq->arena, &finds, &as_of)) return true;
    if (!finds.is_picked) {
        if (finds.fitting >= KNOWN_TOTAL_LEAST) *total = (struct worker_total){.count = finds.fitting, .is_estimate = true};
        return true;
    }
    struct own own = {.first = DB_TEXT(listing->sort->name), .ids = db_array(rq->arena, finds.ids, finds.count), .told_to = as_of.told_to};
    if (finds.count == wish->most) own.until = arena_printf(rq->arena, "%lld|%s", (long long)finds.ranks[finds.count - 1], finds.ids[finds.count - 1]);
    if (!find(rq, &SQL_worker_known, listing, page, &own, ret, err)) return false;
    // instead of whether few fit it answers whether the page is right
    if (ret->total.is_few && known_workers_hold(&as_of, rq->app->pool)) *ret_known = KNOWN_FOUND;
    else if (own.until && ret->total.count != KNOWN_TOLD_TOO_MUCH) *ret_known = KNOWN_NOT_ENOUGH;
    total->is_few = true;
    if (ret->total.count < 0 || page->after)
        ret->total = (struct worker_total){.count = finds.fitting, .is_estimate = as_of.has_changed || ret->total.count != -1, .is_few = true};
    return true;
}

// looks: as in worker_wish.
static bool find_known(struct request *rq, struct listing *listing, const struct page *page, int64_t looks, struct found *ret, struct worker_total *total,
                       bool *ret_found, struct error *err)
{
    struct worker_wish *wish = &listing->wish;
    enum known known = KNOWN_NOT;
    char *id = NULL;
    bool can_be = false;
    *ret_found = false;
    if (page->offset > KNOWN_DEEPEST) return true;
    if (!can_be_known(rq, listing, &can_be, err)) return false;
    if (!can_be) return true;
    wish->looks = looks;
    wish->after_rank = strtoll(key_before(listing, page), &id, 10);
    wish->after_id = *id ? id + 1 : id;
    wish->most = (size_t)(page->offset + page->size + 1 + KNOWN_SPARE);
    if (!find_among_known(rq, listing, page, ret, total, &known, err)) return false;
    wish->most += KNOWN_SPARE_MORE;
    if (known == KNOWN_NOT_ENOUGH && !find_among_known(rq, listing, page, ret, total, &known, err)) return false;
    *ret_found = known == KNOWN_FOUND;
    return true;
}

// How many to look at, in the order of the list, until a page of those that fit has been met: twice what is likely. One in how many
// fits is taken from the statistics, as if one had been met so, and from what the first look has found: two words that never meet, or
// that always do, are no matter of chance. 0: to find all that fit costs less.
static bool looks_needed(struct request *rq, const struct listing *listing, const struct page *page, int64_t found, int64_t *ret, struct error *err)
{
    int64_t fitting = 0, read = 0, workers = 0;
    if (db_row(&rq->db, &SQL_worker_estimate,
               DB_IN(DB_TEXT(listing->facets), listing->min_salary, listing->max_salary, listing->min_age, listing->max_age),
               DB_OUT(DB_GET_INT(&fitting), DB_GET_INT(&read), DB_GET_INT(&workers)), err) != DB_FOUND)
        return false;
    const int64_t met = found ? page->offset + found : 0;
    const double expected = (double)workers / (double)(fitting > 0 ? fitting : 1); // looks for one that fits
    const double likely = (expected + (double)(LOOKS_FIRST + page->offset)) / (double)(met + 1);
    const double looks = 2 * likely * (double)(page->offset + page->size + 1);
    *ret = looks < (double)workers && looks <= LOOKS_FOR_READ * (double)read * expected / likely ? (int64_t)looks : 0;
    return true;
}

static bool find_near(struct request *rq, const struct listing *listing, const struct page *page, int64_t looks, struct found *ret, struct error *err)
{
    return find(rq, listing->sort->near, listing, page, &(struct own){.first = DB_INT(looks)}, ret, err);
}

// Where few fit, as the total tells or what is known in memory, those who are known; otherwise a short look first, and if that was not
// enough those who are known; where nobody is, a longer look, if that will do; and then all that fit are looked for.
static bool find_page(struct request *rq, struct listing *listing, const struct page *page, bool is_new, struct worker_total *total, struct found *ret,
                      struct error *err)
{
    int64_t looks = 0;
    bool is_found = false;
    if ((total->is_few || is_new) && !find_known(rq, listing, page, total->is_few ? 0 : LOOKS_FIRST, ret, total, &is_found, err)) return false;
    if (is_found) return true;
    if (!total->is_few) {
        if (!find_near(rq, listing, page, LOOKS_FIRST, ret, err)) return false;
        if (ret->next_key || !listing->far) return true;
        const int64_t met = ret->count;
        if (!find_known(rq, listing, page, 0, ret, total, &is_found, err)) return false;
        if (is_found) return true;
        if (!looks_needed(rq, listing, page, met, &looks, err)) return false;
    }
    if (looks && !find_near(rq, listing, page, looks, ret, err)) return false;
    if (looks && ret->next_key) return true;
    return find(rq, listing->far, listing, page, &(struct own){.first = DB_TEXT(listing->sort->name)}, ret, err);
}

// What is not known yet is counted, at most once in a few seconds for the same filters.
static bool total_of(struct request *rq, const struct listing *listing, const struct page *page, const struct found *found, struct worker_total *total,
                     struct error *err)
{
    const int64_t seen = page->offset + found->count;
    if (found->total.count >= 0) *total = found->total;
    else if (!found->next_key && (found->count > 0 || page->offset == 0)) *total = (struct worker_total){.count = seen}; // the last page
    else if (total->count < 0 && db_row(&rq->db, &SQL_worker_count,
                                        DB_IN(DB_TEXT(listing->facets), listing->min_salary, listing->max_salary, listing->min_age, listing->max_age),
                                        DB_OUT(DB_GET_INT(&total->count), DB_GET_BOOL(&total->is_estimate)), err) != DB_FOUND) return false;
    if (found->next_key && total->count <= seen) *total = (struct worker_total){.count = seen + 1, .is_estimate = true}; // what is there was counted before
    return true;
}

bool housegirl_list(struct request *rq, struct response *rs, struct error *err)
{
    const struct worker_query *query = rq->query;
    struct listing listing = listing_of(query, rq->arena);
    struct count_cache *cache = profiles_of(rq->app)->totals;
    struct page page;
    struct found found = {0};
    struct worker_total total = {.count = -1};
    if (!listing.filters || !listing.before) return error_set(err, &problem_unavailable, NULL);
    if (!page_read(rq, query->page, query->per_page, query->cursor, listing.filters, &page, err)) return false;
    const uint64_t generation = count_cache_generation(cache);
    const bool known = count_cache_get(cache, listing.filters, rq->now_ms, &total);
    if (!find_page(rq, &listing, &page, !known, &total, &found, err)) return false;
    if (page.after && found.total.count < 0) total = (struct worker_total){.count = -1}; // behind a cursor nobody asks
    else if (!total_of(rq, &listing, &page, &found, &total, err)) return false;
    if (!known && total.count >= 0) count_cache_put(cache, listing.filters, rq->now_ms, generation, &total);
    return page_write(rq, rs, "housegirls", found.workers, &page, total.count, total.is_estimate, found.next_key, listing.filters, err);
}
