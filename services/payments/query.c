// SPDX-License-Identifier: MIT
// Asks M-Pesa about pushes of which nothing was heard, and about those that a doubtful callback speaks of.
#include "daraja.h"
#include "log.h"
#include "push.h"

#define LEASE_S 60
#define WAIT_S_MAX 600

struct open_push {
    const char *id, *state_name, *checkout_request_id, *receipt; // the receipt that a doubtful callback told, or NULL
    int64_t query_count, age_s;
};

static bool take(struct app *app, struct arena *arena, struct open_push *ret, bool *ret_found, struct error *err);
static bool without_checkout(struct app *app, struct arena *arena, const struct open_push *push, struct error *err);
static bool disown(struct app *app, struct arena *arena, const struct open_push *push, bool *ret_disowned, struct error *err);
static bool answered(struct app *app, struct arena *arena, const struct open_push *push, const struct daraja_query *query, struct error *err);
static bool not_answered(struct app *app, struct arena *arena, const struct open_push *push, const struct daraja_query *query, struct error *err);
static bool settle(struct app *app, struct arena *arena, const struct open_push *push, enum push_event event, const char *code, const char *detail,
                   const char *reason, const char *by, struct error *err);
static bool look_later(struct app *app, struct arena *arena, const struct open_push *push, const char *detail, struct error *err);
static bool doubt_given_up(struct app *app, struct arena *arena, const struct open_push *push, const char *detail, struct error *err);
static int64_t wait_s(const struct app *app, const struct open_push *push);

bool query_next(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err)
{
    (void)state;
    struct open_push push = {0};
    struct daraja_query query = {0};
    bool is_disowned = false;
    if (!take(app, arena, &push, ret_worked, err)) return false;
    if (!*ret_worked) return true;
    if (!push.checkout_request_id) return without_checkout(app, arena, &push, err);
    daraja_query(app, push.checkout_request_id, arena, &query);
    if (query.state == DARAJA_NOT_KNOWN && !disown(app, arena, &push, &is_disowned, err)) return false;
    if (is_disowned) return true;
    return query.state == DARAJA_ANSWERED ? answered(app, arena, &push, &query, err) : not_answered(app, arena, &push, &query, err);
}

static bool take(struct app *app, struct arena *arena, struct open_push *ret, bool *ret_found, struct error *err)
{
    const struct sql *const statements[] = {&SQL_query_take, &SQL_query_doubt_take};
    enum db_found found = DB_NONE;
    for (size_t i = 0; i < COUNT_OF(statements) && found == DB_NONE; i++)
        found = db_row_alone(app->pool, arena, statements[i], DB_IN(DB_INT(LEASE_S)),
                             DB_OUT(DB_GET_TEXT(&ret->id), DB_GET_TEXT(&ret->state_name), DB_GET_TEXT(&ret->checkout_request_id),
                                    DB_GET_INT(&ret->query_count), DB_GET_INT(&ret->age_s), DB_GET_TEXT(&ret->receipt)), err);
    *ret_found = found == DB_FOUND;
    return found != DB_FAILED;
}

// The answer to the push was lost: only its callback can name it.
static bool without_checkout(struct app *app, struct arena *arena, const struct open_push *push, struct error *err)
{
    static const char lost[] = "M-Pesa's answer to the push was lost.";
    if (text_equal(push->state_name, "pushing")) return settle(app, arena, push, EVENT_LOST, NULL, lost, NULL, "nobody", err);
    if (push->age_s > payments_settings_of(app)->give_up_h * 3600)
        return settle(app, arena, push, EVENT_GIVEN_UP, NULL, lost, "M-Pesa never told us of a payment. If you were charged, tell us, please.", "nobody", err);
    return look_later(app, arena, push, lost, err);
}

// An id that only a callback has named, and that M-Pesa does not know, is none. Of the push's own answer it stays.
static bool disown(struct app *app, struct arena *arena, const struct open_push *push, bool *ret_disowned, struct error *err)
{
    int64_t count = 0;
    const bool ok = db_row_alone(app->pool, arena, &SQL_push_disown, DB_IN(DB_TEXT(push->id), DB_TEXT(push->checkout_request_id), DB_INT(wait_s(app, push))),
                                 DB_OUT(DB_GET_INT(&count)), err) == DB_FOUND;
    *ret_disowned = ok && count;
    if (*ret_disowned) log_warning("checkout_disowned", LOG_TEXT("push", push->id));
    if (*ret_disowned) workers_wake(app->workers, &payments_workers[WORKER_SETTLE]);
    return ok;
}

static bool answered(struct app *app, struct arena *arena, const struct open_push *push, const struct daraja_query *query, struct error *err)
{
    const struct result_meaning *meaning = result_meaning_find(query->code);
    const enum push_event event = meaning ? meaning->event : EVENT_NOT_PAID; // the last word on codes that nobody knows
    const char *reason = meaning ? meaning->reason : "M-Pesa did not take the payment.";
    if (!settle(app, arena, push, event, query->code, query->detail, reason, "query", err)) return false;
    return event == EVENT_PAID || db_exec_alone(app->pool, arena, &SQL_doubt_over, DB_IN(DB_TEXT(push->id)), NULL, err);
}

static bool not_answered(struct app *app, struct arena *arena, const struct open_push *push, const struct daraja_query *query, struct error *err)
{
    const struct payments_settings *settings = payments_settings_of(app);
    const char *detail = query->detail ? query->detail : query->state == DARAJA_PENDING ? "still being processed" : "the query was not answered";
    const bool is_settled = text_equal(push->state_name, "failed") || text_equal(push->state_name, "expired");
    if (push->age_s > settings->give_up_h * 3600 && is_settled) return doubt_given_up(app, arena, push, detail, err);
    if (push->age_s > settings->give_up_h * 3600 && text_equal(push->state_name, "unknown"))
        return settle(app, arena, push, EVENT_GIVEN_UP, NULL, detail, "M-Pesa never told us of a payment. If you were charged, tell us, please.", "nobody", err);
    if (push->age_s > settings->silent_s && text_equal(push->state_name, "pushed"))
        return settle(app, arena, push, EVENT_SILENT, NULL, detail, NULL, "nobody", err);
    return look_later(app, arena, push, detail, err);
}

// The first wait, half as long again each time.
static int64_t wait_s(const struct app *app, const struct open_push *push)
{
    int64_t wait = payments_settings_of(app)->query_first_s;
    for (int64_t i = 0; i < push->query_count && wait < WAIT_S_MAX; i++) wait += wait / 2 + 1;
    return wait < WAIT_S_MAX ? wait : WAIT_S_MAX;
}

static bool settle(struct app *app, struct arena *arena, const struct open_push *push, enum push_event event, const char *code, const char *detail,
                   const char *reason, const char *by, struct error *err)
{
    enum settled settled;
    const struct settlement settlement = {.push_id = push->id, .event = event, .code = code, .detail = detail, .reason = reason, .by = by,
                                          .receipt = event == EVENT_PAID ? push->receipt : NULL, .wait_s = wait_s(app, push)};
    return push_settle_now(app, arena, &settlement, &settled, err);
}

static bool look_later(struct app *app, struct arena *arena, const struct open_push *push, const char *detail, struct error *err)
{
    return db_exec_alone(app->pool, arena, &SQL_query_later, DB_IN(DB_TEXT(push->id), DB_INT(wait_s(app, push)), DB_TEXT(detail)), NULL, err);
}

// M-Pesa has never said whether a settled push was paid after all: somebody has to look.
static bool doubt_given_up(struct app *app, struct arena *arena, const struct open_push *push, const char *detail, struct error *err)
{
    const bool ok = db_exec_alone(app->pool, arena, &SQL_doubt_given_up, DB_IN(DB_TEXT(push->id), DB_TEXT(detail)), NULL, err);
    if (ok) log_warning("doubt_given_up", LOG_TEXT("push", push->id));
    return ok;
}
