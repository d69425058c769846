// SPDX-License-Identifier: MIT
// Digests go by OpenSSL's old functions: those that replace them (EVP, and SHA256 and HMAC, which call it) take memory and
// may fail, and nobody could say what to do about a digest that there is not.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void to_hex(const unsigned char *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = '\0';
}

void crypto_random(void *out, size_t length)
{
    unsigned char *bytes = out;
    while (length > 0) {
        ssize_t got = getrandom(bytes, length, 0);
        if (got < 0) {
            continue; // a signal came in between; nothing else can happen
        }
        bytes += got;
        length -= (size_t)got;
    }
}

char *crypto_token(struct arena *arena)
{
    unsigned char bytes[32];
    crypto_random(bytes, sizeof(bytes));
    return crypto_base64url(arena, bytes, sizeof(bytes));
}

// Of two texts, one after the other.
static void sha256(const void *first, size_t first_length, const void *second, size_t second_length,
                   unsigned char out[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, first, first_length);
    SHA256_Update(&context, second, second_length);
    SHA256_Final(out, &context);
    OPENSSL_cleanse(&context, sizeof(context));
}

void crypto_sha256(const void *bytes, size_t length, unsigned char out[SHA256_SIZE])
{
    sha256(bytes, length, "", 0, out);
}

void crypto_sha256_hex(const void *bytes, size_t length, char out[SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_SIZE];
    crypto_sha256(bytes, length, digest);
    to_hex(digest, sizeof(digest), out);
}

// RFC 2104.
void crypto_hmac_sha256_hex(const void *key, size_t key_length, const void *bytes, size_t length,
                            char out[SHA256_HEX_SIZE])
{
    unsigned char inner[SHA256_CBLOCK] = {0};
    unsigned char outer[SHA256_CBLOCK];
    unsigned char digest[SHA256_SIZE];
    if (key_length > sizeof(inner)) {
        crypto_sha256(key, key_length, inner);
    } else if (key_length > 0) {
        memcpy(inner, key, key_length);
    }
    for (size_t i = 0; i < sizeof(inner); i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    sha256(inner, sizeof(inner), bytes, length, digest);
    sha256(outer, sizeof(outer), digest, sizeof(digest), digest);
    to_hex(digest, sizeof(digest), out);
    OPENSSL_cleanse(inner, sizeof(inner));
    OPENSSL_cleanse(outer, sizeof(outer));
}

bool crypto_equal(const char *expected, const char *given)
{
    if (expected == NULL || given == NULL) {
        return false;
    }
    size_t expected_length = strlen(expected);
    size_t given_length = strlen(given);
    volatile unsigned char difference = expected_length != given_length;
    for (size_t i = 0; i < given_length; i++) {
        // Past its end `expected` is read from its start again, so that the time tells nothing.
        char other = expected_length == 0 ? '\0' : expected[i % expected_length];
        difference = (unsigned char)(difference | (unsigned char)(given[i] ^ other));
    }
    return difference == 0;
}

char *crypto_base64url(struct arena *arena, const void *bytes, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *in = bytes;
    char *out = arena_alloc(arena, (length * 4 + 2) / 3 + 1);
    if (out == NULL) {
        return NULL;
    }
    unsigned int bits = 0;
    int held = 0;
    char *at = out;
    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8 | in[i]) & 0xffff;
        for (held += 8; held >= 6; held -= 6) {
            *at++ = letters[bits >> (held - 6) & 63];
        }
    }
    if (held > 0) {
        *at++ = letters[bits << (6 - held) & 63];
    }
    *at = '\0';
    return out;
}

char *crypto_base64(struct arena *arena, const void *bytes, size_t length)
{
    char *out = arena_alloc(arena, (length + 2) / 3 * 4 + 1);
    if (out != NULL) {
        EVP_EncodeBlock((unsigned char *)out, bytes, (int)length);
    }
    return out;
}

static int base64url_value(char letter)
{
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    if (letter >= '0' && letter <= '9') {
        return letter - '0' + 52;
    }
    return letter == '-' ? 62 : letter == '_' ? 63 : -1;
}

bool crypto_base64url_decode(struct arena *arena, const char *text, void **ret, size_t *ret_length)
{
    size_t length = strlen(text);
    unsigned char *out = arena_alloc(arena, length * 3 / 4 + 1);
    if (out == NULL || length % 4 == 1) {
        return false;
    }
    unsigned int bits = 0;
    int held = 0;
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        int value = base64url_value(text[i]);
        if (value < 0) {
            return false;
        }
        bits = (bits << 6 | (unsigned int)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[count++] = (unsigned char)(bits >> held);
        }
    }
    // Left-over bits must be zero: else two texts would stand for the same bytes.
    if ((bits & ((1U << held) - 1)) != 0) {
        return false;
    }
    *ret = out;
    *ret_length = count;
    return true;
}
