// SPDX-License-Identifier: MIT
// Keys: P-256 to sign and verify ES256, RSA of at least 2,048 bits to verify RS256.
#include "jose_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "text.h"

#define JWK_BYTES_MAX 16384
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define KID_MAX 128
#define P256_BYTES 32
#define POINT_BYTES (1 + 2 * P256_BYTES)

struct jose_key {
    cjose_jwk_t *jwk; // never retained or released but at the end: its count is not atomic
    EVP_PKEY *public_key;
    enum jose_algorithm algorithm;
    bool is_private;
    char kid[KID_MAX + 1];
};

static bool jwk_is_sound(const char *jwk, size_t length);
static cjose_jwk_t *jwk_import(const char *jwk);
static struct jose_key *key_wrap(cjose_jwk_t *jwk, struct error *err);
static bool key_is_fit(const struct jose_key *key);
static bool kid_set(struct jose_key *key, struct arena *arena);
static char *thumbprint(const struct jose_key *key, struct arena *arena);
static EVP_PKEY *public_key_of(const json_t *members, enum jose_algorithm algorithm, struct arena *arena);
static unsigned char *point_of(const json_t *members, struct arena *arena);
static BIGNUM *number_of(const json_t *members, const char *name, struct arena *arena);
static json_t *key_members(const struct jose_key *key, bool with_private);

static void number_release(BIGNUM **number)
{
    BN_free(*number);
}

static void build_release(OSSL_PARAM_BLD **build)
{
    OSSL_PARAM_BLD_free(*build);
}

static void params_release(OSSL_PARAM **params)
{
    OSSL_PARAM_free(*params);
}

static void context_release(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

static void jwk_text_release(char **text)
{
    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text)); // may hold the private part
        cjose_get_dealloc()(*text);
    }
}

static struct jose_key *refuse(struct error *err, const char *cause)
{
    error_set(err, problem_unless_memory(&problem_internal), NULL);
    error_cause(err, "%s", cause);
    return NULL;
}

struct jose_key *jose_key_generate(struct error *err)
{
    cjose_err cause = {0};
    errno = 0;
    return key_wrap(cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &cause), err);
}

struct jose_key *jose_key_parse(const char *jwk, struct error *err)
{
    errno = 0;
    const size_t length = strnlen(jwk, JWK_BYTES_MAX + 1);
    if (length > JWK_BYTES_MAX) {
        return refuse(err, "JWK too long");
    }
    if (!jwk_is_sound(jwk, length)) {
        return refuse(err, "not a JWK");
    }
    return key_wrap(jwk_import(jwk), err);
}

// libcjose 0.6.2 ends the process where padding stands inside of a number (an assertion of its base64 decoder), so each it may decode is
// looked at before.
static bool jwk_is_sound(const char *jwk, size_t length)
{
    static const char *const numbers[] = {"x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi"};
    struct error malformed = {0};
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(4 * JWK_BYTES_MAX);
    CLEANUP(json_release) json_t *members = json_parse(jwk, length, &malformed);
    const char *type = json_member_text(members, "kty");
    bool sound = arena != NULL && (text_equal(type, "EC") || text_equal(type, "RSA")); // a secret shared with the peer is no key of ours
    for (size_t i = 0; sound && i < COUNT_OF(numbers); i++) {
        const json_t *number = json_object_get(members, numbers[i]);
        void *bytes;
        size_t count;
        sound = number == NULL || (json_is_string(number) && crypto_base64url_decode(arena, json_string_value(number), &bytes, &count));
    }
    return sound;
}

// libcjose takes a key for whole of whose name or numbers a letter is missing.
static cjose_jwk_t *jwk_import(const char *jwk)
{
    cjose_err cause = {0};
    json_watch();
    cjose_jwk_t *imported = cjose_jwk_import(jwk, strlen(jwk), &cause);
    if (!json_was_short()) {
        return imported;
    }
    cjose_jwk_release(imported);
    return NULL;
}

// Takes jwk over, whatever comes of it.
static struct jose_key *key_wrap(cjose_jwk_t *jwk, struct error *err)
{
    cjose_err cause = {0};
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 16);
    struct jose_key *key = calloc(1, sizeof(*key));
    if (jwk == NULL || key == NULL || arena == NULL) {
        cjose_jwk_release(jwk);
        free(key);
        return refuse(err, "not a JWK");
    }
    key->jwk = jwk;
    key->algorithm = cjose_jwk_get_kty(jwk, &cause) == CJOSE_JWK_KTY_RSA ? JOSE_RS256 : JOSE_ES256;
    if (!key_is_fit(key) || !kid_set(key, arena)) {
        jose_key_free(key);
        return refuse(err, "only P-256 and RSA keys of 2,048 bits or more, with a short kid, are used");
    }
    CLEANUP(json_release) json_t *members = key_members(key, true);
    key->is_private = json_object_get(members, "d") != NULL;
    key->public_key = public_key_of(members, key->algorithm, arena);
    ERR_clear_error();
    if (key->public_key == NULL) {
        jose_key_free(key);
        return refuse(err, "not a public key");
    }
    return key;
}

static bool key_is_fit(const struct jose_key *key)
{
    cjose_err cause = {0};
    switch (cjose_jwk_get_kty(key->jwk, &cause)) {
    case CJOSE_JWK_KTY_EC:
        return cjose_jwk_EC_get_curve(key->jwk, &cause) == CJOSE_JWK_EC_P_256;
    case CJOSE_JWK_KTY_RSA: {
        size_t bits = cjose_jwk_get_keysize(key->jwk, &cause);
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
    }
    default:
        return false;
    }
}

static bool kid_set(struct jose_key *key, struct arena *arena)
{
    cjose_err cause = {0};
    const char *kid = cjose_jwk_get_kid(key->jwk, &cause);
    kid = kid != NULL ? kid : thumbprint(key, arena);
    if (kid == NULL || kid[0] == '\0' || strlen(kid) > KID_MAX) {
        return false;
    }
    memcpy(key->kid, kid, strlen(kid) + 1);
    return cjose_jwk_set_kid(key->jwk, key->kid, strlen(key->kid), &cause);
}

// The same for OpenSSL.
static EVP_PKEY *public_key_of(const json_t *members, enum jose_algorithm algorithm, struct arena *arena)
{
    const bool is_ec = algorithm == JOSE_ES256;
    const unsigned char *point = is_ec ? point_of(members, arena) : NULL;
    CLEANUP(number_release) BIGNUM *n = is_ec ? NULL : number_of(members, "n", arena);
    CLEANUP(number_release) BIGNUM *e = is_ec ? NULL : number_of(members, "e", arena);
    CLEANUP(build_release) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    const bool built = build != NULL && (is_ec ? point != NULL && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
                                                     OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_BYTES)
                                               : n != NULL && e != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
                                                     OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e));
    CLEANUP(params_release) OSSL_PARAM *params = built ? OSSL_PARAM_BLD_to_param(build) : NULL;
    CLEANUP(context_release) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, is_ec ? "EC" : "RSA", NULL);
    EVP_PKEY *key = NULL;
    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        return NULL;
    }
    return key;
}

// SEC 1 §2.3.3, uncompressed.
static unsigned char *point_of(const json_t *members, struct arena *arena)
{
    unsigned char *point = arena_alloc(arena, POINT_BYTES);
    const char *texts[] = {json_member_text(members, "x"), json_member_text(members, "y")};
    if (point == NULL) {
        return NULL;
    }
    point[0] = 4;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        void *bytes;
        size_t length;
        if (texts[i] == NULL || !crypto_base64url_decode(arena, texts[i], &bytes, &length) || length != P256_BYTES) {
            return NULL;
        }
        memcpy(point + 1 + i * P256_BYTES, bytes, P256_BYTES);
    }
    return point;
}

static BIGNUM *number_of(const json_t *members, const char *name, struct arena *arena)
{
    const char *text = json_member_text(members, name);
    void *bytes;
    size_t length;
    return text != NULL && crypto_base64url_decode(arena, text, &bytes, &length) ? BN_bin2bn(bytes, (int)length, NULL) : NULL;
}

// RFC 7638: SHA-256 of the required members, sorted, without blanks.
static char *thumbprint(const struct jose_key *key, struct arena *arena)
{
    CLEANUP(json_release) json_t *members = key_members(key, false);
    const char *text;
    if (key->algorithm == JOSE_ES256) {
        text = arena_printf(arena, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                            json_member_text(members, "x"), json_member_text(members, "y"));
    } else {
        text = arena_printf(arena, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}",
                            json_member_text(members, "e"), json_member_text(members, "n"));
    }
    unsigned char digest[SHA256_SIZE];
    if (members == NULL || text == NULL) {
        return NULL;
    }
    crypto_sha256(text, strlen(text), digest);
    return crypto_base64url(arena, digest, sizeof(digest));
}

static json_t *key_members(const struct jose_key *key, bool with_private)
{
    cjose_err cause = {0};
    struct error malformed = {0};
    CLEANUP(jwk_text_release) char *text = cjose_jwk_to_json(key->jwk, with_private, &cause);
    return text != NULL ? json_parse(text, strlen(text), &malformed) : NULL;
}

void jose_key_free(struct jose_key *key)
{
    if (key != NULL) {
        cjose_jwk_release(key->jwk);
        EVP_PKEY_free(key->public_key);
        free(key);
    }
}

const char *jose_key_id(const struct jose_key *key)
{
    return key->kid;
}

char *jose_key_json(struct arena *arena, const struct jose_key *key, bool with_private)
{
    CLEANUP(json_release) json_t *members = key_members(key, with_private);
    const char *algorithm = key->algorithm == JOSE_ES256 ? "ES256" : "RS256";
    if (json_object_set_new(members, "kid", json_string(key->kid)) != 0 ||
        json_object_set_new(members, "alg", json_string(algorithm)) != 0 ||
        json_object_set_new(members, "use", json_string("sig")) != 0) {
        return NULL;
    }
    return json_text(arena, members);
}

enum jose_algorithm jose_key_algorithm(const struct jose_key *key)
{
    return key->algorithm;
}

const cjose_jwk_t *jose_key_jwk(const struct jose_key *key)
{
    return key->jwk;
}

EVP_PKEY *jose_key_public(const struct jose_key *key)
{
    return key->public_key;
}

bool jose_key_can_sign(const struct jose_key *key)
{
    return key->is_private;
}
