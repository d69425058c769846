// SPDX-License-Identifier: MIT
// What PostgreSQL says (SQLSTATE, constraint) → what a client is told. Values never leave: DETAIL and
// CONTEXT are dropped, and of messages that quote input only the part before the quote is kept.
#include <stdio.h>
#include <string.h>

#include "db_wire.h"
#include "text.h"

enum meaning { LOST, FULL, READ_ONLY, RETRY, TIMEOUT, CONFLICT, INVALID, MALFORMED, STALE_PLAN, BUG };

struct meaning_row {
    const struct problem *problem;
    int retry_after_s;
    bool retry;     // run the transaction again
    bool reconnect; // a new connection may do better
    const char *detail;
};

static const struct meaning_row meanings[] = {
    [LOST] = {&problem_unavailable, 2, false, true, NULL},
    [FULL] = {&problem_unavailable, 5, false, false, NULL},
    [READ_ONLY] = {&problem_unavailable, 2, false, true, NULL},
    [RETRY] = {&problem_unavailable, 1, true, false,
               "Others are changing the same thing; try again in a moment."},
    [TIMEOUT] = {&problem_timeout, 2, false, false, NULL},
    [CONFLICT] = {&problem_conflict, 0, false, false, NULL},
    [INVALID] = {&problem_invalid_fields, 0, false, false,
                 "A value is too long, out of range or of the wrong kind; correct it and send it again."},
    [MALFORMED] = {&problem_malformed, 0, false, false,
                   "A text holds characters that cannot be stored; send well-formed UTF-8 without NUL."},
    [STALE_PLAN] = {&problem_internal, 0, true, true, NULL},
    [BUG] = {&problem_internal, 0, false, false, NULL},
};

// The first row whose prefix fits counts. PostgreSQL manual, appendix A.
static const struct {
    const char *prefix;
    enum meaning meaning;
} states[] = {
    {"08", LOST},          // connection exceptions
    {"0A000", STALE_PLAN}, // "cached plan must not change result type", after a migration
    {"22021", MALFORMED},  // not in the character set
    {"22P05", MALFORMED},  // \u0000 in JSON
    {"22", INVALID},       // data exceptions
    {"23505", CONFLICT},   // unique
    {"23503", CONFLICT},   // foreign key
    {"23P01", CONFLICT},   // exclusion
    {"23", INVALID},       // not null, check
    {"25006", READ_ONLY},  // the server we talk to became a standby
    {"25P03", LOST},       // idle in transaction for too long
    {"26000", STALE_PLAN}, // the prepared statement is gone
    {"28", LOST},          // refused at the door: wrong password, no such role
    {"3D000", LOST},       // no such database
    {"40003", LOST},       // completion unknown
    {"40", RETRY},         // serialization failure, deadlock
    {"53", FULL},          // out of disk, memory or connections
    {"55P03", RETRY},      // lock not available
    {"57014", TIMEOUT},    // cancelled by statement_timeout
    {"57", LOST},          // shutdown, crash, starting up
    {"58", LOST},          // system errors: I/O
    {"", BUG},
};

static bool constraint_problem(const PGresult *result, const struct constraint_problem *constraints,
                               struct error *err);

static enum meaning meaning_of(const char *sqlstate)
{
    int i = 0;
    while (!text_starts_with(sqlstate, states[i].prefix)) i++;
    return states[i].meaning;
}

// One line without quoted input.
static void describe(const char *message, bool quotes_input, char *out, size_t size)
{
    snprintf(out, size, "%s", message ? message : "");
    char *quote = quotes_input ? strpbrk(out, "\"':") : NULL;
    if (quote) *quote = '\0';
    for (char *at = out; *at; at++)
        if (*at == '\n' || *at == '\t') *at = ' ';
}

static bool without_state(PGconn *pg, const char *statement, struct error *err)
{
    bool waiting = PQstatus(pg) == CONNECTION_OK && !*PQerrorMessage(pg); // it is there and did not answer in time
    const struct meaning_row *row = &meanings[waiting ? TIMEOUT : LOST];
    char message[200];
    describe(waiting ? "no answer in time" : PQerrorMessage(pg), false, message, sizeof message);
    error_set(err, row->problem, NULL);
    err->retry_after_s = row->retry_after_s;
    return error_cause(err, "%s: %s", statement, message);
}

bool db_problem(const PGresult *result, PGconn *pg, const struct constraint_problem *constraints,
                const char *statement, bool *ret_reconnect, struct error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!sqlstate) {
        if (ret_reconnect) *ret_reconnect = true;
        return without_state(pg, statement, err);
    }
    const struct meaning_row *row = &meanings[meaning_of(sqlstate)];
    if (!constraint_problem(result, constraints, err)) {
        error_set(err, row->problem, row->detail ? "%s" : NULL, row->detail);
        err->retry_after_s = row->retry_after_s;
        err->retry = row->retry;
    }
    if (ret_reconnect && row->reconnect) *ret_reconnect = true;
    char message[200];
    describe(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), text_starts_with(sqlstate, "22"), message,
             sizeof message);
    return error_cause(err, "%s: %s %s", statement, sqlstate, message);
}

// True when the service's table says what violating this constraint means.
static bool constraint_problem(const PGresult *result, const struct constraint_problem *constraints,
                               struct error *err)
{
    const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    for (const struct constraint_problem *row = constraints; name && row && row->constraint; row++) {
        if (!text_equal(row->constraint, name)) continue;
        const struct problem *problem = row->problem ? row->problem : &problem_invalid_fields;
        if (row->pointer) error_violation(err, row->pointer, "%s", problem->title);
        error_set(err, problem, NULL);
        return true;
    }
    return false;
}
