// SPDX-License-Identifier: MIT
// One attempt of a worker to take something that goes out once. Where it was taken, or may have been as the database's answer was lost,
// and has surely not been sent, it is given back before this thread takes anything else.
//
//   struct attempt *attempt = state; // of the thread: state_bytes of struct worker
//   if (!attempt_begin(attempt, push_give_back, app, arena, err)) return false;
//   … = db_row(&db, &SQL_push_take, DB_IN(…, DB_TEXT(attempt->id)), …);
//   attempt->is_lost = … == DB_FAILED;
//   …
//   return attempt_end(attempt, app, arena, answer.outcome != DARAJA_NOT_SENT, record, &what_became_of_it, err);
#pragma once

#include "id.h"
#include "db.h"

struct app;

struct attempt {
    char id[UUID_SIZE]; // kept in taken_by
    bool is_lost;       // taken perhaps, sent surely not
};

// Puts back in its place what the attempt of that id has taken; it may have taken nothing. What was looked upon as sent meanwhile, as its
// lease ran out, may be somebody's second try by now: that has failed, as whoever knows that it was not sent is the last to know it.
typedef bool (*attempt_give_back)(struct app *app, struct db *db, const char *attempt_id, struct error *err);
// Gives back what the last one lost, in a transaction, and makes a new id. False: that failed, and is tried again by the next.
MUST_USE bool attempt_begin(struct attempt *attempt, attempt_give_back give_back, struct app *app, struct arena *arena, struct error *err);
// Records in a transaction what became of it. M-Pesa answers once, so a database that is away for a moment is waited for; but of what
// was not sent only once: others may have it already where this was recorded and the database's answer to it was lost.
MUST_USE bool attempt_end(struct attempt *attempt, struct app *app, struct arena *arena, bool is_sent, db_work record, void *argument, struct error *err);
