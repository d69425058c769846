// SPDX-License-Identifier: MIT
// Whose word about the client's address counts: DC_TRUSTED_PROXIES lists addresses and networks
// ("10.0.0.0/8, 127.0.0.1, fd00::/8"). Immutable after the start.
#pragma once

#include "address.h"
#include "arena.h"
#include "error.h"
#include "http_server.h"

struct proxies;
// NULL with a cause naming the first entry that is neither address nor network.
MUST_USE struct proxies *proxies_new(const char *list, struct error *err);
void proxies_free(struct proxies *proxies);

// The client's address: the socket's, or, where a trusted proxy is connected, the right-most
// address of X-Forwarded-For that is no trusted proxy itself. Never text a client made up.
const char *proxies_client(const struct proxies *proxies, const struct http_request *request,
                           struct arena *arena);

// What one household holds: an IPv4 address as it is, of an IPv6 address its /64.
void address_network(const char *address, char out[ADDRESS_SIZE]);
