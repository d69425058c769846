// SPDX-License-Identifier: MIT
// What auth tells the others, and what it listens to.
#include "auth.h"
#include "key.h"

#define TYPE(name) "ke.domesticconnect." name ".v1"

FIELDS_OUT(user_event, FIELD_OUT("user_id", FIELD_TEXT, .required = true, .doc = "User."),
           FIELD_OUT("user_type", FIELD_TEXT, .required = true, .choices = user_type_names, .doc = "Which side of the market."),
           FIELD_OUT("first_name", FIELD_TEXT, .required = true, .doc = "Given name."),
           FIELD_OUT("last_name", FIELD_TEXT, .required = true, .doc = "Family name."),
           FIELD_OUT("is_active", FIELD_BOOLEAN, .required = true, .doc = "May sign in."),
           FIELD_OUT("is_admin", FIELD_BOOLEAN, .required = true, .doc = "Operator of the system."),
           FIELD_OUT("created_at", FIELD_TEXT, .required = true, .format = FORMAT_TIME, .doc = "Registered."),
           FIELD_OUT("updated_at", FIELD_TEXT, .required = true, .format = FORMAT_TIME, .doc = "Last change."))
FIELDS_OUT(contact_event, FIELD_OUT("user_id", FIELD_TEXT, .required = true, .doc = "User."),
           FIELD_OUT("email", FIELD_TEXT, .required = true, .nullable = true, .doc = "E-mail address."),
           FIELD_OUT("phone_number", FIELD_TEXT, .required = true, .nullable = true, .doc = "E.164."))
FIELDS_OUT(key_event, FIELD_OUT("kid", FIELD_TEXT, .required = true, .doc = "Key id."),
           FIELD_OUT("jwk", FIELD_JSON, .required = true, .doc = "Public key (RFC 7517)."))
FIELDS_OUT(revocation_event, FIELD_OUT("user_id", FIELD_TEXT, .required = true, .doc = "User."),
           FIELD_OUT("session_id", FIELD_TEXT, .required = true, .nullable = true, .doc = "One session; null: all of them."),
           FIELD_OUT("valid_after", FIELD_TEXT, .required = true, .format = FORMAT_TIME, .doc = "Access tokens issued before this no longer count."))

const struct event_type *const auth_events[] = {
    &(const struct event_type){TYPE("user.registered"), &topic_users, &user_event_fields, "Somebody registered, or was imported."},
    &(const struct event_type){TYPE("user.updated"), &topic_users, &user_event_fields, "Names or roles changed."},
    &(const struct event_type){TYPE("user.activated"), &topic_users, &user_event_fields, "May sign in again."},
    &(const struct event_type){TYPE("user.deactivated"), &topic_users, &user_event_fields, "May not sign in; all access ended."},
    &(const struct event_type){TYPE("user.erased"), &topic_users, NULL, "Everything about this person must go."},
    &(const struct event_type){TYPE("user.contact_changed"), &topic_contacts, &contact_event_fields, "E-mail and phone number of now."},
    &(const struct event_type){TYPE("user.contact_erased"), &topic_contacts, NULL, "The contact details must go."},
    &(const struct event_type){TYPE("signing_key.published"), &topic_keys, &key_event_fields, "A key that signs, will sign or has signed access tokens."},
    &(const struct event_type){TYPE("signing_key.removed"), &topic_keys, NULL, "The last token of this key has expired."},
    &(const struct event_type){TYPE("access.revoked"), &topic_revocations, &revocation_event_fields, "Access tokens stop counting before they expire."},
    NULL,
};

struct profile_input {
    struct given given;
    const char *profile_id, *user_id;
};
FIELDS(profile_input, FIELD(profile_input, profile_id, .required = true, .format = FORMAT_ID, .doc = "Base profile."),
       FIELD(profile_input, user_id, .required = true, .format = FORMAT_ID, .doc = "Its user."))

struct forgotten_input {
    struct given given;
    const char *user_id;
};
FIELDS(forgotten_input, FIELD(forgotten_input, user_id, .required = true, .format = FORMAT_ID, .doc = "Who was forgotten."))

static bool profile_created(struct app *app, struct db *db, const struct event *event, struct error *err);
static bool payer_forgotten(struct app *app, struct db *db, const struct event *event, struct error *err);
static bool profile_deleted(struct app *app, struct db *db, const struct event *event, struct error *err);
static void key_changed(struct app *app, const struct event *event);

const struct subscription auth_subscriptions[] = {
    {&topic_profiles, TYPE("profile.created"), &profile_input_fields, profile_created, "The user has a profile."},
    {&topic_profiles, NULL, NULL, profile_deleted, "The profile is gone; an erasure may be done."},
    {&topic_payers, TYPE("payer.forgotten"), &forgotten_input_fields, payer_forgotten, "Payments holds no personal data of hers any more."},
    {0},
};

const struct broadcast_subscription auth_broadcasts[] = {
    {&topic_keys, false, key_changed},
    {0},
};

static bool profile_created(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    const struct profile_input *input = event->input;
    return db_exec(db, &SQL_profile_seen, DB_IN(DB_TEXT(input->profile_id), DB_TEXT(input->user_id)), NULL, err);
}

static bool profile_deleted(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    return db_exec(db, &SQL_profile_gone, DB_IN(DB_TEXT(event->key)), NULL, err);
}

static bool payer_forgotten(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    const struct forgotten_input *input = event->input;
    return db_exec(db, &SQL_payer_forgotten, DB_IN(DB_TEXT(input->user_id)), NULL, err);
}

static void key_changed(struct app *app, const struct event *event)
{
    (void)event;
    if (auth_of(app)) keys_stale(auth_of(app)->keys);
}
