// SPDX-License-Identifier: MIT
// What auth tells the others, and what it listens to.
#include "auth.h"
#include "key.h"


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
    EVENT("user.registered", users, user_event, "Somebody registered, or was imported."),
    EVENT("user.updated", users, user_event, "Names or roles changed."),
    EVENT("user.activated", users, user_event, "May sign in again."),
    EVENT("user.deactivated", users, user_event, "May not sign in; all access ended."),
    TOMBSTONE("user.erased", users, "Everything about this person must go."),
    EVENT("user.contact_changed", contacts, contact_event, "E-mail and phone number of now."),
    TOMBSTONE("user.contact_erased", contacts, "The contact details must go."),
    EVENT("signing_key.published", keys, key_event, "A key that signs, will sign or has signed access tokens."),
    TOMBSTONE("signing_key.removed", keys, "The last token of this key has expired."),
    EVENT("access.revoked", revocations, revocation_event, "Access tokens stop counting before they expire."),
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

static bool key_changed(struct app *app, const struct event *event, struct error *err);

const struct subscription auth_subscriptions[] = {
    {&topic_profiles, EVENT_TYPE("profile.created"), &profile_input_fields, .statement = &SQL_profile_seen, .doc = "The user has a profile."},
    {&topic_profiles, NULL, .statement = &SQL_profile_gone, .doc = "The profile is gone; an erasure may be done."},
    {&topic_payers, EVENT_TYPE("payer.forgotten"), &forgotten_input_fields, .statement = &SQL_payer_forgotten,
     .doc = "Payments holds no personal data of hers any more."},
    {0},
};

const struct broadcast_subscription auth_broadcasts[] = {
    {&topic_keys, false, key_changed},
    {0},
};

static bool key_changed(struct app *app, const struct event *event, struct error *err)
{
    (void)event;
    (void)err;
    if (auth_of(app)) keys_stale(auth_of(app)->keys);
    return true;
}
