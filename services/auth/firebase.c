// SPDX-License-Identifier: MIT
#include "firebase.h"

#include <string.h>
#include <strings.h>

#include "api.h"
#include "firebase_keys.h"
#include "token.h"
#include "user.h"

#define SKEW_S 60

struct signing_in {
    struct request *rq;
    struct firebase_person person;
    bool created;
    const char *user_id;
    struct session session;
};

static const char *id_token_of(struct request *rq, const struct firebase_input *input);
static bool find_or_make(struct db *db, void *argument, struct error *err);
static bool link_account(struct signing_in *in, struct db *db, bool email_verified, const char *linked_uid, struct error *err);
static bool make_account(struct signing_in *in, struct db *db, struct error *err);
static bool name_account(struct signing_in *in, struct new_user *user, struct error *err);

static bool refuse(struct error *err, const char *why)
{
    error_set(err, &problem_bad_id_token, NULL);
    return error_cause(err, "%s", why);
}

static bool claim_seconds(const json_t *claims, const char *name, int64_t *ret)
{
    const json_t *value = json_object_get(claims, name);
    *ret = json_is_integer(value) ? json_integer_value(value) : 0;
    return json_is_integer(value);
}

bool firebase_judge(const json_t *claims, const char *project, int64_t now_s, struct arena *arena, struct firebase_person *ret,
                    struct error *err)
{
    int64_t expires_s, issued_s;
    const json_t *firebase = json_object_get(claims, "firebase");
    *ret = (struct firebase_person){.uid = json_member_text(claims, "sub"), .name = json_member_text(claims, "name"),
                                    .phone_number = json_member_text(claims, "phone_number")};
    if (!text_equal(json_member_text(claims, "aud"), project)) return refuse(err, "audience is another project");
    if (!text_equal(json_member_text(claims, "iss"), arena_printf(arena, "https://securetoken.google.com/%s", project)))
        return refuse(err, "issuer is not Firebase");
    if (!claim_seconds(claims, "exp", &expires_s) || !claim_seconds(claims, "iat", &issued_s) ||
        !claim_seconds(claims, "auth_time", &ret->signed_in_s))
        return refuse(err, "exp, iat or auth_time is missing");
    if (expires_s <= now_s - SKEW_S) return refuse(err, "expired");
    if (issued_s > now_s + SKEW_S || ret->signed_in_s > now_s + SKEW_S) return refuse(err, "issued in the future");
    if (!ret->uid || !*ret->uid || strlen(ret->uid) > 128) return refuse(err, "subject is no uid");
    if (json_object_get(firebase, "tenant")) return refuse(err, "of a tenant");
    if (text_equal(json_member_text(firebase, "sign_in_provider"), "anonymous")) return refuse(err, "anonymous");
    const char *email = json_member_text(claims, "email");
    if (email && email_is_valid(email)) {
        ret->email = email;
        ret->email_verified = json_is_true(json_object_get(claims, "email_verified"));
    }
    return true;
}

bool firebase_sign_in(struct request *rq, struct response *rs, struct error *err)
{
    struct firebase_keys *keys = auth_of(rq->app)->firebase;
    if (!keys) return error_set(err, &problem_firebase_off, NULL);
    const char *token = id_token_of(rq, rq->input);
    if (!token) return error_violation(err, "/id_token", "is missing; send it here or as bearer token");
    CLEANUP(json_release) json_t *claims = firebase_keys_verify(keys, token, err); // no connection is held meanwhile
    struct signing_in in = {.rq = rq};
    if (!claims || !firebase_judge(claims, auth_settings_of(rq->app)->firebase_project, rq->now_ms / 1000, rq->arena, &in.person, err))
        return false;
    if (!auth_write(rq, find_or_make, &in, err)) return false;
    if (in.created) rs->status = 201;
    return tokens_write(rq, rs, in.created ? "Welcome." : "Signed in.", &in.session, err);
}

static const char *id_token_of(struct request *rq, const struct firebase_input *input)
{
    if (input && input->id_token) return input->id_token;
    const char *header = http_request_header(rq->http, "Authorization");
    return header && strncasecmp(header, "Bearer ", 7) == 0 ? header + 7 : NULL;
}

static bool find_or_make(struct db *db, void *argument, struct error *err)
{
    struct signing_in *in = argument;
    bool active = false, email_verified = false, same_uid = false, too_old = false;
    const char *linked_uid = NULL;
    enum db_found found = db_row(db, &SQL_firebase_find, DB_IN(DB_TEXT(in->person.uid), DB_TEXT(in->person.email), DB_INT(in->person.signed_in_s)),
                                 DB_OUT(DB_GET_TEXT(&in->user_id), DB_GET_BOOL(&active), DB_GET_BOOL(&email_verified), DB_GET_TEXT(&linked_uid),
                                        DB_GET_BOOL(&same_uid), DB_GET_BOOL(&too_old)), err);
    in->created = found == DB_NONE;
    if (found == DB_FAILED) return false;
    if (in->created) return make_account(in, db, err);
    if (!active || too_old) return error_set(err, &problem_wrong_login, "This sign-in no longer counts. Sign in with Firebase again, or ask us if the account is closed.");
    if (!same_uid && !link_account(in, db, email_verified, linked_uid, err)) return false;
    return session_open(in->rq, db, in->user_id, NULL, &in->session, err);
}

// Only a proved address links; whoever registered it here without proof loses that access.
static bool link_account(struct signing_in *in, struct db *db, bool email_verified, const char *linked_uid, struct error *err)
{
    if (linked_uid) return error_set(err, &problem_firebase_taken, NULL);
    if (!in->person.email_verified) return error_set(err, &problem_email_taken, NULL);
    if (!db_exec(db, &SQL_firebase_link, DB_IN(DB_TEXT(in->user_id), DB_TEXT(in->person.uid)), NULL, err)) return false;
    // one by one: "all" would also end the session that is about to open
    return email_verified || db_exec(db, &SQL_sessions_end_others, DB_IN(DB_TEXT(in->user_id), DB_TEXT("")), NULL, err);
}

static bool make_account(struct signing_in *in, struct db *db, struct error *err)
{
    const struct firebase_input *input = in->rq->input;
    char phone[14];
    if (!input || !input->user_type) return error_set(err, &problem_no_account, NULL);
    struct new_user user = {.email = in->person.email, .email_verified = in->person.email_verified, .user_type = input->user_type,
                            .firebase_uid = in->person.uid, .phone_number = input->phone_number};
    if (!user.phone_number && in->person.phone_number && phone_normalise(in->person.phone_number, phone)) user.phone_number = phone;
    if (!name_account(in, &user, err)) return false;
    id_new(in->rq->now_ms, user.id);
    in->user_id = arena_strdup(in->rq->arena, user.id);
    return user_insert(db, &user, err) && session_open(in->rq, db, in->user_id, NULL, &in->session, err);
}

// Names from the body, else from the token: its last word is the family name.
static bool name_account(struct signing_in *in, struct new_user *user, struct error *err)
{
    const struct firebase_input *input = in->rq->input;
    char *name = text_squeeze(in->rq->arena, text_without_unseen(in->rq->arena, in->person.name));
    if (name && (strlen(name) > NAME_BYTES || contact_is_inside(name))) name = NULL;
    char *blank = name ? strrchr(name, ' ') : NULL;
    if (blank) *blank = '\0';
    user->first_name = input->first_name ? input->first_name : name && *name ? name : NULL;
    user->last_name = input->last_name ? input->last_name : blank ? blank + 1 : NULL;
    if (!user->first_name) error_violation(err, "/first_name", "is required: Firebase does not say it");
    if (!user->last_name) error_violation(err, "/last_name", "is required: Firebase does not say it");
    return user->first_name && user->last_name;
}
