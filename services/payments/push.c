// SPDX-License-Identifier: MIT
// Sends the next push. It is marked before it is sent, so a process that dies on the way leaves an unknown one, never a second.
#include "push.h"

#include "attempt.h"
#include "daraja.h"
#include "log.h"

static const char not_reached[] = "M-Pesa could not be reached. Nothing was paid; try again later.";

struct taken_push {
    const char *id, *phone_number;
    int64_t amount, age_s;
};

struct settling {
    struct app *app;
    const struct settlement *settlement;
    enum settled settled;
};

static bool take(struct app *app, struct arena *arena, struct attempt *attempt, struct taken_push *ret, bool *ret_found, struct error *err);
static void send(struct app *app, struct arena *arena, const struct taken_push *push, struct daraja_answer *ret);
static struct settlement settlement_of(const struct app *app, const struct taken_push *push, const struct daraja_answer *answer);
static bool settle(struct db *db, void *argument, struct error *err);

bool push_next(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err)
{
    struct taken_push taken = {0};
    struct daraja_answer answer = {0};
    struct attempt *attempt = state;
    if (!take(app, arena, attempt, &taken, ret_worked, err) || !*ret_worked) return err->problem == NULL;
    send(app, arena, &taken, &answer);
    const struct settlement settlement = settlement_of(app, &taken, &answer);
    if (answer.outcome != DARAJA_DONE)
        log_warning("push_not_taken", LOG_TEXT("push", taken.id), LOG_TEXT("code", answer.code), LOG_TEXT("detail", answer.detail));
    struct settling settling = {.app = app, .settlement = &settlement};
    if (!attempt_end(attempt, app, arena, answer.outcome != DARAJA_NOT_SENT, settle, &settling, err)) {
        log_error("push_answer_not_kept", LOG_TEXT("push", taken.id), LOG_TEXT("checkout_request_id", answer.checkout_request_id));
        return false;
    }
    if (settling.settled == SETTLED_APPLIED || !answer.checkout_request_id) return true;
    // the callback was faster: it is settled, and still gets its ids
    return db_exec_alone(app->pool, arena, &SQL_push_ids,
                         DB_IN(DB_TEXT(taken.id), DB_TEXT(answer.merchant_request_id), DB_TEXT(answer.checkout_request_id)), NULL, err);
}

static bool take(struct app *app, struct arena *arena, struct attempt *attempt, struct taken_push *ret, bool *ret_found, struct error *err)
{
    if (!attempt_begin(attempt, push_give_back, app, arena, err)) return false;
    const enum db_found found =
        db_row_alone(app->pool, arena, &SQL_push_take, DB_IN(DB_INT(daraja_lease_s(app)), DB_TEXT(attempt->id), DB_INT(payments_settings_of(app)->repeat_s)),
                     DB_OUT(DB_GET_TEXT(&ret->id), DB_GET_TEXT(&ret->phone_number), DB_GET_INT(&ret->amount), DB_GET_INT(&ret->age_s)), err);
    *ret_found = found == DB_FOUND;
    if (found == DB_FAILED && err->problem == &problem_conflict) error_clear(err); // another worker was faster with this phone
    attempt->is_lost = err->problem != NULL;
    return err->problem == NULL;
}

bool push_give_back(struct app *app, struct db *db, const char *attempt_id, struct error *err)
{
    const char *push_id = NULL;
    enum settled settled;
    enum db_found found = db_row(db, &SQL_push_lost, DB_IN(DB_TEXT(attempt_id)), DB_OUT(DB_GET_TEXT(&push_id)), err);
    if (found != DB_FOUND) return found == DB_NONE;
    log_warning("push_given_back", LOG_TEXT("push", push_id), LOG_TEXT("attempt", attempt_id));
    const struct settlement not_sent = {.push_id = push_id, .event = EVENT_NOT_SENT, .detail = "never sent", .reason = not_reached, .by = "push"};
    return push_settle(app, db, &not_sent, &settled, err);
}

static bool is_late(const struct app *app, const struct taken_push *push)
{
    return push->age_s >= payments_settings_of(app)->prompt_within_s;
}

// Nobody expects a prompt any more for what waited so long, as where this service was away, or its database came back from a backup, in
// which an old push seems not to be sent.
static void send(struct app *app, struct arena *arena, const struct taken_push *taken, struct daraja_answer *ret)
{
    const struct daraja_push push = {.push_id = taken->id, .phone_number = taken->phone_number, .amount = taken->amount, .reference = "Domestic"};
    if (is_late(app, taken)) *ret = (struct daraja_answer){.outcome = DARAJA_NOT_SENT, .detail = "too late to be sent"};
    else daraja_push(app, &push, arena, ret);
}

static struct settlement settlement_of(const struct app *app, const struct taken_push *push, const struct daraja_answer *answer)
{
    const struct payments_settings *settings = payments_settings_of(app);
    struct settlement settlement = {.push_id = push->id, .code = answer->code, .detail = answer->detail, .reason = answer->reason, .by = "push",
                                    .merchant_request_id = answer->merchant_request_id, .checkout_request_id = answer->checkout_request_id,
                                    .wait_s = settings->query_first_s};
    switch (answer->outcome) {
    case DARAJA_DONE: settlement.event = EVENT_ACCEPTED; break;
    case DARAJA_REFUSED: settlement.event = EVENT_REFUSED; break;
    case DARAJA_LOST: settlement.event = EVENT_LOST; break;
    case DARAJA_NOT_SENT:
        settlement.event = is_late(app, push) ? EVENT_REFUSED : EVENT_NOT_SENT;
        settlement.reason = not_reached;
        settlement.wait_s = answer->wait_s;
        break;
    }
    return settlement;
}

static bool settle(struct db *db, void *argument, struct error *err)
{
    struct settling *settling = argument;
    return push_settle(settling->app, db, settling->settlement, &settling->settled, err);
}

bool push_settle_now(struct app *app, struct arena *arena, const struct settlement *settlement, enum settled *ret, struct error *err)
{
    struct settling settling = {.app = app, .settlement = settlement};
    if (!db_transaction(app->pool, DB_WRITE, arena, settle, &settling, err)) return false;
    *ret = settling.settled;
    return true;
}
