// SPDX-License-Identifier: MIT
#include "admin.h"
#include "api.h"
#include "email.h"
#include "erasure.h"
#include "firebase.h"
#include "key.h"
#include "password.h"
#include "reset.h"
#include "session.h"
#include "user.h"

// What hashes a password holds no transaction; its writes are transactions of their own (auth_write).
#define SIGN_IN .no_transaction = true, .private_answer = true
#define SLOW .no_transaction = true

const struct route auth_routes[] = {
    {"POST", "/auth/register", ACCESS_ANYONE, "Register", .body = &register_input_fields, .answer = &signed_in_fields,
     .status = 201, .handler = user_register, SIGN_IN, .rate = "register"},
    {"POST", "/auth/signup", ACCESS_ANYONE, "Register", .body = &register_input_fields, .answer = &signed_in_fields,
     .status = 201, .handler = user_register, SIGN_IN, .rate = "register", .hidden = true},
    {"POST", "/auth/login", ACCESS_ANYONE, "Sign in", .body = &login_input_fields, .answer = &signed_in_fields,
     .handler = session_login, SIGN_IN, .rate = "login"},
    {"POST", "/auth/refresh", ACCESS_ANYONE, "Exchange a refresh token for new tokens", .body = &refresh_input_fields,
     .body_optional = true, .answer = &tokens_fields, .handler = session_refresh, .private_answer = true},
    {"POST", "/auth/logout", ACCESS_ANYONE, "Sign out", .body = &refresh_input_fields, .body_optional = true,
     .answer = &message_fields, .handler = session_logout, SIGN_IN},
    {"DELETE", "/auth/logout", ACCESS_ANYONE, "Sign out", .body = &refresh_input_fields, .body_optional = true,
     .answer = &message_fields, .handler = session_logout, SIGN_IN, .hidden = true},
    {"GET", "/auth/check_session", ACCESS_ANYONE, "Who is signed in, if anybody", .answer = &check_fields,
     .handler = session_check, .private_answer = true},
    {"GET", "/auth/sessions", ACCESS_SIGNED_IN, "List own sessions", .answer = &session_list_fields, .handler = sessions_list},
    {"DELETE", "/auth/sessions/{id}", ACCESS_SIGNED_IN, "End one of the own sessions", .answer = &message_fields,
     .handler = session_delete, SLOW},

    {"GET", "/auth/me", ACCESS_SIGNED_IN, "Read oneself", .answer = &user_fields, .handler = user_me},
    {"PATCH", "/auth/me", ACCESS_SIGNED_IN, "Change names or phone number", .body = &me_input_fields, .partial = true,
     .answer = &user_fields, .handler = user_update},
    {"PUT", "/auth/me", ACCESS_SIGNED_IN, "Change names or phone number", .body = &me_input_fields, .partial = true,
     .answer = &user_fields, .handler = user_update},
    {"PUT", "/auth/update-profile", ACCESS_SIGNED_IN, "Change names or phone number", .body = &me_input_fields, .partial = true,
     .answer = &user_fields, .handler = user_update, .hidden = true},
    {"DELETE", "/auth/me", ACCESS_SIGNED_IN, "Erase oneself everywhere", .body = &erasure_input_fields, .body_optional = true,
     .answer = &erasure_started_fields, .status = 202, .handler = erasure_of_me, SLOW, .rate = "login"},
    {"GET", "/me/erasure/{id}", ACCESS_ANYONE, "How far an erasure is; its id is the proof", .answer = &erasure_fields,
     .handler = erasure_read, .private_answer = true},

    {"POST", "/auth/password", ACCESS_SIGNED_IN, "Change the password", .body = &password_input_fields, .answer = &message_fields,
     .handler = password_change, SLOW, .rate = "login"},
    {"POST", "/auth/password-reset", ACCESS_ANYONE, "Ask for a link to set a new password", .body = &reset_input_fields,
     .answer = &message_fields, .status = 202, .handler = reset_ask, .rate = "reset"},
    {"POST", "/auth/password-reset/confirm", ACCESS_ANYONE, "Set a new password by the mailed token",
     .body = &reset_confirm_input_fields, .answer = &message_fields, .handler = reset_confirm, SIGN_IN, .rate = "reset"},
    {"POST", "/auth/verify-email", ACCESS_ANYONE, "Confirm an e-mail by the mailed token", .body = &verify_input_fields,
     .answer = &message_fields, .handler = email_verify, .rate = "reset"},
    {"POST", "/auth/verify-email/resend", ACCESS_SIGNED_IN, "Mail the confirmation link again", .answer = &message_fields,
     .status = 202, .handler = email_verify_resend, .rate = "reset"},
    {"POST", "/auth/email", ACCESS_SIGNED_IN, "Change the e-mail, once its link is opened", .body = &email_input_fields,
     .answer = &message_fields, .status = 202, .handler = email_change, SLOW, .rate = "reset"},

    {"POST", "/auth/firebase", ACCESS_ANYONE, "Sign in or register by a Firebase ID token", .body = &firebase_input_fields,
     .body_optional = true, .answer = &signed_in_fields, .also = {201}, .handler = firebase_sign_in, SIGN_IN, .rate = "login"},
    {"POST", "/auth/firebase_user", ACCESS_ANYONE, "Sign in by a Firebase ID token", .body = &firebase_input_fields,
     .body_optional = true, .answer = &signed_in_fields, .handler = firebase_sign_in, SIGN_IN, .rate = "login", .hidden = true},
    {"POST", "/auth/firebase_signup", ACCESS_ANYONE, "Register by a Firebase ID token", .body = &firebase_input_fields,
     .body_optional = true, .answer = &signed_in_fields, .handler = firebase_sign_in, SIGN_IN, .rate = "register", .hidden = true},
    {"GET", "/.well-known/jwks.json", ACCESS_ANYONE, "Public keys of access tokens", .answer = &key_set_fields,
     .handler = keys_public},

    {"GET", "/admin/users", ACCESS_ADMIN, "List users", .query = &users_input_fields, .answer = &admin_users_fields, .handler = admin_users},
    {"GET", "/admin/users/{id}", ACCESS_ADMIN, "Read a user", .answer = &admin_user_fields, .handler = admin_user},
    {"PUT", "/admin/users/{id}/status", ACCESS_ADMIN, "Activate or deactivate a user", .body = &status_input_fields,
     .answer = &admin_user_fields, .handler = admin_status, SLOW},
    {"PUT", "/admin/users/{id}/toggle-status", ACCESS_ADMIN, "Activate or deactivate a user", .answer = &admin_user_fields,
     .handler = admin_toggle, SLOW},
    {"DELETE", "/admin/users/{id}", ACCESS_ADMIN, "Erase a user everywhere", .answer = &erasure_started_fields, .status = 202,
     .handler = erasure_of_user, SLOW},
    {"GET", "/admin/audit", ACCESS_ADMIN, "Read the audit log", .query = &audit_input_fields, .answer = &audit_entries_fields,
     .handler = admin_audit},
    {0},
};
