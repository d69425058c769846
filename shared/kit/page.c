// SPDX-License-Identifier: MIT
#include "page.h"

#include <string.h>

#include "crypto.h"
#include "response.h"
#include "service.h"

#define SIZE_DEFAULT 20
#define DEPTH_MAX 10000
#define COUNT_CAP 1000
#define SIGNATURE_LENGTH 32

static bool cursor_read(struct request *rq, const char *cursor, const char *filters, const char **ret_key);
static const char *cursor_write(struct request *rq, const char *key, const char *filters);
static const char *cursor_sign(struct request *rq, const char *key, const char *filters);
static void write_pagination(struct text_buffer *out, const struct page *page, int64_t total,
                             bool total_is_estimate, const char *next_cursor);
static const char *links(struct request *rq, const struct page *page, const char *next_cursor);
static void add_link(struct text_buffer *out, struct request *rq, const char *parameter,
                     const char *relation);
static void add_query_kept(struct text_buffer *out, const char *query);
static bool is_page_parameter(const char *pair, size_t length);

bool page_read(struct request *rq, int64_t page, int64_t per_page, const char *cursor, const char *filters,
               struct page *ret, struct error *err)
{
    *ret = (struct page){.number = page > 0 ? page : 1, .size = per_page > 0 ? per_page : SIZE_DEFAULT};
    if (cursor) {
        ret->number = 1;
        if (cursor_read(rq, cursor, filters, &ret->after)) return true;
        return error_violation(err, "?cursor", "is no cursor of this list; start again from its first page");
    }
    ret->offset = (ret->number - 1) * ret->size;
    if (ret->offset + ret->size <= DEPTH_MAX || ret->number == 1) return true;
    return error_violation(err, "?page", "reaches deeper than %d rows; walk on with cursor=next_cursor",
                           DEPTH_MAX);
}

bool page_write(struct request *rq, struct response *rs, const char *member, const char *rows,
                const struct page *page, int64_t total, bool total_is_estimate, const char *next_key,
                const char *filters, struct error *err)
{
    const char *next_cursor = next_key ? cursor_write(rq, next_key, filters) : NULL;
    struct text_buffer out = text_buffer(rq->arena);
    text_add(&out, "{");
    text_add_json(&out, member);
    text_add(&out, ":");
    text_add(&out, rows ? rows : "[]");
    text_add(&out, ",\"pagination\":");
    write_pagination(&out, page, total, total_is_estimate, next_cursor);
    text_add(&out, "}");
    const size_t length = out.length;
    const char *body = text_take(&out);
    if (!body) return error_set(err, &problem_unavailable, NULL);
    response_json_length(rs, body, length);
    response_header(rs, "Link", links(rq, page, next_cursor));
    return true;
}

// Path and filters as one text: what a cursor belongs to.
static const char *filters_text(struct request *rq, const struct db_values *filters)
{
    struct text_buffer out = text_buffer(rq->arena);
    text_add(&out, rq->route->path);
    for (int i = 0; i < filters->count; i++) {
        const struct db_value *value = &filters->items[i];
        text_add(&out, " ");
        if (value->type == DB_VALUE_TEXT) text_add_json(&out, value->text);
        else text_printf(&out, "%lld", (long long)value->integer);
    }
    return text_take(&out);
}

// Rows as a JSON array. One more than a page holds has been asked for: it only tells that there are more.
static const char *rows_json(struct arena *arena, const struct db_rows *rows, int64_t size, const char **ret_next_key)
{
    struct text_buffer out = text_buffer(arena);
    const bool more = rows->count > size;
    const int count = more ? (int)size : rows->count;
    text_add(&out, "[");
    for (int i = 0; i < count; i++) {
        if (i) text_add(&out, ",");
        text_add(&out, db_rows_text(rows, i, 0));
    }
    text_add(&out, "]");
    *ret_next_key = more ? db_rows_text(rows, count - 1, 1) : NULL;
    return text_take(&out);
}

bool page_answer(struct request *rq, struct response *rs, int64_t page_number, int64_t per_page, const char *cursor,
                 const struct page_list *list, struct error *err)
{
    struct page page;
    struct db_value values[PAGE_FILTERS_MAX + 3];
    struct db_rows rows;
    const char *next_key, *filters = filters_text(rq, &list->filters);
    const int64_t count_cap = list->count_cap ? list->count_cap : COUNT_CAP;
    int64_t total = -1;
    int count = 0;
    if (!filters) return error_set(err, &problem_unavailable, NULL);
    if (!page_read(rq, page_number, per_page, cursor, filters, &page, err)) return false;
    for (; count < list->filters.count && count < PAGE_FILTERS_MAX; count++) values[count] = list->filters.items[count];
    values[count] = DB_TEXT(page.after ? page.after : list->before_first);
    values[count + 1] = DB_INT(page.offset);
    values[count + 2] = DB_INT(page.size + 1);
    if (!db_rows(&rq->db, list->list, (struct db_values){values, count + 3}, &rows, err)) return false;
    const char *json = rows_json(rq->arena, &rows, page.size, &next_key);
    if (!json) return error_set(err, &problem_unavailable, NULL);
    values[count] = DB_INT(count_cap + 1);
    if (!page.after && db_row(&rq->db, list->count, (struct db_values){values, count + 1}, DB_OUT(DB_GET_INT(&total)), err) == DB_FAILED) return false;
    const bool more = total > count_cap;
    return page_write(rq, rs, list->member, json, &page, more ? count_cap : total, more, next_key, filters, err);
}

// A cursor is base64url(key) "." signature; only ours for the same filters is taken.
static bool cursor_read(struct request *rq, const char *cursor, const char *filters, const char **ret_key)
{
    const char *dot = strrchr(cursor, '.');
    if (!dot || strlen(dot + 1) != SIGNATURE_LENGTH) return false;
    const char *encoded = arena_memdup(rq->arena, cursor, (size_t)(dot - cursor));
    void *key = NULL;
    size_t length = 0;
    if (!encoded || !crypto_base64url_decode(rq->arena, encoded, &key, &length)) return false;
    if (!text_is_utf8(key, length) || !crypto_equal(cursor_sign(rq, key, filters), dot + 1)) return false;
    *ret_key = key;
    return true;
}

static const char *cursor_write(struct request *rq, const char *key, const char *filters)
{
    const char *encoded = crypto_base64url(rq->arena, key, strlen(key));
    const char *signature = cursor_sign(rq, key, filters);
    return encoded && signature ? arena_printf(rq->arena, "%s.%s", encoded, signature) : NULL;
}

static const char *cursor_sign(struct request *rq, const char *key, const char *filters)
{
    const char *secret = rq->app->config.cursor_secret;
    const char *signed_text = arena_printf(rq->arena, "%s\n%s", filters, key);
    if (!secret || !signed_text) return NULL;
    char hex[SHA256_HEX_SIZE];
    crypto_hmac_sha256_hex(secret, strlen(secret), signed_text, strlen(signed_text), hex);
    return arena_memdup(rq->arena, hex, SIGNATURE_LENGTH);
}

static void write_pagination(struct text_buffer *out, const struct page *page, int64_t total,
                             bool total_is_estimate, const char *next_cursor)
{
    text_printf(out, "{\"page\":%lld,\"per_page\":%lld,", (long long)page->number, (long long)page->size);
    if (total < 0) text_add(out, "\"total\":null,\"pages\":null,");
    else
        text_printf(out, "\"total\":%lld,\"pages\":%lld,", (long long)total,
                    (long long)((total + page->size - 1) / page->size));
    text_printf(out, "\"total_is_estimate\":%s,\"has_next\":%s,\"has_prev\":%s,\"next_cursor\":",
                total_is_estimate ? "true" : "false", next_cursor ? "true" : "false",
                page->number > 1 || page->after ? "true" : "false");
    text_add_json(out, next_cursor);
    text_add(out, "}");
}

// Numbered while the client counts pages and numbers reach that far, by cursor otherwise.
static const char *links(struct request *rq, const struct page *page, const char *next_cursor)
{
    struct text_buffer out = text_buffer(rq->arena);
    const bool numbered = !page->after && page->offset + 2 * page->size <= DEPTH_MAX;
    if (next_cursor && numbered)
        add_link(&out, rq, arena_printf(rq->arena, "page=%lld", (long long)page->number + 1), "next");
    else if (next_cursor) add_link(&out, rq, arena_printf(rq->arena, "cursor=%s", next_cursor), "next");
    if (page->number > 1) {
        if (out.length) text_add(&out, ", ");
        add_link(&out, rq, arena_printf(rq->arena, "page=%lld", (long long)page->number - 1), "prev");
    }
    return out.length ? text_take(&out) : NULL;
}

static void add_link(struct text_buffer *out, struct request *rq, const char *parameter, const char *relation)
{
    text_printf(out, "</api%s?", rq->path);
    add_query_kept(out, rq->http->query);
    text_printf(out, "%s>; rel=\"%s\"", parameter ? parameter : "", relation);
}

// The client's own parameters without page and cursor; nothing in them may end the link.
static void add_query_kept(struct text_buffer *out, const char *query)
{
    while (query && *query) {
        const size_t length = strcspn(query, "&");
        if (length > 0 && !is_page_parameter(query, length)) {
            for (size_t i = 0; i < length; i++) {
                if (strchr("<>\" ", query[i])) text_printf(out, "%%%02X", (unsigned)(unsigned char)query[i]);
                else text_add_bytes(out, query + i, 1);
            }
            text_add(out, "&");
        }
        query += length + (query[length] == '&');
    }
}

static bool is_page_parameter(const char *pair, size_t length)
{
    const size_t name = strcspn(pair, "=&");
    return name <= length &&
           ((name == 4 && memcmp(pair, "page", 4) == 0) || (name == 6 && memcmp(pair, "cursor", 6) == 0));
}
