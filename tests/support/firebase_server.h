// SPDX-License-Identifier: MIT
// Firebase as auth sees it: keys over HTTP, and ID tokens signed by one of them. It listens where tests/settings.sh has told
// the stack to look, so nothing has to be started beside the test.
#pragma once

#include "story.h"

// A key pair, made here; the server publishes it under its kid.
struct firebase_key;
struct firebase_key *firebase_key_new(const char *kid);
void firebase_key_free(struct firebase_key *key);

struct firebase_server;
struct firebase_server *firebase_server_start(const struct firebase_key *key);
void firebase_server_stop(struct firebase_server *server);
// How often the keys have been fetched.
int firebase_server_fetches(const struct firebase_server *server);

// The claims of a good token of somebody who signed in a minute ago. The arena's; members may be changed.
json_t *firebase_claims(const char *uid);
// A good token of them.
const char *firebase_token(const struct firebase_key *key, const json_t *claims);
// A token with this header, signed as `algorithm` says: "RS256", "HS256" (with the public key, as in the old attack), or "none".
const char *firebase_forge(const struct firebase_key *key, const char *algorithm, const char *header_json, const json_t *claims);
