// SPDX-License-Identifier: MIT
#include "reset.h"

#include <string.h>

#include "api.h"
#include "password.h"

struct confirming {
    char code_hash[SHA256_HEX_SIZE];
    char *password_hash;
    const char *user_id;
};

static bool set_password(struct db *db, void *argument, struct error *err);

bool reset_ask(struct request *rq, struct response *rs, struct error *err)
{
    const struct reset_input *input = rq->input;
    if (!db_exec(&rq->db, &SQL_reset_ask, DB_IN(DB_TEXT(input->email)), NULL, err)) return false;
    return response_message(rq, rs, "If there is an account with this e-mail, a link is on its way. It holds for ten minutes.");
}

bool reset_confirm(struct request *rq, struct response *rs, struct error *err)
{
    const struct reset_confirm_input *input = rq->input;
    struct confirming confirming = {0};
    const char *user_id = NULL;
    if (!password_allowed(input->new_password, "/new_password", err)) return false;
    crypto_sha256_hex(input->token, strlen(input->token), confirming.code_hash);
    if (!db_text(&rq->db, &SQL_code_peek, DB_IN(DB_TEXT(confirming.code_hash)), &user_id, NULL, err)) return false;
    db_end(&rq->db);
    if (!user_id) return error_set(err, &problem_bad_code, NULL); // no hash for a guess
    if (!password_hash_bounded(rq->app, rq->arena, input->new_password, &confirming.password_hash, err) ||
        !auth_write(rq, set_password, &confirming, err))
        return false;
    identity_revoke(rq->app->identity, confirming.user_id, NULL, clock_now_ms(rq->app->clock));
    return response_message(rq, rs, "The password is changed and all sessions have ended. Sign in with the new one.");
}

static bool set_password(struct db *db, void *argument, struct error *err)
{
    struct confirming *confirming = argument;
    const char *purpose = NULL, *email = NULL;
    enum db_found found = db_row(db, &SQL_code_take, DB_IN(DB_TEXT(confirming->code_hash), DB_TEXT("{reset}")),
                                 DB_OUT(DB_GET_TEXT(&confirming->user_id), DB_GET_TEXT(&purpose), DB_GET_TEXT(&email)), err);
    if (found == DB_FAILED) return false;
    bool active = false;
    if (found == DB_FOUND &&
        db_row(db, &SQL_user_lock, DB_IN(DB_TEXT(confirming->user_id)), DB_OUT(DB_GET_BOOL(&active)), err) == DB_FAILED)
        return false;
    if (!active) return error_set(err, &problem_bad_code, NULL);
    return db_exec(db, &SQL_password_set, DB_IN(DB_TEXT(confirming->user_id), DB_TEXT(confirming->password_hash), DB_BOOL(true)), NULL, err) &&
           db_exec(db, &SQL_sessions_end_all, DB_IN(DB_TEXT(confirming->user_id)), NULL, err);
}
