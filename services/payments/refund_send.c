// SPDX-License-Identifier: MIT
// Sends the next refund. What may have reached M-Pesa is not sent again: it waits for its result, and is a finding when none comes.
#include "attempt.h"
#include "daraja.h"
#include "log.h"
#include "push.h"
#include "refund.h"

struct taken_refund {
    const char *method;
    struct daraja_refund refund;
};

struct sent {
    const struct taken_refund *taken;
    const struct daraja_answer *answer;
};

static bool take(struct app *app, struct arena *arena, struct attempt *attempt, struct taken_refund *ret, bool *ret_found, struct error *err);
static bool try_again(struct db *db, const char *refund_id, const struct daraja_answer *answer, struct error *err);
static bool record(struct db *db, void *argument, struct error *err);

bool refund_next(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err)
{
    struct taken_refund taken = {0};
    struct daraja_answer answer = {0};
    struct attempt *attempt = state;
    if (!take(app, arena, attempt, &taken, ret_worked, err)) return false;
    if (!*ret_worked) return true;
    if (text_equal(taken.method, "reversal")) daraja_reverse(app, &taken.refund, arena, &answer);
    else daraja_pay(app, &taken.refund, arena, &answer);
    if (answer.outcome != DARAJA_DONE)
        log_warning("refund_not_taken", LOG_TEXT("refund", taken.refund.refund_id), LOG_TEXT("code", answer.code), LOG_TEXT("detail", answer.detail));
    return attempt_end(attempt, app, arena, answer.outcome != DARAJA_NOT_SENT, record, &(struct sent){&taken, &answer}, err);
}

static bool take(struct app *app, struct arena *arena, struct attempt *attempt, struct taken_refund *ret, bool *ret_found, struct error *err)
{
    if (!attempt_begin(attempt, refund_give_back, app, arena, err)) return false;
    const enum db_found found = db_row_alone(app->pool, arena, &SQL_refund_take, DB_IN(DB_INT(daraja_lease_s(app)), DB_TEXT(attempt->id)),
                                             DB_OUT(DB_GET_TEXT(&ret->refund.refund_id), DB_GET_TEXT(&ret->method), DB_GET_INT(&ret->refund.amount),
                                                    DB_GET_TEXT(&ret->refund.receipt), DB_GET_TEXT(&ret->refund.phone_number),
                                                    DB_GET_TEXT(&ret->refund.originator_conversation_id)), err);
    attempt->is_lost = found == DB_FAILED;
    *ret_found = found == DB_FOUND;
    return !attempt->is_lost;
}

bool refund_give_back(struct app *app, struct db *db, const char *attempt_id, struct error *err)
{
    (void)app;
    const char *refund_id = NULL;
    enum db_found found = db_row(db, &SQL_refund_lost, DB_IN(DB_TEXT(attempt_id)), DB_OUT(DB_GET_TEXT(&refund_id)), err);
    if (found != DB_FOUND) return found == DB_NONE;
    log_warning("refund_given_back", LOG_TEXT("refund", refund_id), LOG_TEXT("attempt", attempt_id));
    return try_again(db, refund_id, &(struct daraja_answer){.detail = "never sent"}, err);
}

// Where its lease has run out meanwhile it has failed: nobody else knows that it was never sent.
static bool try_again(struct db *db, const char *refund_id, const struct daraja_answer *answer, struct error *err)
{
    int64_t count = 0;
    return db_exec(db, &SQL_refund_again, DB_IN(DB_TEXT(refund_id), DB_INT(answer->wait_s)), &count, err) &&
           (count || refund_settle(db, refund_id, false, NULL, answer->code, answer->detail, err));
}

static bool record(struct db *db, void *argument, struct error *err)
{
    const struct sent *sent = argument;
    const char *refund_id = sent->taken->refund.refund_id;
    switch (sent->answer->outcome) {
    case DARAJA_DONE: return db_exec(db, &SQL_refund_sent, DB_IN(DB_TEXT(refund_id), DB_TEXT(sent->answer->conversation_id)), NULL, err);
    case DARAJA_REFUSED: return refund_settle(db, refund_id, false, NULL, sent->answer->code, sent->answer->detail, err);
    case DARAJA_NOT_SENT: return try_again(db, refund_id, sent->answer, err);
    case DARAJA_LOST: return true; // its lease runs out, and it becomes unknown
    }
    return false;
}
