// SPDX-License-Identifier: MIT
#include "db.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "db_pool.h"
#include "text.h"

#define ATTEMPTS_MAX 5
// The server ends a statement itself; this much later we stop believing that it will.
#define ANSWER_GRACE_MS_DEFAULT 3000

static void release(struct db *db);
static bool may_run(const struct db *db, struct error *err);
static PGresult *run(struct db *db, const struct sql *sql, struct db_values in, struct error *err);
static bool exchange(struct db *db, const struct wire_statement *own, PGresult **ret, struct error *err);
static bool check(struct db *db, const char *statement, PGresult **result, struct error *err);
static bool run_script(struct db *db, const char *name, const char *text, struct error *err);
static bool fill_target(struct db *db, const PGresult *result, int column, const struct db_target *target);
static bool takes(const struct sql *sql, struct db_values in, struct error *err);
static bool bad_answer(const struct sql *sql, const char *what, struct error *err);
static bool no_memory(struct error *err);
static int timeout_ms(const struct db *db);
static void release_result(void *result);
static void pause_before_retry(int attempt);

// --- Sessions ------------------------------------------------------------------------------------

void db_begin(struct db *db, struct db_pool *pool, enum db_mode mode, struct arena *arena)
{
    *db = (struct db){.pool = pool, .arena = arena, .mode = mode};
}

bool db_commit(struct db *db, struct error *err)
{
    if (!may_run(db, err)) return false;
    if (!db->in_transaction && db->posted_count == 0) return true;
    if (!exchange(db, &(const struct wire_statement){&wire_commit, NULL}, NULL, err)) return false;
    db_end(db); // others may have the connection while the answer is written
    return true;
}

void db_end(struct db *db)
{
    db->posted_count = 0;
    release(db);
    db->failed = false;
}

// What was posted and not sent is kept.
static void release(struct db *db)
{
    if (db->connection) {
        if (db->in_transaction && !db->connection->broken) {
            const struct wire_statement rollback = {&wire_rollback, NULL};
            PQclear(wire_execute(db->connection, &rollback, 1, timeout_ms(db), &(int){0}));
        }
        db_pool_give(db->pool, db->connection);
    }
    db->connection = NULL;
    db->traced = NULL;
    db->in_transaction = false;
}

static bool attempt_transaction(struct db *db, db_work work, void *argument, struct error *err)
{
    if (work(db, argument, err)) return db_commit(db, err);
    struct error unkept = {0};
    if (err->commit && !db_commit(db, &unkept)) *err = unkept;
    return false;
}

bool db_transaction(struct db_pool *pool, enum db_mode mode, struct arena *arena, db_work work,
                    void *argument, struct error *err)
{
    for (int attempt = 1;; attempt++) {
        struct db db;
        db_begin(&db, pool, mode, arena);
        bool done = attempt_transaction(&db, work, argument, err);
        db_end(&db);
        if (done || !err->retry || attempt == ATTEMPTS_MAX) return done;
        error_clear(err);
        pause_before_retry(attempt);
    }
}

// --- Statements ----------------------------------------------------------------------------------

bool db_exec(struct db *db, const struct sql *sql, struct db_values in, int64_t *ret_affected,
             struct error *err)
{
    CLEANUP(wire_release) PGresult *result = run(db, sql, in, err);
    if (!result) return false;
    int64_t affected = 0;
    if (!text_to_int64(PQcmdTuples(result), &affected)) affected = 0;
    if (ret_affected) *ret_affected = affected;
    return true;
}

bool db_exec_alone(struct db_pool *pool, struct arena *arena, const struct sql *sql, struct db_values in, int64_t *ret_affected, struct error *err)
{
    struct db db;
    db_begin(&db, pool, DB_READ, arena);
    const bool ok = db_exec(&db, sql, in, ret_affected, err);
    db_end(&db);
    return ok;
}

bool db_post(struct db *db, const struct sql *sql, struct db_values in, struct error *err)
{
    if (db->mode == DB_READ) return db_exec(db, sql, in, NULL, err);
    if (!may_run(db, err) || !takes(sql, in, err)) return false;
    if (db->posted_count + POST_ROOM > POSTED_MOST && !db_flush(db, err)) return false;
    return wire_post(db, sql, in) || no_memory(err);
}

bool db_flush(struct db *db, struct error *err)
{
    return may_run(db, err) && (db->posted_count == 0 || exchange(db, NULL, NULL, err));
}

enum db_found db_row(struct db *db, const struct sql *sql, struct db_values in, struct db_targets out,
                     struct error *err)
{
    CLEANUP(wire_release) PGresult *result = run(db, sql, in, err);
    if (!result) return DB_FAILED;
    if (PQnfields(result) < out.count)
        return bad_answer(sql, "has fewer columns than asked for", err), DB_FAILED;
    if (PQntuples(result) == 0) return DB_NONE;
    for (int i = 0; i < out.count; i++) {
        if (fill_target(db, result, i, &out.items[i])) continue;
        if (arena_failed(db->arena)) no_memory(err);
        else bad_answer(sql, "has a column of another type", err);
        return DB_FAILED;
    }
    return DB_FOUND;
}

enum db_found db_row_alone(struct db_pool *pool, struct arena *arena, const struct sql *sql, struct db_values in, struct db_targets out,
                           struct error *err)
{
    struct db db;
    db_begin(&db, pool, DB_READ, arena);
    const enum db_found found = db_row(&db, sql, in, out, err);
    db_end(&db);
    return found;
}

bool db_text(struct db *db, const struct sql *sql, struct db_values in, const char **ret, size_t *ret_length,
             struct error *err)
{
    struct db_rows rows = {0};
    if (!db_rows(db, sql, in, &rows, err)) return false;
    *ret = rows.count > 0 ? db_rows_text(&rows, 0, 0) : NULL;
    if (ret_length) *ret_length = *ret ? (size_t)PQgetlength(rows.result, 0, 0) : 0;
    return true;
}

bool db_rows(struct db *db, const struct sql *sql, struct db_values in, struct db_rows *ret,
             struct error *err)
{
    PGresult *result = run(db, sql, in, err);
    if (!result) return false;
    if (!arena_defer(db->arena, release_result, result)) return no_memory(err);
    *ret = (struct db_rows){.result = result, .count = PQntuples(result)};
    return true;
}

bool db_script(struct db *db, const char *text, struct error *err)
{
    return may_run(db, err) && exchange(db, NULL, NULL, err) && run_script(db, "script", text, err);
}

// --- Notifications -------------------------------------------------------------------------------

bool db_listen(struct db *db, const char *channel, struct error *err)
{
    if (!may_run(db, err) || !exchange(db, NULL, NULL, err)) return false;
    char *quoted = PQescapeIdentifier(db->connection->pg, channel, strlen(channel));
    char *command = arena_printf(db->arena, "LISTEN %s", quoted ? quoted : "");
    PQfreemem(quoted);
    if (!quoted || !command) return no_memory(err);
    db->connection->listening = true;
    return run_script(db, "listen", command, err);
}

static bool take_notifications(PGconn *pg)
{
    bool any = false;
    PGnotify *notification = NULL;
    while ((notification = PQnotifies(pg))) {
        PQfreemem(notification);
        any = true;
    }
    return any;
}

bool db_wait_notification(struct db *db, int wait_ms, bool *ret_notified, struct error *err)
{
    if (!may_run(db, err)) return false;
    if (!db->connection)
        return error_set(err, &problem_internal, NULL), error_cause(err, "wait without db_listen");
    PGconn *pg = db->connection->pg;
    *ret_notified = take_notifications(pg);
    if (*ret_notified) return true;
    struct pollfd socket = {.fd = PQsocket(pg), .events = POLLIN};
    int ready = poll(&socket, 1, wait_ms);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return true;
    if (ready < 0 || !PQconsumeInput(pg)) {
        db->connection->broken = true;
        return check(db, "wait_notification", &(PGresult *){NULL}, err);
    }
    *ret_notified = take_notifications(pg);
    return true;
}

int db_socket(const struct db *db)
{
    return db->connection ? PQsocket(db->connection->pg) : -1;
}

// --- How a statement runs ------------------------------------------------------------------------

static bool may_run(const struct db *db, struct error *err)
{
    if (arena_failed(db->arena)) return no_memory(err);
    if (!db->failed) return true;
    if (err->problem) return false;
    error_set(err, &problem_internal, NULL);
    return error_cause(err, "the session failed before; only db_end is allowed");
}

static PGresult *run(struct db *db, const struct sql *sql, struct db_values in, struct error *err)
{
    struct wire_values values;
    if (!may_run(db, err) || !takes(sql, in, err)) return NULL;
    wire_values_fill(in, &values);
    const struct wire_statement own = {sql, values.texts};
    PGresult *result = NULL;
    return exchange(db, &own, &result, err) ? result : NULL;
}

// Sends what goes ahead and then `own` (may be NULL) in one round trip. The first statement of a
// session may meet a connection that died unnoticed: it is then sent once more on another.
static bool exchange(struct db *db, const struct wire_statement *own, PGresult **ret, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + db->pool->config.acquire_timeout_ms;
    bool first = !db->connection;
    for (;;) {
        if (!db->connection && !db_pool_take(db->pool, deadline_ms, &db->connection, err)) return false;
        struct wire_statement all[AHEAD_MOST + 1];
        int count = wire_ahead(db, own, all), done = 0;
        if (own) all[count++] = *own;
        if (count == 0) return true;
        CLEANUP(wire_release) PGresult *result = wire_execute(db->connection, all, count, timeout_ms(db), &done);
        bool lost = db->connection->broken && PQstatus(db->connection->pg) != CONNECTION_OK;
        if (first && lost && wire_is_repeatable(db, own)) {
            first = false;
            release(db);
            continue;
        }
        if (!check(db, all[result && done < count ? done : count - 1].sql->name, &result, err)) return false;
        db->posted_count = 0;
        db->traced = db->traceparent;
        if (ret) *ret = TAKE(result);
        return true;
    }
}

// Takes note of where the statement left the session; false with err set when it failed.
static bool check(struct db *db, const char *statement, PGresult **result, struct error *err)
{
    struct db_connection *connection = db->connection;
    bool reconnect = connection->broken;
    bool succeeded = *result && wire_succeeded(*result) && !connection->broken;
    if (!succeeded)
        db_problem(*result, connection->pg, db->pool->config.constraints, statement, &reconnect, err);
    // A row that our snapshot can't see may be what we collided with: a new snapshot tells.
    if (!succeeded && db->mode == DB_REPEATABLE && err->problem == &problem_conflict) err->retry = true;
    PGTransactionStatusType status = PQtransactionStatus(connection->pg);
    connection->broken = reconnect;
    db->in_transaction = !connection->broken && status != PQTRANS_IDLE;
    if (succeeded) return true;
    db->failed = db->mode != DB_READ || connection->broken;
    return false;
}

static bool run_script(struct db *db, const char *name, const char *text, struct error *err)
{
    CLEANUP(wire_release) PGresult *result = wire_script(db->connection, text, timeout_ms(db));
    return check(db, name, &result, err);
}

static bool fill_target(struct db *db, const PGresult *result, int column, const struct db_target *target)
{
    const char *text = PQgetisnull(result, 0, column) ? NULL : PQgetvalue(result, 0, column);
    int64_t *integer = target->out;
    bool *boolean = target->out;
    const char **string = target->out;
    switch (target->type) {
    case DB_GET_TEXT_:
        *string = arena_strdup(db->arena, text);
        return *string || !text;
    case DB_GET_INT_:
        *integer = 0;
        return !text || text_to_int64(text, integer);
    case DB_GET_BOOL_:
        *boolean = text && text[0] == 't';
        return !text || text_equal(text, "t") || text_equal(text, "f");
    }
    return false;
}

static bool takes(const struct sql *sql, struct db_values in, struct error *err)
{
    return (in.count == sql->parameters && in.count <= WIRE_VALUES_MAX) || bad_answer(sql, "was given another number of values", err);
}

static bool bad_answer(const struct sql *sql, const char *what, struct error *err)
{
    error_set(err, &problem_internal, NULL);
    return error_cause(err, "statement %s %s", sql->name, what);
}

static bool no_memory(struct error *err)
{
    error_set(err, &problem_unavailable, NULL);
    err->retry_after_s = 1;
    return error_cause(err, "the arena has no room left");
}

static int timeout_ms(const struct db *db)
{
    const struct db_pool_config *config = &db->pool->config;
    int grace_ms = config->answer_grace_ms ? config->answer_grace_ms : ANSWER_GRACE_MS_DEFAULT;
    return config->statement_timeout_ms > 0 ? config->statement_timeout_ms + grace_ms : 0;
}

static void release_result(void *result)
{
    PQclear(result);
}

// 10, 20, 40, 80 ms and up to as much again, so that those who collided don't meet a second time.
static void pause_before_retry(int attempt)
{
    int64_t base_ms = 5L << attempt;
    int64_t pause_ms = base_ms + wire_jitter(base_ms);
    nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000}, NULL);
}
