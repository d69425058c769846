// SPDX-License-Identifier: MIT
// The list of workers: filters become facets, so that one index serves them all.
#include <ctype.h>
#include <string.h>

#include "api.h"
#include "housegirl.h"

const char *const worker_sort_choices[] = {"newest", "salary", "-salary", "experience", NULL};

static const struct {
    const char *name;
    const struct sql *near;
} sorts[] = {
    {"newest", &SQL_worker_near_newest},
    {"salary", &SQL_worker_near_cheapest},
    {"-salary", &SQL_worker_near_dearest},
    {"experience", &SQL_worker_near_experienced},
};

// A look costs a tenth of a microsecond or two; to ask the statistics some 1,000 looks, to read a worker some four.
#define LOOKS_FIRST 2000
#define LOOKS_FOR_READ 4

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
    const char *facets, *sort;
    struct db_value min_salary, max_salary, min_age, max_age;
    const char *before;    // the sort key before the first that can fit
    const char *filters;   // stands for all of the above: binds cursors, keys the count cache
    const struct sql *far; // the statement that finds all that fit; NULL: there is no filter
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
    if (text_equal(listing->sort, "experience") && query->experience) return arena_printf(arena, "%d|", -(years + 1)); // experienced_rank
    if (text_equal(listing->sort, "salary") && listing->min_salary.type == DB_VALUE_INT)
        return arena_printf(arena, "%lld|", (long long)listing->min_salary.integer);
    if (text_equal(listing->sort, "-salary") && listing->max_salary.type == DB_VALUE_INT)
        return arena_printf(arena, "%lld|", -(long long)listing->max_salary.integer);
    return "-9223372036854775808|";
}

static struct listing listing_of(const struct worker_query *query, struct arena *arena)
{
    struct facets facets = facets_of(query, arena);
    struct listing listing = {.facets = db_array(arena, facets.items, facets.count), .sort = query->sort ? query->sort : sorts[0].name,
                              .min_salary = bound(query, "min_salary", query->min_salary), .max_salary = bound(query, "max_salary", query->max_salary),
                              .min_age = bound(query, "min_age", query->min_age), .max_age = bound(query, "max_age", query->max_age)};
    const struct db_value bounds[] = {listing.min_salary, listing.max_salary, listing.min_age, listing.max_age};
    struct text_buffer filters = text_buffer(arena);
    text_printf(&filters, "%s %s", listing.facets ? listing.facets : "", listing.sort);
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        if (bounds[i].type == DB_VALUE_INT) text_printf(&filters, " %lld", (long long)bounds[i].integer);
        else text_add(&filters, " -");
    }
    listing.filters = text_take(&filters);
    listing.far = far_of(&facets, &listing);
    listing.before = before_first(query, &listing, arena);
    return listing;
}

struct found {
    const char *workers, *next_key;
    int64_t count;
    struct worker_total total; // count -1: not known
};

// last: what is the statement's own, $11.
static bool find(struct request *rq, const struct sql *sql, const struct listing *listing, const struct page *page, struct db_value last, struct found *ret,
                 struct error *err)
{
    *ret = (struct found){0};
    return db_row(&rq->db, sql,
                  DB_IN(DB_TEXT(listing->facets), listing->min_salary, listing->max_salary, listing->min_age, listing->max_age,
                        DB_TEXT(page->after ? page->after : listing->before), DB_INT(page->offset), DB_INT(page->size), DB_TEXT(rq->caller.user_id),
                        DB_BOOL(rq->caller.is_admin), last),
                  DB_OUT(DB_GET_TEXT(&ret->workers), DB_GET_TEXT(&ret->next_key), DB_GET_INT(&ret->count), DB_GET_INT(&ret->total.count),
                         DB_GET_BOOL(&ret->total.is_few)), err) == DB_FOUND;
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

// A short look first, unless it is known that few fit; then a longer one where that will do; and then all that fit are looked for.
static bool find_page(struct request *rq, const struct sql *near, const struct listing *listing, const struct page *page, bool few, struct found *ret,
                      struct error *err)
{
    int64_t looks = LOOKS_FIRST;
    while (!few && looks) {
        const bool is_first = looks == LOOKS_FIRST;
        if (!find(rq, near, listing, page, DB_INT(looks), ret, err)) return false;
        if (ret->next_key || !listing->far) return true;
        looks = 0;
        if (is_first && !looks_needed(rq, listing, page, ret->count, &looks, err)) return false;
    }
    return find(rq, listing->far, listing, page, DB_TEXT(listing->sort), ret, err);
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
    struct count_cache *cache = rq->app->state;
    struct page page;
    struct found found;
    struct worker_total total = {.count = -1};
    size_t sort = 0;
    if (!listing.filters || !listing.before) return error_set(err, &problem_unavailable, NULL);
    if (!page_read(rq, query->page, query->per_page, query->cursor, listing.filters, &page, err)) return false;
    while (strcmp(sorts[sort].name, listing.sort) != 0) sort++;
    const uint64_t generation = count_cache_generation(cache);
    const bool known = count_cache_get(cache, listing.filters, rq->now_ms, &total);
    if (!find_page(rq, sorts[sort].near, &listing, &page, known && total.is_few, &found, err)) return false;
    if (page.after && found.total.count < 0) total = (struct worker_total){.count = -1}; // behind a cursor nobody asks
    else if (!total_of(rq, &listing, &page, &found, &total, err)) return false;
    if (!known && total.count >= 0) count_cache_put(cache, listing.filters, rq->now_ms, generation, &total);
    return page_write(rq, rs, "housegirls", found.workers, &page, total.count, total.is_estimate, found.next_key, listing.filters, err);
}
