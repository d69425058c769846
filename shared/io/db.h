// SPDX-License-Identifier: MIT
// PostgreSQL through libpq: a pool of connections on which every named statement of a service is
// prepared, and sessions that borrow one of them for a request, an event or a job.
//
//   struct db db;
//   db_begin(&db, pool, DB_WRITE, arena);                 // no I/O yet
//   const char *id; int64_t count;
//   switch (db_row(&db, &SQL_user_by_email, DB_IN(DB_TEXT(email)),
//                  DB_OUT(DB_GET_TEXT(&id), DB_GET_INT(&count)), err)) { … }
//   bool ok = db_commit(&db, err);
//   db_end(&db);                                          // rolls back what was not committed
//
// The first statement takes a connection and, for DB_WRITE, opens the transaction. A session
// belongs to one thread; the pool is shared. SQLSTATE and constraint names become problems by
// table: a unique_violation of "users_email_key" is whatever the service's constraint table says.
// Lost connection, too many connections, disk full, read-only → problem_unavailable; 40001 and
// 40P01 set err->retry.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "error.h"

// A statement of a service's sql folder: made by sql_embed.awk as `const struct sql SQL_<name>`.
struct sql {
    const char *name;
    const char *text;
    int parameters;
};

// What violating a constraint means to the client.
struct constraint_problem {
    const char *constraint;
    const struct problem *problem;
    const char *pointer; // the field at fault ("/email"), reported as a violation; or NULL
};

struct db_pool_config {
    const char *url;
    const char *application_name;
    int connections;
    int acquire_timeout_ms;
    int statement_timeout_ms;
    int answer_grace_ms;    // how long after statement_timeout_ms we stop believing that the server ends it itself; 0: 3 s
    int connect_timeout_s;
    // Reads no whole table where an index serves: a statement keeps the plan it got while its tables were empty, until PostgreSQL
    // has counted their rows anew. For short statements; what goes through whole tables wants false.
    bool prefers_indexes;
    // Plans each statement once, whatever its values: PostgreSQL otherwise plans it anew each time where it expects to gain by them,
    // which takes longer than a short statement does (15, "plan_cache_mode"). For statements that have one plan that is always right.
    bool plans_once;
    // NULL-terminated list of NULL-terminated lists, which must outlive the pool; may be NULL.
    const struct sql *const *const *statements;
    const struct sql *on_connect; // of these, without parameters: runs first on each connection, also a later one; may be NULL
    // Each statement is prepared when it is first run on a connection, not before: for a program that runs few of them, and ends.
    bool prepares_late;
    const struct constraint_problem *constraints; // ends with {0}; may be NULL
};

struct db_pool;
// Opens and prepares all connections before it returns. NULL when the server is away or a
// statement does not prepare (the cause names it; with prepares_late it is the statement's own failure).
MUST_USE struct db_pool *db_pool_open(const struct db_pool_config *config, struct error *err);
void db_pool_close(struct db_pool *pool);

struct db_pool_stats {
    int size, idle, waiting;
    int64_t acquired_total, timeouts_total, reconnects_total;
};
void db_pool_stats(struct db_pool *pool, struct db_pool_stats *ret);

enum db_mode {
    DB_READ,       // each statement on its own
    DB_WRITE,      // one READ COMMITTED transaction
    DB_REPEATABLE, // one REPEATABLE READ transaction
};

struct db_connection;
struct db {
    struct db_pool *pool;
    struct arena *arena;
    struct db_connection *connection;
    enum db_mode mode;
    bool in_transaction;
    bool failed;        // a statement failed: only db_end is allowed
    const char *traceparent; // set after db_begin, and anew for another piece of work: the transaction's
                             // next statement sets dc.traceparent, the default of outbox.traceparent,
                             // so that a trace survives the outbox
    const char *traced;      // what dc.traceparent is, or will be when what is posted has run
    struct wire_statement *posted; // db_post; in the arena
    int posted_count;
};

struct db_value {
    enum { DB_VALUE_TEXT, DB_VALUE_INT, DB_VALUE_BOOL } type;
    const char *text; // NULL is SQL NULL
    int64_t integer;
};
struct db_values {
    const struct db_value *items;
    int count;
};
#define DB_TEXT(value_) ((struct db_value){.type = DB_VALUE_TEXT, .text = (value_)})
#define DB_INT(value_) ((struct db_value){.type = DB_VALUE_INT, .integer = (value_)})
#define DB_BOOL(value_) ((struct db_value){.type = DB_VALUE_BOOL, .integer = (value_)})
#define DB_IN(...)                                                                                 \
    ((struct db_values){(const struct db_value[]){__VA_ARGS__},                                    \
                        (int)(sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value))})
#define DB_NOTHING ((struct db_values){NULL, 0})

// A text array parameter ('{…}' literal) for `= ANY($1)`; NULL when the arena failed.
char *db_array(struct arena *arena, const char *const *items, size_t count);

struct db_target {
    enum { DB_GET_TEXT_, DB_GET_INT_, DB_GET_BOOL_ } type;
    void *out;
};
struct db_targets {
    const struct db_target *items;
    int count;
};
#define DB_GET_TEXT(out_) ((struct db_target){.type = DB_GET_TEXT_, .out = (const char **){out_}})
#define DB_GET_INT(out_) ((struct db_target){.type = DB_GET_INT_, .out = (int64_t *){out_}})
#define DB_GET_BOOL(out_) ((struct db_target){.type = DB_GET_BOOL_, .out = (bool *){out_}})
#define DB_OUT(...)                                                                                \
    ((struct db_targets){(const struct db_target[]){__VA_ARGS__},                                  \
                         (int)(sizeof((const struct db_target[]){__VA_ARGS__}) / sizeof(struct db_target))})

void db_begin(struct db *db, struct db_pool *pool, enum db_mode mode, struct arena *arena);
MUST_USE bool db_commit(struct db *db, struct error *err);
void db_end(struct db *db);

// Runs a statement; *ret_affected may be NULL.
MUST_USE bool db_exec(struct db *db, const struct sql *sql, struct db_values in, int64_t *ret_affected,
                      struct error *err);

// db_exec in a session of its own: for a statement that is a whole piece of work.
MUST_USE bool db_exec_alone(struct db_pool *pool, struct arena *arena, const struct sql *sql, struct db_values in, int64_t *ret_affected,
                            struct error *err);

// Like db_exec for a statement of a transaction that nobody waits for: it is sent, in order, together with the next one that is waited
// for, with db_flush or with db_commit, which then tells that it failed. The values are copied. In a DB_READ session it runs at once.
MUST_USE bool db_post(struct db *db, const struct sql *sql, struct db_values in, struct error *err);
// Waits for all that was posted.
MUST_USE bool db_flush(struct db *db, struct error *err);

enum db_found { DB_FAILED = -1, DB_NONE = 0, DB_FOUND = 1 };
// Fills the targets from the first row. Texts live in the arena; SQL NULL gives NULL, 0, false.
MUST_USE enum db_found db_row(struct db *db, const struct sql *sql, struct db_values in, struct db_targets out,
                              struct error *err);
// db_row in a session of its own.
MUST_USE enum db_found db_row_alone(struct db_pool *pool, struct arena *arena, const struct sql *sql, struct db_values in, struct db_targets out,
                                    struct error *err);
// The first cell as text, NULL (and true) when there is no row. For JSON built by PostgreSQL: it
// is handed on without a copy. *ret_length may be NULL.
MUST_USE bool db_text(struct db *db, const struct sql *sql, struct db_values in, const char **ret,
                      size_t *ret_length, struct error *err);

// All rows, for the few places that walk them in C.
struct db_rows {
    void *result; // released with the arena
    int count;
};
MUST_USE bool db_rows(struct db *db, const struct sql *sql, struct db_values in, struct db_rows *ret,
                      struct error *err);
const char *db_rows_text(const struct db_rows *rows, int row, int column); // NULL for SQL NULL
int64_t db_rows_int(const struct db_rows *rows, int row, int column);

// Runs work inside a transaction and commits it; again, at most 5 times, on err->retry.
typedef bool (*db_work)(struct db *db, void *argument, struct error *err);
MUST_USE bool db_transaction(struct db_pool *pool, enum db_mode mode, struct arena *arena, db_work work,
                             void *argument, struct error *err);

// Runs SQL text that may hold several statements; migrations and tools only.
MUST_USE bool db_script(struct db *db, const char *text, struct error *err);

// Waits on the session's connection for a NOTIFY after `LISTEN channel`; true when one came.
MUST_USE bool db_listen(struct db *db, const char *channel, struct error *err);
MUST_USE bool db_wait_notification(struct db *db, int timeout_ms, bool *ret_notified, struct error *err);
// The socket of the session's connection, for poll(2) together with others; -1 when it has none.
int db_socket(const struct db *db);
