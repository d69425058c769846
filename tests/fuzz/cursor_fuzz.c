// SPDX-License-Identifier: MIT
// A cursor is taken only where we signed its key for the same list. The first line says what the rest is:
//   "given <filters>"   a cursor as a client sends it
//   "made <filters>"    the sort key of a row, of which a cursor is made; then one letter of it is changed
#include "crypto.h"
#include "fuzz.h"
#include "page.h"
#include "services.h"
#include "service.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static bool is_read(struct request *rq, const char *cursor, const char *filters, struct page *ret)
{
    struct error err = {.arena = rq->arena};
    const bool taken = page_read(rq, 3, 20, cursor, filters, ret, &err);
    if (!taken) claim_refusal(&err, rq->arena);
    claim(taken == (ret->after != NULL), "a cursor leads somewhere, or is refused");
    return taken;
}

// The signature that a key needs, reckoned without the code under test.
static bool is_signed(const char *cursor, const char *key, const char *filters, struct arena *arena)
{
    char hex[SHA256_HEX_SIZE];
    const char *text = arena_printf(arena, "%s\n%s", filters, key), *dot = strrchr(cursor, '.');
    crypto_hmac_sha256_hex(SECRET, strlen(SECRET), text, strlen(text), hex);
    return dot && strlen(dot + 1) == 32 && strncmp(hex, dot + 1, 32) == 0;
}

static const char *cursor_made(struct request *rq, const char *key, const char *filters)
{
    struct response rs = {0};
    struct error err = {.arena = rq->arena};
    const struct page page = {.number = 1, .size = 20};
    claim(page_write(rq, &rs, "rows", "[]", &page, -1, false, key, filters, &err), "a page is written: %s", err.detail);
    CLEANUP(json_release) json_t *body = json_parse(rs.body, rs.length, &err);
    claim(body != NULL, "%s: %s", err.detail, rs.body);
    return arena_strdup(rq->arena, json_member_text(json_object_get(body, "pagination"), "next_cursor"));
}

static void make(struct request *rq, const char *key, const char *filters)
{
    struct page page;
    char *cursor = (char *)(uintptr_t)cursor_made(rq, key, filters);
    claim(cursor != NULL, "of '%s' there is a cursor", key);
    claim(is_read(rq, cursor, filters, &page) && strcmp(page.after, key) == 0, "'%s' is not '%s'", page.after, key);
    claim(!is_read(rq, cursor, "another list", &page), "%s is of another list", cursor);
    cursor[fuzz_pick(key, strlen(cursor))] ^= 1;
    claim(!is_read(rq, cursor, filters, &page), "%s is forged", cursor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct app app = {.config = {.cursor_secret = SECRET}};
    struct fuzz_input input = fuzz_begin(data, size);
    const struct http_request http = {.arena = input.arena};
    struct request rq = {.app = &app, .http = &http, .path = "/rows", .arena = input.arena};
    struct page page;
    const char *line = fuzz_line(&input), *text = fuzz_rest(&input);
    const bool given = text_starts_with(line, "given ");
    const char *filters = line + (given ? 6 : strcspn(line, " "));
    if (!text_is_utf8(text, strlen(text)) && !given) return 0; // a sort key comes from the database
    if (!given) make(&rq, text, filters);
    else if (is_read(&rq, text, filters, &page)) claim(is_signed(text, page.after, filters, input.arena), "'%s' is not signed", text);
    return 0;
}
