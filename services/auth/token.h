// SPDX-License-Identifier: MIT
// Opening a session and what the client gets for it: TOKENS of the contract, and the cookie.
#pragma once

#include "auth.h"
#include "id.h"

// A refresh token to hand out: the token for the client, its hash for the database.
struct refresh_token {
    const char *token;
    char hash[SHA256_HEX_SIZE];
};
MUST_USE bool refresh_token_new(struct arena *arena, struct refresh_token *ret, struct error *err);

struct session {
    char id[UUID_SIZE];
    struct refresh_token refresh;
    const char *user_id;
    const char *user_type;
    bool is_admin;
    const char *user_json; // USER; NULL after a refresh
};

// Inserts a session for user_id, in the place of the one unused for longest where she has as many as she may, and fills *ret.
// password_hash (may be NULL) is the one that was checked: when it is no longer hers, or she may not sign in, false is returned with
// problem_wrong_login. In a transaction.
MUST_USE bool session_open(struct request *rq, struct db *db, const char *user_id, const char *password_hash,
                           struct session *ret, struct error *err);

// The longest part of the User-Agent that the sessions table takes.
const char *session_device(struct request *rq);

// Signs an access token and writes {message?, user?, …TOKENS} and the cookie. No database is needed
// unless the signing key has to be read again.
MUST_USE bool tokens_write(struct request *rq, struct response *rs, const char *message, const struct session *session,
                           struct error *err);

// The refresh token of a request: from the body, else from the cookie; NULL when there is none.
const char *refresh_token_of(struct request *rq, const char *from_body);
void refresh_cookie_clear(struct request *rq, struct response *rs);
