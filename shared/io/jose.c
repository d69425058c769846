// SPDX-License-Identifier: MIT
// Tokens: reading, verifying, signing, sealing. libcjose signs and seals. Tokens that come from outside it does not see: where
// memory is short, libcjose 0.6.2 uses what it was not given (cjose_jws_import, cjose_jws_verify), and the service would die.
// So OpenSSL verifies them.
#include "jose.h"

#include <cjose/cjose.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "crypto.h"
#include "jose_key.h"
#include "text.h"

#define TOKEN_BYTES_MAX 8192
#define SECRET_HEX_LENGTH 64
#define ES256_NUMBER_BYTES 32
#define ES256_DER_BYTES_MAX (2 + 2 * (2 + 1 + ES256_NUMBER_BYTES))
#define RS256_BYTES_MIN 256
#define GCM_TAG_BYTES 16

// A token in its parts, decoded.
struct part {
    void *bytes;
    size_t length;
};
struct parts {
    struct part items[5];
    size_t count, last_offset; // where in the token the last one begins
};

static bool token_read(const char *token, enum jose_algorithm algorithm, struct arena *arena, struct parts *ret,
                       struct jose_header *ret_header, struct error *err);
static bool token_split(const char *token, size_t parts, struct arena *arena, struct parts *ret);
static json_t *header_parse(const struct part *part);
static bool header_is_plain(const json_t *header);
static bool signature_fits(const struct part *part, enum jose_algorithm algorithm);
static bool signature_holds(const struct jose_key *key, const char *token, const struct parts *parts);
static size_t der_signature(const unsigned char *raw, unsigned char *ret);
static unsigned char *der_integer(const unsigned char *number, unsigned char *ret);
static cjose_jwk_t *secret_key(const char *secret_hex);

static void jws_release(cjose_jws_t **jws)
{
    cjose_jws_release(*jws);
}

static void digest_release(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void jwe_release(cjose_jwe_t **jwe)
{
    cjose_jwe_release(*jwe);
}

static void header_release(cjose_header_t **header)
{
    cjose_header_release(*header);
}

static void jwk_release(cjose_jwk_t **jwk)
{
    cjose_jwk_release(*jwk);
}

static void text_release(char **text)
{
    cjose_get_dealloc()(*text);
}

static const char *algorithm_name(enum jose_algorithm algorithm)
{
    return algorithm == JOSE_ES256 ? "ES256" : "RS256";
}

// Neither a library nor our own checks tell a bad token from a lack of memory; each that may meet one sets errno to 0 first.
static bool refuse(struct error *err, const char *cause)
{
    error_set(err, problem_unless_memory(&problem_unauthenticated), NULL);
    return error_cause(err, "%s", cause);
}

static bool fail(struct error *err, const char *cause)
{
    error_set(err, problem_unless_memory(&problem_internal), NULL);
    return error_cause(err, "%s", cause ? cause : "no memory");
}

bool jose_sign(const struct jose_key *key, const char *typ, const json_t *claims, struct arena *arena,
               char **ret, struct error *err)
{
    cjose_err cause = {0};
    errno = 0;
    CLEANUP(header_release) cjose_header_t *header = cjose_header_new(&cause);
    const char *payload = json_text(arena, claims);
    if (header == NULL || payload == NULL || !jose_key_can_sign(key)) {
        return fail(err, "this key cannot sign, or no memory");
    }
    const char *algorithm = algorithm_name(jose_key_algorithm(key));
    if (!cjose_header_set(header, CJOSE_HDR_ALG, algorithm, &cause) ||
        !cjose_header_set(header, CJOSE_HDR_KID, jose_key_id(key), &cause) ||
        !cjose_header_set(header, "typ", typ, &cause)) {
        return fail(err, cause.message);
    }
    CLEANUP(jws_release)
    cjose_jws_t *jws =
        cjose_jws_sign(jose_key_jwk(key), header, (const uint8_t *)payload, strlen(payload), &cause);
    const char *token = NULL;
    if (jws == NULL || !cjose_jws_export(jws, &token, &cause)) {
        return fail(err, cause.message);
    }
    *ret = arena_strdup(arena, token);
    return *ret != NULL || error_set(err, &problem_unavailable, NULL);
}

bool jose_header_read(const char *token, enum jose_algorithm algorithm, struct arena *arena,
                      struct jose_header *ret, struct error *err)
{
    struct parts parts;
    return token_read(token, algorithm, arena, &parts, ret, err);
}

json_t *jose_verify(const struct jose_key *key, enum jose_algorithm algorithm, const char *token,
                    struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(8 * TOKEN_BYTES_MAX);
    struct jose_header header;
    struct parts parts;
    if (arena == NULL) {
        error_set(err, &problem_unavailable, NULL);
        return NULL;
    }
    if (!token_read(token, algorithm, arena, &parts, &header, err)) {
        return NULL;
    }
    if (jose_key_algorithm(key) != algorithm) {
        refuse(err, "key is not one for this algorithm");
        return NULL;
    }
    if (!signature_holds(key, token, &parts)) {
        refuse(err, "signature does not fit");
        return NULL;
    }
    struct error malformed = {0};
    CLEANUP(json_release) json_t *claims = json_parse(parts.items[1].bytes, parts.items[1].length, &malformed);
    if (!json_is_object(claims)) {
        refuse(err, "claims are no JSON object");
        return NULL;
    }
    return TAKE(claims);
}

static bool token_read(const char *token, enum jose_algorithm algorithm, struct arena *arena, struct parts *ret,
                       struct jose_header *ret_header, struct error *err)
{
    errno = 0;
    if (!token_split(token, 3, arena, ret)) {
        return refuse(err, "not a compact JWS");
    }
    CLEANUP(json_release) json_t *header = header_parse(&ret->items[0]);
    if (header == NULL || !header_is_plain(header)) {
        return refuse(err, "token header malformed, or with a member that may not be there");
    }
    if (!text_equal(json_member_text(header, "alg"), algorithm_name(algorithm))) {
        return refuse(err, "token is not signed with the algorithm expected");
    }
    if (!signature_fits(&ret->items[2], algorithm)) {
        return refuse(err, "signature malformed");
    }
    ret_header->kid = arena_strdup(arena, json_member_text(header, "kid"));
    ret_header->typ = arena_strdup(arena, json_member_text(header, "typ"));
    return !arena_failed(arena) || error_set(err, &problem_unavailable, NULL);
}

// Splits at the dots; every part must be base64url in its one correct spelling.
static bool token_split(const char *token, size_t parts, struct arena *arena, struct parts *ret)
{
    size_t length = strnlen(token, TOKEN_BYTES_MAX + 1);
    *ret = (struct parts){0};
    if (length == 0 || length > TOKEN_BYTES_MAX) {
        return false;
    }
    const char *at = token;
    while (ret->count < parts) {
        size_t part_length = strcspn(at, ".");
        char *text = arena_memdup(arena, at, part_length);
        struct part *part = &ret->items[ret->count];
        if (text == NULL || !crypto_base64url_decode(arena, text, &part->bytes, &part->length)) {
            return false;
        }
        ret->count++;
        ret->last_offset = (size_t)(at - token);
        at += part_length;
        if (*at == '\0') {
            break;
        }
        at++;
    }
    return ret->count == parts && *at == '\0' && at[-1] != '.';
}

static json_t *header_parse(const struct part *part)
{
    struct error malformed = {0};
    CLEANUP(json_release) json_t *header = json_parse(part->bytes, part->length, &malformed);
    return json_is_object(header) ? TAKE(header) : NULL;
}

// The token may not bring its own key, nor demand an extension (RFC 7515 §4.1.11).
static bool header_is_plain(const json_t *header)
{
    static const char *const forbidden[] = {"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"};
    for (size_t i = 0; i < COUNT_OF(forbidden); i++) {
        if (json_object_get(header, forbidden[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static bool signature_fits(const struct part *part, enum jose_algorithm algorithm)
{
    return algorithm == JOSE_ES256 ? part->length == 2 * ES256_NUMBER_BYTES : part->length >= RS256_BYTES_MIN;
}

// RFC 7515 §5.2: of all that stands before the last dot.
static bool signature_holds(const struct jose_key *key, const char *token, const struct parts *parts)
{
    CLEANUP(digest_release) EVP_MD_CTX *context = EVP_MD_CTX_new();
    const struct part *raw = &parts->items[2];
    const unsigned char *signature = raw->bytes;
    unsigned char der[ES256_DER_BYTES_MAX];
    size_t length = raw->length;
    if (jose_key_algorithm(key) == JOSE_ES256) {
        length = der_signature(raw->bytes, der);
        signature = der;
    }
    const bool holds = context != NULL &&
                       EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, jose_key_public(key)) == 1 &&
                       EVP_DigestVerify(context, signature, length, (const unsigned char *)token, parts->last_offset - 1) == 1;
    ERR_clear_error(); // the next to ask OpenSSL on this thread is not to find ours
    return holds;
}

// JOSE has the two numbers of an ECDSA signature side by side (RFC 7518 §3.4), OpenSSL wants them as SEQUENCE { r, s }. Needs no
// memory.
static size_t der_signature(const unsigned char *raw, unsigned char *ret)
{
    const unsigned char *end = der_integer(raw + ES256_NUMBER_BYTES, der_integer(raw, ret + 2));
    ret[0] = 0x30;
    ret[1] = (unsigned char)(end - ret - 2);
    return (size_t)(end - ret);
}

// As short as it can be, with a zero before a first bit that would be taken for a minus. Returns where it ends.
static unsigned char *der_integer(const unsigned char *number, unsigned char *ret)
{
    size_t length = ES256_NUMBER_BYTES;
    for (; length > 1 && *number == 0; length--) {
        number++;
    }
    const bool padded = (*number & 0x80) != 0;
    *ret++ = 0x02;
    *ret++ = (unsigned char)(length + padded);
    if (padded) {
        *ret++ = 0;
    }
    return (unsigned char *)memcpy(ret, number, length) + length;
}

bool jose_seal(const char *secret_hex, const char *plain, struct arena *arena, char **ret, struct error *err)
{
    cjose_err cause = {0};
    errno = 0;
    CLEANUP(jwk_release) cjose_jwk_t *key = secret_key(secret_hex);
    CLEANUP(header_release) cjose_header_t *header = cjose_header_new(&cause);
    if (key == NULL || header == NULL ||
        !cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_DIR, &cause) ||
        !cjose_header_set(header, CJOSE_HDR_ENC, CJOSE_HDR_ENC_A256GCM, &cause)) {
        return fail(err, "the sealing secret must be 64 hex digits");
    }
    CLEANUP(jwe_release)
    cjose_jwe_t *jwe = cjose_jwe_encrypt(key, header, (const uint8_t *)plain, strlen(plain), &cause);
    CLEANUP(text_release) char *sealed = jwe != NULL ? cjose_jwe_export(jwe, &cause) : NULL;
    *ret = arena_strdup(arena, sealed);
    return *ret != NULL || fail(err, cause.message);
}

bool jose_open(const char *secret_hex, const char *sealed, struct arena *arena, char **ret, struct error *err)
{
    cjose_err cause = {0};
    struct parts parts;
    errno = 0;
    CLEANUP(jwk_release) cjose_jwk_t *key = secret_key(secret_hex);
    if (key == NULL || !token_split(sealed, 5, arena, &parts)) {
        return fail(err, "not a sealed text, or the secret is not 64 hex digits");
    }
    CLEANUP(json_release) json_t *header = header_parse(&parts.items[0]);
    // A shorter tag would be a weaker one.
    if (header == NULL || !header_is_plain(header) || !text_equal(json_member_text(header, "alg"), "dir") ||
        !text_equal(json_member_text(header, "enc"), "A256GCM") || parts.items[4].length != GCM_TAG_BYTES) {
        return fail(err, "sealed in another way than ours");
    }
    CLEANUP(jwe_release) cjose_jwe_t *jwe = cjose_jwe_import(sealed, strlen(sealed), &cause);
    size_t length = 0;
    CLEANUP(text_release)
    char *plain = jwe != NULL ? (char *)cjose_jwe_decrypt(jwe, key, &length, &cause) : NULL;
    *ret = plain != NULL ? arena_memdup(arena, plain, length) : NULL;
    if (plain != NULL) {
        explicit_bzero(plain, length);
    }
    return *ret != NULL || fail(err, "sealed with another secret, or changed");
}

static cjose_jwk_t *secret_key(const char *secret_hex)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[SECRET_HEX_LENGTH / 2] = {0};
    if (strlen(secret_hex) != SECRET_HEX_LENGTH) {
        return NULL;
    }
    for (size_t i = 0; i < SECRET_HEX_LENGTH; i++) {
        const char *digit = strchr(digits, tolower((unsigned char)secret_hex[i]));
        if (digit == NULL) {
            return NULL;
        }
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (digit - digits));
    }
    cjose_err cause = {0};
    cjose_jwk_t *key = cjose_jwk_create_oct_spec(bytes, sizeof(bytes), &cause);
    explicit_bzero(bytes, sizeof(bytes));
    return key;
}
