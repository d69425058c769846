// SPDX-License-Identifier: MIT
// The wire below db.c: one connection, statements in a pipeline, every wait bounded. Private to db*.c.
#pragma once

#include <libpq-fe.h>

#include "db.h"

// Statements sent ahead of the caller's in the same round trip; prepared on every connection.
extern const struct sql wire_begin, wire_begin_repeatable, wire_trace, wire_commit, wire_rollback;

struct db_connection {
    PGconn *pg;
    const struct sql *const *const *statements; // the pool's
    bool *prepared;             // which of them are, where that is done late; NULL: all
    struct db_connection *next; // in the pool's lists
    bool broken;                // of no further use
    bool listening;             // LISTEN was run on it: not for the next session
};

struct wire_statement {
    const struct sql *sql;
    const char *const *values; // sql->parameters texts; NULL is SQL NULL
};

#define WIRE_VALUES_MAX 48
// Values as texts, which lie in the caller's or here.
struct wire_values {
    const char *texts[WIRE_VALUES_MAX];
    char numbers[WIRE_VALUES_MAX][24];
};
void wire_values_fill(struct db_values in, struct wire_values *ret);

#define POST_ROOM 2    // a posted statement, and its trace ahead of it
#define POSTED_MOST 64
#define AHEAD_MOST (POSTED_MOST + 2)
// Keeps a statement and copies of its values in the session's arena; false when it has no room. Wants POST_ROOM.
MUST_USE bool wire_post(struct db *db, const struct sql *sql, struct db_values in);
// What goes ahead of own (NULL: alone): the start of the transaction, what was posted, the trace. At most AHEAD_MOST statements.
int wire_ahead(const struct db *db, const struct wire_statement *own, struct wire_statement *out);
// True when losing the connection cannot have left an effect: nothing is committed before COMMIT, and outside of a transaction only a
// statement that reads is sent again.
bool wire_is_repeatable(const struct db *db, const struct wire_statement *own);

// Connects, sets the session up and prepares what is to be. False with err set when it can't: then there is
// nothing to close, and wire_close does nothing.
MUST_USE bool wire_connect(struct db_connection *ret, const struct db_pool_config *config, struct error *err);
void wire_close(struct db_connection *connection);

// Runs prepared statements in one round trip; what follows a failed one is skipped. The result of the
// last one or of the first that failed; *ret_done is how many stand before that, or how many there are. When the connection broke or
// timeout_ms passed (≤ 0: no bound) without the next answer, `broken` is set and the result is NULL or the failure that came before.
PGresult *wire_execute(struct db_connection *connection, const struct wire_statement *statements, int count,
                       int timeout_ms, int *ret_done);
// The same for SQL text, which may hold several statements.
PGresult *wire_script(struct db_connection *connection, const char *text, int timeout_ms);

bool wire_succeeded(const PGresult *result);
// True when the peer has hung up or told us to go, without a round trip.
bool wire_is_dead(PGconn *pg);
// A random number from 0 to below limit: threads and replicas that failed together retry apart.
int64_t wire_jitter(int64_t limit);

static inline void wire_release(PGresult **result)
{
    PQclear(*result);
}

// Sets err from a failed result, or from the connection where there is none. Always false. *ret_reconnect
// (may be NULL) becomes true when a new connection may do better (failover, plans gone stale).
bool db_problem(const PGresult *result, PGconn *pg, const struct constraint_problem *constraints,
                const char *statement, bool *ret_reconnect, struct error *err);
