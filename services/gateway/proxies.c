// SPDX-License-Identifier: MIT
#include "proxies.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

struct proxies {
    struct networks trusted;
};

static char *forwarded_for(const struct http_request *request, struct arena *arena);
static char *trim(char *text);

struct proxies *proxies_new(const char *list, struct error *err)
{
    struct proxies *proxies = calloc(1, sizeof *proxies);
    if (!proxies) return error_set(err, &problem_unavailable, NULL), NULL;
    if (networks_parse(list, &proxies->trusted, err)) return proxies;
    char cause[sizeof err->cause];
    memcpy(cause, err->cause, sizeof cause);
    error_cause(err, "DC_TRUSTED_PROXIES: %s", cause);
    free(proxies);
    return NULL;
}

void proxies_free(struct proxies *proxies)
{
    free(proxies);
}

const char *proxies_client(const struct proxies *proxies, const struct http_request *request,
                           struct arena *arena)
{
    struct address address, next;
    if (!address_parse(request->remote_address ? request->remote_address : "", &address)) return "unknown";
    char *chain = networks_hold(&proxies->trusted, &address) ? forwarded_for(request, arena) : NULL;
    while (chain && *chain && networks_hold(&proxies->trusted, &address)) {
        char *comma = strrchr(chain, ',');
        if (!address_parse(trim(comma ? comma + 1 : chain), &next)) break;
        address = next;
        if (!comma) break;
        *comma = '\0';
    }
    char *out = arena_alloc(arena, ADDRESS_SIZE);
    return out && address_format(&address, out) ? out : "unknown";
}

void address_network(const char *text, char out[ADDRESS_SIZE])
{
    struct address address;
    if (!address_parse(text, &address)) {
        memcpy(out, "unknown", sizeof "unknown");
        return;
    }
    if (!address.is_v4) memset(address.bytes + 8, 0, 8);
    address_format(&address, out);
}

// All X-Forwarded-For headers as one list, in order.
static char *forwarded_for(const struct http_request *request, struct arena *arena)
{
    struct text_buffer all = text_buffer(arena);
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, "X-Forwarded-For") != 0) continue;
        if (all.length) text_add(&all, ",");
        text_add(&all, request->headers[i].value);
    }
    return text_take(&all);
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    size_t length = strlen(text);
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t')) text[--length] = '\0';
    return text;
}
