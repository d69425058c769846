// SPDX-License-Identifier: MIT
#include "erased.h"

#include "settle.h"

// Remembered first: from then on no worker takes a push of hers.
bool person_erased(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    const struct db_value user_id = DB_TEXT(event->key);
    return db_exec(db, &SQL_erased_remember, DB_IN(user_id), NULL, err) && db_exec(db, &SQL_callbacks_forget, DB_IN(user_id), NULL, err) &&
           erased_end(app, db, err) && db_exec(db, &SQL_person_forget, DB_IN(user_id), NULL, err);
}

// One that a worker takes at this moment is on its way to M-Pesa, and ends as M-Pesa says.
bool erased_end(struct app *app, struct db *db, struct error *err)
{
    struct db_rows waiting = {0};
    if (!db_rows(db, &SQL_erased_waiting, DB_NOTHING, &waiting, err)) return false;
    for (int i = 0; i < waiting.count; i++) {
        enum settled settled;
        const struct settlement cancelled = {.push_id = db_rows_text(&waiting, i, 0), .event = EVENT_CANCELLED, .by = "nobody", .detail = "erased before it was sent",
                                             .reason = "The account was erased before M-Pesa was asked. Nothing was paid."};
        if (!push_settle(app, db, &cancelled, &settled, err)) return false;
    }
    return true;
}
