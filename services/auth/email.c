// SPDX-License-Identifier: MIT
#include "email.h"

#include <string.h>

#include "api.h"
#include "password.h"

static bool ask_for_change(struct db *db, void *argument, struct error *err);

// One code proves the address of now or makes a new one take effect.
bool email_verify(struct request *rq, struct response *rs, struct error *err)
{
    const struct verify_input *input = rq->input;
    const char *user_id = NULL, *purpose = NULL, *email = NULL;
    char hash[SHA256_HEX_SIZE];
    crypto_sha256_hex(input->token, strlen(input->token), hash);
    enum db_found found = db_row(&rq->db, &SQL_code_take, DB_IN(DB_TEXT(hash), DB_TEXT("{verify,change}")),
                                 DB_OUT(DB_GET_TEXT(&user_id), DB_GET_TEXT(&purpose), DB_GET_TEXT(&email)), err);
    if (found == DB_FAILED) return false;
    if (found == DB_NONE) return error_set(err, &problem_bad_code, NULL);
    int64_t changed = 0;
    if (text_equal(purpose, "verify")) {
        if (!db_exec(&rq->db, &SQL_email_verify, DB_IN(DB_TEXT(user_id), DB_TEXT(email)), &changed, err)) return false;
    } else if (db_row(&rq->db, &SQL_email_change, DB_IN(DB_TEXT(user_id), DB_TEXT(email)), DB_OUT(DB_GET_INT(&changed)), err) == DB_FAILED) {
        return false;
    }
    if (!changed) return error_set(err, &problem_bad_code, NULL);
    return response_message(rq, rs, text_equal(purpose, "verify") ? "The e-mail is confirmed." : "The new e-mail is in effect.");
}

bool email_verify_resend(struct request *rq, struct response *rs, struct error *err)
{
    return db_exec(&rq->db, &SQL_verify_ask, DB_IN(DB_TEXT(rq->caller.user_id)), NULL, err) &&
           response_message(rq, rs, "Unless the e-mail is confirmed already, a link is on its way.");
}

bool email_change(struct request *rq, struct response *rs, struct error *err)
{
    const struct email_input *input = rq->input;
    bool active = false, matches = false;
    const char *hash = NULL;
    if (db_row(&rq->db, &SQL_user_secret, DB_IN(DB_TEXT(rq->caller.user_id)), DB_OUT(DB_GET_BOOL(&active), DB_GET_TEXT(&hash)), err) == DB_FAILED)
        return false;
    db_end(&rq->db);
    if (!active) return error_set(err, &problem_unauthenticated, NULL);
    if (!password_check_bounded(rq->app, input->password, hash, &matches, err)) return false;
    if (!matches) return error_set(err, &problem_wrong_password, NULL);
    return auth_write(rq, ask_for_change, rq, err) &&
           response_message(rq, rs, "If this e-mail can be used, a link is on its way to it; it takes effect when the link is opened.");
}

static bool ask_for_change(struct db *db, void *argument, struct error *err)
{
    const struct request *rq = argument;
    const struct email_input *input = rq->input;
    return db_exec(db, &SQL_email_ask, DB_IN(DB_TEXT(rq->caller.user_id), DB_TEXT(input->email)), NULL, err);
}
