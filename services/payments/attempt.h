// SPDX-License-Identifier: MIT
// One attempt of a worker to take something that goes out once. Where it was taken, or may have been as the database's answer was lost,
// and has surely not been sent, it is given back before this thread takes anything else.
//
//   static _Thread_local struct attempt attempt = {.give_back = &SQL_push_give_back};
//   if (!attempt_begin(&attempt, app, arena, err)) return false;
//   … = db_row(&db, &SQL_push_take, DB_IN(…, DB_TEXT(attempt.id)), …);
//   attempt.is_lost = … == DB_FAILED;
#pragma once

#include "id.h"
#include "db.h"

struct app;

struct attempt {
    const struct sql *give_back; // $1: the attempt
    char id[UUID_SIZE];          // kept in taken_by
    bool is_lost;                // taken perhaps, sent surely not
};

// Gives back what the last one lost, and makes a new id. False: that failed, and is tried again by the next.
MUST_USE bool attempt_begin(struct attempt *attempt, struct app *app, struct arena *arena, struct error *err);
