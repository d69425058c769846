// SPDX-License-Identifier: MIT
// What jose.c needs to know of a key.
#pragma once

#include <cjose/cjose.h>
#include <openssl/evp.h>

#include "jose.h"

enum jose_algorithm jose_key_algorithm(const struct jose_key *key);
const cjose_jwk_t *jose_key_jwk(const struct jose_key *key); // to sign with
EVP_PKEY *jose_key_public(const struct jose_key *key);       // to verify with; only read, so by any number of threads
bool jose_key_can_sign(const struct jose_key *key);
