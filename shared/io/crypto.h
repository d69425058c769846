// SPDX-License-Identifier: MIT
// The few cryptographic primitives we need, from OpenSSL 3 (EVP) and libxcrypt. Thread-safe.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "error.h"

#define SHA256_SIZE 32
#define SHA256_HEX_SIZE 65

void crypto_random(void *out, size_t length); // getrandom(2); never fails on Linux ≥ 5.6
// An unguessable token of 256 bits, base64url, 43 characters. NULL when the arena failed.
char *crypto_token(struct arena *arena);
// Digests take no memory and cannot fail.
void crypto_sha256(const void *bytes, size_t length, unsigned char out[SHA256_SIZE]);
void crypto_sha256_hex(const void *bytes, size_t length, char out[SHA256_HEX_SIZE]);
void crypto_hmac_sha256_hex(const void *key, size_t key_length, const void *bytes, size_t length,
                            char out[SHA256_HEX_SIZE]);
// Compares in time that depends on the length of `given` only. NULL never equals.
bool crypto_equal(const char *expected, const char *given);
char *crypto_base64url(struct arena *arena, const void *bytes, size_t length);
// RFC 4648 §4: the usual alphabet, padded.
char *crypto_base64(struct arena *arena, const void *bytes, size_t length);
// Decodes; false when malformed. *ret is NUL-terminated as a convenience.
bool crypto_base64url_decode(struct arena *arena, const char *text, void **ret, size_t *ret_length);

// bcrypt ($2b$) through libxcrypt's crypt_rn; cost 4–15. Over 72 bytes is refused, never cut.
// About 210 ms at cost 12, so callers bound how many run at once (struct semaphore below).
MUST_USE bool password_hash(struct arena *arena, const char *password, int cost, char **ret, struct error *err);
// True when password matches hash. With hash NULL it spends the time of a real check at `cost`
// and answers false, so that unknown users cannot be told by time.
bool password_verify(const char *password, const char *hash, int cost);

// Counting semaphore with a bounded wait, for work that must not run everywhere at once. Who could not be in time, by the pace at
// which permits have come back of late and the number of those who wait already, is refused at once: under overload that keeps
// refusals quick and the queue no longer than can be served. So is who comes when waiting_most wait already: a queue shorter than the
// number of requests that a caller lets be under way keeps room for others of them. First come, first served.
struct semaphore;
struct semaphore *semaphore_new(int permits, int waiting_most);
bool semaphore_acquire(struct semaphore *semaphore, int timeout_ms); // false: no permit in that time
void semaphore_release(struct semaphore *semaphore);
void semaphore_free(struct semaphore *semaphore);
