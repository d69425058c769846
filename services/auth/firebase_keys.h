// SPDX-License-Identifier: MIT
// The public keys of Firebase (JWKS), fetched and kept: for as long as Cache-Control allows, by one
// thread at a time, at most once a minute for an unknown key id. Old keys stay, for a day at most,
// where fetching fails. Thread-safe.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "json.h"

struct firebase_keys;

MUST_USE struct firebase_keys *firebase_keys_new(const char *url, const struct clock *clock, struct error *err);
void firebase_keys_free(struct firebase_keys *keys); // accepts NULL

// Verifies an RS256 token and returns its claims, not yet judged (caller owns). problem_bad_id_token
// when the token is at fault, problem_firebase_away when the keys could not be had.
MUST_USE json_t *firebase_keys_verify(struct firebase_keys *keys, const char *token, struct error *err);

// Seconds of max-age in a Cache-Control header, within a minute and a day; an hour where it says nothing.
int64_t cache_control_max_age_s(const char *header);
