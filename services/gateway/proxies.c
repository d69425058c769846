// SPDX-License-Identifier: MIT
#include "proxies.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

#define NETWORKS_MAX 64

// Addresses are compared as IPv6; IPv4 is mapped (::ffff:a.b.c.d).
struct network {
    uint8_t address[16];
    int bits;
};

struct proxies {
    struct network networks[NETWORKS_MAX];
    size_t count;
};

static bool network_parse(const char *text, struct network *ret);
static bool address_parse(const char *text, uint8_t ret[16], bool *ret_v4);
static bool address_format(const uint8_t address[16], char out[ADDRESS_SIZE]);
static bool trusted(const struct proxies *proxies, const uint8_t address[16]);
static char *forwarded_for(const struct http_request *request, struct arena *arena);
static char *trim(char *text);

struct proxies *proxies_new(const char *list, struct error *err)
{
    struct proxies *proxies = calloc(1, sizeof *proxies);
    char *copy = strdup(list);
    bool ok = proxies && copy;
    for (char *at = copy, *item; ok && (item = strsep(&at, ","));) {
        item = trim(item);
        if (!*item) continue;
        ok = proxies->count < NETWORKS_MAX && network_parse(item, &proxies->networks[proxies->count]);
        if (ok)
            proxies->count++;
        else
            error_cause(err, "DC_TRUSTED_PROXIES: '%s' is no address or network", item);
    }
    free(copy);
    if (ok) return proxies;
    error_set(err, &problem_malformed, NULL);
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
    uint8_t address[16], next[16];
    bool v4;
    if (!address_parse(request->remote_address ? request->remote_address : "", address, &v4))
        return "unknown";
    char *chain = proxies->count && trusted(proxies, address) ? forwarded_for(request, arena) : NULL;
    while (chain && *chain && trusted(proxies, address)) {
        char *comma = strrchr(chain, ',');
        if (!address_parse(trim(comma ? comma + 1 : chain), next, &v4)) break;
        memcpy(address, next, sizeof address);
        if (!comma) break;
        *comma = '\0';
    }
    char *out = arena_alloc(arena, ADDRESS_SIZE);
    return out && address_format(address, out) ? out : "unknown";
}

void address_network(const char *address, char out[ADDRESS_SIZE])
{
    uint8_t bytes[16];
    bool v4;
    if (!address_parse(address, bytes, &v4)) {
        memcpy(out, "unknown", sizeof "unknown");
        return;
    }
    if (!v4) memset(bytes + 8, 0, 8);
    address_format(bytes, out);
}

static bool network_parse(const char *text, struct network *ret)
{
    char address[ADDRESS_SIZE];
    const size_t length = strcspn(text, "/");
    if (length >= sizeof address) return false;
    memcpy(address, text, length);
    address[length] = '\0';
    bool v4;
    int64_t bits = 128;
    if (!address_parse(address, ret->address, &v4)) return false;
    if (text[length] == '/') {
        if (!text_to_int64(text + length + 1, &bits) || bits < 0 || bits > (v4 ? 32 : 128)) return false;
        if (v4) bits += 96;
    }
    ret->bits = (int)bits;
    return true;
}

static bool address_parse(const char *text, uint8_t ret[16], bool *ret_v4)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint8_t v4[4];
    *ret_v4 = inet_pton(AF_INET, text, v4) == 1;
    if (*ret_v4) {
        memcpy(ret, mapped, sizeof mapped);
        memcpy(ret + 12, v4, sizeof v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, ret) != 1) return false;
    *ret_v4 = memcmp(ret, mapped, sizeof mapped) == 0;
    return true;
}

static bool address_format(const uint8_t address[16], char out[ADDRESS_SIZE])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(address, mapped, sizeof mapped) == 0)
        return inet_ntop(AF_INET, address + 12, out, ADDRESS_SIZE);
    return inet_ntop(AF_INET6, address, out, ADDRESS_SIZE);
}

static bool trusted(const struct proxies *proxies, const uint8_t address[16])
{
    for (size_t i = 0; i < proxies->count; i++) {
        const struct network *network = &proxies->networks[i];
        const int whole = network->bits / 8, rest = network->bits % 8;
        if (memcmp(network->address, address, (size_t)whole) != 0) continue;
        if (!rest || !((network->address[whole] ^ address[whole]) >> (8 - rest))) return true;
    }
    return false;
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
