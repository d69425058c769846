// SPDX-License-Identifier: MIT
// Pages and cursors of lists: a handler names two statements and their filters, page_answer does the rest. Lists that need more
// than that read and write their page themselves.
#pragma once

#include "route.h"

// Embed these four rows at the end of a list's query table: PAGE_FIELDS(housegirl_query)
#define PAGE_MEMBERS                                                                               \
    int64_t page;                                                                                  \
    int64_t per_page;                                                                              \
    const char *cursor;
#define PAGE_FIELDS(struct_)                                                                       \
    FIELD(struct_, page, .min = 1, .max = 1000000, .doc = "Page, from 1."),                        \
        FIELD(struct_, per_page, .min = 1, .max = 100, .doc = "Rows per page; 20 when absent."),   \
        FIELD(struct_, cursor, .max = 512, .format = FORMAT_EXACT, .doc = "next_cursor of the page before; walks on stably while rows are added.")

// A query that asks for a page and nothing else.
struct page_query {
    struct given given;
    PAGE_MEMBERS
};
FIELDS(page_query, PAGE_FIELDS(page_query))

// The table of a list's answer: PAGE_ANSWER(workers, "housegirls", worker, "Newest first.") is workers_fields, a list of worker_fields.
FIELDS_OUT(pagination, FIELD_OUT("page", FIELD_INTEGER), FIELD_OUT("per_page", FIELD_INTEGER), FIELD_OUT("total", FIELD_INTEGER, .nullable = true),
           FIELD_OUT("total_is_estimate", FIELD_BOOLEAN), FIELD_OUT("pages", FIELD_INTEGER, .nullable = true), FIELD_OUT("has_next", FIELD_BOOLEAN),
           FIELD_OUT("has_prev", FIELD_BOOLEAN), FIELD_OUT("next_cursor", FIELD_TEXT, .nullable = true, .doc = "Pass it as cursor."))
#define PAGE_ANSWER(symbol_, member_, of_, doc_)                                                   \
    FIELDS_OUT(symbol_, FIELD_OUT(member_, FIELD_LIST, .of = &of_##_fields, .doc = doc_),          \
               FIELD_OUT("pagination", FIELD_OBJECT, .of = &pagination_fields))

struct page {
    int64_t number;      // 1 with a cursor
    int64_t size;
    int64_t offset;
    const char *after;   // sort key to continue after, from a cursor of the same filters; or NULL
};

// Reads page, per_page, cursor. A cursor is base64url(key "." HMAC) bound to `filters` (any text
// that stands for path, filters and sort): a forged one, or one of another list, is 422. Number
// pages reach 10,000 rows deep; beyond that the client must walk by cursor (422 says so).
MUST_USE bool page_read(struct request *rq, int64_t page, int64_t per_page, const char *cursor, const char *filters,
                        struct page *ret, struct error *err);

// A whole list in one call: its two statements take the filters as their first parameters. `list` takes three more (the sort
// key to go on after or null, rows to skip, rows to answer) and answers rows in their order, each as JSON and its sort key; the
// JSON is best built around a subquery that has chosen the rows, so that none is built for those skipped. `count` takes one more
// (where to stop) and answers how many there are.
struct page_list {
    const char *member;              // "purchases"
    const struct sql *list, *count;
    struct db_values filters;        // at most PAGE_FILTERS_MAX
    int64_t count_cap;               // a longer total is said to be an estimate; 0: 1,000
    const char *before_first;        // the key before the first row; NULL: the statement takes null
};
#define PAGE_FILTERS_MAX 12
// Answers with one page of the list, and its place in it. cursor (NULL: none) goes before page; 0 stands for the default of either
// number. A cursor that is none of this list's is refused by name.
MUST_USE bool page_answer(struct request *rq, struct response *rs, int64_t page, int64_t per_page, const char *cursor,
                          const struct page_list *list, struct error *err);

// rows: the JSON array text built by PostgreSQL; next_key: the sort key of the last row when more
// follow, else NULL. Writes {"<member>":rows,"pagination":{…}} and the Link header. With a cursor,
// total may be -1 (unknown): it is then left null.
MUST_USE bool page_write(struct request *rq, struct response *rs, const char *member, const char *rows,
                         const struct page *page, int64_t total, bool total_is_estimate, const char *next_key,
                         const char *filters, struct error *err);
