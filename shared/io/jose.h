// SPDX-License-Identifier: MIT
// Signed tokens, made by libcjose and verified by OpenSSL: ES256 for ours, RS256 for Firebase ID tokens. The algorithm is
// chosen by the caller, never by the token. Parsed keys are immutable and shared between threads.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "json.h"

struct jose_key;

// Does once what the others do. OpenSSL sets its parts up when they are first used, and never again: what fails then for want of memory
// is broken for as long as the process lives, so a process that is to verify tokens does this first, and ends where it is false.
MUST_USE bool jose_start(struct error *err);

// A new P-256 signing key with kid = RFC 7638 thumbprint.
MUST_USE struct jose_key *jose_key_generate(struct error *err);
// From a JWK (private or public). kid is kept, or computed where absent.
MUST_USE struct jose_key *jose_key_parse(const char *jwk, struct error *err);
void jose_key_free(struct jose_key *key);
const char *jose_key_id(const struct jose_key *key);
// JWK text; with_private includes the secret part. Owned by the arena.
char *jose_key_json(struct arena *arena, const struct jose_key *key, bool with_private);

// Compact JWS of claims with header {alg, kid, typ}.
MUST_USE bool jose_sign(const struct jose_key *key, const char *typ, const json_t *claims,
                        struct arena *arena, char **ret, struct error *err);

enum jose_algorithm { JOSE_ES256, JOSE_RS256 };

struct jose_header {
    const char *kid;
    const char *typ;
};
// Reads the header of a compact JWS without trusting it: at most 8 KiB, three base64url parts, alg
// exactly `algorithm`, no jku, x5u, x5c, jwk or crit. problem_unauthenticated otherwise.
MUST_USE bool jose_header_read(const char *token, enum jose_algorithm algorithm, struct arena *arena,
                               struct jose_header *ret, struct error *err);
// Verifies the signature and returns the claims (an object; caller owns). Claims are not judged.
MUST_USE json_t *jose_verify(const struct jose_key *key, enum jose_algorithm algorithm,
                             const char *token, struct error *err);

// Encrypts small secrets at rest (JWE of RFC 7516, dir + A256GCM). secret_hex: 64 hex digits.
MUST_USE bool jose_seal(const char *secret_hex, const char *plain, struct arena *arena, char **ret, struct error *err);
MUST_USE bool jose_open(const char *secret_hex, const char *sealed, struct arena *arena, char **ret, struct error *err);
