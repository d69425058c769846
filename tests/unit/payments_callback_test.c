// SPDX-License-Identifier: MIT
// Callbacks as they are worked off: what fits is believed, what does not is left to a query, and nothing is credited meanwhile.
#include "payments_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "push.h"
#include "refund.h"

static const char *refund_asked(int credits);
static void refund_told(bool completed);

// A callback for purchase a; members may be given as JSON.
static const char *callback(const char *checkout, const char *code, const char *amount, const char *receipt)
{
    const bool paid = strcmp(code, "0") == 0;
    const char *items = paid ? arena_printf(made.kit.arena, ",\"CallbackMetadata\":{\"Item\":[{\"Name\":\"Amount\",\"Value\":%s},"
                                            "{\"Name\":\"MpesaReceiptNumber\",\"Value\":%s},{\"Name\":\"Balance\"}]}", amount, receipt) : "";
    return arena_printf(made.kit.arena, "{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":\"m-a\",\"CheckoutRequestID\":\"%s\",\"ResultCode\":%s,"
                                        "\"ResultDesc\":\"said\"%s}}}", checkout, code, items);
}

static const char *status(void)
{
    return cell(&made, "SELECT status FROM user_purchases WHERE id = 'a'");
}

static void what_fits_is_believed(void **state)
{
    (void)state;
    assert_string_equal(callback_worked_off(&made, "a", callback("co-a", "0", "500.00", "\"R1\"")), "applied");
    assert_string_equal(status(), "completed");
    assert_string_equal(callback_worked_off(&made, "a", callback("co-a", "0", "500", "\"R1\"")), "duplicate");
    assert_string_equal(callback_worked_off(&made, "a", callback("co-a", "1032", "0", "\"\"")), "ignored");
    assert_int_equal(number(&made, "SELECT sum(amount) FROM ledger_entries WHERE kind = 'credits_bought'"), 3);
}

static void an_amount_may_come_as_text(void **state)
{
    (void)state;
    assert_string_equal(callback_worked_off(&made, "a", callback("co-a", "0", "\"500.0\"", "\"R1\"")), "applied");
    assert_string_equal(status(), "completed");
}

static void a_cancelled_one_says_so_to_the_buyer(void **state)
{
    (void)state;
    assert_string_equal(callback_worked_off(&made, "a", callback("co-a", "1032", "0", "\"\"")), "applied");
    assert_string_equal(status(), "failed");
    assert_string_equal(cell(&made, "SELECT failure_reason FROM user_purchases"), "The payment was cancelled on the phone.");
}

static void expect_doubt(const char *body, const char *doubt)
{
    assert_string_equal(callback_worked_off(&made, "a", body), "doubtful");
    assert_string_equal(cell(&made, "SELECT doubt FROM stk_callbacks ORDER BY id DESC LIMIT 1"), doubt);
    assert_string_equal(status(), "pending");
    assert_string_equal(cell(&made, "SELECT in_doubt AND act_at <= now() FROM pushes WHERE id = 'push-a'"), "t"); // M-Pesa is asked at once
}

static void what_does_not_fit_is_left_to_a_query(void **state)
{
    (void)state;
    expect_doubt(callback("co-a", "0", "499", "\"R1\""), "another amount");
    expect_doubt(callback("co-a", "0", "\"five hundred\"", "\"R1\""), "no amount");
    expect_doubt(callback("co-a", "0", "\"\"", "\"R1\""), "no amount");
    expect_doubt(callback("co-b", "0", "500", "\"R1\""), "another CheckoutRequestID");
    expect_doubt(callback("co-a", "0", "500", "null"), "no receipt");
    expect_doubt(callback("co-a", "77", "0", "\"\""), "an unknown result code");
    assert_string_equal(callback_worked_off(&made, "a", "<html>"), "malformed");
    assert_string_equal(callback_worked_off(&made, "nobody", callback("co-a", "0", "500", "\"R1\"")), "no_push");
    assert_int_equal(number(&made, "SELECT count(*) FROM ledger_entries"), 0);
}

static void a_receipt_counts_for_one_payment(void **state)
{
    (void)state;
    purchase_pushed(&made, "b", "u2", "+254722000112");
    callback_worked_off(&made, "a", callback("co-a", "0", "500", "\"R1\""));
    const char *body = callback("co-b", "0", "500", "\"R1\"");
    char *other = strstr((char *)(uintptr_t)body, "m-a");
    other[2] = 'b';
    assert_string_equal(callback_worked_off(&made, "b", body), "doubtful");
    assert_string_equal(cell(&made, "SELECT status FROM user_purchases WHERE id = 'b'"), "pending");
}

static void a_push_whose_answer_was_lost_takes_its_ids_from_the_callback(void **state)
{
    (void)state;
    cell(&made, "UPDATE pushes SET state = 'unknown', checkout_request_id = NULL, merchant_request_id = NULL, act_at = now() + interval '1 hour'");
    expect_doubt(callback("co-z", "0", "500", "\"R1\""), "the push's own answer was lost");
    assert_string_equal(cell(&made, "SELECT checkout_request_id || merchant_request_id FROM pushes"), "co-zm-a");
}

static bool disowned(const char *checkout_request_id)
{
    struct db db = kit_session(&made.kit, DB_READ);
    int64_t count = 0;
    assert_int_equal(db_row(&db, &SQL_push_disown, DB_IN(DB_TEXT("push-a"), DB_TEXT(checkout_request_id), DB_INT(1)), DB_OUT(DB_GET_INT(&count)), &made.kit.err), DB_FOUND);
    db_end(&db);
    return count == 1;
}

// M-Pesa does not know the id that a callback has named: another callback's gets its turn, and no wrong one twice.
static void a_wrong_id_of_a_callback_makes_room_for_the_next(void **state)
{
    (void)state;
    bool worked = false;
    cell(&made, "UPDATE pushes SET state = 'unknown', checkout_request_id = NULL, merchant_request_id = NULL, pushed_at = NULL, act_at = now() + interval '1 hour'");
    expect_doubt(callback("co-wrong", "0", "500", "\"R1\""), "the push's own answer was lost");
    expect_doubt(callback("co-right", "0", "500", "\"R1\""), "another CheckoutRequestID");
    assert_false(disowned("co-right")); // that is not what it goes by
    assert_true(disowned("co-wrong"));
    assert_int_equal(number(&made, "SELECT count(*) FROM stk_callbacks WHERE processed_at IS NULL"), 1);
    kit_assert_fine(&made.kit, settle_next(&made.app, made.kit.arena, NULL, &worked, &made.kit.err));
    assert_string_equal(cell(&made, "SELECT checkout_request_id FROM pushes"), "co-right");
    assert_true(disowned("co-right"));
    assert_int_equal(number(&made, "SELECT count(*) FROM stk_callbacks WHERE processed_at IS NULL"), 0);
}

static void the_id_of_the_pushs_own_answer_stays(void **state)
{
    (void)state;
    cell(&made, "UPDATE pushes SET state = 'unknown'"); // M-Pesa was silent
    assert_false(disowned("co-a"));
    assert_string_equal(cell(&made, "SELECT checkout_request_id FROM pushes"), "co-a");
}

// A query tells no receipt, and a payment without one cannot be reversed.
static void the_receipt_of_a_doubted_callback_is_kept_for_the_query(void **state)
{
    (void)state;
    callback_worked_off(&made, "a", callback("co-a", "0", "499", "\"R1\""));
    struct db db = kit_session(&made.kit, DB_WRITE);
    const char *id = NULL, *state_name = NULL, *checkout = NULL, *receipt = NULL;
    int64_t count = 0, age_s = 0;
    assert_int_equal(db_row(&db, &SQL_query_take, DB_IN(DB_INT(60)), DB_OUT(DB_GET_TEXT(&id), DB_GET_TEXT(&state_name), DB_GET_TEXT(&checkout),
                            DB_GET_INT(&count), DB_GET_INT(&age_s), DB_GET_TEXT(&receipt)), &made.kit.err), DB_FOUND);
    assert_string_equal(receipt, "R1");
    db_end(&db);
}

// A push that was taken for never sent, and of which M-Pesa speaks all the same, is not sent again.
static void what_mpesa_speaks_of_was_sent(void **state)
{
    (void)state;
    for (int is_one = 0; is_one < 2; is_one++) {
        a_pushed_purchase(state);
        purchase_unsent(&made, "a");
        callback_worked_off(&made, "a", is_one ? callback("co-a", "0", "500", "\"R1\"") : "<html>");
        assert_string_equal(cell(&made, "SELECT state FROM pushes"), "unknown");
        assert_int_equal(push_taken(&made), DB_NONE);
    }
}

// What a callback alone has named is not confirmed by the same once more.
static void a_doubted_callback_is_not_believed_the_second_time(void **state)
{
    (void)state;
    cell(&made, "UPDATE pushes SET state = 'unknown', checkout_request_id = NULL, merchant_request_id = NULL, pushed_at = NULL, act_at = now() + interval '1 hour'");
    for (int i = 0; i < 2; i++) expect_doubt(callback("co-z", "0", "500", "\"R1\""), "the push's own answer was lost");
    assert_int_equal(number(&made, "SELECT count(*) FROM ledger_entries"), 0);
}

// One says paid and does not fit, the next fits and says not paid: M-Pesa is asked all the same.
static void a_doubt_outlives_a_callback_that_says_not_paid(void **state)
{
    (void)state;
    expect_doubt(callback("co-a", "0", "499", "\"R1\""), "another amount");
    assert_string_equal(callback_worked_off(&made, "a", callback("co-a", "1032", "0", "\"\"")), "applied");
    assert_string_equal(status(), "failed");
    assert_string_equal(cell(&made, "SELECT in_doubt AND act_at <= now() FROM pushes"), "t");
}

// Somebody has written past the service, so that one callback fails whenever it is worked off.
static void a_callback_that_fails_is_in_no_others_way(void **state)
{
    (void)state;
    bool worked = false;
    purchase_pushed(&made, "b", "u2", "+254722000222");
    cell(&made, "INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) VALUES ('paid', 'KES', 100, 'customers', 'mpesa', 'a');"
                "INSERT INTO stk_callbacks (push_id, source_address, body) VALUES ('push-a', '127.0.0.1', '%s')", callback("co-a", "0", "500", "\"R1\""));
    assert_false(settle_next(&made.app, made.kit.arena, NULL, &worked, &made.kit.err));
    kit_forget(&made.kit);
    const char *cancelled = "{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":\"m-b\",\"CheckoutRequestID\":\"co-b\",\"ResultCode\":1032,\"ResultDesc\":\"said\"}}}";
    assert_string_equal(callback_worked_off(&made, "b", cancelled), "applied");
    assert_int_equal(number(&made, "SELECT count(*) FROM stk_callbacks WHERE processed_at IS NULL AND act_at > now()"), 1); // it stays
}

static void a_callback_before_the_pushs_own_answer_waits(void **state)
{
    (void)state;
    cell(&made, "UPDATE pushes SET state = 'pushing', checkout_request_id = NULL");
    assert_string_equal(callback_worked_off(&made, "a", callback("co-a", "0", "500", "\"R1\"")), "none");
    assert_string_equal(cell(&made, "SELECT act_at > now() FROM stk_callbacks"), "t");
    assert_string_equal(status(), "pending");
}

// --- Refunds and fees ----------------------------------------------------------------------------

static const char *refund_asked(int credits)
{
    struct db db = kit_session(&made.kit, DB_WRITE);
    const char *json = NULL;
    const bool ok = db_text(&db, &SQL_refund_insert,
                            DB_IN(DB_TEXT("r1"), DB_TEXT("reversal"), DB_TEXT("purchase"), DB_TEXT("a"), DB_TEXT("u1"), DB_INT(50000), DB_INT(credits), DB_TEXT("R1"),
                                  DB_TEXT(NULL), DB_TEXT("asked"), DB_TEXT("admin"), DB_TEXT("conv-1")), &json, NULL, &made.kit.err) && db_commit(&db, &made.kit.err);
    db_end(&db);
    return ok ? json : NULL;
}

static void refund_told(bool completed)
{
    struct db db = kit_session(&made.kit, DB_WRITE);
    kit_assert_fine(&made.kit, refund_settle(&db, "r1", completed, "RR1", "1", "no float", &made.kit.err) && db_commit(&db, &made.kit.err));
    db_end(&db);
}

static void a_whole_refund_takes_the_credits_and_gives_the_money(void **state)
{
    (void)state;
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    assert_non_null(refund_asked(3));
    assert_int_equal(number(&made, "SELECT balance FROM ledger_balances"), 0); // not to be spent meanwhile
    refund_told(true);
    refund_told(true); // said twice
    assert_string_equal(status(), "refunded");
    assert_int_equal(number(&made, "SELECT sum(amount) FROM ledger_entries WHERE kind = 'refunded'"), 50000);
    assert_int_equal(number(&made, "SELECT count(*) FROM outbox WHERE type LIKE '%%purchase.refunded%%'"), 1);
    assert_int_equal(number(&made, "SELECT count(*) FROM audit_log WHERE action = 'payment.refund_requested'"), 1);
}

static void a_failed_refund_returns_the_credits(void **state)
{
    (void)state;
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    refund_asked(3);
    refund_told(false);
    assert_string_equal(status(), "completed");
    assert_int_equal(number(&made, "SELECT balance FROM ledger_balances"), 3);
    assert_int_equal(number(&made, "SELECT received FROM ledger_balances"), 3);
}

static void a_refund_paid_after_its_failure_counts(void **state)
{
    (void)state;
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    refund_asked(3);
    refund_told(false);
    cell(&made, "INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) VALUES ('credit_spent', 'credit', 1, 'user:u1', 'credits_used', 'x')");
    refund_told(true);
    refund_told(true);
    assert_string_equal(status(), "refunded");
    assert_int_equal(number(&made, "SELECT balance FROM ledger_balances"), 0); // two were left
    assert_int_equal(number(&made, "SELECT sum(amount) FROM ledger_entries WHERE kind = 'refunded'"), 50000);
    assert_string_equal(cell(&made, "SELECT was_late FROM refunds"), "t"); // a finding for administrators
}

static void spent_credits_cannot_be_taken_back(void **state)
{
    (void)state;
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    assert_null(refund_asked(4));
    kit_assert_problem(&made.kit, &problem_no_credits);
    kit_forget(&made.kit);
    assert_int_equal(number(&made, "SELECT count(*) FROM refunds"), 0);
}

static void a_fee_is_pushed_once_and_answered(void **state)
{
    (void)state;
    cell(&made, "INSERT INTO payers VALUES ('u5', '+254733000111', '1')");
    fee_asked(&made, "fee1", "u5");
    fee_asked(&made, "fee1", "u5");
    assert_int_equal(number(&made, "SELECT count(*) FROM pushes WHERE subject_kind = 'agency_payment' AND amount = 100100"), 1);
    cell(&made, "UPDATE pushes SET state = 'pushed', id = 'push-fee' WHERE subject_kind = 'agency_payment'");
    assert_int_equal(purchase_settled(&made, "fee", EVENT_PAID, "RF"), SETTLED_APPLIED);
    assert_int_equal(number(&made, "SELECT count(*) FROM outbox WHERE type LIKE '%%agency_payment.completed%%' AND data ->> 'fee_id' = 'fee1'"), 1);
    assert_int_equal(number(&made, "SELECT sum(amount) FROM ledger_entries WHERE kind = 'paid'"), 100100);
}

static void a_fee_of_somebody_without_a_phone_fails_at_once(void **state)
{
    (void)state;
    fee_asked(&made, "fee2", "unknown");
    assert_int_equal(number(&made, "SELECT count(*) FROM outbox WHERE type LIKE '%%agency_payment.failed%%' AND data ->> 'failure_reason' LIKE 'There is no phone%%'"), 1);
    assert_int_equal(number(&made, "SELECT count(*) FROM pushes WHERE subject_kind = 'agency_payment'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_fits_is_believed, a_pushed_purchase),
        cmocka_unit_test_setup(an_amount_may_come_as_text, a_pushed_purchase),
        cmocka_unit_test_setup(a_cancelled_one_says_so_to_the_buyer, a_pushed_purchase),
        cmocka_unit_test_setup(what_does_not_fit_is_left_to_a_query, a_pushed_purchase),
        cmocka_unit_test_setup(a_receipt_counts_for_one_payment, a_pushed_purchase),
        cmocka_unit_test_setup(a_push_whose_answer_was_lost_takes_its_ids_from_the_callback, a_pushed_purchase),
        cmocka_unit_test_setup(a_wrong_id_of_a_callback_makes_room_for_the_next, a_pushed_purchase),
        cmocka_unit_test_setup(the_id_of_the_pushs_own_answer_stays, a_pushed_purchase),
        cmocka_unit_test_setup(the_receipt_of_a_doubted_callback_is_kept_for_the_query, a_pushed_purchase),
        cmocka_unit_test_setup(what_mpesa_speaks_of_was_sent, a_pushed_purchase),
        cmocka_unit_test_setup(a_doubted_callback_is_not_believed_the_second_time, a_pushed_purchase),
        cmocka_unit_test_setup(a_doubt_outlives_a_callback_that_says_not_paid, a_pushed_purchase),
        cmocka_unit_test_setup(a_callback_that_fails_is_in_no_others_way, a_pushed_purchase),
        cmocka_unit_test_setup(a_callback_before_the_pushs_own_answer_waits, a_pushed_purchase),
        cmocka_unit_test_setup(a_whole_refund_takes_the_credits_and_gives_the_money, a_pushed_purchase),
        cmocka_unit_test_setup(a_failed_refund_returns_the_credits, a_pushed_purchase),
        cmocka_unit_test_setup(a_refund_paid_after_its_failure_counts, a_pushed_purchase),
        cmocka_unit_test_setup(spent_credits_cannot_be_taken_back, a_pushed_purchase),
        cmocka_unit_test_setup(a_fee_is_pushed_once_and_answered, a_pushed_purchase),
        cmocka_unit_test_setup(a_fee_of_somebody_without_a_phone_fails_at_once, a_pushed_purchase),
    };
    return cmocka_run_group_tests(tests, payments_made, payments_dropped);
}
