// SPDX-License-Identifier: MIT
// The list of workers: filters become facets, so that one index serves them all.
#include <ctype.h>
#include <string.h>

#include "api.h"
#include "housegirl.h"

const char *const worker_sort_choices[] = {"newest", "salary", "-salary", "experience", NULL};

// By sort: its statement and the key before its first row.
static const struct {
    const char *name;
    const struct sql *list;
    const char *before_first;
} sorts[] = {
    {"newest", &SQL_worker_list_newest, BEFORE_NEWEST},
    {"salary", &SQL_worker_list_salary, "-1|"},
    {"-salary", &SQL_worker_list_salary_falling, "9223372036854775807|~"},
    {"experience", &SQL_worker_list_experience, "1000|~"},
};

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
    struct db_value min_salary, max_salary, min_age, max_age;
    const char *filters; // stands for all of the above and the sort: binds cursors, keys the count cache
};

static struct listing listing_of(const struct worker_query *query, struct arena *arena)
{
    struct facets facets = facets_of(query, arena);
    struct listing listing = {.facets = db_array(arena, facets.items, facets.count),
                              .min_salary = bound(query, "min_salary", query->min_salary), .max_salary = bound(query, "max_salary", query->max_salary),
                              .min_age = bound(query, "min_age", query->min_age), .max_age = bound(query, "max_age", query->max_age)};
    const struct db_value bounds[] = {listing.min_salary, listing.max_salary, listing.min_age, listing.max_age};
    struct text_buffer filters = text_buffer(arena);
    text_printf(&filters, "%s %s", listing.facets ? listing.facets : "", query->sort ? query->sort : "newest");
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (bounds[i].type == DB_VALUE_INT) text_printf(&filters, " %lld", (long long)bounds[i].integer);
        else text_add(&filters, " -");
    }
    listing.filters = text_take(&filters);
    return listing;
}

// Counted at most once in a few seconds for the same filters, and never beyond the cap.
static bool total_of(struct request *rq, const struct listing *listing, int64_t *ret, struct error *err)
{
    struct count_cache *cache = rq->app->state;
    if (count_cache_get(cache, listing->filters, rq->now_ms, ret)) return true;
    uint64_t generation = count_cache_generation(cache);
    if (db_row(&rq->db, &SQL_worker_count,
               DB_IN(DB_TEXT(listing->facets), listing->min_salary, listing->max_salary, listing->min_age, listing->max_age, DB_INT(COUNT_CAP + 1)),
               DB_OUT(DB_GET_INT(ret)), err) != DB_FOUND)
        return false;
    count_cache_put(cache, listing->filters, rq->now_ms, generation, *ret);
    return true;
}

bool housegirl_list(struct request *rq, struct response *rs, struct error *err)
{
    const struct worker_query *query = rq->query;
    struct listing listing = listing_of(query, rq->arena);
    struct page page;
    if (!listing.filters) return error_set(err, &problem_unavailable, NULL);
    if (!page_read(rq, query->page, query->per_page, query->cursor, listing.filters, &page, err)) return false;
    size_t sort = 0;
    while (query->sort && strcmp(sorts[sort].name, query->sort) != 0) sort++;
    const char *rows = NULL, *next = NULL;
    int64_t total = -1;
    if (db_row(&rq->db, sorts[sort].list,
               DB_IN(DB_TEXT(listing.facets), listing.min_salary, listing.max_salary, listing.min_age, listing.max_age,
                     DB_TEXT(page.after ? page.after : sorts[sort].before_first), DB_INT(page.offset), DB_INT(page.size),
                     DB_TEXT(rq->caller.user_id), DB_BOOL(rq->caller.is_admin)),
               DB_OUT(DB_GET_TEXT(&rows), DB_GET_TEXT(&next)), err) != DB_FOUND)
        return false;
    if (!page.after && !total_of(rq, &listing, &total, err)) return false;
    return page_write(rq, rs, "housegirls", rows, &page, total, total > COUNT_CAP, next, listing.filters, err);
}
