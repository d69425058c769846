// SPDX-License-Identifier: MIT
#include "session.h"

#include <string.h>

#include "api.h"
#include "log.h"
#include "password.h"
#include "token.h"

// POST /auth/login --------------------------------------------------------------------------------

struct login {
    struct request *rq;
    const char *user_id;
    const char *hash;
    struct session session;
};

static bool open_session(struct db *db, void *argument, struct error *err)
{
    struct login *login = argument;
    return session_open(login->rq, db, login->user_id, login->hash, &login->session, err);
}

// Unknown, wrong and inactive take the same way: one look-up, one hash, the same words.
bool session_login(struct request *rq, struct response *rs, struct error *err)
{
    const struct login_input *input = rq->input;
    struct login login = {.rq = rq};
    bool active = false, matches = false;
    const char *email = email_is_valid(input->email) ? input->email : NULL; // lower() would make some others the same as one
    if (db_row(&rq->db, &SQL_login_find, DB_IN(DB_TEXT(email)),
               DB_OUT(DB_GET_TEXT(&login.user_id), DB_GET_TEXT(&login.hash), DB_GET_BOOL(&active)), err) == DB_FAILED)
        return false;
    db_end(&rq->db);
    if (!password_check_bounded(rq->app, input->password, login.hash, &matches, err)) return false;
    if (!matches || !active) return error_set(err, &problem_wrong_login, NULL);
    return auth_write(rq, open_session, &login, err) && tokens_write(rq, rs, "Signed in.", &login.session, err);
}

// POST /auth/refresh ------------------------------------------------------------------------------

enum refresh_verdict refresh_judge(const struct refresh_state *state, int64_t grace_s)
{
    if (!state->active || state->revoked) return REFRESH_REFUSE;
    if (state->used_ms_ago >= 0 && state->used_ms_ago > grace_s * 1000) return REFRESH_REUSED;
    return state->expired ? REFRESH_REFUSE : REFRESH_ROTATE;
}

static bool end_family(struct request *rq, const char *user_id, const char *session_id, struct error *err);

bool session_refresh(struct request *rq, struct response *rs, struct error *err)
{
    const struct refresh_input *input = rq->input;
    const char *token = refresh_token_of(rq, input ? input->refresh_token : NULL), *session_id = NULL;
    if (!token) return error_set(err, &problem_session_ended, NULL);
    char hash[SHA256_HEX_SIZE];
    crypto_sha256_hex(token, strlen(token), hash);
    struct session session = {0};
    struct refresh_state state = {0};
    enum db_found found = db_row(&rq->db, &SQL_refresh_take, DB_IN(DB_TEXT(hash)),
                                 DB_OUT(DB_GET_TEXT(&session_id), DB_GET_TEXT(&session.user_id), DB_GET_TEXT(&session.user_type),
                                        DB_GET_BOOL(&session.is_admin), DB_GET_BOOL(&state.active), DB_GET_BOOL(&state.revoked),
                                        DB_GET_BOOL(&state.expired), DB_GET_INT(&state.used_ms_ago)), err);
    if (found == DB_FAILED) return false;
    if (found == DB_NONE) return error_set(err, &problem_session_ended, NULL);
    switch (refresh_judge(&state, auth_settings_of(rq->app)->refresh_grace_s)) {
    case REFRESH_REFUSE: return error_set(err, &problem_session_ended, NULL);
    case REFRESH_REUSED: return end_family(rq, session.user_id, session_id, err);
    case REFRESH_ROTATE: break;
    }
    memcpy(session.id, session_id, strnlen(session_id, sizeof session.id - 1));
    if (!refresh_token_new(rq->arena, &session.refresh, err) ||
        !db_exec(&rq->db, &SQL_refresh_rotate,
                 DB_IN(DB_TEXT(hash), DB_TEXT(session.refresh.hash), DB_INT(auth_settings_of(rq->app)->refresh_token_s),
                       DB_TEXT(session.id), DB_TEXT(session_device(rq))), NULL, err))
        return false;
    return tokens_write(rq, rs, NULL, &session, err);
}

// The answer is an error, yet the end of the family is kept.
static bool end_family(struct request *rq, const char *user_id, const char *session_id, struct error *err)
{
    if (!db_exec(&rq->db, &SQL_session_end, DB_IN(DB_TEXT(user_id), DB_TEXT(session_id)), NULL, err)) return false;
    log_warning("refresh_token_reused", LOG_TEXT("user_id", user_id), LOG_TEXT("session_id", session_id));
    err->commit = true;
    return error_set(err, &problem_session_ended, "This refresh token was used before, so its session was ended. Sign in again.");
}

// POST, DELETE /auth/logout -----------------------------------------------------------------------

struct ending {
    const char *user_id;
    const char *session_id;
    int64_t ended;
};

static bool end_session(struct db *db, void *argument, struct error *err)
{
    struct ending *ending = argument;
    return db_row(db, &SQL_session_end, DB_IN(DB_TEXT(ending->user_id), DB_TEXT(ending->session_id)), DB_OUT(DB_GET_INT(&ending->ended)),
                  err) != DB_FAILED;
}

static bool end_now(struct request *rq, struct ending *ending, struct error *err)
{
    if (!auth_write(rq, end_session, ending, err)) return false;
    if (ending->ended) identity_revoke(rq->app->identity, ending->user_id, ending->session_id, clock_now_ms(rq->app->clock));
    return true;
}

bool session_logout(struct request *rq, struct response *rs, struct error *err)
{
    const struct refresh_input *input = rq->input;
    struct ending ending = {.user_id = rq->caller.user_id, .session_id = rq->caller.session_id};
    const char *token = refresh_token_of(rq, input ? input->refresh_token : NULL);
    if (!ending.session_id && token) {
        char hash[SHA256_HEX_SIZE];
        crypto_sha256_hex(token, strlen(token), hash);
        if (db_row(&rq->db, &SQL_refresh_session, DB_IN(DB_TEXT(hash)),
                   DB_OUT(DB_GET_TEXT(&ending.session_id), DB_GET_TEXT(&ending.user_id)), err) == DB_FAILED)
            return false;
    }
    if (ending.session_id && !end_now(rq, &ending, err)) return false;
    refresh_cookie_clear(rq, rs);
    return response_message(rq, rs, "Signed out.");
}

// Own sessions ------------------------------------------------------------------------------------

bool session_check(struct request *rq, struct response *rs, struct error *err)
{
    const char *user = NULL;
    if (rq->caller.signed_in && !db_text(&rq->db, &SQL_session_check,
                                         DB_IN(DB_TEXT(rq->caller.user_id), DB_TEXT(rq->caller.session_id)), &user, NULL, err))
        return false;
    response_json(rs, arena_printf(rq->arena, "{\"user\":%s}", user ? user : "null"));
    response_header(rs, "Cache-Control", "no-store");
    return true;
}

bool sessions_list(struct request *rq, struct response *rs, struct error *err)
{
    return response_row(rq, rs, &SQL_sessions_list, DB_IN(DB_TEXT(rq->caller.user_id), DB_TEXT(rq->caller.session_id)), &problem_not_found, err);
}

bool session_delete(struct request *rq, struct response *rs, struct error *err)
{
    struct ending ending = {.user_id = rq->caller.user_id, .session_id = rq->parameters[0]};
    if (!end_now(rq, &ending, err)) return false;
    if (!ending.ended) return error_set(err, &problem_not_found, "You have no such session.");
    return response_message(rq, rs, "The session has ended.");
}
