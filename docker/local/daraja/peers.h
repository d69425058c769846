// SPDX-License-Identifier: MIT
// Keep-alive connections to whoever is called back, one pool for each host. Bounded, thread-safe.
#pragma once

#include "http_client.h"

struct peers;
struct peers *peers_new(int connections); // for each host; NULL: no memory
void peers_stop(struct peers *peers);     // calls fail from now on; accepts NULL
void peers_free(struct peers *peers);     // accepts NULL
// Posts JSON to a whole URL. False when no answer came.
MUST_USE bool peers_post(struct peers *peers, const char *url, const char *body, size_t length, struct arena *arena, struct http_answer *ret,
                         struct error *err);
