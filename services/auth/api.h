// SPDX-License-Identifier: MIT
// Every body, query and answer of auth: its struct and its field table.
#pragma once

#include "auth.h"
#include "page.h"

#define PASSWORD_MIN 8
#define PASSWORD_MAX 72
#define NAME_BYTES 100

// --- user ------------------------------------------------------------------------------------------
struct register_input {
    struct given given;
    const char *email, *password, *first_name, *last_name, *user_type, *phone_number;
};
FIELDS(register_input, FIELD(register_input, email, .required = true, .max = 254, .format = FORMAT_EMAIL, .doc = "E-mail address; unique in any case."),
       FIELD(register_input, password, .required = true, .format = FORMAT_EXACT, .min = PASSWORD_MIN, .max = PASSWORD_MAX, .secret = true,
             .doc = "None of the most common ones."),
       FIELD(register_input, first_name, .required = true, .min = 1, .max = 100, .format = FORMAT_NAME, .doc = "Given name."),
       FIELD(register_input, last_name, .required = true, .min = 1, .max = 100, .format = FORMAT_NAME, .doc = "Family name."),
       FIELD(register_input, user_type, .required = true, .choices = user_type_names, .doc = "Which side of the market; it never changes."),
       FIELD(register_input, phone_number, .nullable = true, .format = FORMAT_PHONE, .doc = "Kenyan mobile number in any spelling."))

struct me_input {
    struct given given;
    const char *first_name, *last_name, *phone_number;
};
FIELDS(me_input, FIELD(me_input, first_name, .min = 1, .max = 100, .format = FORMAT_NAME, .doc = "Given name."),
       FIELD(me_input, last_name, .min = 1, .max = 100, .format = FORMAT_NAME, .doc = "Family name."),
       FIELD(me_input, phone_number, .nullable = true, .format = FORMAT_PHONE, .doc = "Kenyan mobile number in any spelling; null removes it."))

#define USER_ROWS                                                                                             \
    FIELD_OUT("id", FIELD_TEXT, .doc = "User."),                                                              \
        FIELD_OUT("email", FIELD_TEXT, .nullable = true, .doc = "E-mail address."),                           \
        FIELD_OUT("user_type", FIELD_TEXT, .choices = user_type_names, .doc = "Which side of the market."),   \
        FIELD_OUT("first_name", FIELD_TEXT, .doc = "Given name."),                                            \
        FIELD_OUT("last_name", FIELD_TEXT, .doc = "Family name."),                                            \
        FIELD_OUT("phone_number", FIELD_TEXT, .nullable = true, .doc = "E.164."),                             \
        FIELD_OUT("is_active", FIELD_BOOLEAN, .doc = "May sign in."),                                         \
        FIELD_OUT("is_admin", FIELD_BOOLEAN, .doc = "Operator of the system."),                               \
        FIELD_OUT("email_verified", FIELD_BOOLEAN, .doc = "The address is proved."),                          \
        FIELD_OUT("is_firebase_user", FIELD_BOOLEAN, .doc = "May sign in by Firebase."),                      \
        FIELD_OUT("created_at", FIELD_TEXT, .format = FORMAT_TIME, .doc = "Registered."),                     \
        FIELD_OUT("updated_at", FIELD_TEXT, .format = FORMAT_TIME, .doc = "Last change.")
#define TOKEN_ROWS                                                                                            \
    FIELD_OUT("access_token", FIELD_TEXT, .doc = "For 'Authorization: Bearer …'."),                           \
        FIELD_OUT("token_type", FIELD_TEXT, .doc = "Bearer."),                                                \
        FIELD_OUT("expires_in", FIELD_INTEGER, .doc = "Life of the access token in seconds."),                \
        FIELD_OUT("refresh_token", FIELD_TEXT, .doc = "For POST /auth/refresh; counts once. Also a cookie.")

FIELDS_OUT(user, USER_ROWS)
FIELDS_OUT(tokens, TOKEN_ROWS)
FIELDS_OUT(signed_in, FIELD_OUT("message", FIELD_TEXT, .doc = "For people."),
           FIELD_OUT("user", FIELD_OBJECT, .of = &user_fields, .doc = "Who signed in."), TOKEN_ROWS)

// --- session ---------------------------------------------------------------------------------------
struct login_input {
    struct given given;
    const char *email;
    const char *password;
};
FIELDS(login_input, FIELD(login_input, email, .required = true, .max = 254, .doc = "E-mail address, in any case."),
       FIELD(login_input, password, .required = true, .format = FORMAT_EXACT, .max = 200, .secret = true, .doc = "Password."))

struct refresh_input {
    struct given given;
    const char *refresh_token;
};
FIELDS(refresh_input, FIELD(refresh_input, refresh_token, .format = FORMAT_EXACT, .max = 100, .secret = true,
                            .doc = "The refresh token; where absent, the cookie."))

FIELDS_OUT(check, FIELD_OUT("user", FIELD_JSON, .nullable = true, .doc = "USER, or null when nobody is signed in."))
FIELDS_OUT(session, FIELD_OUT("id", FIELD_TEXT, .doc = "Session."), FIELD_OUT("device", FIELD_TEXT, .doc = "User-Agent of the last use."),
           FIELD_OUT("created_at", FIELD_TEXT, .format = FORMAT_TIME, .doc = "Sign-in."),
           FIELD_OUT("last_used_at", FIELD_TEXT, .format = FORMAT_TIME, .doc = "Last refresh."),
           FIELD_OUT("expires_at", FIELD_TEXT, .format = FORMAT_TIME, .doc = "When it ends, unless it is used."),
           FIELD_OUT("current", FIELD_BOOLEAN, .doc = "The one that asks."))
FIELDS_OUT(session_list, FIELD_OUT("sessions", FIELD_LIST, .of = &session_fields, .doc = "Latest use first."))

// --- password --------------------------------------------------------------------------------------
struct password_input {
    struct given given;
    const char *current_password;
    const char *new_password;
};
FIELDS(password_input,
       FIELD(password_input, current_password, .required = true, .format = FORMAT_EXACT, .max = PASSWORD_MAX, .secret = true,
             .doc = "The password of now."),
       FIELD(password_input, new_password, .required = true, .format = FORMAT_EXACT, .min = PASSWORD_MIN, .max = PASSWORD_MAX,
             .secret = true, .doc = "None of the most common ones."))

// --- reset -----------------------------------------------------------------------------------------
struct reset_input {
    struct given given;
    const char *email;
};
FIELDS(reset_input, FIELD(reset_input, email, .required = true, .max = 254, .format = FORMAT_EMAIL, .doc = "Address of the account."))

struct reset_confirm_input {
    struct given given;
    const char *token, *new_password;
};
FIELDS(reset_confirm_input,
       FIELD(reset_confirm_input, token, .required = true, .format = FORMAT_EXACT, .max = 100, .secret = true, .doc = "From the mail."),
       FIELD(reset_confirm_input, new_password, .required = true, .format = FORMAT_EXACT, .min = PASSWORD_MIN, .max = PASSWORD_MAX,
             .secret = true, .doc = "None of the most common ones."))

// --- email -----------------------------------------------------------------------------------------
struct verify_input {
    struct given given;
    const char *token;
};
FIELDS(verify_input, FIELD(verify_input, token, .required = true, .format = FORMAT_EXACT, .max = 100, .secret = true, .doc = "From the mail."))

struct email_input {
    struct given given;
    const char *email, *password;
};
FIELDS(email_input, FIELD(email_input, email, .required = true, .max = 254, .format = FORMAT_EMAIL, .doc = "The new address."),
       FIELD(email_input, password, .required = true, .format = FORMAT_EXACT, .max = 200, .secret = true, .doc = "Password of the account."))

// --- firebase --------------------------------------------------------------------------------------
struct firebase_input {
    struct given given;
    const char *id_token, *user_type, *first_name, *last_name, *phone_number;
};
FIELDS(firebase_input,
       FIELD(firebase_input, id_token, .format = FORMAT_EXACT, .max = 8192, .secret = true, .doc = "Firebase ID token; where absent, the bearer token."),
       FIELD(firebase_input, user_type, .choices = user_type_names, .doc = "For a new account."),
       FIELD(firebase_input, first_name, .min = 1, .max = NAME_BYTES, .format = FORMAT_NAME, .doc = "For a new account; else what Firebase says."),
       FIELD(firebase_input, last_name, .min = 1, .max = NAME_BYTES, .format = FORMAT_NAME, .doc = "For a new account; else what Firebase says."),
       FIELD(firebase_input, phone_number, .nullable = true, .format = FORMAT_PHONE, .doc = "For a new account; else what Firebase says."))

// --- admin -----------------------------------------------------------------------------------------
struct users_input {
    struct given given;
    const char *user_type, *search;
    bool is_active;
    PAGE_MEMBERS
};
FIELDS(users_input, FIELD(users_input, user_type, .choices = user_type_names, .doc = "Only this side."),
       FIELD(users_input, search, .min = 1, .max = 100, .doc = "Part of a name, e-mail, phone number or id."),
       FIELD(users_input, is_active, .doc = "Only active ones, or only others."), PAGE_FIELDS(users_input))

struct status_input {
    struct given given;
    bool is_active;
};
FIELDS(status_input, FIELD(status_input, is_active, .required = true, .doc = "False ends all her access at once."))

struct audit_input {
    struct given given;
    const char *actor, *action, *subject, *since;
    PAGE_MEMBERS
};
FIELDS(audit_input, FIELD(audit_input, actor, .max = 100, .doc = "Who did it."), FIELD(audit_input, action, .max = 100, .doc = "What: user.deactivated …"),
       FIELD(audit_input, subject, .max = 100, .doc = "To whom."), FIELD(audit_input, since, .format = FORMAT_TIME, .doc = "Not before."),
       PAGE_FIELDS(audit_input))

FIELDS_OUT(admin_user, USER_ROWS, FIELD_OUT("has_profile", FIELD_BOOLEAN, .doc = "There is a profile."))
PAGE_ANSWER(admin_users, "users", admin_user, "Latest first.")
FIELDS_OUT(audit_entry, FIELD_OUT("id", FIELD_TEXT, .doc = "Place in the chain."), FIELD_OUT("at", FIELD_TEXT, .format = FORMAT_TIME, .doc = "When."),
           FIELD_OUT("actor", FIELD_TEXT, .doc = "Who: a user id, or operator:NAME."), FIELD_OUT("action", FIELD_TEXT, .doc = "What."),
           FIELD_OUT("subject", FIELD_TEXT, .doc = "To whom."), FIELD_OUT("details", FIELD_JSON, .doc = "Particulars."),
           FIELD_OUT("hash", FIELD_TEXT, .doc = "SHA-256 over the entry and the one before."))
PAGE_ANSWER(audit_entries, "entries", audit_entry, "Latest first.")

// --- erasure ---------------------------------------------------------------------------------------
struct erasure_input {
    struct given given;
    const char *password;
};
FIELDS(erasure_input, FIELD(erasure_input, password, .format = FORMAT_EXACT, .max = 200, .secret = true,
                            .doc = "Password of the account; without one, a sign-in within ten minutes is needed."))
FIELDS_OUT(erasure_started, FIELD_OUT("erasure_id", FIELD_TEXT, .doc = "For GET /me/erasure/{id}."),
           FIELD_OUT("message", FIELD_TEXT, .doc = "For people."))
FIELDS_OUT(erasure_step, FIELD_OUT("service", FIELD_TEXT, .doc = "auth, profiles …"), FIELD_OUT("state", FIELD_TEXT, .doc = "pending or done."),
           FIELD_OUT("completed_at", FIELD_TEXT, .format = FORMAT_TIME, .nullable = true, .doc = "When nothing was left."))
FIELDS_OUT(erasure, FIELD_OUT("id", FIELD_TEXT, .doc = "Erasure."), FIELD_OUT("requested_at", FIELD_TEXT, .format = FORMAT_TIME, .doc = "When."),
           FIELD_OUT("state", FIELD_TEXT, .doc = "running or done."), FIELD_OUT("steps", FIELD_LIST, .of = &erasure_step_fields, .doc = "One per service."))

FIELDS_OUT(key_set, FIELD_OUT("keys", FIELD_JSON, .doc = "Public keys (RFC 7517)."))
