// SPDX-License-Identifier: MIT
#include "agency_payment.h"

#include "api.h"
#include "id.h"
#include "log.h"

const char *const fee_types[] = {"subscription", "membership", "hiring", "commission", NULL};

bool agency_payment_list(struct request *rq, struct response *rs, struct error *err)
{
    const struct agency_payments_query *query = rq->query;
    const struct page_list list = {.member = "agency_payments", .list = &SQL_agency_payment_list, .count = &SQL_agency_payment_count,
                                   .filters = DB_IN(DB_TEXT(rq->caller.user_id), DB_BOOL(rq->caller.is_admin), DB_TEXT(query->agency_id))};
    return page_answer(rq, rs, query->page, query->per_page, query->cursor, &list, err);
}

// Asked for twice, it is one payment; without a phone it fails at once, and the asker hears so. Where the phone has a prompt already it
// waits its turn (push_take), so it is locked alone for who buys meanwhile: she finds this one.
bool fee_requested(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    const struct fee_input *fee = event->input;
    const char *known = NULL, *phone_number = NULL;
    char id[UUID_SIZE], push_id[UUID_SIZE];
    enum db_found found = db_row(db, &SQL_fee_known, DB_IN(DB_TEXT(fee->fee_id)), DB_OUT(DB_GET_TEXT(&known)), err);
    if (found != DB_NONE) return found == DB_FOUND;
    if (db_row(db, &SQL_payer_phone, DB_IN(DB_TEXT(fee->payer_user_id)), DB_OUT(DB_GET_TEXT(&phone_number)), err) == DB_FAILED) return false;
    if (phone_number && !db_exec(db, &SQL_phone_lock, DB_IN(DB_TEXT(phone_number)), NULL, err)) return false;
    id_new(clock_now_ms(app->clock), id);
    id_new(clock_now_ms(app->clock), push_id);
    if (!db_exec(db, &SQL_agency_payment_insert,
                 DB_IN(DB_TEXT(id), DB_TEXT(fee->fee_id), DB_TEXT(fee->agency_id), DB_TEXT(fee->payer_user_id), DB_TEXT(fee->payment_type), DB_INT(fee->amount),
                       DB_TEXT(fee->description ? fee->description : ""), DB_TEXT(push_id), DB_TEXT(phone_number),
                       DB_TEXT("There is no phone number in the account to send the M-Pesa prompt to. Add one, then try again.")), NULL, err))
        return false;
    workers_wake(app->workers, &payments_workers[WORKER_PUSH]); // it may look a moment before the commit; it looks again by itself
    return true;
}
