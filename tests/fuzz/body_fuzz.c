// SPDX-License-Identifier: MIT
// First line: a route that takes a body. Rest: the body as it came. What is taken means the same when written again.
#include "fuzz.h"
#include "running.h"
#include "services.h"

static bool has_body(const struct route *route)
{
    return route->body != NULL;
}

// The body read by the route's table, or NULL. err tells why.
static const void *body_read(const struct route *route, const char *body, size_t length, struct arena *arena, struct error *err)
{
    static const struct http_header type = {"Content-Type", "application/json"};
    struct app app = {.config = {.body_limit_bytes = 1 << 20}};
    const struct http_request http = {.method = route->method, .path = route->path, .headers = &type, .header_count = 1, .body = body,
                                      .body_length = length, .arena = arena};
    struct request rq = {.app = &app, .route = route, .http = &http, .arena = arena};
    *err = (struct error){.arena = arena};
    return input_read(&rq, err) ? rq.input : NULL;
}

// What was read, as a client would send it: money is cents inside and shillings outside.
static const char *body_write(const struct fields *fields, const char *meant, struct arena *arena)
{
    struct error err = {0};
    CLEANUP(json_release) json_t *body = json_parse(meant, strlen(meant), &err);
    claim(body != NULL, "%s: %s", err.detail, meant);
    for (int i = 0; i < fields->count; i++) {
        const struct field *row = &fields->rows[i];
        const json_t *cents = row->format == FORMAT_MONEY ? json_object_get(body, row->name) : NULL;
        if (json_is_integer(cents)) json_object_set_new(body, row->name, json_real((double)json_integer_value(cents) / 100));
    }
    return json_text(arena, body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    const struct route *route = fuzz_route(fuzz_line(&input), has_body);
    const char *body = arena_memdup(input.arena, input.at, input.left);
    struct error err;
    const void *read = body_read(route, body, input.left, input.arena, &err);
    if (!read) {
        claim_refusal(&err, input.arena);
        return 0;
    }
    const char *meant = field_encode(route->body, read, input.arena);
    claim_text(meant, "what was read");
    if (input.left == 0) return 0; // a body that may be left out
    const char *written = body_write(route->body, meant, input.arena);
    const void *again = body_read(route, written, strlen(written), input.arena, &err);
    claim(again != NULL, "%s is refused: %s", written, err.violations ? err.violations->message : err.detail);
    claim(text_equal(field_encode(route->body, again, input.arena), meant), "%s written as %s", meant, written);
    return 0;
}
