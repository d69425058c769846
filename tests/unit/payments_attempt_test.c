// SPDX-License-Identifier: MIT
// What a worker takes to send: when it is due, and what becomes of it where the worker was not told of it, or could not say what it did.
#include "attempt.h"
#include "payments_database.h"
#include "push.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum db_found take_push(struct attempt *attempt)
{
    struct db db = kit_session(&made.kit, DB_READ);
    assert_true(attempt_begin(attempt, push_give_back, &made.app, made.kit.arena, &made.kit.err));
    const enum db_found found = db_row(&db, &SQL_push_take, DB_IN(DB_INT(60), DB_TEXT(attempt->id), DB_INT(120)), (struct db_targets){0}, &made.kit.err);
    db_end(&db);
    return found;
}

// A fee may be due right after a purchase of the same amount, which M-Pesa would refuse.
static void a_phone_is_not_prompted_for_what_it_just_paid(void **state)
{
    (void)state;
    struct attempt attempt = {0};
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    purchase_pushed(&made, "b", "u1", "+254722000111");
    cell(&made, "UPDATE pushes SET state = 'created' WHERE id = 'push-b'");
    assert_int_equal(take_push(&attempt), DB_NONE);
    cell(&made, "UPDATE pushes SET amount = 60000 WHERE id = 'push-b'");
    assert_int_equal(take_push(&attempt), DB_FOUND);
    cell(&made, "UPDATE pushes SET amount = 50000, state = 'created', act_at = now() WHERE id = 'push-b'; UPDATE pushes SET settled_at = now() - interval '3 minutes' WHERE id = 'push-a'");
    assert_int_equal(take_push(&attempt), DB_FOUND);
}

// What is taken is sent once. What one worker took without being told of it is in the other's way no longer than its pause.
static void what_was_taken_unknowingly_goes_back(void **state)
{
    (void)state;
    struct attempt told = {0}, untold = {0};
    purchase_to_be_sent(&made, "a", "u1", "+254722000111");
    purchase_to_be_sent(&made, "b", "u2", "+254722000222");
    assert_int_equal(take_push(&told), DB_FOUND);
    const char *sent = cell(&made, "SELECT id FROM pushes WHERE state = 'pushing'");
    assert_int_equal(take_push(&untold), DB_FOUND);
    assert_int_equal(number(&made, "SELECT count(*) FROM pushes WHERE state = 'pushing'"), 2);
    untold.is_lost = true; // the answer of the database did not come
    assert_true(attempt_begin(&told, push_give_back, &made.app, made.kit.arena, &made.kit.err));
    assert_true(attempt_begin(&untold, push_give_back, &made.app, made.kit.arena, &made.kit.err));
    assert_false(untold.is_lost);
    assert_string_equal(cell(&made, "SELECT string_agg(id, ' ') FROM pushes WHERE state = 'pushing'"), sent);
    assert_int_equal(take_push(&untold), DB_FOUND);
}

// The database was away for longer than the lease: what was never sent is not asked about for days.
static void what_was_taken_unknowingly_does_not_wait_for_days(void **state)
{
    (void)state;
    struct attempt untold = {0};
    purchase_to_be_sent(&made, "a", "u1", "+254722000111");
    assert_int_equal(take_push(&untold), DB_FOUND);
    cell(&made, "UPDATE pushes SET state = 'unknown'"); // by query_next
    untold.is_lost = true;
    assert_true(attempt_begin(&untold, push_give_back, &made.app, made.kit.arena, &made.kit.err));
    assert_string_equal(cell(&made, "SELECT p.state || ' ' || u.status FROM pushes AS p, user_purchases AS u"), "failed failed");
    assert_int_equal(number(&made, "SELECT count(*) FROM outbox WHERE type LIKE '%%.purchase.failed.v1'"), 1);
    assert_int_equal(take_push(&untold), DB_NONE);
}

// Another took it meanwhile, or M-Pesa speaks of it: it is not this attempt's any more.
static void what_another_has_taken_is_not_given_back(void **state)
{
    static const char *const meanwhile[] = {"state = 'pushing', taken_by = 'another'", "state = 'unknown', taken_by = 'another'",
                                            "state = 'unknown', checkout_request_id = 'co-a'", "state = 'unknown', in_doubt = true", "state = 'pushed'"};
    for (size_t i = 0; i < COUNT_OF(meanwhile); i++) {
        struct attempt untold = {0};
        payments_clean(state);
        purchase_to_be_sent(&made, "a", "u1", "+254722000111");
        assert_int_equal(take_push(&untold), DB_FOUND);
        cell(&made, "UPDATE pushes SET %s", meanwhile[i]);
        const char *before = cell(&made, "SELECT p::text FROM pushes AS p");
        untold.is_lost = true;
        assert_true(attempt_begin(&untold, push_give_back, &made.app, made.kit.arena, &made.kit.err));
        assert_string_equal(cell(&made, "SELECT p::text FROM pushes AS p"), before);
    }
}

static void a_refund_taken_unknowingly_gives_the_credits_back(void **state)
{
    (void)state;
    struct attempt untold = {0};
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    assert_true(attempt_begin(&untold, refund_give_back, &made.app, made.kit.arena, &made.kit.err));
    cell(&made, "INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) VALUES ('credits_taken_back', 'credit', 3, 'user:u1', 'credits_issued', 'r1');"
                "INSERT INTO refunds (id, method, subject_kind, subject_id, user_id, amount, credits, receipt, reason, requested_by, originator_conversation_id, state, taken_by) "
                "VALUES ('r1', 'reversal', 'purchase', 'a', 'u1', 50000, 3, 'R1', 'asked', 'admin', 'conv-1', 'unknown', '%s')", untold.id);
    untold.is_lost = true;
    assert_true(attempt_begin(&untold, refund_give_back, &made.app, made.kit.arena, &made.kit.err));
    assert_string_equal(cell(&made, "SELECT state FROM refunds"), "failed");
    assert_int_equal(number(&made, "SELECT balance FROM ledger_balances"), 3);
    assert_int_equal(number(&made, "SELECT count(*) FROM outbox WHERE type LIKE '%%.refund.failed.v1'"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_phone_is_not_prompted_for_what_it_just_paid, payments_clean),
        cmocka_unit_test_setup(what_was_taken_unknowingly_goes_back, payments_clean),
        cmocka_unit_test_setup(what_was_taken_unknowingly_does_not_wait_for_days, payments_clean),
        cmocka_unit_test_setup(what_another_has_taken_is_not_given_back, payments_clean),
        cmocka_unit_test_setup(a_refund_taken_unknowingly_gives_the_credits_back, payments_clean),
    };
    return cmocka_run_group_tests(tests, payments_made, payments_dropped);
}
