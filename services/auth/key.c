// SPDX-License-Identifier: MIT
#include "key.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "jose.h"
#include "log.h"
#include "outbox.h"

#define RELOAD_MS 30000
#define ARENA_BYTES ((size_t)1 << 20)
#define SKEW_S 120

struct keys {
    pthread_rwlock_t lock;       // guards current
    struct jose_key *current;
    pthread_mutex_t reading;     // one thread reads again, the others go on with what there is
    atomic_llong read_at_ms;     // monotonic; 0: stale
};

static bool ensure_keys(struct db *db, void *argument, struct error *err);
static bool add_key(struct app *app, struct db *db, const char *state, struct error *err);
static bool read_keys(struct app *app, struct keys *keys, struct error *err);
static bool take_current(struct app *app, struct keys *keys, const char *sealed, struct error *err);
static void refresh(struct app *app, struct keys *keys);

struct keys *keys_open(struct app *app, struct error *err)
{
    struct keys *keys = calloc(1, sizeof *keys);
    if (!keys) return error_set(err, &problem_unavailable, "No memory."), NULL;
    pthread_rwlock_init(&keys->lock, NULL);
    pthread_mutex_init(&keys->reading, NULL);
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    if (arena && db_transaction(app->pool, DB_WRITE, arena, ensure_keys, app, err) && read_keys(app, keys, err)) return keys;
    keys_close(keys);
    return NULL;
}

void keys_close(struct keys *keys)
{
    if (!keys) return;
    jose_key_free(keys->current);
    pthread_rwlock_destroy(&keys->lock);
    pthread_mutex_destroy(&keys->reading);
    free(keys);
}

// Both keys from the start: whoever verifies has the second one long before it signs.
static bool ensure_keys(struct db *db, void *argument, struct error *err)
{
    struct app *app = argument;
    struct db_rows rows;
    if (!db_exec(db, &SQL_keys_lock, DB_NOTHING, NULL, err) || !db_rows(db, &SQL_keys_live, DB_NOTHING, &rows, err)) return false;
    bool has_current = false, has_next = false;
    for (int i = 0; i < rows.count; i++) {
        has_current = has_current || text_equal(db_rows_text(&rows, i, 1), "current");
        has_next = has_next || text_equal(db_rows_text(&rows, i, 1), "next");
    }
    return (has_current || add_key(app, db, "current", err)) && (has_next || add_key(app, db, "next", err));
}

static void key_release(struct jose_key **key)
{
    jose_key_free(*key);
}

static bool add_key(struct app *app, struct db *db, const char *state, struct error *err)
{
    CLEANUP(key_release) struct jose_key *key = jose_key_generate(err);
    if (!key) return false;
    char *whole = jose_key_json(db->arena, key, true), *public_part = jose_key_json(db->arena, key, false), *sealed = NULL;
    if (!whole || !public_part) return error_set(err, &problem_unavailable, NULL);
    const bool ok = jose_seal(auth_settings_of(app)->signing_key_secret, whole, db->arena, &sealed, err);
    explicit_bzero(whole, strlen(whole));
    if (!ok) return false;
    log_info("signing_key_added", LOG_TEXT("kid", jose_key_id(key)), LOG_TEXT("state", state));
    return db_exec(db, &SQL_key_add, DB_IN(DB_TEXT(jose_key_id(key)), DB_TEXT(state), DB_TEXT(sealed), DB_TEXT(public_part)), NULL, err);
}

static bool read_keys(struct app *app, struct keys *keys, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    if (!arena) return error_set(err, &problem_unavailable, NULL);
    const int64_t now_ms = clock_monotonic_ms();
    struct db db;
    struct db_rows rows = {0};
    db_begin(&db, app->pool, DB_READ, arena);
    bool ok = db_rows(&db, &SQL_keys_live, DB_NOTHING, &rows, err);
    db_end(&db);
    for (int i = 0; ok && i < rows.count; i++) {
        ok = identity_add_key(app->identity, db_rows_text(&rows, i, 3), err);
        if (ok && text_equal(db_rows_text(&rows, i, 1), "current")) ok = take_current(app, keys, db_rows_text(&rows, i, 2), err);
    }
    if (ok && !keys->current) return error_set(err, &problem_unavailable, "There is no signing key.");
    if (ok) atomic_store(&keys->read_at_ms, now_ms);
    return ok;
}

static bool take_current(struct app *app, struct keys *keys, const char *sealed, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    char *jwk = NULL;
    if (!arena) return error_set(err, &problem_unavailable, NULL);
    if (!jose_open(auth_settings_of(app)->signing_key_secret, sealed, arena, &jwk, err))
        return error_cause(err, "the signing key in the database does not open with DC_SIGNING_KEY_SECRET");
    struct jose_key *key = jose_key_parse(jwk, err);
    explicit_bzero(jwk, strlen(jwk));
    if (!key) return false;
    pthread_rwlock_wrlock(&keys->lock);
    struct jose_key *before = keys->current;
    keys->current = key;
    pthread_rwlock_unlock(&keys->lock);
    jose_key_free(before);
    return true;
}

char *keys_sign(struct app *app, const json_t *claims, struct arena *arena, struct error *err)
{
    struct keys *keys = auth_of(app)->keys;
    if (clock_monotonic_ms() - atomic_load(&keys->read_at_ms) > RELOAD_MS) refresh(app, keys);
    char *token = NULL;
    pthread_rwlock_rdlock(&keys->lock);
    const bool ok = jose_sign(keys->current, "at+jwt", claims, arena, &token, err);
    pthread_rwlock_unlock(&keys->lock);
    return ok ? token : NULL;
}

// A retired key may sign a little longer, so a failure here is no reason to refuse anybody.
static void refresh(struct app *app, struct keys *keys)
{
    if (pthread_mutex_trylock(&keys->reading) != 0) return;
    struct error err = {0};
    if (!read_keys(app, keys, &err)) log_failure(LOG_LEVEL_WARNING, "signing_keys_not_read", &err);
    pthread_mutex_unlock(&keys->reading);
}

void keys_stale(struct keys *keys)
{
    atomic_store(&keys->read_at_ms, -RELOAD_MS);
}

bool keys_job(struct app *app, struct db *db, struct error *err)
{
    const struct auth_settings *settings = auth_settings_of(app);
    int64_t retired = 0;
    if (!db_exec(db, &SQL_keys_lock, DB_NOTHING, NULL, err) ||
        !db_exec(db, &SQL_key_sweep, DB_IN(DB_INT(settings->access_token_s + SKEW_S)), NULL, err) ||
        !db_exec(db, &SQL_key_retire, DB_IN(DB_INT(settings->key_rotation_h)), &retired, err))
        return false;
    if (retired == 0) return true;
    log_info("signing_keys_rotated");
    return db_exec(db, &SQL_key_promote, DB_NOTHING, NULL, err) && add_key(app, db, "next", err);
}

bool keys_public(struct request *rq, struct response *rs, struct error *err)
{
    response_header(rs, "Cache-Control", "public, max-age=300");
    return response_row(rq, rs, &SQL_keys_public, DB_NOTHING, &problem_not_found, err);
}
