// SPDX-License-Identifier: MIT
#include "auth.h"

#include "firebase_keys.h"
#include "key.h"
#include "mail_job.h"
#include "outbox.h"

#define DAY_S 86400

const char *const user_type_names[] = {"employer", "housegirl", "agency", NULL};

const struct setting auth_settings[] = {
    SETTING(auth_settings, access_token_s, "DC_ACCESS_TOKEN_S", "900", .min = 10, .max = 3600,
            .doc = "Life of an access token, in seconds."),
    SETTING(auth_settings, refresh_token_s, "DC_REFRESH_TOKEN_S", "2592000", .min = 60, .max = 400 * DAY_S,
            .doc = "How long a session lives without being used, in seconds."),
    SETTING(auth_settings, refresh_grace_s, "DC_REFRESH_GRACE_S", "10", .min = 0, .max = 60,
            .doc = "How long after its first use a refresh token still counts, for two tabs, in seconds."),
    SETTING(auth_settings, sessions_max, "DC_SESSIONS_MAX", "200", .min = 1, .max = 200,
            .doc = "Sessions that one user may have; a further sign-in ends the one unused for longest."),
    SETTING(auth_settings, bcrypt_cost, "DC_BCRYPT_COST", "12", .min = 4, .max = 15, .doc = "log2 of bcrypt's rounds; 12 takes about 0.2 s."),
    SETTING(auth_settings, password_workers, "DC_PASSWORD_WORKERS", "2", .min = 1, .max = 64,
            .doc = "Passwords hashed at once; about the number of cores."),
    SETTING(auth_settings, password_waiting, "DC_PASSWORD_WAITING", "32", .min = 0, .max = 1024,
            .doc = "Passwords that may wait to be hashed; fewer than the gateway's connections here, which others want, too."),
    SETTING(auth_settings, signing_key_secret, "DC_SIGNING_KEY_SECRET", NULL, .secret = true,
            .doc = "Encrypts the signing keys at rest: 64 hex digits, the same for all replicas."),
    SETTING(auth_settings, key_rotation_h, "DC_KEY_ROTATION_H", "720", .min = 1, .max = 8760,
            .doc = "How long a key signs before the next one does, in hours."),
    SETTING(auth_settings, mail_url, "DC_MAIL_URL", NULL, .doc = "smtp://host:port, smtps://host:port, or file:///folder for development."),
    SETTING(auth_settings, mail_user, "DC_MAIL_USER", "", .doc = "SMTP user; empty: none."),
    SETTING(auth_settings, mail_password, "DC_MAIL_PASSWORD", "", .secret = true, .doc = "SMTP password."),
    SETTING(auth_settings, mail_from, "DC_MAIL_FROM", "no-reply@domesticconnect.example", .doc = "Sender of mails."),
    SETTING(auth_settings, public_url, "DC_PUBLIC_URL", "http://127.0.0.1:8080", .doc = "Where people reach the site; links in mails begin with it."),
    SETTING(auth_settings, firebase_project, "DC_FIREBASE_PROJECT", "", .doc = "Firebase project whose ID tokens are taken; empty: none."),
    SETTING(auth_settings, firebase_keys_url, "DC_FIREBASE_KEYS_URL",
            "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
            .doc = "Where Firebase publishes its keys (JWKS)."),
    SETTING(auth_settings, secure_cookie, "DC_SECURE_COOKIE", "true", .doc = "The refresh cookie is sent over HTTPS alone."),
    {0},
};

const struct constraint_problem auth_constraints[] = {
    {"users_email_key", &problem_email_taken, NULL},
    {"users_firebase_uid_key", &problem_firebase_taken, NULL},
    {0},
};

static bool sweep(struct app *app, struct db *db, struct error *err);

const struct job auth_jobs[] = {
    {"auth_mail", 300, mail_job},
    {"auth_keys", 60000, keys_job},
    {"auth_sweep", 30000, sweep},
    {0},
};

static bool sweep(struct app *app, struct db *db, struct error *err)
{
    (void)app;
    return db_exec(db, &SQL_sweep, DB_NOTHING, NULL, err);
}

bool auth_start(struct app *app, struct error *err)
{
    const struct auth_settings *settings = app->settings;
    struct auth *auth = calloc(1, sizeof *auth);
    if (!auth) return error_set(err, &problem_unavailable, "No memory.");
    app->state = auth;
    auth->password_places = semaphore_new((int)settings->password_workers, (int)settings->password_waiting);
    auth->keys = keys_open(app, err);
    if (!auth->password_places || !auth->keys) return err->problem ? false : error_set(err, &problem_unavailable, "No memory.");
    if (!settings->firebase_project[0]) return true;
    auth->firebase = firebase_keys_new(settings->firebase_keys_url, app->clock, err);
    return auth->firebase != NULL;
}

void auth_stop(struct app *app)
{
    struct auth *auth = app->state;
    if (!auth) return;
    firebase_keys_free(auth->firebase);
    keys_close(auth->keys);
    semaphore_free(auth->password_places);
    free(auth);
    app->state = NULL;
}

struct traced_work {
    db_work work;
    void *argument;
    const char *traceparent;
};

static bool run_traced(struct db *db, void *argument, struct error *err)
{
    const struct traced_work *traced = argument;
    db->traceparent = traced->traceparent;
    return traced->work(db, traced->argument, err);
}

bool auth_write(struct request *rq, db_work work, void *argument, struct error *err)
{
    struct traced_work traced = {work, argument, rq->traceparent};
    db_end(&rq->db);
    if (!db_transaction(rq->app->pool, DB_WRITE, rq->arena, run_traced, &traced, err)) return false;
    relay_wake(rq->app->relay);
    return true;
}
