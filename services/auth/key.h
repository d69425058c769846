// SPDX-License-Identifier: MIT
// Signing keys of access tokens. They live in the database, sealed; every replica keeps the current
// one in memory and reads again when told of a change, or after half a minute. A key is published as
// "next" a whole rotation before it signs, and stays published until its last token has expired.
#pragma once

#include "auth.h"

// Makes the first keys where there are none (one replica at a time) and reads the current one.
MUST_USE struct keys *keys_open(struct app *app, struct error *err);
void keys_close(struct keys *keys); // accepts NULL

// Compact JWS (ES256, typ at+jwt) of claims; NULL with err set.
MUST_USE char *keys_sign(struct app *app, const json_t *claims, struct arena *arena, struct error *err);

// Somebody published or removed a key: the next signature reads them again.
void keys_stale(struct keys *keys);

// Rotates and sweeps.
bool keys_job(struct app *app, struct db *db, struct error *err);

bool keys_public(struct request *rq, struct response *rs, struct error *err);
