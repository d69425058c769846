// SPDX-License-Identifier: MIT
#include "password.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api.h"

// A hash takes a fifth of a second: who waits longer than this stands behind a crowd.
#define PLACE_WAIT_MS 4000
// Who hashes does so for as long as it may; all else that this machine answers takes less than a millisecond and goes first.
#define HASHING_NICE 5

static const char *const common[] = {
#include "common_passwords.inc"

};

struct hashing {
    const char *password;
    int cost;
    char **ret;          // where a new hash goes, in the arena's keeping; NULL: hash is checked
    struct arena *arena;
    const char *hash;
    struct error *err;
    bool succeeded;
};

static bool hash_in_place(struct app *app, struct hashing *hashing);
static bool take_place(struct app *app, struct error *err);

static int compare(const void *key, const void *row)
{
    return strcmp(key, *(const char *const *)row);
}

bool password_is_common(const char *password)
{
    char lower[PASSWORD_MAX + 1];
    const size_t length = strlen(password);
    if (length > PASSWORD_MAX) return false;
    for (size_t i = 0; i <= length; i++) lower[i] = (char)tolower((unsigned char)password[i]);
    const bool found = bsearch(lower, common, COUNT_OF(common), sizeof common[0], compare) != NULL;
    explicit_bzero(lower, sizeof lower);
    return found;
}

bool password_allowed(const char *password, const char *pointer, struct error *err)
{
    const size_t length = strlen(password);
    if (length < PASSWORD_MIN) return error_violation(err, pointer, "must be at least %d bytes long", PASSWORD_MIN);
    if (length > PASSWORD_MAX) return error_violation(err, pointer, "must be at most %d bytes long", PASSWORD_MAX);
    if (strspn(password, (char[]){password[0], '\0'}) == length || password_is_common(password))
        return error_violation(err, pointer, "is one of the passwords that are tried first; choose another");
    return true;
}

bool password_hash_bounded(struct app *app, struct arena *arena, const char *password, char **ret, struct error *err)
{
    struct hashing hashing = {.password = password, .ret = ret, .arena = arena, .err = err};
    return hash_in_place(app, &hashing) && hashing.succeeded;
}

bool password_check_bounded(struct app *app, const char *password, const char *hash, bool *ret_matches, struct error *err)
{
    struct hashing hashing = {.password = password, .hash = hash, .err = err};
    if (!hash_in_place(app, &hashing)) return false;
    *ret_matches = hashing.succeeded;
    return true;
}

static void hash_now(struct hashing *hashing)
{
    hashing->succeeded = hashing->ret ? password_hash(hashing->arena, hashing->password, hashing->cost, hashing->ret, hashing->err)
                                      : password_verify(hashing->password, hashing->hash, hashing->cost);
}

static void *hash_behind(void *argument)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), HASHING_NICE); // of this thread alone; only root could take it back
    hash_now(argument);
    return NULL;
}

// In a thread of its own; where there is none, in this one.
static bool hash_in_place(struct app *app, struct hashing *hashing)
{
    pthread_t thread;
    hashing->cost = (int)auth_settings_of(app)->bcrypt_cost;
    if (!take_place(app, hashing->err)) return false;
    if (pthread_create(&thread, NULL, hash_behind, hashing) == 0) pthread_join(thread, NULL);
    else hash_now(hashing);
    semaphore_release(auth_of(app)->password_places);
    return true;
}

static bool take_place(struct app *app, struct error *err)
{
    if (semaphore_acquire(auth_of(app)->password_places, PLACE_WAIT_MS)) return true;
    err->retry_after_s = 3;
    return error_set(err, &problem_busy, NULL);
}

// POST /auth/password -----------------------------------------------------------------------------

struct change {
    struct request *rq;
    const char *checked_hash;
    const char *new_hash;
    struct db_rows ended; // ids of the other sessions
};

static bool set_password(struct db *db, void *argument, struct error *err);

bool password_change(struct request *rq, struct response *rs, struct error *err)
{
    const struct password_input *input = rq->input;
    struct change change = {.rq = rq};
    char *new_hash = NULL;
    bool matches = false, active = false;
    if (!password_allowed(input->new_password, "/new_password", err)) return false;
    if (db_row(&rq->db, &SQL_user_secret, DB_IN(DB_TEXT(rq->caller.user_id)),
               DB_OUT(DB_GET_BOOL(&active), DB_GET_TEXT(&change.checked_hash)), err) == DB_FAILED)
        return false;
    db_end(&rq->db);
    if (!active) return error_set(err, &problem_unauthenticated, NULL);
    if (!password_check_bounded(rq->app, input->current_password, change.checked_hash, &matches, err)) return false;
    if (!matches) return error_set(err, &problem_wrong_password, "The current password is not right.");
    if (!password_hash_bounded(rq->app, rq->arena, input->new_password, &new_hash, err)) return false;
    change.new_hash = new_hash;
    if (!auth_write(rq, set_password, &change, err)) return false;
    for (int i = 0; i < change.ended.count; i++)
        identity_revoke(rq->app->identity, rq->caller.user_id, db_rows_text(&change.ended, i, 0), clock_now_ms(rq->app->clock));
    return response_message(rq, rs, "The password is changed; all other sessions have ended.");
}

static bool set_password(struct db *db, void *argument, struct error *err)
{
    struct change *change = argument;
    const char *user_id = change->rq->caller.user_id, *hash = NULL;
    bool active = false;
    if (db_row(db, &SQL_user_lock, DB_IN(DB_TEXT(user_id)), DB_OUT(DB_GET_BOOL(&active), DB_GET_TEXT(&hash)), err) == DB_FAILED)
        return false;
    if (!active || !text_equal(hash, change->checked_hash)) return error_set(err, &problem_conflict, "The password was changed meanwhile.");
    return db_exec(db, &SQL_password_set, DB_IN(DB_TEXT(user_id), DB_TEXT(change->new_hash), DB_BOOL(false)), NULL, err) &&
           db_rows(db, &SQL_sessions_end_others, DB_IN(DB_TEXT(user_id), DB_TEXT(change->rq->caller.session_id)), &change->ended, err);
}
