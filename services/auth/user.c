// SPDX-License-Identifier: MIT
#include "user.h"

#include <string.h>

#include "api.h"
#include "password.h"
#include "token.h"

bool user_insert(struct db *db, const struct new_user *user, struct error *err)
{
    return db_exec(db, &SQL_user_create,
                   DB_IN(DB_TEXT(user->id), DB_TEXT(user->email), DB_TEXT(user->phone_number), DB_TEXT(user->first_name),
                         DB_TEXT(user->last_name), DB_TEXT(user->user_type), DB_TEXT(user->password_hash), DB_TEXT(user->firebase_uid),
                         DB_BOOL(user->email_verified)), NULL, err);
}

// POST /auth/register -----------------------------------------------------------------------------

struct registering {
    struct request *rq;
    struct new_user user;
    struct session session;
};

static bool insert_and_open(struct db *db, void *argument, struct error *err)
{
    struct registering *registering = argument;
    return user_insert(db, &registering->user, err) &&
           session_open(registering->rq, db, registering->user.id, NULL, &registering->session, err);
}

bool user_register(struct request *rq, struct response *rs, struct error *err)
{
    const struct register_input *input = rq->input;
    if (!password_allowed(input->password, "/password", err)) return false;
    int64_t taken = 0;
    if (db_row(&rq->db, &SQL_user_exists, DB_IN(DB_TEXT(input->email)), DB_OUT(DB_GET_INT(&taken)), err) == DB_FAILED) return false;
    db_end(&rq->db);
    if (taken) return error_set(err, &problem_email_taken, NULL); // saves a hash; the index decides
    char *hash = NULL;
    if (!password_hash_bounded(rq->app, rq->arena, input->password, &hash, err)) return false;
    struct registering registering = {
        .rq = rq,
        .user = {.email = input->email, .phone_number = input->phone_number, .first_name = input->first_name,
                 .last_name = input->last_name, .user_type = input->user_type, .password_hash = hash}};
    id_new(rq->now_ms, registering.user.id);
    return auth_write(rq, insert_and_open, &registering, err) && tokens_write(rq, rs, "Welcome.", &registering.session, err);
}

// GET, PATCH, PUT /auth/me ------------------------------------------------------------------------

static bool answer_user(struct response *rs, const char *json, size_t length, struct error *err)
{
    if (!json) return error_set(err, &problem_unauthenticated, "This account is no longer active.");
    response_json_length(rs, json, length);
    return true;
}

bool user_me(struct request *rq, struct response *rs, struct error *err)
{
    const char *json = NULL;
    size_t length = 0;
    return db_text(&rq->db, &SQL_user_read, DB_IN(DB_TEXT(rq->caller.user_id)), &json, &length, err) &&
           answer_user(rs, json, length, err);
}

bool user_update(struct request *rq, struct response *rs, struct error *err)
{
    const char *json = NULL;
    size_t length = 0;
    return db_text(&rq->db, &SQL_user_update,
                   DB_IN(DB_TEXT(rq->caller.user_id), DB_TEXT(field_encode(&me_input_fields, rq->input, rq->arena))), &json, &length, err) &&
           answer_user(rs, json, length, err);
}
