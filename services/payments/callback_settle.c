// SPDX-License-Identifier: MIT
// Works callbacks off, in order of arrival. What fits is believed; what does not is left to a query before anything is credited.
#include <string.h>

#include "callback.h"
#include "log.h"
#include "push.h"

#define ON_ITS_WAY_S 1 // its push is being sent still
#define FAILED_S 60

struct arrived {
    struct app *app;
    bool worked;
    int64_t id;
    const char *push_id, *body;
};

struct known_push {
    const char *state_name, *kind, *subject_id, *checkout_request_id, *merchant_request_id, *receipt;
    int64_t amount;
    bool is_unconfirmed;
};

static bool work_off(struct db *db, void *argument, struct error *err);
static void make_way(struct app *app, struct arena *arena, int64_t id);
static bool read_push(struct db *db, const char *push_id, struct known_push *ret, bool *ret_found, struct error *err);
static bool doubt_of(struct db *db, const struct arrived *arrived, const struct known_push *push, const struct stk_result *result, const char **ret,
                     struct error *err);
static bool believe(struct db *db, const struct arrived *arrived, const struct stk_result *result, struct error *err);
static bool leave_to_query(struct db *db, const struct arrived *arrived, const struct stk_result *result, const char *outcome, const char *doubt,
                           struct error *err);

static bool done(struct db *db, const struct arrived *arrived, const char *outcome, const char *doubt, struct error *err)
{
    return db_exec(db, &SQL_callback_done, DB_IN(DB_INT(arrived->id), DB_TEXT(outcome), DB_TEXT(doubt)), NULL, err);
}

bool settle_next(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err)
{
    (void)state;
    struct arrived arrived = {.app = app};
    const bool ok = db_transaction(app->pool, DB_WRITE, arena, work_off, &arrived, err);
    *ret_worked = ok && arrived.worked;
    if (!ok && arrived.worked && !error_passes(err)) make_way(app, arena, arrived.id);
    return ok;
}

// One that fails whenever it is worked off is in no other's way; whoever looks finds it in the log, and the reconciliation's waiting.
static void make_way(struct app *app, struct arena *arena, int64_t id)
{
    struct error ignored = {0};
    if (db_exec_alone(app->pool, arena, &SQL_callback_later, DB_IN(DB_INT(id), DB_INT(FAILED_S)), NULL, &ignored))
        log_error("callback_fails", LOG_INT("callback", id));
}

static bool work_off(struct db *db, void *argument, struct error *err)
{
    struct arrived *arrived = argument;
    struct known_push push = {0};
    struct stk_result result;
    const char *doubt = NULL;
    bool found = false;
    enum db_found taken = db_row(db, &SQL_callback_take, DB_NOTHING, DB_OUT(DB_GET_INT(&arrived->id), DB_GET_TEXT(&arrived->push_id), DB_GET_TEXT(&arrived->body)), err);
    arrived->worked = taken == DB_FOUND;
    if (taken != DB_FOUND) return taken == DB_NONE;
    if (!read_push(db, arrived->push_id, &push, &found, err)) return false;
    if (!found) return done(db, arrived, "no_push", NULL, err);
    if (text_equal(push.state_name, "pushing")) return db_exec(db, &SQL_callback_later, DB_IN(DB_INT(arrived->id), DB_INT(ON_ITS_WAY_S)), NULL, err);
    if (!stk_result_read(arrived->body, strlen(arrived->body), db->arena, &result))
        return leave_to_query(db, arrived, &(struct stk_result){0}, "malformed", NULL, err);
    if (!doubt_of(db, arrived, &push, &result, &doubt, err)) return false;
    return doubt ? leave_to_query(db, arrived, &result, "doubtful", doubt, err) : believe(db, arrived, &result, err);
}

static bool read_push(struct db *db, const char *push_id, struct known_push *ret, bool *ret_found, struct error *err)
{
    enum db_found found = db_row(db, &SQL_push_lock, DB_IN(DB_TEXT(push_id)),
                                 DB_OUT(DB_GET_TEXT(&ret->state_name), DB_GET_TEXT(&ret->kind), DB_GET_TEXT(&ret->subject_id), DB_GET_INT(&ret->amount),
                                        DB_GET_TEXT(&ret->checkout_request_id), DB_GET_TEXT(&ret->merchant_request_id), DB_GET_TEXT(&ret->receipt),
                                        DB_GET_BOOL(&ret->is_unconfirmed)), err);
    *ret_found = found == DB_FOUND;
    return found != DB_FAILED;
}

// Why it cannot be believed, or NULL.
static bool doubt_of(struct db *db, const struct arrived *arrived, const struct known_push *push, const struct stk_result *result, const char **ret,
                     struct error *err)
{
    const bool paid = text_equal(result->code, "0");
    bool elsewhere = false;
    if (result->receipt && db_row(db, &SQL_receipt_elsewhere, DB_IN(DB_TEXT(result->receipt), DB_TEXT(arrived->push_id)), DB_OUT(DB_GET_BOOL(&elsewhere)), err) != DB_FOUND)
        return false;
    *ret = !push->checkout_request_id                                                                  ? "the push's own answer was lost"
           : !text_equal(push->checkout_request_id, result->checkout_request_id)                       ? "another CheckoutRequestID"
           : !text_equal(push->merchant_request_id, result->merchant_request_id)                       ? "another MerchantRequestID"
           : !result_meaning_find(result->code)                                                        ? "an unknown result code"
           : paid && !result->receipt                                                                  ? "no receipt"
           : paid && !result->has_amount                                                               ? "no amount"
           : paid && result->amount != push->amount                                                    ? "another amount"
           : elsewhere                                                                                 ? "the receipt of another payment"
           : paid && push->receipt && !text_equal(push->receipt, result->receipt)                      ? "a second receipt"
           : push->is_unconfirmed                                                                      ? "the push's own answer was lost"
                                                                                                       : NULL;
    return true;
}

static bool believe(struct db *db, const struct arrived *arrived, const struct stk_result *result, struct error *err)
{
    const struct result_meaning *meaning = result_meaning_find(result->code);
    const struct settlement settlement = {.push_id = arrived->push_id, .event = meaning->event, .code = result->code, .detail = result->detail,
                                          .reason = meaning->reason, .by = "callback", .receipt = result->receipt};
    static const char *const outcomes[] = {[SETTLED_APPLIED] = "applied", [SETTLED_DUPLICATE] = "duplicate", [SETTLED_IGNORED] = "ignored",
                                           [SETTLED_NO_PUSH] = "no_push"};
    enum settled settled;
    return push_settle(arrived->app, db, &settlement, &settled, err) && done(db, arrived, outcomes[settled], NULL, err);
}

// A push whose own answer was lost takes the ids from here; then M-Pesa is asked at once. For others their own id is asked about.
// The receipt is kept for the case that M-Pesa says yes: a query tells none, and a payment without one cannot be reversed.
// One that was taken for never sent is not sent again: M-Pesa speaks of it.
static bool leave_to_query(struct db *db, const struct arrived *arrived, const struct stk_result *result, const char *outcome, const char *doubt,
                           struct error *err)
{
    const struct settlement spoken_of = {.push_id = arrived->push_id, .event = EVENT_LOST, .detail = "M-Pesa's answer to the push was lost."};
    enum settled settled;
    metric_add(payments_of(arrived->app)->doubtful, 1);
    log_warning("callback_doubted", LOG_TEXT("push", arrived->push_id), LOG_TEXT("doubt", doubt ? doubt : outcome));
    return push_settle(arrived->app, db, &spoken_of, &settled, err) &&
           db_exec(db, &SQL_push_adopt, DB_IN(DB_TEXT(arrived->push_id), DB_TEXT(result->checkout_request_id), DB_TEXT(result->merchant_request_id), DB_TEXT(result->receipt)),
                   NULL, err) &&
           done(db, arrived, outcome, doubt, err);
}
