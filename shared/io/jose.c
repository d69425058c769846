// SPDX-License-Identifier: MIT
// Tokens: what is checked before libcjose sees one, signing, verifying, sealing.
#include "jose.h"

#include <cjose/cjose.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "jose_key.h"
#include "text.h"

#define TOKEN_BYTES_MAX 8192
#define SECRET_HEX_LENGTH 64

// A token in its parts; an empty one is NULL.
struct parts {
    char *items[5];
    size_t count;
};

static bool token_split(const char *token, size_t parts, struct arena *arena, struct parts *ret);
static json_t *header_parse(const char *part, struct arena *arena);
static bool header_is_plain(const json_t *header);
static bool signature_fits(const char *part, enum jose_algorithm algorithm, struct arena *arena);
static json_t *claims_verify(const struct jose_key *key, const char *token, struct error *err);
static cjose_jwk_t *secret_key(const char *secret_hex);

static void jws_release(cjose_jws_t **jws)
{
    cjose_jws_release(*jws);
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

// Neither libcjose nor our own checks tell a bad token from a lack of memory; each that may meet one sets errno to 0 first.
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
    errno = 0;
    if (!token_split(token, 3, arena, &parts)) {
        return refuse(err, "not a compact JWS");
    }
    CLEANUP(json_release) json_t *header = header_parse(parts.items[0], arena);
    if (header == NULL || !header_is_plain(header)) {
        return refuse(err, "token header malformed, or with a member that may not be there");
    }
    if (!text_equal(json_member_text(header, "alg"), algorithm_name(algorithm))) {
        return refuse(err, "token is not signed with the algorithm expected");
    }
    if (!signature_fits(parts.items[2], algorithm, arena)) {
        return refuse(err, "signature malformed");
    }
    ret->kid = arena_strdup(arena, json_member_text(header, "kid"));
    ret->typ = arena_strdup(arena, json_member_text(header, "typ"));
    return !arena_failed(arena) || error_set(err, &problem_unavailable, NULL);
}

json_t *jose_verify(const struct jose_key *key, enum jose_algorithm algorithm, const char *token,
                    struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(8 * TOKEN_BYTES_MAX);
    struct jose_header header;
    if (arena == NULL) {
        error_set(err, &problem_unavailable, NULL);
        return NULL;
    }
    if (!jose_header_read(token, algorithm, arena, &header, err)) {
        return NULL;
    }
    if (jose_key_algorithm(key) != algorithm) {
        refuse(err, "key is not one for this algorithm");
        return NULL;
    }
    return claims_verify(key, token, err);
}

static json_t *claims_verify(const struct jose_key *key, const char *token, struct error *err)
{
    cjose_err cause = {0};
    errno = 0;
    CLEANUP(jws_release) cjose_jws_t *jws = cjose_jws_import(token, strlen(token), &cause);
    uint8_t *payload = NULL;
    size_t length = 0;
    if (jws == NULL || !cjose_jws_verify(jws, jose_key_jwk(key), &cause) ||
        !cjose_jws_get_plaintext(jws, &payload, &length, &cause)) {
        refuse(err, "signature does not fit");
        return NULL;
    }
    struct error malformed = {0};
    CLEANUP(json_release) json_t *claims = json_parse((const char *)payload, length, &malformed);
    if (!json_is_object(claims)) {
        refuse(err, "claims are no JSON object");
        return NULL;
    }
    return TAKE(claims);
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
        char *part = arena_memdup(arena, at, part_length);
        void *bytes;
        size_t count;
        if (part == NULL || !crypto_base64url_decode(arena, part, &bytes, &count)) {
            return false;
        }
        ret->items[ret->count++] = part;
        at += part_length;
        if (*at == '\0') {
            break;
        }
        at++;
    }
    return ret->count == parts && *at == '\0' && at[-1] != '.';
}

static json_t *header_parse(const char *part, struct arena *arena)
{
    struct error malformed = {0};
    void *bytes;
    size_t length;
    if (!crypto_base64url_decode(arena, part, &bytes, &length)) {
        return NULL;
    }
    CLEANUP(json_release) json_t *header = json_parse(bytes, length, &malformed);
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

// libcjose halves an ES256 signature without looking at its length, so a longer one would pass too.
static bool signature_fits(const char *part, enum jose_algorithm algorithm, struct arena *arena)
{
    void *bytes;
    size_t length;
    return crypto_base64url_decode(arena, part, &bytes, &length) &&
           (algorithm == JOSE_ES256 ? length == 64 : length >= 256);
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
    CLEANUP(json_release) json_t *header = header_parse(parts.items[0], arena);
    // 22 letters are 16 bytes: a shorter tag would be a weaker one.
    if (header == NULL || !header_is_plain(header) || !text_equal(json_member_text(header, "alg"), "dir") ||
        !text_equal(json_member_text(header, "enc"), "A256GCM") || strlen(parts.items[4]) != 22) {
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
