// SPDX-License-Identifier: MIT
// Each new access token makes Daraja forget the last, so all replicas share one: it stands sealed in the database, one process
// at a time fetches a new one under the row's lock, and each keeps it in memory meanwhile.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daraja.h"
#include "http_client.h"
#include "jose.h"
#include "log.h"

#define EARLY_MS 60000 // a token is given up this long before it ends
#define LOOK_AGAIN_MS 5000 // another replica may have made a new one

struct daraja_token {
    pthread_mutex_t lock;
    char *token;
    int64_t until_ms; // monotonic
    int64_t failed_ms; // when none could be had, the last time
};

struct sharing {
    struct app *app;
    const char *token;
    int64_t life_ms;
};

static bool token_renew(struct app *app, struct daraja_token *kept, int64_t asked_ms, struct arena *arena, struct error *err);
static bool token_shared(struct db *db, void *argument, struct error *err);
static bool token_found(struct db *db, const struct sql *sql, struct sharing *sharing, struct error *err);
static bool token_fetch(struct app *app, struct arena *arena, const char **ret, int64_t *ret_life_s, struct error *err);
static bool token_open(struct app *app, const char *sealed, struct arena *arena, const char **ret, struct error *err);
static void token_keep(struct daraja_token *kept, const char *token, int64_t life_ms);

struct daraja_token *daraja_token_new(void)
{
    struct daraja_token *token = calloc(1, sizeof *token);
    if (token) pthread_mutex_init(&token->lock, NULL);
    return token;
}

void daraja_token_free(struct daraja_token *token)
{
    if (!token) return;
    pthread_mutex_destroy(&token->lock);
    free(token->token);
    free(token);
}

bool daraja_token_get(struct app *app, struct arena *arena, const char **ret, struct error *err)
{
    struct daraja_token *kept = payments_of(app)->daraja->token;
    const int64_t asked_ms = clock_monotonic_ms();
    pthread_mutex_lock(&kept->lock); // of this process, too, one thread looks
    const bool ok = (kept->token && clock_monotonic_ms() < kept->until_ms) || token_renew(app, kept, asked_ms, arena, err);
    *ret = ok ? arena_strdup(arena, kept->token) : NULL;
    pthread_mutex_unlock(&kept->lock);
    return ok && (*ret || error_set(err, &problem_unavailable, NULL));
}

// Who waited while another thread got none gets none either: each waiting as long as the next would outlast the leases of what they send.
static bool token_renew(struct app *app, struct daraja_token *kept, int64_t asked_ms, struct arena *arena, struct error *err)
{
    struct sharing sharing = {.app = app};
    if (kept->failed_ms > asked_ms) return error_set(err, &problem_upstream_unavailable, "M-Pesa gave no access token a moment ago.");
    if (db_transaction(app->pool, DB_WRITE, arena, token_shared, &sharing, err)) return token_keep(kept, sharing.token, sharing.life_ms), true;
    kept->failed_ms = clock_monotonic_ms();
    return false;
}

static void token_keep(struct daraja_token *kept, const char *token, int64_t life_ms)
{
    free(kept->token);
    kept->token = strdup(token);
    kept->until_ms = clock_monotonic_ms() + (life_ms < LOOK_AGAIN_MS ? life_ms : LOOK_AGAIN_MS);
}

// Under the lock of the row: whoever comes second finds what the first has fetched.
static bool token_shared(struct db *db, void *argument, struct error *err)
{
    struct sharing *sharing = argument;
    char *fresh = NULL;
    int64_t life_s = 0;
    if (!token_found(db, &SQL_token_read, sharing, err)) return false;
    if (!sharing->token && !token_found(db, &SQL_token_lock, sharing, err)) return false;
    if (sharing->token) return true;
    if (!token_fetch(sharing->app, db->arena, &sharing->token, &life_s, err)) return false;
    sharing->life_ms = life_s * 1000 - EARLY_MS > 1000 ? life_s * 1000 - EARLY_MS : 1000;
    return jose_seal(payments_settings_of(sharing->app)->secret, sharing->token, db->arena, &fresh, err) &&
           db_exec(db, &SQL_token_write, DB_IN(DB_TEXT(fresh), DB_INT(sharing->life_ms / 1000)), NULL, err);
}

// The shared token, where there is one that lives. One that was sealed with the secret before this one is as good as none.
static bool token_found(struct db *db, const struct sql *sql, struct sharing *sharing, struct error *err)
{
    const char *sealed = NULL;
    sharing->token = NULL;
    sharing->life_ms = 0;
    if (db_row(db, sql, DB_NOTHING, DB_OUT(DB_GET_TEXT(&sealed), DB_GET_INT(&sharing->life_ms)), err) == DB_FAILED) return false;
    if (sharing->life_ms <= 0 || token_open(sharing->app, sealed, db->arena, &sharing->token, err)) return true;
    if (error_passes(err)) return false;
    log_failure(LOG_LEVEL_WARNING, "token_not_opened", err);
    error_clear(err);
    return true;
}

static bool token_open(struct app *app, const char *sealed, struct arena *arena, const char **ret, struct error *err)
{
    char *plain = NULL;
    if (!jose_open(payments_settings_of(app)->secret, sealed, arena, &plain, err))
        return error_cause(err, "the M-Pesa token in the database does not open with DC_PAYMENTS_SECRET");
    *ret = plain;
    return true;
}

static bool token_fetch(struct app *app, struct arena *arena, const char **ret, int64_t *ret_life_s, struct error *err)
{
    const struct payments_settings *settings = payments_settings_of(app);
    const char *pair = arena_printf(arena, "%s:%s", settings->consumer_key, settings->consumer_secret);
    const char *basic = pair ? crypto_base64(arena, pair, strlen(pair)) : NULL;
    const struct http_header header = {"Authorization", basic ? arena_printf(arena, "Basic %s", basic) : NULL};
    const struct http_call call = {.method = "GET", .path = "/oauth/v1/generate?grant_type=client_credentials", .headers = &header, .header_count = 1,
                                   .timeout_ms = (int)settings->daraja_timeout_ms};
    struct http_answer answer = {0};
    if (!header.value) return error_set(err, &problem_unavailable, NULL);
    if (!http_client_call(payments_of(app)->daraja->client, &call, arena, &answer, NULL, err)) return false;
    CLEANUP(json_release) json_t *body = json_parse(answer.body, answer.body_length, err);
    const char *token = json_member_text(body, "access_token"), *life_text = json_member_text(body, "expires_in");
    *ret_life_s = json_integer_value(json_object_get(body, "expires_in")); // a number in the documents, text in the wild
    if (life_text && !text_to_int64(life_text, ret_life_s)) *ret_life_s = 0;
    if (answer.status != 200 || !token || *ret_life_s <= 0) {
        error_set(err, &problem_upstream_unavailable, NULL);
        return error_cause(err, "M-Pesa gave no access token: HTTP %d; check DC_DARAJA_CONSUMER_KEY and its secret", answer.status);
    }
    *ret = arena_strdup(arena, token);
    return *ret || error_set(err, &problem_unavailable, NULL);
}

struct dropping {
    struct app *app;
    const char *token;
};

// Only where it still is the shared one: another replica may have replaced it already.
static bool token_drop(struct db *db, void *argument, struct error *err)
{
    const struct dropping *dropping = argument;
    const char *sealed = NULL, *shared = NULL;
    int64_t life_ms = 0;
    if (db_row(db, &SQL_token_lock, DB_NOTHING, DB_OUT(DB_GET_TEXT(&sealed), DB_GET_INT(&life_ms)), err) != DB_FOUND) return false;
    if (life_ms <= 0 || !token_open(dropping->app, sealed, db->arena, &shared, err)) return true;
    return !text_equal(shared, dropping->token) || db_exec(db, &SQL_token_drop, DB_IN(DB_TEXT(sealed)), NULL, err);
}

void daraja_token_drop(struct app *app, struct arena *arena, const char *token)
{
    struct daraja_token *kept = payments_of(app)->daraja->token;
    struct error ignored = {0};
    pthread_mutex_lock(&kept->lock);
    if (text_equal(kept->token, token)) kept->until_ms = 0;
    (void)!db_transaction(app->pool, DB_WRITE, arena, token_drop, &(struct dropping){app, token}, &ignored);
    pthread_mutex_unlock(&kept->lock);
}
