// SPDX-License-Identifier: MIT
// What all nouns of auth share: settings, the running state, problems, events.
#pragma once

#include "auth_sql.h"
#include "crypto.h"
#include "service.h"

struct auth_settings {
    int64_t access_token_s;
    int64_t refresh_token_s;
    int64_t refresh_grace_s;
    int64_t sessions_max;
    int64_t bcrypt_cost;
    int64_t password_workers, password_waiting;
    const char *signing_key_secret;
    int64_t key_rotation_h;
    const char *mail_url;
    const char *mail_user;
    const char *mail_password;
    const char *mail_from;
    const char *public_url;
    const char *firebase_project;
    const char *firebase_keys_url;
    bool secure_cookie;
};

struct keys;
struct firebase_keys;

struct auth {
    struct semaphore *password_places;
    struct keys *keys;
    struct firebase_keys *firebase; // NULL when DC_FIREBASE_PROJECT is empty
};

extern const struct setting auth_settings[];
extern const struct event_type *const auth_events[];
extern const struct subscription auth_subscriptions[];
extern const struct broadcast_subscription auth_broadcasts[];
extern const struct route auth_routes[];
extern const struct job auth_jobs[];
extern const struct constraint_problem auth_constraints[];
extern const struct verb auth_verbs[];
extern const struct importer auth_importers[];
extern const char *const user_type_names[]; // choices of a field, NULL-terminated

bool auth_start(struct app *app, struct error *err);
void auth_stop(struct app *app);

static inline const struct auth_settings *auth_settings_of(const struct app *app)
{
    return app->settings;
}

static inline struct auth *auth_of(const struct app *app)
{
    return app->state;
}

// Ends the request's session, runs work in a transaction of its own and wakes the relay. For routes
// with no_transaction: no connection is held while a password is hashed, and what must happen right
// after the commit can.
MUST_USE bool auth_write(struct request *rq, db_work work, void *argument, struct error *err);

#define X(name, status, slug, title, advice) extern const struct problem problem_##name;
#include "errors.def"
#undef X
