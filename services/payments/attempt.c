// SPDX-License-Identifier: MIT
#include "attempt.h"

#include <time.h>

#include "clock.h"
#include "log.h"
#include "service.h"

#define RECORD_TRIES 10

static bool give(const struct attempt *attempt, const struct sql *give_back, struct app *app, struct arena *arena, struct error *err)
{
    struct db db;
    int64_t count = 0;
    db_begin(&db, app->pool, DB_READ, arena); // one statement
    const bool ok = db_exec(&db, give_back, DB_IN(DB_TEXT(attempt->id)), &count, err);
    db_end(&db);
    if (count) log_warning("taken_and_given_back", LOG_TEXT("statement", give_back->name), LOG_TEXT("attempt", attempt->id));
    return ok;
}

bool attempt_begin(struct attempt *attempt, const struct sql *give_back, struct app *app, struct arena *arena, struct error *err)
{
    if (attempt->is_lost && !give(attempt, give_back, app, arena, err)) return false;
    attempt->is_lost = false;
    id_new(clock_now_ms(app->clock), attempt->id);
    return true;
}

bool attempt_end(struct attempt *attempt, struct app *app, struct arena *arena, bool is_sent, db_work record, void *argument, struct error *err)
{
    for (int tries = 1; !db_transaction(app->pool, DB_WRITE, arena, record, argument, err); tries++) {
        attempt->is_lost = !is_sent;
        if (!is_sent || !error_passes(err) || tries == RECORD_TRIES || atomic_load(&app->stopping)) return false;
        error_clear(err);
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return true;
}
