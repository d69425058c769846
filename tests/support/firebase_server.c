// SPDX-License-Identifier: MIT
#include "firebase_server.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto.h"
#include "http_server.h"
#include "json.h"
#include "stack.h"
#include "text.h"

struct firebase_key {
    EVP_PKEY *pair;
    char kid[64];
};

struct firebase_server {
    struct http_server *http;
    char *keys;             // JWKS
    _Atomic int fetches;
};

struct firebase_key *firebase_key_new(const char *kid)
{
    struct firebase_key *key = calloc(1, sizeof *key);
    assert_non_null(key);
    key->pair = EVP_RSA_gen(2048);
    assert_non_null(key->pair);
    snprintf(key->kid, sizeof key->kid, "%s", kid);
    return key;
}

void firebase_key_free(struct firebase_key *key)
{
    if (key) EVP_PKEY_free(key->pair);
    free(key);
}

static const char *number_of(const struct firebase_key *key, const char *name)
{
    BIGNUM *number = NULL;
    unsigned char bytes[512];
    assert_int_equal(EVP_PKEY_get_bn_param(key->pair, name, &number), 1);
    int length = BN_bn2bin(number, bytes);
    BN_free(number);
    return crypto_base64url(story_arena(), bytes, (size_t)length);
}

static void answer_keys(void *state, const struct http_request *request, struct http_response *response)
{
    struct firebase_server *server = state;
    (void)request;
    atomic_fetch_add(&server->fetches, 1);
    response->status = 200;
    http_response_header(response, "Content-Type", "application/json");
    http_response_header(response, "Cache-Control", "public, max-age=3600");
    response->body = server->keys;
    response->body_length = strlen(server->keys);
}

struct firebase_server *firebase_server_start(const struct firebase_key *key)
{
    const char *url = service_setting("auth", "DC_FIREBASE_KEYS_URL"), *colon = url ? strrchr(url, ':') : NULL;
    if (!colon) fail_msg("the stack does not look for Firebase's keys: start it with tests/settings.sh loaded");
    struct firebase_server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    server->keys = strdup(arena_printf(story_arena(), "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"}]}",
                                       key->kid, number_of(key, OSSL_PKEY_PARAM_RSA_N), number_of(key, OSSL_PKEY_PARAM_RSA_E)));
    const struct http_server_config config = {.host = "127.0.0.1", .port = atoi(colon + 1), .threads = 4, .workers = 4, .queue_timeout_ms = 1000,
                                              .body_limit_bytes = 1024, .head_timeout_ms = 5000, .body_timeout_ms = 5000, .idle_timeout_ms = 5000};
    struct error err = {.arena = story_arena()};
    server->http = http_server_start(&config, answer_keys, server, &err);
    if (!server->http) fail_msg("no key server at %s: %s %s", url, err.detail, err.cause);
    return server;
}

void firebase_server_stop(struct firebase_server *server)
{
    if (!server) return;
    http_server_stop(server->http, 5000);
    free(server->keys);
    free(server);
}

int firebase_server_fetches(const struct firebase_server *server)
{
    return atomic_load(&server->fetches);
}

static void release(void *json)
{
    json_decref(json);
}

json_t *firebase_claims(const char *uid)
{
    const char *project = service_setting("auth", "DC_FIREBASE_PROJECT");
    const json_int_t now_s = clock_now_ms(&clock_system) / 1000;
    json_t *claims = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:{s:s, s:{}}}", "iss",
                               arena_printf(story_arena(), "https://securetoken.google.com/%s", project), "aud", project, "sub", uid, "iat", now_s,
                               "auth_time", now_s - 60, "exp", now_s + 3600, "firebase", "sign_in_provider", "google.com", "identities");
    assert_non_null(claims);
    arena_defer(story_arena(), release, claims);
    return claims;
}

const char *firebase_token(const struct firebase_key *key, const json_t *claims)
{
    return firebase_forge(key, "RS256", arena_printf(story_arena(), "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->kid), claims);
}

static const char *sign_rs256(const struct firebase_key *key, const char *text)
{
    unsigned char signature[512];
    size_t length = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pair), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &length, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    return crypto_base64url(story_arena(), signature, length);
}

// What everybody may have, taken for a secret.
static const char *sign_hs256(const struct firebase_key *key, const char *text)
{
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char *pem = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(out, key->pair);
    long pem_length = BIO_get_mem_data(out, &pem);
    HMAC(EVP_sha256(), pem, (int)pem_length, (const unsigned char *)text, strlen(text), signature, &length);
    BIO_free(out);
    return crypto_base64url(story_arena(), signature, length);
}

const char *firebase_forge(const struct firebase_key *key, const char *algorithm, const char *header_json, const json_t *claims)
{
    const char *body = json_text(story_arena(), claims);
    const char *text = arena_printf(story_arena(), "%s.%s", crypto_base64url(story_arena(), header_json, strlen(header_json)),
                                    crypto_base64url(story_arena(), body, strlen(body)));
    const char *signature = "";
    if (strcmp(algorithm, "RS256") == 0) signature = sign_rs256(key, text);
    if (strcmp(algorithm, "HS256") == 0) signature = sign_hs256(key, text);
    return arena_printf(story_arena(), "%s.%s", text, signature);
}
