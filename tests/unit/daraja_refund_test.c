// SPDX-License-Identifier: MIT
// Money given back: reversals by receipt, and B2C.
#include <string.h>

#include "daraja_story.h"
#include "json.h"

#define PAYER "254700000111"

static json_t *any_reversal(struct daraja *daraja)
{
    return refund_body(daraja, "NLJ7RT61SV", NULL, 100);
}

static json_t *any_payout(struct daraja *daraja)
{
    return refund_body(daraja, NULL, PAYER, 100);
}

static void every_member_of_a_refund_is_judged(void **state)
{
    static const struct spoiled reversals[] = {
        WRONG("Initiator", NULL), WRONG("Initiator", "\"\""), WRONG("SecurityCredential", NULL), WRONG("SecurityCredential", "\"\""),
        WRONG("CommandID", "\"BusinessPayment\""), WRONG("TransactionID", NULL), WRONG("Amount", "0"), WRONG("ReceiverParty", NULL),
        WRONG("RecieverIdentifierType", NULL), WRONG("RecieverIdentifierType", "\"4\""), FINE("RecieverIdentifierType", "11"),
        WRONG("ResultURL", NULL), WRONG("QueueTimeOutURL", NULL), WRONG("Remarks", NULL),
    };
    static const struct spoiled payouts[] = {
        WRONG("OriginatorConversationID", NULL), WRONG("InitiatorName", NULL), WRONG("SecurityCredential", NULL), WRONG("CommandID", "\"TransactionReversal\""),
        FINE("CommandID", "\"SalaryPayment\""), WRONG("Amount", "\"0\""), WRONG("PartyA", "\"1\""), WRONG("PartyB", "\"0700000111\""), WRONG("Remarks", NULL),
        WRONG("QueueTimeOutURL", "\"x\""), WRONG("ResultURL", "\"x\""), FINE("Occassion", NULL),
    };
    each_is_judged(*state, REVERSAL_PATH, any_reversal, reversals, COUNT_OF(reversals));
    each_is_judged(*state, PAYOUT_PATH, any_payout, payouts, COUNT_OF(payouts));
}

static json_t *result(struct daraja *daraja, size_t index)
{
    return json_object_get(callback(daraja, index), "Result");
}

static void a_payment_is_reversed_once(void **state)
{
    struct daraja *daraja = *state;
    const char *push_id = pushed(daraja, PAYER, 300), *receipt = json_member_text(decided(push_id), "receipt");
    assert_true(receiver_wait(daraja->receiver, 1, 2000));
    const int64_t before = count("money_refunded");
    struct answer answer = reverse(daraja, receipt, 300);
    expect_status(&answer, 200);
    assert_string_equal(text_at(&answer, "ResponseCode"), "0");
    const json_t *done = result(daraja, 1);
    assert_int_equal(json_integer_value(json_object_get(done, "ResultCode")), 0);
    assert_int_equal(json_integer_value(json_object_get(done, "ResultType")), 0);
    assert_string_equal(json_member_text(done, "ConversationID"), text_at(&answer, "ConversationID"));
    assert_string_equal(json_member_text(done, "OriginatorConversationID"), text_at(&answer, "OriginatorConversationID"));
    assert_int_equal(strlen(json_member_text(done, "TransactionID")), 10);
    assert_non_null(json_object_get(json_object_get(done, "ResultParameters"), "ResultParameter"));
    assert_true(json_is_true(json_object_get(decided(push_id), "reversed")));
    assert_int_equal(count("money_refunded"), before + 300);
    reverse(daraja, receipt, 300);
    assert_string_equal(json_member_text(result(daraja, 2), "ResultCode"), "R000001");
    assert_int_equal(count("money_refunded"), before + 300);
}

static void what_was_not_paid_is_not_reversed(void **state)
{
    struct daraja *daraja = *state;
    const char *small = json_member_text(decided(pushed(daraja, PAYER, 10)), "receipt");
    assert_true(receiver_wait(daraja->receiver, 1, 2000));
    const int64_t before = count("money_refunded");
    reverse(daraja, "NLJ7RT61SV", 10);
    assert_string_equal(json_member_text(result(daraja, 1), "ResultCode"), "R000002");
    assert_null(json_object_get(result(daraja, 1), "ResultParameters"));
    reverse(daraja, small, 11);
    assert_int_equal(json_integer_value(json_object_get(result(daraja, 2), "ResultCode")), 1);
    assert_int_equal(count("money_refunded"), before);
}

static void a_payout_is_paid_once(void **state)
{
    struct daraja *daraja = *state;
    const int64_t before = count("money_refunded");
    json_t *body = refund_body(daraja, NULL, PAYER, 40), *again = json_deep_copy(body);
    struct answer first = send_body(daraja, PAYOUT_PATH, body);
    expect_status(&first, 200);
    assert_int_equal(json_integer_value(json_object_get(result(daraja, 0), "ResultCode")), 0);
    struct answer second = send_body(daraja, PAYOUT_PATH, again);
    assert_string_equal(first.http.body, second.http.body);
    struct answer refused = send_body(daraja, PAYOUT_PATH, refund_body(daraja, NULL, "254700000032", 40));
    expect_status(&refused, 200);
    assert_int_equal(json_integer_value(json_object_get(result(daraja, 1), "ResultCode")), 2001);
    assert_int_equal(count("money_refunded"), before + 40);
    assert_string_equal(json_member_text(decided(text_at(&refused, "ConversationID")), "state"), "failed");
    assert_int_equal(receiver_count(daraja->receiver), 2);
}

#define test(function) cmocka_unit_test_setup(function, daraja_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(every_member_of_a_refund_is_judged),
        test(a_payment_is_reversed_once),
        test(what_was_not_paid_is_not_reversed),
        test(a_payout_is_paid_once),
    };
    return cmocka_run_group_tests(tests, daraja_group_setup, daraja_group_teardown);
}
