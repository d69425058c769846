// SPDX-License-Identifier: MIT
#include "attempt.h"

#include <time.h>

#include "clock.h"
#include "service.h"

#define RECORD_TRIES 10

struct giving {
    struct app *app;
    const struct attempt *attempt;
    attempt_give_back give_back;
};

static bool give(struct db *db, void *argument, struct error *err)
{
    const struct giving *giving = argument;
    return giving->give_back(giving->app, db, giving->attempt->id, err);
}

bool attempt_begin(struct attempt *attempt, attempt_give_back give_back, struct app *app, struct arena *arena, struct error *err)
{
    if (attempt->is_lost && !db_transaction(app->pool, DB_WRITE, arena, give, &(struct giving){app, attempt, give_back}, err)) return false;
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
