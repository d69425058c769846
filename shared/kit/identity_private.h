// SPDX-License-Identifier: MIT
// The two stores behind identity.c. Both are bounded and thread-safe.
#pragma once

#include <stdatomic.h>

#include "crypto.h"
#include "id.h"
#include "jose.h"
#include "route.h"

// What a verified token says.
struct verified {
    char user_id[ID_MAX + 1];
    char session_id[ID_MAX + 1]; // "" for none
    enum user_type type;
    bool is_admin;
    int64_t issued_ms;
    int64_t expires_s;
};

// Verified tokens by the SHA-256 of their text. Four places for each token; where all are taken the
// one that expires first makes room.
struct token_cache;
struct token_cache *token_cache_new(int64_t entries);
void token_cache_free(struct token_cache *cache);
bool token_cache_get(struct token_cache *cache, const char *digest, uint64_t generation, struct verified *ret);
void token_cache_put(struct token_cache *cache, const char *digest, uint64_t generation, int64_t now_s,
                     const struct verified *verified);

// From when on tokens of a user or session count. Forgotten after a day: no token lives longer.
enum revoked { REVOKED_USER, REVOKED_SESSION };
struct revocations;
struct revocations *revocations_new(void);
void revocations_free(struct revocations *revocations);
// False: no memory. What no living token can meet, and what is no id, need not be noted.
bool revocations_add(struct revocations *revocations, enum revoked kind, const char *id, int64_t valid_after_ms,
                     int64_t now_ms);
int64_t revocations_find(struct revocations *revocations, enum revoked kind, const char *id); // 0: none
