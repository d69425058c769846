// SPDX-License-Identifier: MIT
#include "attempt.h"

#include "clock.h"
#include "log.h"
#include "service.h"

static bool give_back(const struct attempt *attempt, struct app *app, struct arena *arena, struct error *err)
{
    struct db db;
    int64_t count = 0;
    db_begin(&db, app->pool, DB_READ, arena); // one statement
    const bool ok = db_exec(&db, attempt->give_back, DB_IN(DB_TEXT(attempt->id)), &count, err);
    db_end(&db);
    if (count) log_warning("taken_and_given_back", LOG_TEXT("statement", attempt->give_back->name), LOG_TEXT("attempt", attempt->id));
    return ok;
}

bool attempt_begin(struct attempt *attempt, struct app *app, struct arena *arena, struct error *err)
{
    if (attempt->is_lost && !give_back(attempt, app, arena, err)) return false;
    attempt->is_lost = false;
    id_new(clock_now_ms(app->clock), attempt->id);
    return true;
}
