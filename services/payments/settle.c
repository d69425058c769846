// SPDX-License-Identifier: MIT
#include "settle.h"

#include <string.h>

#include "log.h"

// What a subject of a push has to do when it is paid or not.
static const struct subject {
    const char *kind;
    const struct sql *completed, *not_paid, *receipt;
} subjects[] = {
    {"purchase", &SQL_purchase_completed, &SQL_purchase_not_paid, &SQL_purchase_receipt},
    {"agency_payment", &SQL_agency_payment_completed, &SQL_agency_payment_not_paid, &SQL_agency_payment_receipt},
};

// Daraja's codes: reference/mpesa-firebase-kenya.md.
static const struct result_meaning meanings[] = {
    {"0", EVENT_PAID, ""},
    {"1", EVENT_NOT_PAID, "The M-Pesa balance was too low. Top up, then buy again."},
    {"2", EVENT_NOT_PAID, "The amount is below M-Pesa's minimum."},
    {"3", EVENT_NOT_PAID, "The amount is above M-Pesa's maximum."},
    {"4", EVENT_NOT_PAID, "The payment would pass the phone's daily limit. Try again tomorrow, or from another phone."},
    {"8", EVENT_NOT_PAID, "M-Pesa could not take the payment on our side. Try again later."},
    {"17", EVENT_NOT_PAID, "M-Pesa takes the same amount from a phone only once in two minutes. Wait, then buy again."},
    {"1001", EVENT_NOT_PAID, "Another M-Pesa transaction was running on the phone. Wait a minute, then buy again."},
    {"1019", EVENT_TIMED_OUT, "The prompt ran out of time. Buy again and answer it within a minute."},
    {"1025", EVENT_NOT_PAID, "M-Pesa could not show the prompt. Try again in a few minutes."},
    {"1032", EVENT_NOT_PAID, "The payment was cancelled on the phone."},
    {"1037", EVENT_TIMED_OUT, "The phone could not be reached, or nobody answered. Check that it is on, then buy again."},
    {"2001", EVENT_NOT_PAID, "The M-Pesa PIN was wrong. Buy again with the right one."},
    {"2028", EVENT_NOT_PAID, "M-Pesa refused the payment on our side. Tell us, please."},
    {"8006", EVENT_NOT_PAID, "The M-Pesa PIN is locked. Ask Safaricom (100) to unlock it."},
    {"9999", EVENT_NOT_PAID, "M-Pesa could not show the prompt. Try again in a few minutes."},
};

struct push {
    const char *state_name, *subject_kind, *subject_id, *checkout_request_id, *merchant_request_id, *receipt;
    enum push_state state;
    const struct subject *subject;
};

static bool lock_push(struct db *db, const char *push_id, struct push *ret, bool *ret_found, struct error *err);
static bool move(struct app *app, struct db *db, const struct push *push, const struct settlement *s, enum push_state to, struct error *err);
static bool complete(struct app *app, struct db *db, const struct push *push, const struct settlement *s, struct error *err);
static bool add_receipt(struct db *db, const struct push *push, const struct settlement *s, struct error *err);

const struct result_meaning *result_meaning_find(const char *code)
{
    for (size_t i = 0; code && i < COUNT_OF(meanings); i++)
        if (strcmp(meanings[i].code, code) == 0) return &meanings[i];
    return NULL;
}

bool push_settle(struct app *app, struct db *db, const struct settlement *settlement, enum settled *ret, struct error *err)
{
    struct push push = {0};
    bool found = false;
    enum push_state to;
    *ret = SETTLED_NO_PUSH;
    if (!lock_push(db, settlement->push_id, &push, &found, err)) return false;
    if (!found) return true;
    if (push_state_next(push.state, settlement->event, &to)) {
        *ret = SETTLED_APPLIED;
        return move(app, db, &push, settlement, to, err);
    }
    const bool same = push.state == PUSH_COMPLETED && settlement->event == EVENT_PAID;
    *ret = same ? SETTLED_DUPLICATE : SETTLED_IGNORED;
    return !same || add_receipt(db, &push, settlement, err);
}

static bool lock_push(struct db *db, const char *push_id, struct push *ret, bool *ret_found, struct error *err)
{
    enum db_found found = db_row(db, &SQL_push_lock, DB_IN(DB_TEXT(push_id)),
                                 DB_OUT(DB_GET_TEXT(&ret->state_name), DB_GET_TEXT(&ret->subject_kind), DB_GET_TEXT(&ret->subject_id)), err);
    *ret_found = found == DB_FOUND;
    if (found != DB_FOUND) return found == DB_NONE;
    for (size_t i = 0; i < COUNT_OF(subjects); i++)
        if (text_equal(subjects[i].kind, ret->subject_kind)) ret->subject = &subjects[i];
    return (ret->subject && push_state_parse(ret->state_name, &ret->state)) || error_set(err, &problem_internal, NULL);
}

static bool move(struct app *app, struct db *db, const struct push *push, const struct settlement *s, enum push_state to, struct error *err)
{
    const struct db_value id = DB_TEXT(s->push_id);
    int64_t changed = 0;
    if (s->event == EVENT_ACCEPTED)
        return db_exec(db, &SQL_push_accepted, DB_IN(id, DB_TEXT(s->merchant_request_id), DB_TEXT(s->checkout_request_id), DB_INT(s->wait_s),
                                                     DB_TEXT(push_state_name(to))), NULL, err);
    switch (to) {
    case PUSH_CREATED: return db_exec(db, &SQL_push_again, DB_IN(id, DB_INT(s->wait_s)), NULL, err);
    case PUSH_PUSHING: // by push_take alone
    case PUSH_PUSHED: return error_set(err, &problem_internal, NULL);
    case PUSH_UNKNOWN: return db_exec(db, &SQL_push_unknown, DB_IN(id, DB_INT(s->wait_s), DB_TEXT(s->detail)), NULL, err);
    case PUSH_COMPLETED: return complete(app, db, push, s, err);
    case PUSH_FAILED:
    case PUSH_EXPIRED: break;
    }
    metric_add(payments_of(app)->settled, 1);
    return db_exec(db, &SQL_push_settle,
                   DB_IN(id, DB_TEXT(push_state_name(to)), DB_TEXT(s->code), DB_TEXT(s->detail), DB_TEXT(s->by), DB_TEXT(NULL), DB_BOOL(false)), NULL, err) &&
           db_row(db, push->subject->not_paid, DB_IN(DB_TEXT(push->subject_id), DB_TEXT(push_state_name(to)), DB_TEXT(s->reason)),
                  DB_OUT(DB_GET_INT(&changed)), err) == DB_FOUND;
}

static bool complete(struct app *app, struct db *db, const struct push *push, const struct settlement *s, struct error *err)
{
    const bool late = push->state == PUSH_FAILED || push->state == PUSH_EXPIRED;
    int64_t changed = 0;
    metric_add(payments_of(app)->settled, 1);
    if (late) log_warning("paid_late", LOG_TEXT("subject", push->subject_id), LOG_TEXT("was", push->state_name));
    return db_exec(db, &SQL_push_settle,
                   DB_IN(DB_TEXT(s->push_id), DB_TEXT("completed"), DB_TEXT(s->code), DB_TEXT(s->detail), DB_TEXT(s->by), DB_TEXT(s->receipt), DB_BOOL(late)),
                   NULL, err) &&
           db_row(db, push->subject->completed, DB_IN(DB_TEXT(push->subject_id), DB_TEXT(s->receipt)), DB_OUT(DB_GET_INT(&changed)), err) == DB_FOUND;
}

// A query tells no receipt; the callback that comes after it does.
static bool add_receipt(struct db *db, const struct push *push, const struct settlement *s, struct error *err)
{
    if (!s->receipt) return true;
    return db_exec(db, &SQL_push_receipt, DB_IN(DB_TEXT(s->push_id), DB_TEXT(s->receipt)), NULL, err) &&
           db_exec(db, push->subject->receipt, DB_IN(DB_TEXT(push->subject_id), DB_TEXT(s->receipt)), NULL, err);
}
