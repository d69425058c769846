// SPDX-License-Identifier: MIT
#include "known_workers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "profiles.h"

#define LOAD_PIECE 2000
#define CHANGES_PIECE 500      // while they are added, lists wait: a millisecond
#define FOLLOWED_WITHIN_MS 600000 // what was told longer ago may be purged from the outbox: an hour at least
#define CHANGES_LEAST 10000    // and an eighth of all: so many changes later all are read anew

enum step { STEP_MARK, STEP_SETTLE, STEP_LOAD, STEP_FOLLOW, STEP_NONE }; // none: they are too many

enum added { ADDED, TOO_MANY, NO_MEMORY };

struct known_workers {
    int64_t most;
    struct metric *count, *reads;
    pthread_rwlock_t lock;       // for what those who ask see
    bool is_ready, has_changed;
    struct worker_index *index;
    int64_t told_to, connects, followed_ms;
    // the thread's own
    enum step step;
    int64_t mark_id, mark_horizon; // all events up to mark_id are of transactions below mark_horizon
    int64_t loaded_rank;           // the last that was loaded, in the order of salaries
    char loaded_id[65];
    size_t loaded;
};

static bool mark(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err);
static bool settle(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err);
static bool load(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err);
static bool follow(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err);
static enum added add_rows(struct known_workers *known, struct arena *arena, const struct db_rows *rows, int column);
static bool give_up(struct known_workers *known, enum added added, struct error *err);
static void forget(struct known_workers *known, enum step step, int64_t connects);

static bool (*const steps[])(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err) = {
    [STEP_MARK] = mark, [STEP_SETTLE] = settle, [STEP_LOAD] = load, [STEP_FOLLOW] = follow,
};

static int64_t connects_of(struct db_pool *pool)
{
    struct db_pool_stats stats;
    db_pool_stats(pool, &stats);
    return stats.reconnects_total;
}

struct known_workers *known_workers_new(int64_t most, struct metric *count, struct metric *reads)
{
    struct known_workers *known = calloc(1, sizeof *known);
    if (!known) return NULL;
    known->most = most;
    known->count = count;
    known->reads = reads;
    pthread_rwlock_init(&known->lock, NULL);
    return known;
}

void known_workers_free(struct known_workers *known)
{
    if (!known) return;
    worker_index_free(known->index);
    pthread_rwlock_destroy(&known->lock);
    free(known);
}

bool known_workers_ready(struct known_workers *known)
{
    if (!known) return false;
    pthread_rwlock_rdlock(&known->lock);
    const bool is_ready = known->is_ready;
    pthread_rwlock_unlock(&known->lock);
    return is_ready;
}

bool known_workers_find(struct known_workers *known, struct db_pool *pool, const struct worker_wish *wish, struct arena *arena, struct worker_finds *ret,
                        struct known_as_of *as_of)
{
    pthread_rwlock_rdlock(&known->lock);
    *as_of = (struct known_as_of){.told_to = known->told_to, .connects = known->connects, .has_changed = known->has_changed};
    const bool found = known->is_ready && clock_monotonic_ms() - known->followed_ms < FOLLOWED_WITHIN_MS && worker_index_find(known->index, wish, arena, ret);
    pthread_rwlock_unlock(&known->lock);
    return found && known_workers_hold(as_of, pool);
}

bool known_workers_hold(const struct known_as_of *as_of, struct db_pool *pool)
{
    return as_of->connects == connects_of(pool);
}

int64_t *numbers_read(struct arena *arena, const char *array, size_t *ret_count)
{
    size_t room = 2, count = 0;
    for (const char *at = array; *at; at++) room += *at == ',';
    int64_t *numbers = arena_alloc(arena, room * sizeof *numbers);
    if (!numbers) return NULL;
    for (const char *at = array; *at == '{' || *at == ',';) {
        char *end;
        numbers[count] = strtoll(at + 1, &end, 10);
        count += end > at + 1;
        at = end;
    }
    *ret_count = count;
    return numbers;
}

bool known_workers_follow(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err)
{
    (void)state;
    struct known_workers *known = profiles_of(app)->known;
    const int64_t connects = connects_of(app->pool);
    if (!known->most) return true;
    if (connects != known->connects) forget(known, STEP_MARK, connects); // a crash may have undone what is known here
    if (known->step == STEP_NONE) return true;
    struct db db;
    db_begin(&db, app->pool, DB_READ, arena);
    const bool ok = steps[known->step](known, &db, ret_worked, err);
    db_end(&db);
    if (ok) metric_add(known->reads, 1);
    return ok;
}

// --- Steps -----------------------------------------------------------------------------------------------

// All transactions that wrote events up to mark_id are below mark_horizon, a number that was drawn afterwards; none is where nothing was
// told. Both or none: a mark is never above its horizon.
static bool take_mark(struct known_workers *known, struct db *db, struct error *err)
{
    int64_t id = 0, horizon = known->mark_horizon;
    if (db_row(db, &SQL_known_mark, DB_NOTHING, DB_OUT(DB_GET_INT(&id)), err) != DB_FOUND) return false;
    if ((id != known->mark_id || !horizon) && db_row(db, &SQL_known_horizon, DB_NOTHING, DB_OUT(DB_GET_INT(&horizon)), err) != DB_FOUND) return false;
    known->mark_id = id;
    known->mark_horizon = horizon;
    return true;
}

static bool mark(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err)
{
    *ret_worked = false; // so that a start is not slowed down
    if (!take_mark(known, db, err)) return false;
    known->step = STEP_SETTLE;
    return true;
}

static bool settle(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err)
{
    if (db_row(db, &SQL_known_settled, DB_IN(DB_INT(known->mark_horizon)), DB_OUT(DB_GET_BOOL(ret_worked)), err) != DB_FOUND) return false;
    if (!*ret_worked) return true;
    known->index = worker_index_new();
    if (!known->index) return error_set(err, &problem_unavailable, "There is no memory to know workers.");
    known->told_to = known->mark_id;
    known->loaded_rank = INT64_MIN;
    known->loaded_id[0] = '\0';
    known->step = STEP_LOAD;
    return true;
}

static bool load(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err)
{
    struct db_rows rows;
    if (!db_rows(db, &SQL_known_load, DB_IN(DB_INT(known->loaded_rank), DB_TEXT(known->loaded_id), DB_INT(LOAD_PIECE)), &rows, err)) return false;
    const enum added added = add_rows(known, db->arena, &rows, 0);
    if (added != ADDED) return give_up(known, added, err);
    *ret_worked = rows.count == LOAD_PIECE;
    if (rows.count) {
        snprintf(known->loaded_id, sizeof known->loaded_id, "%s", db_rows_text(&rows, rows.count - 1, 0));
        known->loaded_rank = db_rows_int(&rows, rows.count - 1, 2);
    }
    if (*ret_worked) return true;
    if (!take_mark(known, db, err)) return false;
    known->loaded = worker_index_count(known->index);
    known->step = STEP_FOLLOW;
    pthread_rwlock_wrlock(&known->lock);
    known->is_ready = true;
    known->followed_ms = clock_monotonic_ms();
    pthread_rwlock_unlock(&known->lock);
    metric_set(known->count, (int64_t)known->loaded);
    return true;
}

static bool follow(struct known_workers *known, struct db *db, bool *ret_worked, struct error *err)
{
    struct db_rows rows;
    if (!db_rows(db, &SQL_known_changes, DB_IN(DB_INT(known->told_to), DB_INT(known->mark_id), DB_INT(known->mark_horizon), DB_INT(CHANGES_PIECE)), &rows, err))
        return false;
    const int64_t told_to = db_rows_int(&rows, 0, 0);
    if (!db_rows_text(&rows, 0, 0)) return true; // somebody who had begun before the mark is still at it
    pthread_rwlock_wrlock(&known->lock);
    const enum added added = add_rows(known, db->arena, &rows, 3);
    known->is_ready = added == ADDED;
    known->has_changed |= text_equal(db_rows_text(&rows, 0, 2), "t");
    known->told_to = told_to;
    known->followed_ms = clock_monotonic_ms();
    pthread_rwlock_unlock(&known->lock);
    if (added != ADDED) return give_up(known, added, err);
    *ret_worked = text_equal(db_rows_text(&rows, 0, 1), "t");
    if (told_to == known->mark_id && !take_mark(known, db, err)) return false;
    const size_t bearable = known->loaded + known->loaded / 8 + CHANGES_LEAST;
    if (known->mark_id < known->told_to || worker_index_count(known->index) > bearable) forget(known, STEP_MARK, known->connects);
    return true;
}

// Columns from `column` on: see known_load. A row without an id tells of nobody.
static enum added add_rows(struct known_workers *known, struct arena *arena, const struct db_rows *rows, int column)
{
    for (int row = 0; row < rows->count; row++) {
        struct worker_entry entry = {.id = db_rows_text(rows, row, column), .newest_rank = db_rows_int(rows, row, column + 1),
                                     .cheapest_rank = db_rows_int(rows, row, column + 2), .experienced_rank = db_rows_int(rows, row, column + 3),
                                     .age = db_rows_int(rows, row, column + 4)};
        if (!entry.id) continue;
        if ((int64_t)worker_index_count(known->index) >= known->most) return TOO_MANY;
        entry.facets = numbers_read(arena, db_rows_text(rows, row, column + 5), &entry.facet_count);
        if (!entry.facets || !worker_index_add(known->index, &entry)) return NO_MEMORY;
    }
    return ADDED;
}

static bool give_up(struct known_workers *known, enum added added, struct error *err)
{
    forget(known, added == TOO_MANY ? STEP_NONE : STEP_MARK, known->connects);
    if (added == NO_MEMORY) return error_set(err, &problem_unavailable, "There is no memory to know workers.");
    log_warning("too_many_workers_to_know", LOG_INT("most", known->most), LOG_TEXT("setting", "DC_KNOWN_WORKERS_MAX"));
    return true;
}

static void forget(struct known_workers *known, enum step step, int64_t connects)
{
    pthread_rwlock_wrlock(&known->lock);
    struct worker_index *index = known->index;
    known->index = NULL;
    known->is_ready = known->has_changed = false;
    known->connects = connects;
    pthread_rwlock_unlock(&known->lock);
    known->step = step;
    known->mark_horizon = 0;
    metric_set(known->count, 0);
    worker_index_free(index);
}
