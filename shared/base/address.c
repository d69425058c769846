// SPDX-License-Identifier: MIT
#include "address.h"

#include <arpa/inet.h>
#include <string.h>

#include "text.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool address_parse(const char *text, struct address *ret)
{
    uint8_t v4[4];
    ret->is_v4 = inet_pton(AF_INET, text, v4) == 1;
    if (ret->is_v4) {
        memcpy(ret->bytes, mapped, sizeof mapped);
        memcpy(ret->bytes + 12, v4, sizeof v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, ret->bytes) != 1) return false;
    ret->is_v4 = memcmp(ret->bytes, mapped, sizeof mapped) == 0;
    return true;
}

bool address_format(const struct address *address, char out[ADDRESS_SIZE])
{
    if (address->is_v4) return inet_ntop(AF_INET, address->bytes + 12, out, ADDRESS_SIZE);
    return inet_ntop(AF_INET6, address->bytes, out, ADDRESS_SIZE);
}

static bool network_parse(const char *text, size_t length, struct network *ret)
{
    char address[ADDRESS_SIZE], bits_text[8];
    const char *slash = memchr(text, '/', length);
    const size_t address_length = slash ? (size_t)(slash - text) : length;
    if (address_length >= sizeof address) return false;
    memcpy(address, text, address_length);
    address[address_length] = '\0';
    if (!address_parse(address, &ret->address)) return false;
    ret->bits = 128;
    if (!slash) return true;
    const size_t bits_length = length - address_length - 1;
    int64_t bits = 0;
    if (bits_length >= sizeof bits_text) return false;
    memcpy(bits_text, slash + 1, bits_length);
    bits_text[bits_length] = '\0';
    if (!text_to_int64(bits_text, &bits) || bits < 0 || bits > (ret->address.is_v4 ? 32 : 128)) return false;
    ret->bits = (int)bits + (ret->address.is_v4 ? 96 : 0);
    return true;
}

bool networks_parse(const char *list, struct networks *ret, struct error *err)
{
    ret->count = 0;
    for (const char *at = list; *at;) {
        at += strspn(at, ", \t");
        const size_t length = strcspn(at, ", \t");
        if (!length) continue;
        if (ret->count == NETWORKS_MAX || !network_parse(at, length, &ret->items[ret->count])) {
            error_set(err, &problem_malformed, NULL);
            return error_cause(err, "'%.*s' is no address or network, or one too many", (int)length, at);
        }
        ret->count++;
        at += length;
    }
    return true;
}

static bool network_holds(const struct network *network, const struct address *address)
{
    const int whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->address.bytes, address->bytes, (size_t)whole) != 0) return false;
    return !rest || !((network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest));
}

bool networks_hold(const struct networks *networks, const struct address *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (network_holds(&networks->items[i], address)) return true;
    return false;
}
