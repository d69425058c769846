// SPDX-License-Identifier: MIT
// First line: a route that takes a query. Rest: the query as it came. What is taken means the same when written again.
#include "fuzz.h"
#include "running.h"
#include "services.h"

static bool has_query(const struct route *route)
{
    return route->query != NULL;
}

// The query read by the route's table, or NULL. err tells why.
static const void *query_read(const struct route *route, const char *query, struct arena *arena, struct error *err)
{
    struct app app = {0};
    const struct http_request http = {.method = route->method, .path = route->path, .query = query, .arena = arena};
    struct request rq = {.app = &app, .route = route, .http = &http, .arena = arena};
    *err = (struct error){.arena = arena};
    return input_read(&rq, err) ? rq.query : NULL;
}

static void add_value(struct text_buffer *out, const struct field *row, const void *member, struct arena *arena)
{
    const struct text_list *list = member;
    switch (row->type) {
        case FIELD_TEXT: text_add(out, http_encode(arena, *(const char *const *)member)); break;
        case FIELD_BOOLEAN: text_add(out, *(const bool *)member ? "true" : "false"); break;
        case FIELD_INTEGER:
            if (row->format == FORMAT_MONEY) text_printf(out, "%.2f", (double)*(const int64_t *)member / 100);
            else text_printf(out, "%ld", (long)*(const int64_t *)member);
            break;
        case FIELD_TEXT_LIST:
            for (size_t i = 0; i < list->count; i++) text_printf(out, "%s%s", i ? "," : "", http_encode(arena, list->items[i]));
            break;
        default: claim(false, "no query parameter is of type %d", row->type);
    }
}

static const char *query_write(const struct fields *fields, const void *query, struct arena *arena)
{
    struct text_buffer out = text_buffer(arena);
    for (int i = 0; i < fields->count; i++) {
        const struct field *row = &fields->rows[i];
        if (!field_given(fields, query, row->name)) continue;
        text_printf(&out, "%s%s=", out.length ? "&" : "", row->name);
        add_value(&out, row, (const char *)query + row->offset, arena);
    }
    return text_take(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    const struct route *route = fuzz_route(fuzz_line(&input), has_query);
    struct error err;
    const void *query = query_read(route, fuzz_rest(&input), input.arena, &err);
    if (!query) {
        claim_refusal(&err, input.arena);
        return 0;
    }
    const char *meant = field_encode(route->query, query, input.arena), *written = query_write(route->query, query, input.arena);
    claim_text(meant, "what was read");
    const void *again = query_read(route, written, input.arena, &err);
    claim(again != NULL, "'%s' is refused: %s", written, err.violations ? err.violations->message : err.detail);
    claim(text_equal(field_encode(route->query, again, input.arena), meant), "%s written as '%s'", meant, written);
    return 0;
}
