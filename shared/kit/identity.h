// SPDX-License-Identifier: MIT
// Who calls. Access tokens are ES256 JWTs (typ at+jwt) signed by auth; every process verifies them
// itself with the public keys of topic dc.auth.keys, and drops those of topic dc.auth.revocations
// at once. Verified tokens are cached by SHA-256 until they expire. Thread-safe.
#pragma once

#include "clock.h"
#include "route.h"

struct identity;

struct identity_config {
    const char *issuer;
    const char *audience;
    int64_t cache_entries;
    int64_t skew_s;
    const struct clock *clock;
    bool is_filled_later; // keys and revocations come by events: nobody can be told apart before identity_filled
};
struct identity *identity_new(const struct identity_config *config);
void identity_free(struct identity *identity);

// All that had been told before this process began is known: keys and revocations.
void identity_filled(struct identity *identity);
// Adds or replaces a public key (JWK text). Keys are never removed by a token.
MUST_USE bool identity_add_key(struct identity *identity, const char *jwk, struct error *err);
void identity_remove_key(struct identity *identity, const char *kid);
// False: no token can be verified yet.
bool identity_has_key(struct identity *identity);

// Tokens of the user (session_id NULL) or of one session issued before valid_after_ms stop counting. False: there was no memory to note it;
// whoever revokes where it is also told to all may leave that to the telling.
bool identity_revoke(struct identity *identity, const char *user_id, const char *session_id, int64_t valid_after_ms);

// Fills *ret from the token; problem_unauthenticated otherwise, or problem_unavailable while nobody can be told apart: whoever is
// signed in must not be sent away for it. Strings are copied to the arena.
MUST_USE bool identity_verify(struct identity *identity, const char *token, struct arena *arena, struct caller *ret,
                              struct error *err);

// From an Authorization header: absent → ret->signed_in false and true returned.
MUST_USE bool identity_of_request(struct identity *identity, const struct http_request *request, struct arena *arena,
                                  struct caller *ret, struct error *err);

// Checks the access rule of a route: problem_unauthenticated or problem_forbidden.
MUST_USE bool identity_allow(const struct route *route, const struct caller *caller, struct error *err);
