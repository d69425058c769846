// SPDX-License-Identifier: MIT
#include "refund.h"

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "audit.h"
#include "id.h"
#include "log.h"

// The payment that is to be given back.
struct refundable {
    const char *kind, *user_id, *receipt, *status, *phone_number;
    int64_t charged, credits, refunded;
};

static bool read_subject(struct request *rq, struct refundable *ret, struct error *err);
static bool may_refund(const struct refundable *subject, int64_t amount, bool whole, struct error *err);
static bool insert(struct request *rq, struct response *rs, const struct refundable *subject, int64_t amount, bool whole, struct error *err);

// The whole is reversed by its receipt and takes the credits back; a part goes to the payer's phone and leaves them.
bool refund_create(struct request *rq, struct response *rs, struct error *err)
{
    const struct refund_input *input = rq->input;
    struct refundable subject = {0};
    if (!read_subject(rq, &subject, err)) return false;
    const bool whole = !field_given(&refund_input_fields, input, "amount");
    const int64_t amount = whole ? subject.charged : input->amount;
    if (amount % 100) return error_violation(err, "/amount", "must be whole shillings");
    return may_refund(&subject, amount, whole, err) && insert(rq, rs, &subject, amount, whole, err);
}

static bool read_subject(struct request *rq, struct refundable *ret, struct error *err)
{
    if (!db_exec(&rq->db, &SQL_refund_subject_lock, DB_IN(DB_TEXT(rq->parameters[0])), NULL, err)) return false;
    enum db_found found = db_row(&rq->db, &SQL_refund_subject, DB_IN(DB_TEXT(rq->parameters[0])),
                                 DB_OUT(DB_GET_TEXT(&ret->kind), DB_GET_TEXT(&ret->user_id), DB_GET_INT(&ret->charged), DB_GET_TEXT(&ret->receipt),
                                        DB_GET_TEXT(&ret->status), DB_GET_INT(&ret->credits), DB_GET_TEXT(&ret->phone_number), DB_GET_INT(&ret->refunded)), err);
    return found == DB_NONE ? error_set(err, &problem_no_payment, NULL) : found == DB_FOUND;
}

static bool may_refund(const struct refundable *subject, int64_t amount, bool whole, struct error *err)
{
    if (!text_equal(subject->status, "completed")) return error_set(err, &problem_not_refundable, NULL);
    if (subject->refunded + amount > subject->charged)
        return error_set(err, &problem_not_refundable, "Of this payment %.2f can still be refunded.", (double)(subject->charged - subject->refunded) / 100);
    if (whole && !subject->receipt) return error_set(err, &problem_not_refundable, "M-Pesa has told no receipt of this payment, so it cannot be reversed; refund an amount instead.");
    if (!whole && !subject->phone_number) return error_set(err, &problem_not_refundable, "The payer's phone is no longer known.");
    return true;
}

static bool insert(struct request *rq, struct response *rs, const struct refundable *subject, int64_t amount, bool whole, struct error *err)
{
    char id[UUID_SIZE], conversation[UUID_SIZE];
    const char *json = NULL;
    id_new(rq->now_ms, id);
    id_new(rq->now_ms, conversation);
    const bool ok = db_text(&rq->db, &SQL_refund_insert,
                            DB_IN(DB_TEXT(id), DB_TEXT(whole ? "reversal" : "b2c"), DB_TEXT(subject->kind), DB_TEXT(rq->parameters[0]), DB_TEXT(subject->user_id),
                                  DB_INT(amount), DB_INT(whole ? subject->credits : 0), DB_TEXT(whole ? subject->receipt : NULL),
                                  DB_TEXT(whole ? NULL : subject->phone_number), DB_TEXT(((const struct refund_input *)rq->input)->reason),
                                  DB_TEXT(rq->caller.user_id), DB_TEXT(conversation)), &json, NULL, err);
    if (!ok) return err->problem == &problem_no_credits ? error_set(err, &problem_credits_used, NULL) : false;
    response_json(rs, json);
    rs->wake = &payments_workers[WORKER_REFUND];
    return true;
}

// --- M-Pesa's result -----------------------------------------------------------------------------

struct told {
    const char *refund_id;
    const char *code, *detail, *receipt;
};

// Already reversed (by hand, in M-Pesa's portal): the money is back all the same.
#define ALREADY_REVERSED "R000001"

static bool settle(struct db *db, void *argument, struct error *err)
{
    const struct told *told = argument;
    return refund_settle(db, told->refund_id, text_equal(told->code, "0") || text_equal(told->code, ALREADY_REVERSED), told->receipt, told->code, told->detail, err);
}

bool refund_result(struct app *app, struct arena *arena, const struct spooled *told_by_mpesa, struct error *err)
{
    struct error unread = {0};
    CLEANUP(json_release) json_t *whole = json_parse(told_by_mpesa->body, strlen(told_by_mpesa->body), &unread);
    const json_t *result = json_object_get(whole, "Result"), *code = json_object_get(result, "ResultCode");
    struct told told = {.refund_id = told_by_mpesa->refund_id, .detail = json_member_text(result, "ResultDesc"), .receipt = json_member_text(result, "TransactionID")};
    told.code = json_is_integer(code) ? arena_printf(arena, "%lld", (long long)json_integer_value(code)) : json_string_value(code);
    if ((!whole && error_passes(&unread)) || (json_is_integer(code) && !told.code)) return error_set(err, &problem_unavailable, NULL); // no memory
    if (told.code) return db_transaction(app->pool, DB_WRITE, arena, settle, &told, err);
    log_warning("refund_result_malformed", LOG_TEXT("refund", told.refund_id)); // it stays open, and is a finding
    return true;
}

// *ret_state: NULL where there is no such refund.
static bool lock_refund(struct db *db, const char *refund_id, const char **ret_state, struct error *err)
{
    const char *subject_id = NULL;
    *ret_state = NULL;
    enum db_found found = db_row(db, &SQL_refund_of, DB_IN(DB_TEXT(refund_id)), DB_OUT(DB_GET_TEXT(&subject_id)), err);
    if (found != DB_FOUND) return found == DB_NONE;
    return db_exec(db, &SQL_refund_subject_lock, DB_IN(DB_TEXT(subject_id)), NULL, err) &&
           db_row(db, &SQL_refund_lock, DB_IN(DB_TEXT(refund_id)), DB_OUT(DB_GET_TEXT(ret_state)), err) == DB_FOUND;
}

bool refund_settle(struct db *db, const char *refund_id, bool completed, const char *receipt, const char *code, const char *detail, struct error *err)
{
    const char *state = NULL;
    int64_t settled = 0;
    if (!lock_refund(db, refund_id, &state, err)) return false;
    if (!state) return true;
    if (text_equal(state, "completed") || (text_equal(state, "failed") && !completed)) return true; // said before
    return completed ? db_row(db, &SQL_refund_completed, DB_IN(DB_TEXT(refund_id), DB_TEXT(receipt)), DB_OUT(DB_GET_INT(&settled)), err) == DB_FOUND
                     : db_row(db, &SQL_refund_failed, DB_IN(DB_TEXT(refund_id), DB_TEXT(code), DB_TEXT(detail)), DB_OUT(DB_GET_INT(&settled)), err) == DB_FOUND;
}

// --- By hand -------------------------------------------------------------------------------------

struct seen {
    const char *refund_id;
    const char *receipt; // NULL: it was not paid back
};

static bool settle_as_seen(struct db *db, void *argument, struct error *err)
{
    const struct seen *seen = argument;
    const char *state = NULL;
    if (!lock_refund(db, seen->refund_id, &state, err)) return false;
    if (!text_equal(state, "unknown"))
        return error_set(err, &problem_conflict, "Only an unknown refund is settled by hand; this one is %s.", state ? state : "not there");
    return audit_add(db, "operator", "payment.refund_settled", seen->refund_id, seen->receipt ? "{\"paid\": true}" : "{\"paid\": false}", err) &&
           refund_settle(db, seen->refund_id, seen->receipt != NULL, seen->receipt, NULL, "Settled by hand.", err);
}

int verb_refund_settled(struct app *app, int argc, char **argv)
{
    const bool is_paid = argc == 3 && strcmp(argv[1], "completed") == 0;
    if (!is_paid && (argc != 2 || strcmp(argv[1], "failed") != 0)) {
        fputs("payments refund-settled: give the refund's ID and what M-Pesa's statement shows: completed RECEIPT, or failed\n", stderr);
        return 2;
    }
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 20);
    struct error err = {.arena = arena};
    struct seen seen = {.refund_id = argv[0], .receipt = is_paid ? argv[2] : NULL};
    if (arena && db_transaction(app->pool, DB_WRITE, arena, settle_as_seen, &seen, &err)) return printf("refund %s is %s\n", argv[0], argv[1]) < 0;
    fprintf(stderr, "payments refund-settled: %s\n", arena ? err.detail : "no memory");
    return 1;
}
