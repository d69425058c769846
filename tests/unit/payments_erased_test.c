// SPDX-License-Identifier: MIT
// A person is erased: she is prompted no more, her phone goes, and money that moves all the same counts.
#include "payments_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "erased.h"
#include "push.h"

static void forget(const char *user_id)
{
    struct db db = kit_session(&made.kit, DB_WRITE);
    kit_assert_fine(&made.kit, person_erased(&made.app, &db, &(struct event){.key = user_id}, &made.kit.err) && db_commit(&db, &made.kit.err));
    db_end(&db);
}

static void clean_up(void)
{
    struct db db = kit_session(&made.kit, DB_WRITE);
    kit_assert_fine(&made.kit, payments_jobs[1].run(&made.app, &db, &made.kit.err) && db_commit(&db, &made.kit.err));
    db_end(&db);
}

#define PAID_BY_HER "{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":\"m-a\",\"CheckoutRequestID\":\"co-a\",\"ResultCode\":0,\"ResultDesc\":\"said\"," \
                    "\"CallbackMetadata\":{\"Item\":[{\"Name\":\"Amount\",\"Value\":500},{\"Name\":\"MpesaReceiptNumber\",\"Value\":\"R1\"}," \
                    "{\"Name\":\"PhoneNumber\",\"Value\":254722000111}]}}}}"

// Her erasure comes between a callback and its being worked off.
static void what_an_erased_person_paid_is_understood(void **state)
{
    (void)state;
    cell(&made, "INSERT INTO stk_callbacks (push_id, source_address, body) VALUES ('push-a', '127.0.0.1', '" PAID_BY_HER "')");
    forget("u1");
    bool worked = false;
    kit_assert_fine(&made.kit, settle_next(&made.app, made.kit.arena, NULL, &worked, &made.kit.err));
    assert_string_equal(cell(&made, "SELECT outcome FROM stk_callbacks"), "applied");
    assert_string_equal(cell(&made, "SELECT receipt FROM user_purchases"), "R1");
    cell(&made, "INSERT INTO refunds (id, method, subject_kind, subject_id, user_id, amount, phone_number, reason, requested_by, originator_conversation_id, state) "
                "VALUES ('r1', 'b2c', 'purchase', 'a', 'u1', 100, '+254722000111', 'asked', 'admin', 'conv-1', 'completed')");
    clean_up();
    assert_int_equal(number(&made, "SELECT count(*) FROM pushes WHERE phone_number IS NOT NULL"), 0);
    assert_int_equal(number(&made, "SELECT count(*) FROM stk_callbacks WHERE body ~ '254[17][0-9]{8}'"), 0);
    assert_int_equal(number(&made, "SELECT count(*) FROM refunds WHERE phone_number IS NOT NULL"), 0);
}

// M-Pesa says it once more.
static void what_comes_after_an_erasure_keeps_no_phone(void **state)
{
    (void)state;
    assert_string_equal(callback_worked_off(&made, "a", PAID_BY_HER), "applied");
    forget("u1");
    assert_string_equal(callback_worked_off(&made, "a", PAID_BY_HER), "duplicate");
    assert_int_equal(number(&made, "SELECT count(*) FROM stk_callbacks WHERE body ~ '254[17][0-9]{8}'"), 0);
    assert_int_equal(number(&made, "SELECT count(*) FROM stk_callbacks WHERE body::json IS NOT NULL"), 2);
}

static void an_erased_person_is_not_prompted(void **state)
{
    (void)state;
    purchase_unsent(&made, "a");
    cell(&made, "INSERT INTO payers VALUES ('u1', '+254733000111', '1')");
    fee_asked(&made, "fee1", "u1");
    forget("u1");
    assert_int_equal(push_taken(&made), DB_NONE);
    assert_string_equal(cell(&made, "SELECT string_agg(state || ' ' || (phone_number IS NULL), ', ') FROM pushes"), "failed true, failed true");
    assert_string_equal(cell(&made, "SELECT status FROM user_purchases"), "failed");
    assert_int_equal(number(&made, "SELECT count(*) FROM outbox WHERE type LIKE '%%.purchase.failed.v1' OR type LIKE '%%.agency_payment.failed.v1'"), 2);
    cell(&made, "UPDATE pushes SET checkout_request_id = 'co-a', merchant_request_id = 'm-a', pushed_at = now() WHERE id = 'push-a'");
    for (int i = 0; i < 2; i++) callback_worked_off(&made, "a", PAID_BY_HER); // whatever becomes of it, money counts
    assert_string_equal(cell(&made, "SELECT status FROM user_purchases"), "completed");
    assert_int_equal(number(&made, "SELECT sum(amount) FROM ledger_entries WHERE kind = 'paid'"), 50000);
}

// She is erased while a worker has her push: where it goes back into waiting, it waits no longer.
static void what_is_taken_while_she_is_erased_goes_out_once_at_most(void **state)
{
    (void)state;
    enum settled settled;
    purchase_unsent(&made, "a");
    assert_int_equal(push_taken(&made), DB_FOUND);
    forget("u1");
    assert_string_equal(cell(&made, "SELECT state FROM pushes"), "pushing");
    const struct settlement not_sent = {.push_id = "push-a", .event = EVENT_NOT_SENT, .by = "push"};
    kit_assert_fine(&made.kit, push_settle_now(&made.app, made.kit.arena, &not_sent, &settled, &made.kit.err));
    assert_string_equal(cell(&made, "SELECT state FROM pushes"), "created");
    assert_int_equal(push_taken(&made), DB_NONE);
    clean_up();
    assert_string_equal(cell(&made, "SELECT state || ' ' || (phone_number IS NULL) FROM pushes"), "failed true");
    assert_string_equal(cell(&made, "SELECT status FROM user_purchases"), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_an_erased_person_paid_is_understood, a_pushed_purchase),
        cmocka_unit_test_setup(what_comes_after_an_erasure_keeps_no_phone, a_pushed_purchase),
        cmocka_unit_test_setup(an_erased_person_is_not_prompted, a_pushed_purchase),
        cmocka_unit_test_setup(what_is_taken_while_she_is_erased_goes_out_once_at_most, a_pushed_purchase),
    };
    return cmocka_run_group_tests(tests, payments_made, payments_dropped);
}
