// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

#include "crypto.h"
#include "jose.h"
#include "text.h"

// RFC 7515 A.3
#define RFC_EC_PUBLIC                                                                                        \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define RFC_EC_TOKEN                                                                                         \
    "eyJhbGciOiJFUzI1NiJ9."                                                                                  \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp"                \
    "0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
// RFC 7638 3.1
#define RFC_RSA_KEY                                                                                          \
    "{\"kty\":\"RSA\",\"n\":"                                                                                \
    "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"              \
    "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"               \
    "FDW2QvzqY368QQMicAtaSqzs8"                                                                              \
    "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"   \
    "xBniIqbw0Ls1j"                                                                                          \
    "F44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\"}"

static int arena_setup(void **state)
{
    *state = arena_new(4 << 20);
    return *state == NULL;
}

static int arena_teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void key_release(struct jose_key **key)
{
    jose_key_free(*key);
}

static struct jose_key *parse(const char *jwk)
{
    struct error err = {0};
    return jose_key_parse(jwk, &err);
}

static char *encode(struct arena *arena, const char *text)
{
    return crypto_base64url(arena, text, strlen(text));
}

static bool verifies(const struct jose_key *key, enum jose_algorithm algorithm, const char *token)
{
    struct error err = {0};
    CLEANUP(json_release) json_t *claims = jose_verify(key, algorithm, token, &err);
    assert_true(claims != NULL || err.problem == &problem_unauthenticated);
    return claims != NULL;
}

static char *signed_token(struct arena *arena, const struct jose_key *key)
{
    struct error err = {0};
    char *token = NULL;
    CLEANUP(json_release) json_t *claims = json_pack("{s:s, s:i}", "sub", "u1", "exp", 7);
    assert_true(jose_sign(key, "at+jwt", claims, arena, &token, &err));
    return token;
}

static void the_rfc_7515_example_verifies(void **state)
{
    (void)state;
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = parse("{" RFC_EC_PUBLIC "}");
    CLEANUP(json_release) json_t *claims = jose_verify(key, JOSE_ES256, RFC_EC_TOKEN, &err);
    assert_non_null(claims);
    assert_string_equal(json_member_text(claims, "iss"), "joe");
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")), 1300819380);
}

static void a_kid_is_the_rfc_7638_thumbprint(void **state)
{
    (void)state;
    CLEANUP(key_release) struct jose_key *key = parse(RFC_RSA_KEY);
    assert_string_equal(jose_key_id(key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    CLEANUP(key_release) struct jose_key *named = parse("{\"kid\":\"k1\"," RFC_EC_PUBLIC "}");
    assert_string_equal(jose_key_id(named), "k1");
}

static void signing_and_verifying_agree(void **state)
{
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(&err);
    CLEANUP(key_release) struct jose_key *public = parse(jose_key_json(*state, key, false));
    char *token = signed_token(*state, key);
    CLEANUP(json_release) json_t *claims = jose_verify(public, JOSE_ES256, token, &err);
    assert_non_null(claims);
    assert_string_equal(json_member_text(claims, "sub"), "u1");
    struct jose_header header;
    assert_true(jose_header_read(token, JOSE_ES256, *state, &header, &err));
    assert_string_equal(header.kid, jose_key_id(key));
    assert_string_equal(header.typ, "at+jwt");
    assert_int_equal(strlen(jose_key_id(key)), 43);
    assert_string_equal(jose_key_id(public), jose_key_id(key));
}

static void a_public_jwk_has_no_private_part(void **state)
{
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(&err);
    CLEANUP(json_release)
    json_t *public =
        json_parse(jose_key_json(*state, key, false), strlen(jose_key_json(*state, key, false)), &err);
    assert_null(json_object_get(public, "d"));
    assert_string_equal(json_member_text(public, "kty"), "EC");
    assert_string_equal(json_member_text(public, "crv"), "P-256");
    assert_string_equal(json_member_text(public, "alg"), "ES256");
    assert_string_equal(json_member_text(public, "use"), "sig");
    assert_string_equal(json_member_text(public, "kid"), jose_key_id(key));
    CLEANUP(key_release) struct jose_key *private = parse(jose_key_json(*state, key, true));
    assert_true(verifies(key, JOSE_ES256, signed_token(*state, private)));
    char *token = NULL;
    CLEANUP(key_release) struct jose_key *half = parse(jose_key_json(*state, key, false));
    CLEANUP(json_release) json_t *claims = json_object();
    assert_false(jose_sign(half, "at+jwt", claims, *state, &token, &err));
    assert_ptr_equal(err.problem, &problem_internal);
}

static void every_changed_letter_is_noticed(void **state)
{
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(&err);
    char *token = signed_token(*state, key);
    assert_true(verifies(key, JOSE_ES256, token));
    for (size_t i = 0; token[i] != '\0'; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_false(verifies(key, JOSE_ES256, token));
        token[i] = kept;
    }
    for (size_t length = 0; length < strlen(token); length++) {
        assert_false(verifies(key, JOSE_ES256, arena_memdup(*state, token, length)));
    }
    static const char *const tails[] = {"A", "AA",  "AAAA", ".",
                                        "=", ".AA", " ",    "\n"}; // a longer signature too
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        assert_false(verifies(key, JOSE_ES256, arena_printf(*state, "%s%s", token, tails[i])));
    }
}

// One in 128 holds a number that is shorter than the others, every other one a number that begins with a bit.
static void a_signature_of_any_numbers_verifies(void **state)
{
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(&err);
    (void)state;
    for (int i = 0; i < 1000; i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 16);
        assert_true(verifies(key, JOSE_ES256, signed_token(arena, key)));
    }
}

static void another_key_does_not_verify(void **state)
{
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(&err);
    CLEANUP(key_release) struct jose_key *other = jose_key_generate(&err);
    CLEANUP(key_release) struct jose_key *rsa = parse(RFC_RSA_KEY);
    char *token = signed_token(*state, key);
    assert_string_not_equal(jose_key_id(key), jose_key_id(other));
    assert_false(verifies(other, JOSE_ES256, token));
    assert_false(verifies(rsa, JOSE_ES256, token));
    assert_false(verifies(key, JOSE_RS256, token));
}

// A token with this header, signed for real with the key, as far as ES256 goes.
static void the_header_is_checked_first(void **state)
{
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(&err);
    char *token = signed_token(*state, key);
    const char *rest = strchr(token, '.');
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"ES384\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"es256\"}",
        "{\"alg\":\"ES256\",\"alg\":\"none\"}",
        "{\"alg\":null}",
        "{\"alg\":1}",
        "{\"alg\":[\"ES256\"]}",
        "{}",
        "{\"alg\":\"ES256\",\"jku\":\"https://evil\"}",
        "{\"alg\":\"ES256\",\"jwk\":{}}",
        "{\"alg\":\"ES256\",\"x5u\":\"https://evil\"}",
        "{\"alg\":\"ES256\",\"x5c\":[]}",
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"ES256\",\"b64\":false}",
        "[]",
        "\"ES256\"",
        "null",
        "",
        "{\"alg\":\"ES256\"",
        "{\"alg\":\"ES256\"} x",
    };
    struct jose_header header;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        const char *forged = arena_printf(*state, "%s%s", encode(*state, headers[i]), rest);
        error_clear(&err);
        assert_false(jose_header_read(forged, JOSE_ES256, *state, &header, &err));
        assert_ptr_equal(err.problem, &problem_unauthenticated);
        assert_false(verifies(key, JOSE_ES256, forged));
    }
}

static void alg_none_and_hmac_by_public_key_are_refused(void **state)
{
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(&err);
    const char *claims = encode(*state, "{\"sub\":\"admin\"}");
    const char *none = encode(*state, "{\"alg\":\"none\",\"typ\":\"at+jwt\"}");
    assert_false(verifies(key, JOSE_ES256, arena_printf(*state, "%s.%s.", none, claims)));
    assert_false(verifies(key, JOSE_ES256, arena_printf(*state, "%s.%s", none, claims)));
    const char *public = jose_key_json(*state, key, false);
    const char *body =
        arena_printf(*state, "%s.%s", encode(*state, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}"), claims);
    unsigned char mac[32];
    HMAC(EVP_sha256(), public, (int)strlen(public), (const unsigned char *)body, strlen(body), mac, NULL);
    const char *forged = arena_printf(*state, "%s.%s", body, crypto_base64url(*state, mac, sizeof(mac)));
    assert_false(verifies(key, JOSE_ES256, forged));
    assert_false(verifies(key, JOSE_RS256, forged));
}

static void malformed_tokens_are_refused(void **state)
{
    struct error err = {0};
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(&err);
    static char long_token[20000];
    memset(long_token, 'A', sizeof(long_token) - 1);
    const char *const tokens[] = {"",
                                  ".",
                                  "..",
                                  "...",
                                  "a.b.c",
                                  "eyJhbGciOiJFUzI1NiJ9..",
                                  "eyJhbGciOiJFUzI1NiJ9.e30",
                                  "eyJhbGciOiJFUzI1NiJ9.e30.",
                                  "\xff.\xff.\xff",
                                  long_token};
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        assert_false(verifies(key, JOSE_ES256, tokens[i]));
    }
    char *token = NULL; // signed properly, but the claims are no object
    CLEANUP(json_release) json_t *list = json_pack("[s]", "x");
    assert_true(jose_sign(key, "at+jwt", list, *state, &token, &err));
    assert_false(verifies(key, JOSE_ES256, token));
    CLEANUP(json_release) json_t *huge = json_pack("{s:s}", "x", long_token);
    assert_true(jose_sign(key, "at+jwt", huge, *state, &token, &err));
    assert_false(verifies(key, JOSE_ES256, token)); // over 8 KiB
}

static void only_keys_of_our_kinds_are_parsed(void **state)
{
    static const char *const keys[] = {
        "",
        "{}",
        "[]",
        "null",
        "x",
        "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
        "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"oct\",\"k\":\"A===AAA\"}",
        "{\"kty\":\"RSA\",\"n\":\"A===AAA\",\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"A===AAA\",\"y\":\"A===AAA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_null(parse(keys[i]));
    }
    char kid[300];
    memset(kid, 'k', sizeof(kid) - 1);
    kid[sizeof(kid) - 1] = '\0';
    assert_null(parse(arena_printf(*state, "{\"kid\":\"%s\"," RFC_EC_PUBLIC "}", kid)));
}

// A public RSA key as a JWK, and a token signed with it, by OpenSSL alone.
static const char *rsa_key_and_token(struct arena *arena, int bits, const char **ret_token)
{
    EVP_PKEY *key = EVP_RSA_gen((unsigned int)bits);
    const char *body = arena_printf(arena, "%s.%s", encode(arena, "{\"alg\":\"RS256\",\"kid\":\"g1\",\"typ\":\"JWT\"}"),
                                    encode(arena, "{\"sub\":\"firebase\"}"));
    unsigned char signature[1024], n[1024];
    size_t signature_length = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &signature_length, (const unsigned char *)body, strlen(body)), 1);
    *ret_token = arena_printf(arena, "%s.%s", body, crypto_base64url(arena, signature, signature_length));
    EVP_MD_CTX_free(context);
    BIGNUM *number = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &number), 1);
    const char *jwk = arena_printf(arena, "{\"kty\":\"RSA\",\"kid\":\"g1\",\"e\":\"AQAB\",\"n\":\"%s\"}",
                                   crypto_base64url(arena, n, (size_t)BN_bn2bin(number, n)));
    BN_free(number);
    EVP_PKEY_free(key);
    return jwk;
}

static void an_rsa_key_verifies_rs256(void **state)
{
    const char *token = NULL;
    const char *jwk = rsa_key_and_token(*state, 2048, &token);
    CLEANUP(key_release) struct jose_key *key = parse(jwk);
    assert_non_null(key);
    assert_string_equal(jose_key_id(key), "g1");
    assert_true(verifies(key, JOSE_RS256, token));
    assert_false(verifies(key, JOSE_ES256, token));
    char *changed = arena_strdup(*state, token);
    changed[strlen(changed) - 5] = changed[strlen(changed) - 5] == 'A' ? 'B' : 'A';
    assert_false(verifies(key, JOSE_RS256, changed));
    assert_null(parse(rsa_key_and_token(*state, 1024, &token))); // too short
}

#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define OTHER_SECRET "100102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static void sealing_keeps_and_guards_a_secret(void **state)
{
    struct error err = {0};
    char *sealed = NULL;
    char *again = NULL;
    char *plain = NULL;
    assert_true(jose_seal(SECRET, "{\"d\":\"secret\"}", *state, &sealed, &err));
    assert_true(jose_seal(SECRET, "{\"d\":\"secret\"}", *state, &again, &err));
    assert_string_not_equal(sealed, again);
    assert_null(strstr(sealed, "secret"));
    assert_true(jose_open(SECRET, sealed, *state, &plain, &err));
    assert_string_equal(plain, "{\"d\":\"secret\"}");
    assert_false(jose_open(OTHER_SECRET, sealed, *state, &plain, &err));
    for (size_t i = 0; sealed[i] != '\0'; i++) {
        char kept = sealed[i];
        sealed[i] = kept == 'A' ? 'B' : 'A';
        assert_false(jose_open(SECRET, sealed, *state, &plain, &err));
        sealed[i] = kept;
    }
    for (size_t cut = 1; cut < strlen(sealed); cut++) { // a short tag must not do
        assert_false(
            jose_open(SECRET, arena_memdup(*state, sealed, strlen(sealed) - cut), *state, &plain, &err));
    }
    static const char *const secrets[] = {"", "00", SECRET "00",
                                          "zz0102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        assert_false(jose_seal(secrets[i], "x", *state, &sealed, &err));
    }
}

// The databases hold some of before.
static void what_libcjose_sealed_is_opened(void **state)
{
    struct error err = {0};
    char *plain = NULL;
    assert_true(jose_open("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
                          "eyJhbGciOiAiZGlyIiwgImVuYyI6ICJBMjU2R0NNIn0..2398_TKmR6Qhhpfj.yy7IosHUAV1J-rXnduo.oOlslHVLbbfOGoQ_DlU4vw", *state, &plain, &err));
    assert_string_equal(plain, "{\"d\":\"secret\"}");
}

struct shared {
    struct jose_key *key;
    char *token;
};

static void *sign_and_verify(void *argument)
{
    struct shared *shared = argument;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(4 << 20);
    for (int i = 0; i < 100; i++) {
        struct error err = {0};
        CLEANUP(json_release) json_t *claims = jose_verify(shared->key, JOSE_ES256, shared->token, &err);
        char *token = NULL;
        if (claims == NULL || !jose_sign(shared->key, "at+jwt", claims, arena, &token, &err)) {
            return shared;
        }
        arena_reset(arena);
    }
    return NULL;
}

static void threads_share_a_key(void **state)
{
    struct error err = {0};
    struct shared shared = {.key = jose_key_generate(&err)};
    shared.token = signed_token(*state, shared.key);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sign_and_verify, &shared), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    jose_key_free(shared.key);
    jose_key_free(NULL);
}

#define T(test) cmocka_unit_test_setup_teardown(test, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_rfc_7515_example_verifies),
        T(a_kid_is_the_rfc_7638_thumbprint),
        T(signing_and_verifying_agree),
        T(a_public_jwk_has_no_private_part),
        T(every_changed_letter_is_noticed),
        T(a_signature_of_any_numbers_verifies),
        T(another_key_does_not_verify),
        T(the_header_is_checked_first),
        T(alg_none_and_hmac_by_public_key_are_refused),
        T(malformed_tokens_are_refused),
        T(only_keys_of_our_kinds_are_parsed),
        T(an_rsa_key_verifies_rs256),
        T(sealing_keeps_and_guards_a_secret),
        T(what_libcjose_sealed_is_opened),
        T(threads_share_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
