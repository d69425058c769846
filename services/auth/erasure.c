// SPDX-License-Identifier: MIT
#include "erasure.h"

#include "api.h"
#include "password.h"
#include "token.h"

// Without a password, a sign-in of the last minutes is the proof.
#define RECENT_MS (10 * 60 * 1000)

struct erasing {
    const char *id;
    const char *user_id;
    const char *by;
    const char *actor;
};

static bool proved(struct request *rq, struct error *err);
static bool erase(struct request *rq, struct response *rs, const char *user_id, const char *by, struct error *err);
static bool start(struct db *db, void *argument, struct error *err);

bool erasure_of_me(struct request *rq, struct response *rs, struct error *err)
{
    if (!proved(rq, err) || !erase(rq, rs, rq->caller.user_id, "self", err)) return false;
    refresh_cookie_clear(rq, rs);
    return true;
}

bool erasure_of_user(struct request *rq, struct response *rs, struct error *err)
{
    if (text_equal(rq->parameters[0], rq->caller.user_id)) return error_set(err, &problem_own_account, "Erase your own account at DELETE /auth/me.");
    return erase(rq, rs, rq->parameters[0], "admin", err);
}

static bool proved(struct request *rq, struct error *err)
{
    const struct erasure_input *input = rq->input;
    const char *hash = NULL;
    int64_t session_age_ms = 0;
    bool matches = false;
    enum db_found found = db_row(&rq->db, &SQL_erasure_proof, DB_IN(DB_TEXT(rq->caller.user_id), DB_TEXT(rq->caller.session_id)),
                                 DB_OUT(DB_GET_TEXT(&hash), DB_GET_INT(&session_age_ms)), err);
    db_end(&rq->db);
    if (found == DB_FAILED) return false;
    if (found == DB_NONE) return error_set(err, &problem_unauthenticated, NULL);
    if (!hash) return session_age_ms < RECENT_MS || error_set(err, &problem_sign_in_again, NULL);
    if (!input || !input->password) return error_violation(err, "/password", "is required");
    if (!password_check_bounded(rq->app, input->password, hash, &matches, err)) return false;
    return matches || error_set(err, &problem_wrong_password, NULL);
}

static bool erase(struct request *rq, struct response *rs, const char *user_id, const char *by, struct error *err)
{
    struct erasing erasing = {.id = crypto_token(rq->arena), .user_id = user_id, .by = by, .actor = rq->caller.user_id};
    if (!auth_write(rq, start, &erasing, err)) return false;
    identity_revoke(rq->app->identity, user_id, NULL, clock_now_ms(rq->app->clock));
    response_json(rs, arena_printf(rq->arena, "{\"erasure_id\":\"%s\",\"message\":\"The account is erased here; what other parts hold goes within minutes.\"}",
                                   erasing.id));
    return true;
}

static bool start(struct db *db, void *argument, struct error *err)
{
    const struct erasing *erasing = argument;
    int64_t gone = 0;
    if (db_row(db, &SQL_erasure_start, DB_IN(DB_TEXT(erasing->id), DB_TEXT(erasing->user_id), DB_TEXT(erasing->by), DB_TEXT(erasing->actor)),
               DB_OUT(DB_GET_INT(&gone)), err) == DB_FAILED)
        return false;
    return gone > 0 || error_set(err, &problem_not_found, "There is no user %s.", erasing->user_id);
}

bool erasure_read(struct request *rq, struct response *rs, struct error *err)
{
    const char *json = NULL;
    size_t length = 0;
    if (!db_text(&rq->db, &SQL_erasure_read, DB_IN(DB_TEXT(rq->parameters[0])), &json, &length, err)) return false;
    if (!json) return error_set(err, &problem_not_found, "There is no such erasure.");
    response_json_length(rs, json, length);
    return true;
}
