// SPDX-License-Identifier: MIT
#include "identity.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "id.h"
#include "identity_private.h"

#define KEYS_MAX 64
#define TOKEN_MAX 8192

struct identity {
    struct identity_config config;
    pthread_rwlock_t lock; // guards keys
    struct jose_key *keys[KEYS_MAX];
    int key_count;
    atomic_uint_fast64_t generation; // grows when a key goes: cached tokens of before are judged anew
    atomic_bool filled;
    struct token_cache *cache;
    struct revocations *revocations;
};

static int key_find(const struct identity *identity, const char *kid);
static bool token_verify(struct identity *identity, const char *token, struct verified *ret,
                         struct error *err);
static json_t *claims_verified(struct identity *identity, const char *kid, const char *token,
                               struct error *err);
static bool claims_judge(const struct identity_config *config, const json_t *claims, struct verified *ret);
static bool audience_is(const json_t *claims, const char *audience);
static int64_t issued_ms_of(const json_t *claims, int64_t iat_s);
static bool copy_id(const json_t *claims, const char *name, char out[ID_MAX + 1]);
static bool is_revoked(struct identity *identity, const struct verified *verified);
static bool refuse(struct error *err, const char *cause);
static bool cannot_tell(struct error *err);

struct identity *identity_new(const struct identity_config *config)
{
    struct identity *identity = calloc(1, sizeof *identity);
    if (!identity) return NULL;
    identity->config = *config;
    atomic_init(&identity->filled, !config->is_filled_later);
    pthread_rwlock_init(&identity->lock, NULL);
    identity->cache = token_cache_new(config->cache_entries);
    identity->revocations = revocations_new();
    if (identity->cache && identity->revocations) return identity;
    identity_free(identity);
    return NULL;
}

void identity_free(struct identity *identity)
{
    if (!identity) return;
    for (int i = 0; i < identity->key_count; i++) jose_key_free(identity->keys[i]);
    token_cache_free(identity->cache);
    revocations_free(identity->revocations);
    pthread_rwlock_destroy(&identity->lock);
    free(identity);
}

void identity_filled(struct identity *identity)
{
    atomic_store(&identity->filled, true);
}

bool identity_add_key(struct identity *identity, const char *jwk, struct error *err)
{
    struct jose_key *key = jose_key_parse(jwk, err);
    if (!key) return false;
    pthread_rwlock_wrlock(&identity->lock);
    int at = key_find(identity, jose_key_id(key));
    struct jose_key *replaced = at >= 0 ? identity->keys[at] : NULL;
    if (at < 0 && identity->key_count < KEYS_MAX) at = identity->key_count++;
    if (at >= 0) identity->keys[at] = key;
    pthread_rwlock_unlock(&identity->lock);
    jose_key_free(replaced);
    if (at >= 0) return true;
    jose_key_free(key);
    return error_set(err, &problem_conflict, "There are already %d signing keys.", KEYS_MAX);
}

void identity_remove_key(struct identity *identity, const char *kid)
{
    pthread_rwlock_wrlock(&identity->lock);
    const int at = key_find(identity, kid);
    struct jose_key *removed = at >= 0 ? identity->keys[at] : NULL;
    if (removed) {
        identity->keys[at] = identity->keys[--identity->key_count];
        atomic_fetch_add(&identity->generation, 1);
    }
    pthread_rwlock_unlock(&identity->lock);
    jose_key_free(removed);
}

bool identity_has_key(struct identity *identity)
{
    pthread_rwlock_rdlock(&identity->lock);
    const bool has = identity->key_count > 0;
    pthread_rwlock_unlock(&identity->lock);
    return has;
}

bool identity_revoke(struct identity *identity, const char *user_id, const char *session_id, int64_t valid_after_ms)
{
    const int64_t now_ms = clock_now_ms(identity->config.clock);
    const char *id = session_id ? session_id : user_id;
    return !id || revocations_add(identity->revocations, session_id ? REVOKED_SESSION : REVOKED_USER, id, valid_after_ms, now_ms);
}

bool identity_verify(struct identity *identity, const char *token, struct arena *arena, struct caller *ret,
                     struct error *err)
{
    struct verified verified = {0};
    if (!atomic_load(&identity->filled)) return cannot_tell(err);
    if (strlen(token) > TOKEN_MAX) return refuse(err, "token too long");
    if (!token_verify(identity, token, &verified, err)) return false;
    if (is_revoked(identity, &verified)) return refuse(err, "token revoked");
    *ret = (struct caller){
        .signed_in = true,
        .user_id = arena_strdup(arena, verified.user_id),
        .session_id = verified.session_id[0] ? arena_strdup(arena, verified.session_id) : NULL,
        .type = verified.type,
        .is_admin = verified.is_admin,
        .token = arena_strdup(arena, token),
    };
    if (ret->user_id && ret->token) return true;
    *ret = (struct caller){0};
    return error_set(err, &problem_unavailable, NULL);
}

bool identity_of_request(struct identity *identity, const struct http_request *request, struct arena *arena,
                         struct caller *ret, struct error *err)
{
    *ret = (struct caller){0};
    const char *header = http_request_header(request, "Authorization");
    if (!header) return true;
    if (strncasecmp(header, "Bearer ", 7) != 0) return refuse(err, "not a bearer token");
    header += 7;
    while (*header == ' ') header++;
    return identity_verify(identity, header, arena, ret, err);
}

bool identity_allow(const struct route *route, const struct caller *caller, struct error *err)
{
    if (route->who == ACCESS_ANYONE) return true;
    if (!caller->signed_in) return error_set(err, &problem_unauthenticated, NULL);
    if (caller->is_admin && route->admin_too) return true;
    bool allowed = false;
    switch (route->who) {
    case ACCESS_ANYONE:
    case ACCESS_SIGNED_IN: allowed = true; break;
    case ACCESS_EMPLOYER: allowed = caller->type == USER_EMPLOYER; break;
    case ACCESS_WORKER: allowed = caller->type == USER_HOUSEGIRL; break;
    case ACCESS_AGENCY: allowed = caller->type == USER_AGENCY; break;
    case ACCESS_ADMIN: allowed = caller->is_admin; break;
    }
    return allowed || error_set(err, &problem_forbidden, NULL);
}

static int key_find(const struct identity *identity, const char *kid)
{
    for (int i = 0; i < identity->key_count; i++) {
        if (text_equal(jose_key_id(identity->keys[i]), kid)) return i;
    }
    return -1;
}

static bool token_verify(struct identity *identity, const char *token, struct verified *ret,
                         struct error *err)
{
    const int64_t now_s = clock_now_ms(identity->config.clock) / 1000;
    char digest[SHA256_HEX_SIZE];
    crypto_sha256_hex(token, strlen(token), digest);
    const uint64_t generation = atomic_load(&identity->generation); // before the signature is checked
    if (token_cache_get(identity->cache, digest, generation, ret)) {
        return now_s - identity->config.skew_s < ret->expires_s || refuse(err, "token expired");
    }
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(4 * TOKEN_MAX);
    struct jose_header header = {0};
    if (!arena) return error_set(err, &problem_unavailable, NULL);
    if (!jose_header_read(token, JOSE_ES256, arena, &header, err)) return false;
    if (!header.kid || !header.typ || strcasecmp(header.typ, "at+jwt") != 0)
        return refuse(err, "not an access token");
    CLEANUP(json_release) json_t *claims = claims_verified(identity, header.kid, token, err);
    if (!claims) return false;
    if (!claims_judge(&identity->config, claims, ret)) return refuse(err, "claims do not hold");
    token_cache_put(identity->cache, digest, generation, now_s, ret);
    return true;
}

static json_t *claims_verified(struct identity *identity, const char *kid, const char *token,
                               struct error *err)
{
    pthread_rwlock_rdlock(&identity->lock);
    const int at = key_find(identity, kid), count = identity->key_count;
    json_t *claims = at >= 0 ? jose_verify(identity->keys[at], JOSE_ES256, token, err) : NULL;
    pthread_rwlock_unlock(&identity->lock);
    if (at < 0) (void)(count ? refuse(err, "unknown key") : cannot_tell(err)); // no key at all: their topic came back empty
    return claims;
}

static bool claims_judge(const struct identity_config *config, const json_t *claims, struct verified *ret)
{
    const json_t *expires = json_object_get(claims, "exp"), *issued = json_object_get(claims, "iat");
    const json_t *not_before = json_object_get(claims, "nbf");
    const int64_t now_s = clock_now_ms(config->clock) / 1000;
    if (!text_equal(json_member_text(claims, "iss"), config->issuer) ||
        !audience_is(claims, config->audience))
        return false;
    if (!json_is_integer(expires) || !json_is_integer(issued)) return false;
    if (now_s - config->skew_s >= json_integer_value(expires)) return false;
    if (json_integer_value(issued) > now_s + config->skew_s || json_integer_value(issued) < 0) return false;
    if (not_before &&
        (!json_is_integer(not_before) || json_integer_value(not_before) > now_s + config->skew_s))
        return false;
    *ret = (struct verified){
        .expires_s = json_integer_value(expires),
        .issued_ms = issued_ms_of(claims, json_integer_value(issued)),
        .type = user_type_parse(json_member_text(claims, "user_type")),
        .is_admin = json_is_true(json_object_get(claims, "adm")),
    };
    if (json_object_get(claims, "sid") && !copy_id(claims, "sid", ret->session_id)) return false;
    return copy_id(claims, "sub", ret->user_id);
}

static bool audience_is(const json_t *claims, const char *audience)
{
    const json_t *given = json_object_get(claims, "aud");
    if (json_is_string(given)) return text_equal(json_string_value(given), audience);
    for (size_t i = 0; i < json_array_size(given); i++) {
        if (text_equal(json_string_value(json_array_get(given, i)), audience)) return true;
    }
    return false;
}

// iat has seconds only; our tokens tell the millisecond beside it. Without it the second's begin
// counts: rather a fresh token refused once than a revoked one let in.
static int64_t issued_ms_of(const json_t *claims, int64_t iat_s)
{
    const json_t *exact = json_object_get(claims, "iat_ms");
    const bool fits = json_is_integer(exact) && json_integer_value(exact) / 1000 == iat_s;
    return fits ? json_integer_value(exact) : iat_s * 1000;
}

static bool copy_id(const json_t *claims, const char *name, char out[ID_MAX + 1])
{
    const char *id = json_member_text(claims, name);
    if (!id || !id_is_valid(id)) return false;
    snprintf(out, ID_MAX + 1, "%s", id);
    return true;
}

static bool is_revoked(struct identity *identity, const struct verified *verified)
{
    return verified->issued_ms < revocations_find(identity->revocations, REVOKED_USER, verified->user_id) ||
           verified->issued_ms <
               revocations_find(identity->revocations, REVOKED_SESSION, verified->session_id);
}

static bool cannot_tell(struct error *err)
{
    err->retry_after_s = 1;
    return error_set(err, &problem_unavailable, "Who is signed in cannot be told at this moment. Try again in a few seconds.");
}

static bool refuse(struct error *err, const char *cause)
{
    error_set(err, &problem_unauthenticated,
              "The access token is not or no longer valid; sign in again or refresh it.");
    return error_cause(err, "%s", cause);
}
