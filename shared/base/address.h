// SPDX-License-Identifier: MIT
// IP addresses and networks. Addresses are compared as IPv6; IPv4 ones are mapped (::ffff:a.b.c.d).
//
//   struct networks trusted;
//   if (!networks_parse("10.0.0.0/8, fd00::/8", &trusted, err)) return false;
//   if (address_parse(text, &address) && networks_hold(&trusted, &address)) …
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define ADDRESS_SIZE 48
#define NETWORKS_MAX 64

struct address {
    uint8_t bytes[16];
    bool is_v4;
};

struct network {
    struct address address;
    int bits;
};

struct networks {
    struct network items[NETWORKS_MAX];
    size_t count;
};

// A numeric address, nothing else; no name is looked up.
bool address_parse(const char *text, struct address *ret);
bool address_format(const struct address *address, char out[ADDRESS_SIZE]);

// Addresses and networks, comma-separated; "" is none. The cause names the first entry that is neither.
MUST_USE bool networks_parse(const char *list, struct networks *ret, struct error *err);
bool networks_hold(const struct networks *networks, const struct address *address);
