// SPDX-License-Identifier: MIT
// Tokens: reading, verifying, signing, sealing. libcjose signs. The rest is OpenSSL's, as libcjose 0.6.2 does not bear a lack of
// memory there: it uses what it was not given (cjose_jws_import, cjose_jws_verify), so that the service would die of a token from
// outside, and keeps what it had of a sealed text.
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
#define START_BYTES (64 * 1024)
#define SECRET_BYTES 32
#define ES256_NUMBER_BYTES 32
#define ES256_DER_BYTES_MAX (2 + 2 * (2 + 1 + ES256_NUMBER_BYTES))
#define RS256_BYTES_MIN 256
#define GCM_IV_BYTES 12
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
static bool gcm(bool encrypt, const unsigned char *key, const unsigned char *iv, const char *along, size_t along_length, const void *from, size_t length,
                void *to, unsigned char *tag);
static bool secret_read(const char *secret_hex, unsigned char ret[SECRET_BYTES]);

static void key_release(struct jose_key **key)
{
    jose_key_free(*key);
}

bool jose_start(struct error *err)
{
    static const char secret[] = "0000000000000000000000000000000000000000000000000000000000000000";
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(START_BYTES);
    CLEANUP(key_release) struct jose_key *key = arena ? jose_key_generate(err) : NULL;
    CLEANUP(json_release) json_t *claims = json_object(), *verified = NULL;
    char *token = NULL, *sealed = NULL, *plain = NULL;
    if (key && claims && jose_sign(key, "at+jwt", claims, arena, &token, err) && token) verified = jose_verify(key, JOSE_ES256, token, err);
    if (verified && jose_seal(secret, "plain", arena, &sealed, err) && sealed && jose_open(secret, sealed, arena, &plain, err)) return true;
    error_set(err, &problem_unavailable, NULL);
    return error_cause(err, "there is not enough memory to set up cryptography");
}

static void jws_release(cjose_jws_t **jws)
{
    cjose_jws_release(*jws);
}

static void digest_release(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void cipher_release(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

static void header_release(cjose_header_t **header)
{
    cjose_header_release(*header);
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

// JWE in its compact form, the key itself as the secret: header..iv.cipher.tag (RFC 7516 §7.1).
bool jose_seal(const char *secret_hex, const char *plain, struct arena *arena, char **ret, struct error *err)
{
    static const char header[] = "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}";
    unsigned char key[SECRET_BYTES], iv[GCM_IV_BYTES], tag[GCM_TAG_BYTES];
    const size_t length = strlen(plain);
    if (!secret_read(secret_hex, key)) {
        return fail(err, "the sealing secret must be 64 hex digits");
    }
    errno = 0;
    crypto_random(iv, sizeof iv);
    const char *protected = crypto_base64url(arena, header, sizeof header - 1);
    unsigned char *cipher = arena_alloc(arena, length + 1);
    const bool sealed = protected && cipher && gcm(true, key, iv, protected, strlen(protected), plain, length, cipher, tag);
    explicit_bzero(key, sizeof key);
    *ret = sealed ? arena_printf(arena, "%s..%s.%s.%s", protected, crypto_base64url(arena, iv, sizeof iv), crypto_base64url(arena, cipher, length),
                                 crypto_base64url(arena, tag, sizeof tag))
                  : NULL;
    if (arena_failed(arena)) {
        return error_set(err, &problem_unavailable, NULL);
    }
    return *ret != NULL || fail(err, "cannot seal");
}

bool jose_open(const char *secret_hex, const char *sealed, struct arena *arena, char **ret, struct error *err)
{
    unsigned char key[SECRET_BYTES];
    struct parts parts;
    errno = 0;
    if (!secret_read(secret_hex, key) || !token_split(sealed, 5, arena, &parts)) {
        return fail(err, "not a sealed text, or the secret is not 64 hex digits");
    }
    CLEANUP(json_release) json_t *header = header_parse(&parts.items[0]);
    const struct part *iv = &parts.items[2], *cipher = &parts.items[3], *tag = &parts.items[4];
    // A shorter tag would be a weaker one.
    if (header == NULL || !header_is_plain(header) || !text_equal(json_member_text(header, "alg"), "dir") ||
        !text_equal(json_member_text(header, "enc"), "A256GCM") || parts.items[1].length != 0 || iv->length != GCM_IV_BYTES ||
        tag->length != GCM_TAG_BYTES) {
        return fail(err, "sealed in another way than ours");
    }
    char *plain = arena_alloc(arena, cipher->length + 1); // zeroed: ends as a text does
    const bool opened = plain && gcm(false, key, iv->bytes, sealed, strcspn(sealed, "."), cipher->bytes, cipher->length, plain, tag->bytes);
    explicit_bzero(key, sizeof key);
    *ret = opened ? plain : NULL;
    return opened || fail(err, "sealed with another secret, or changed");
}

// AES-256-GCM; `along` is guarded, too, but stays as it is. The tag is written where it encrypts, and must fit where it decrypts.
static bool gcm(bool encrypt, const unsigned char *key, const unsigned char *iv, const char *along, size_t along_length, const void *from, size_t length,
                void *to, unsigned char *tag)
{
    CLEANUP(cipher_release) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int count;
    const bool done = context != NULL && EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, iv, encrypt) == 1 &&
                      EVP_CipherUpdate(context, NULL, &count, (const unsigned char *)along, (int)along_length) == 1 &&
                      EVP_CipherUpdate(context, to, &count, from, (int)length) == 1 &&
                      (encrypt || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES, tag) == 1) &&
                      EVP_CipherFinal_ex(context, (unsigned char *)to + length, &count) == 1 &&
                      (!encrypt || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, tag) == 1);
    ERR_clear_error();
    return done;
}

static bool secret_read(const char *secret_hex, unsigned char ret[SECRET_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    memset(ret, 0, SECRET_BYTES);
    if (strlen(secret_hex) != 2 * SECRET_BYTES) {
        return false;
    }
    for (size_t i = 0; i < 2 * SECRET_BYTES; i++) {
        const char *digit = strchr(digits, tolower((unsigned char)secret_hex[i]));
        if (digit == NULL) {
            return false;
        }
        ret[i / 2] = (unsigned char)(ret[i / 2] << 4 | (digit - digits));
    }
    return true;
}
