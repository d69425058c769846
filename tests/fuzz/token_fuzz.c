// SPDX-License-Identifier: MIT
// An access token is taken only where our key signed it and its claims hold, and from the cache only as it was without. The
// first line says what the rest is; in the last three it is the header's JSON, a line feed, and the claims' JSON:
//   "token"    a token as a client sends it
//   "ours"     signed by our key
//   "theirs"   signed by another key of the same kind
//   "moved"    with the signature of another token of ours
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <strings.h>

#include "crypto.h"
#include "fuzz.h"
#include "id.h"
#include "identity.h"

#define ISSUER "https://domesticconnect.ke"
#define AUDIENCE "domestic-connect"
#define NOW_S 1800000000
#define SKEW_S 5

// Made for this file alone.
#define OUR_PRIVATE \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/aAhN+owLaSdT54b\n" \
    "MgtRtIb7VMwuykPDyqiRbciwrM+hRANCAASgFWMMyhpEWaCSG3wvcN3UQWnVZy1E\n" \
    "32xu86kkPcO7eimhO4uQFe5L24vzLinlUfQkwKc2+gysJewGj93veKPI\n" \
    "-----END PRIVATE KEY-----\n"
#define THEIR_PRIVATE \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggaVPeBl7i3faMdul\n" \
    "Bk/JeHVRY2YSFnt49AbSwBnGmhyhRANCAATbk6s4bNlSTEQSL4Kg7EUtlkuWrxOl\n" \
    "dR5yv9jQ9daV74sdQjNeLxHQRmaFjxU8TVOsb8jEI+CTzn3W1nZZUUBi\n" \
    "-----END PRIVATE KEY-----\n"
#define KEY_ID "fuzz-1"
#define OUR_PUBLIC "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"" KEY_ID "\",\"x\":\"oBVjDMoaRFmgkht8L3Dd1EFp1WctRN9sbvOpJD3Du3o\",\"y\":\"KaE7i5AV7kvbi_MuKeVR9CTApzb6DKwl7AaP3e94o8g\"}"

static EVP_PKEY *key_of(const char *pem)
{
    BIO *source = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(source, NULL, NULL, NULL);
    BIO_free(source);
    claim(key != NULL, "a key");
    return key;
}

static const char *sign(EVP_PKEY *key, const char *text, struct arena *arena)
{
    unsigned char encoded[80], bytes[64];
    const unsigned char *at = encoded;
    size_t length = sizeof encoded;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    claim(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
          EVP_DigestSign(context, encoded, &length, (const unsigned char *)text, strlen(text)) == 1, "a signature");
    EVP_MD_CTX_free(context);
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)length);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), bytes, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), bytes + 32, 32);
    ECDSA_SIG_free(signature);
    return crypto_base64url(arena, bytes, sizeof bytes);
}

// Whether the key signed the text, by OpenSSL alone.
static bool is_signed(EVP_PKEY *key, const char *text, size_t length, const unsigned char *bytes)
{
    unsigned char *encoded = NULL;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    ECDSA_SIG_set0(signature, BN_bin2bn(bytes, 32, NULL), BN_bin2bn(bytes + 32, 32, NULL));
    const int encoded_length = i2d_ECDSA_SIG(signature, &encoded);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool holds = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                       EVP_DigestVerify(context, encoded, (size_t)encoded_length, (const unsigned char *)text, length) == 1;
    EVP_MD_CTX_free(context);
    OPENSSL_free(encoded);
    ECDSA_SIG_free(signature);
    return holds;
}

// What must be so of a token that is taken, judged without the code under test.
static void claim_judged(const char *header_text, const char *claims_text, const struct caller *caller)
{
    CLEANUP(json_release) json_t *header = json_loads(header_text, 0, NULL), *claims = json_loads(claims_text, 0, NULL);
    const json_t *audience = json_object_get(claims, "aud"), *not_before = json_object_get(claims, "nbf");
    const char *type = json_member_text(header, "typ");
    bool is_for_us = text_equal(json_string_value(audience), AUDIENCE);
    for (size_t i = 0; i < json_array_size(audience); i++) is_for_us |= text_equal(json_string_value(json_array_get(audience, i)), AUDIENCE);
    claim(text_equal(json_member_text(header, "alg"), "ES256") && text_equal(json_member_text(header, "kid"), KEY_ID), "%s", header_text);
    claim(type && strcasecmp(type, "at+jwt") == 0, "%s", header_text);
    claim(is_for_us && text_equal(json_member_text(claims, "iss"), ISSUER), "%s", claims_text);
    claim(json_integer_value(json_object_get(claims, "exp")) > NOW_S - SKEW_S, "%s", claims_text);
    claim(json_integer_value(json_object_get(claims, "iat")) <= NOW_S + SKEW_S, "%s", claims_text);
    claim(!not_before || json_integer_value(not_before) <= NOW_S + SKEW_S, "%s", claims_text);
    claim(id_is_valid(caller->user_id) && text_equal(caller->user_id, json_member_text(claims, "sub")), "%s", claims_text);
    claim(text_equal(caller->session_id, json_member_text(claims, "sid")), "%s", claims_text);
    claim(caller->is_admin == json_is_true(json_object_get(claims, "adm")), "%s", claims_text);
    claim(text_equal(user_type_name(caller->type), json_member_text(claims, "user_type")) || caller->type == USER_NONE, "%s", claims_text);
}

static bool is_taken(struct identity *identity, const char *token, struct arena *arena, struct caller *ret)
{
    struct error err = {.arena = arena};
    const bool taken = identity_verify(identity, token, arena, ret, &err);
    if (!taken) claim(err.problem == &problem_unauthenticated, "%s: %s", err.problem->slug, err.cause);
    return taken;
}

// Asked twice: the second time the answer comes from the cache.
static bool is_taken_twice(struct identity *identity, const char *token, struct arena *arena, struct caller *ret)
{
    struct caller again;
    if (!is_taken(identity, token, arena, ret)) return false;
    claim(is_taken(identity, token, arena, &again), "%s", token);
    claim(text_equal(ret->user_id, again.user_id) && text_equal(ret->session_id, again.session_id) && ret->type == again.type &&
          ret->is_admin == again.is_admin, "%s", token);
    return true;
}

static struct identity *identity_made(void)
{
    static struct clock clock;
    clock = clock_fixed((int64_t)NOW_S * 1000);
    const struct identity_config config = {.issuer = ISSUER, .audience = AUDIENCE, .cache_entries = 64, .skew_s = SKEW_S, .clock = &clock};
    struct identity *identity = identity_new(&config);
    struct error err = {0};
    claim(identity && identity_add_key(identity, OUR_PUBLIC, &err), "%s", err.cause);
    return identity;
}

static const char *signing_input(const char *header, const char *claims, struct arena *arena)
{
    return arena_printf(arena, "%s.%s", crypto_base64url(arena, header, strlen(header)), crypto_base64url(arena, claims, strlen(claims)));
}

// A token as it came. Nobody but us can have made one that is taken.
static void take_given(struct identity *identity, EVP_PKEY *ours, const char *token, struct arena *arena)
{
    struct caller caller;
    if (!is_taken_twice(identity, token, arena, &caller)) return;
    const char *dot = strrchr(token, '.');
    void *bytes = NULL;
    size_t length = 0;
    claim(dot && crypto_base64url_decode(arena, dot + 1, &bytes, &length) && length == 64, "%s", token);
    claim(is_signed(ours, token, (size_t)(dot - token), bytes), "nobody signed %s", token);
}

// The signature of another token of ours, made once: a signature is most of what a run costs.
static const char *moved_signature(EVP_PKEY *ours, struct arena *arena)
{
    static char signature[100];
    if (!*signature) snprintf(signature, sizeof signature, "%s", sign(ours, "another.token", arena));
    return signature;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct identity *identity;
    static EVP_PKEY *ours, *theirs;
    if (!identity) {
        identity = identity_made();
        ours = key_of(OUR_PRIVATE);
        theirs = key_of(THEIR_PRIVATE);
    }
    struct fuzz_input input = fuzz_begin(data, size);
    struct caller caller;
    const char *kind = fuzz_line(&input);
    if (strcmp(kind, "ours") != 0 && strcmp(kind, "theirs") != 0 && strcmp(kind, "moved") != 0) {
        take_given(identity, ours, fuzz_rest(&input), input.arena);
        return 0;
    }
    const char *header = fuzz_line(&input), *claims = fuzz_rest(&input), *text = signing_input(header, claims, input.arena);
    const char *signature = kind[0] == 'm' ? moved_signature(ours, input.arena) : sign(kind[0] == 't' ? theirs : ours, text, input.arena);
    const bool taken = is_taken_twice(identity, arena_printf(input.arena, "%s.%s", text, signature), input.arena, &caller);
    claim(!taken || kind[0] == 'o', "nobody signed %s for this", text);
    if (taken) claim_judged(header, claims, &caller);
    return 0;
}
