// SPDX-License-Identifier: MIT
// The simulator's bad days: each on demand, and gone after a reset.
#include <string.h>

#include "daraja_story.h"
#include "json.h"

#define PAYER "254700000111"
#define OTHER_PAYER "254700000222"

static const char *payer(int number)
{
    return arena_printf(story_arena(), "2547010%05d", number * 1000 + 555); // of those that pay
}

// --- Callbacks -----------------------------------------------------------------------------------

static void duplicates_are_the_same(void **state)
{
    struct daraja *daraja = *state;
    control("{\"duplicate\":3}");
    pushed(daraja, PAYER, 10);
    assert_true(receiver_wait(daraja->receiver, 4, 2000));
    wait_until_quiet();
    assert_int_equal(receiver_count(daraja->receiver), 4);
    for (size_t i = 1; i < 4; i++) assert_string_equal(receiver_at(daraja->receiver, i)->body, receiver_at(daraja->receiver, 0)->body);
}

static void a_delayed_callback_comes_after_later_ones(void **state)
{
    struct daraja *daraja = *state;
    control("{\"delay_ms\":{\"min\":1900,\"max\":2000}}");
    const char *first = pushed(daraja, PAYER, 10);
    decided(first); // though not told
    call(NULL, "POST", "/control/reset", NULL);
    const char *second = pushed(daraja, OTHER_PAYER, 10);
    assert_string_equal(json_member_text(told(daraja, 0), "CheckoutRequestID"), second);
    assert_string_equal(json_member_text(told(daraja, 1), "CheckoutRequestID"), first);
}

static void later_callbacks_overtake(void **state)
{
    struct daraja *daraja = *state;
    control("{\"reorder\":true}");
    const char *first = pushed(daraja, PAYER, 10);
    decided(first);
    call(NULL, "POST", "/control/reset", NULL);
    const char *second = pushed(daraja, OTHER_PAYER, 10);
    assert_string_equal(json_member_text(told(daraja, 0), "CheckoutRequestID"), second);
    assert_string_equal(json_member_text(told(daraja, 1), "CheckoutRequestID"), first);
}

static void a_dropped_callback_never_comes(void **state)
{
    struct daraja *daraja = *state;
    const int64_t before = count("callbacks_dropped");
    control("{\"drop\":1}");
    const char *id = pushed(daraja, PAYER, 10);
    assert_string_equal(json_member_text(decided(id), "state"), "paid");
    wait_until_quiet();
    assert_int_equal(receiver_count(daraja->receiver), 0);
    assert_int_equal(count("callbacks_dropped"), before + 1);
    struct answer answer = query(daraja, id);
    assert_string_equal(text_at(&answer, "ResultCode"), "0");
}

static void a_wrong_amount_is_told_but_not_paid(void **state)
{
    struct daraja *daraja = *state;
    const int64_t before = count("money_paid");
    control("{\"wrong_amount\":true}");
    const char *id = pushed(daraja, PAYER, 10);
    assert_true(json_number_value(json_object_get(item(told(daraja, 0), "Amount"), "Value")) == 11);
    assert_int_equal(json_integer_value(json_object_get(decided(id), "amount")), 10);
    assert_int_equal(count("money_paid"), before + 10);
}

static void wrong_ids_are_nobody_s(void **state)
{
    struct daraja *daraja = *state;
    control("{\"wrong_checkout\":true}");
    struct answer answer = push(daraja, PAYER, 10);
    const json_t *callback = told(daraja, 0);
    assert_string_not_equal(json_member_text(callback, "CheckoutRequestID"), text_at(&answer, "CheckoutRequestID"));
    assert_string_not_equal(json_member_text(callback, "MerchantRequestID"), text_at(&answer, "MerchantRequestID"));
    answer = query(daraja, json_member_text(callback, "CheckoutRequestID"));
    expect_error(&answer, "400.002.02", "Invalid CheckoutRequestID");
}

static void malformed_callbacks_take_turns(void **state)
{
    struct daraja *daraja = *state;
    bool cut = false, page = false, empty = false;
    control("{\"malformed\":3}");
    for (int i = 0; i < 4; i++) {
        pushed(daraja, payer(i), 10);
        assert_true(receiver_wait(daraja->receiver, (size_t)i + 1, 2000));
        const char *body = receiver_at(daraja->receiver, (size_t)i)->body;
        cut = cut || (i < 3 && body[0] == '{');
        page = page || body[0] == '<';
        empty = empty || body[0] == '\0';
    }
    assert_true(cut && page && empty);
    assert_non_null(told(daraja, 3)); // the fourth is in order
}

static void codes_and_numbers_may_be_text(void **state)
{
    struct daraja *daraja = *state;
    control("{\"string_codes\":true}");
    pushed(daraja, PAYER, 10);
    const json_t *callback = told(daraja, 0);
    static const char *const numbers[] = {"Amount", "TransactionDate", "PhoneNumber"};
    assert_string_equal(json_member_text(callback, "ResultCode"), "0");
    for (size_t i = 0; i < COUNT_OF(numbers); i++) assert_non_null(json_member_text(item(callback, numbers[i]), "Value"));
}

static void a_callback_may_come_before_the_answer(void **state)
{
    struct daraja *daraja = *state;
    control("{\"early\":true}");
    const char *id = pushed(daraja, PAYER, 10);
    assert_int_equal(receiver_count(daraja->receiver), 1);
    assert_string_equal(json_member_text(told(daraja, 0), "CheckoutRequestID"), id);
    struct answer answer = query(daraja, id);
    assert_string_equal(text_at(&answer, "ResultCode"), "0");
    wait_until_quiet();
    assert_int_equal(receiver_count(daraja->receiver), 1);
}

// --- Answers -------------------------------------------------------------------------------------

static void a_slow_answer_comes_after_the_push_happened(void **state)
{
    struct daraja *daraja = *state;
    control("{\"slow_ms\":400}");
    pushed(daraja, PAYER, 10);
    assert_int_equal(receiver_count(daraja->receiver), 1);
}

static bool is_lost(struct daraja *daraja, const char *phone)
{
    struct error err = {0};
    struct http_answer answer = {0};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", simulator_port(daraja->simulator));
    struct http_client *client = http_client_new(&(struct http_client_config){url, 1, 1000, 1 << 20}, &err);
    json_t *body = push_body(daraja, phone, 10);
    const char *text = json_text(story_arena(), body);
    const struct http_header headers[] = {{"Authorization", arena_printf(story_arena(), "Bearer %s", daraja->merchant.token)}};
    const struct http_call asked = {"POST", PUSH_PATH, headers, 1, text, strlen(text), 5000};
    const bool answered = http_client_call(client, &asked, story_arena(), &answer, NULL, &err);
    json_decref(body);
    http_client_free(client);
    return !answered;
}

static void a_push_whose_answer_is_lost_happens_all_the_same(void **state)
{
    static const struct {
        const char *as;
        int status;
        char first;
    } cases[] = {{"html", 200, '<'}, {"error", 500, 'I'}, {"garbage", 200, '{'}};
    struct daraja *daraja = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        control("{\"broken\":\"%s\"}", cases[i].as);
        struct answer answer = push(daraja, payer((int)i), 10);
        expect_status(&answer, cases[i].status);
        assert_int_equal(answer.http.body[0], cases[i].first);
        assert_null(answer.body); // no JSON
        assert_non_null(json_member_text(told(daraja, i), "CheckoutRequestID"));
    }
    control("{\"broken\":{\"as\":\"closed\",\"count\":2}}");
    assert_true(is_lost(daraja, payer(10)));
    assert_true(is_lost(daraja, payer(11)));
    pushed(daraja, payer(12), 10);
    assert_true(receiver_wait(daraja->receiver, COUNT_OF(cases) + 3, 2000));
}

static void answers_break_only_where_it_is_said(void **state)
{
    struct daraja *daraja = *state;
    control("{\"broken\":{\"as\":\"error\",\"on\":\"query\",\"count\":1}}");
    const char *id = pushed(daraja, PAYER, 10);
    struct answer answer = query(daraja, id);
    expect_status(&answer, 500);
    assert_null(answer.body);
    decided(id);
    answer = query(daraja, id);
    expect_status(&answer, 200);
    const int64_t before = count("pushes");
    control("{\"broken\":{\"as\":\"html\",\"taken\":false}}");
    answer = push(daraja, OTHER_PAYER, 10);
    expect_status(&answer, 200);
    assert_null(answer.body);
    assert_int_equal(count("pushes"), before);
    control("{\"broken\":{\"as\":\"error\",\"on\":\"token\"}}");
    pushed(daraja, OTHER_PAYER, 10);
    answer = call(NULL, "GET", "/oauth/v1/generate?grant_type=client_credentials", NULL);
    assert_null(answer.body);
}

static void refused_pushes_do_not_happen(void **state)
{
    struct daraja *daraja = *state;
    control("{\"refuse\":{\"code\":\"500.003.02\",\"count\":2}}");
    struct answer answer = push(daraja, PAYER, 10);
    expect_error(&answer, "500.003.02", "Spike Arrest");
    answer = push(daraja, PAYER, 10);
    expect_error(&answer, "500.003.02", "Spike Arrest");
    pushed(daraja, PAYER, 10);
    control("{\"refuse\":{\"code\":\"500.001.1001\",\"message\":\"Merchant does not exist\"}}");
    answer = push(daraja, OTHER_PAYER, 10);
    expect_error(&answer, "500.001.1001", "Merchant does not exist");
    wait_until_quiet();
    assert_int_equal(receiver_count(daraja->receiver), 1);
}

static void an_expired_token_is_refused(void **state)
{
    struct daraja *daraja = *state;
    control("{\"expire_token\":true}");
    struct answer answer = push(daraja, PAYER, 10);
    expect_error(&answer, "404.001.03", "Invalid Access Token");
    sign_in(daraja);
    pushed(daraja, PAYER, 10);
}

// --- Control itself ------------------------------------------------------------------------------

static const char *fates(struct daraja *daraja)
{
    enum { PUSHES = 24 };
    struct text_buffer out = text_buffer(story_arena());
    for (int i = 0; i < PUSHES; i++) {
        receiver_forget(daraja->receiver);
        pushed(daraja, payer(i), 10);
        wait_until_quiet();
        text_add(&out, receiver_count(daraja->receiver) ? "+" : "-");
    }
    return text_take(&out);
}

static void the_same_seed_brings_the_same_fate(void **state)
{
    struct daraja *daraja = *state;
    control("{\"seed\":7,\"drop\":0.5}");
    const char *first = fates(daraja);
    control("{\"seed\":7}");
    const char *second = fates(daraja);
    control("{\"seed\":8}");
    const char *third = fates(daraja);
    assert_string_equal(first, second);
    assert_string_not_equal(first, third);
    assert_true(strchr(first, '+') && strchr(first, '-'));
}

static void wrong_members_change_nothing(void **state)
{
    static const struct {
        const char *body, *wrong;
    } cases[] = {
        {"{\"drop\":1,\"dropp\":1}", "dropp"}, {"{\"drop\":1,\"reorder\":1.5}", "reorder"}, {"{\"drop\":1,\"early\":-1}", "early"},
        {"{\"drop\":1,\"wrong_amount\":\"yes\"}", "wrong_amount"}, {"{\"drop\":1,\"duplicate\":1000}", "duplicate"},
        {"{\"drop\":1,\"delay_ms\":{\"min\":2,\"max\":1}}", "delay_ms"}, {"{\"drop\":1,\"delay_ms\":5}", "delay_ms"},
        {"{\"drop\":1,\"broken\":\"gone\"}", "broken"}, {"{\"drop\":1,\"broken\":{\"as\":\"html\",\"on\":\"nothing\"}}", "broken"},
        {"{\"drop\":1,\"broken\":{\"as\":\"html\",\"count\":-1}}", "broken"}, {"{\"drop\":1,\"refuse\":5}", "refuse"},
        {"{\"drop\":1,\"expire_token\":1}", "expire_token"}, {"{\"drop\":1,\"seed\":-1}", "seed"}, {"{\"drop\":1,\"slow_ms\":-1}", "slow_ms"},
        {"{\"drop\":1,\"malformed\":0.5}", "malformed"}, {"", "body"},
    };
    struct daraja *daraja = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct answer answer = call(NULL, "POST", "/control", "%s", cases[i].body);
        expect_status(&answer, 400);
        assert_string_equal(text_at(&answer, "wrong"), cases[i].wrong);
    }
    pushed(daraja, PAYER, 10);
    told(daraja, 0);
}

static void a_reset_ends_everything(void **state)
{
    struct daraja *daraja = *state;
    control("{\"duplicate\":2,\"drop\":0.9,\"slow_ms\":5000,\"payer_ms\":9000,\"malformed\":5,\"wrong_amount\":1,\"wrong_checkout\":1,\"early\":1,"
            "\"string_codes\":1,\"reorder\":1,\"broken\":{\"as\":\"closed\",\"count\":9,\"on\":\"any\"},"
            "\"refuse\":{\"code\":\"500.003.03\",\"count\":9},\"delay_ms\":{\"min\":9000,\"max\":9000}}");
    struct answer answer = call(NULL, "POST", "/control/reset", NULL);
    expect_status(&answer, 200);
    const char *id = pushed(daraja, PAYER, 10);
    assert_string_equal(json_member_text(told(daraja, 0), "CheckoutRequestID"), id);
    wait_until_quiet();
    assert_int_equal(receiver_count(daraja->receiver), 1);
}

static void the_lists_tell_what_there_is(void **state)
{
    struct daraja *daraja = *state;
    const int64_t pushes = count("pushes"), paid = count("money_paid"), not_paid = count("not_paid");
    control("{\"payer_ms\":1000}");
    const char *id = pushed(daraja, PAYER, 70);
    struct answer answer = call(NULL, "GET", "/control/transactions", NULL);
    const json_t *row = json_array_get(at(&answer, "transactions"), json_array_size(at(&answer, "transactions")) - 1);
    assert_string_equal(json_member_text(row, "checkout_request_id"), id);
    assert_string_equal(json_member_text(row, "state"), "pending");
    assert_true(json_is_null(json_object_get(row, "decided_at")) && json_is_null(json_object_get(row, "receipt")));
    pushed(daraja, "254700000001", 30);
    wait_until_quiet();
    row = decided(id);
    assert_string_equal(json_member_text(row, "phone"), PAYER);
    assert_string_equal(json_member_text(row, "callback_url"), receiver_url(daraja->receiver, "/stk"));
    assert_int_equal(json_integer_value(json_object_get(row, "callbacks_answered")), 1);
    assert_true(json_is_false(json_object_get(row, "reversed")));
    assert_non_null(json_member_text(row, "decided_at"));
    assert_int_equal(count("pushes"), pushes + 2);
    assert_int_equal(count("money_paid"), paid + 70);
    assert_int_equal(count("not_paid"), not_paid + 1);
}

static void one_callback_is_sent_by_hand(void **state)
{
    struct daraja *daraja = *state;
    const char *id = pushed(daraja, "254700000099", 10); // of itself it says nothing
    struct answer answer = call(NULL, "POST", "/control/callback", "{\"checkout_request_id\":\"%s\"}", id);
    expect_status(&answer, 200);
    assert_int_equal(number_at(&answer, "status"), 200);
    assert_non_null(strstr(text_at(&answer, "body"), "Accepted"));
    assert_string_equal(json_member_text(told(daraja, 0), "CheckoutRequestID"), id);
    receiver_answer(daraja->receiver, 503, 0);
    answer = call(NULL, "POST", "/control/callback", "{\"checkout_request_id\":\"%s\",\"as_checkout_request_id\":\"ws_CO_1\",\"merchant_request_id\":\"m\","
                  "\"result_code\":0,\"result_desc\":\"ok\",\"amount\":7,\"receipt\":\"FORGED0001\",\"phone\":\"254700000333\",\"url\":\"%s\"}",
                  id, receiver_url(daraja->receiver, "/elsewhere"));
    assert_int_equal(number_at(&answer, "status"), 503);
    const json_t *callback = told(daraja, 1);
    assert_string_equal(receiver_at(daraja->receiver, 1)->path, "/elsewhere");
    assert_string_equal(json_member_text(callback, "CheckoutRequestID"), "ws_CO_1");
    assert_string_equal(json_member_text(callback, "MerchantRequestID"), "m");
    assert_string_equal(json_member_text(item(callback, "MpesaReceiptNumber"), "Value"), "FORGED0001");
    assert_true(json_number_value(json_object_get(item(callback, "Amount"), "Value")) == 7);
    answer = call(NULL, "POST", "/control/callback", "{\"checkout_request_id\":\"%s\",\"result_code\":\"1032\"}", id);
    assert_int_equal(json_integer_value(json_object_get(told(daraja, 2), "ResultCode")), 1032);
    answer = call(NULL, "POST", "/control/callback", "{\"checkout_request_id\":\"ws_CO_1\"}");
    expect_status(&answer, 400);
}

static void anything_can_be_posted_anywhere(void **state)
{
    struct daraja *daraja = *state;
    receiver_answer(daraja->receiver, 404, 0);
    struct answer answer = call(NULL, "POST", "/control/forge", "{\"url\":\"%s\",\"body\":\"<x>\"}", receiver_url(daraja->receiver, "/stk/guessed?a=b"));
    assert_int_equal(number_at(&answer, "status"), 404);
    assert_string_equal(receiver_at(daraja->receiver, 0)->path, "/stk/guessed");
    assert_string_equal(receiver_at(daraja->receiver, 0)->body, "<x>");
    answer = call(NULL, "POST", "/control/forge", "{\"url\":\"%s\",\"body\":{\"Body\":{}}}", receiver_url(daraja->receiver, "/"));
    assert_string_equal(receiver_at(daraja->receiver, 1)->body, "{\"Body\":{}}");
    answer = call(NULL, "POST", "/control/forge", "{\"url\":\"http://127.0.0.1:1/x\",\"body\":\"\"}");
    assert_int_equal(number_at(&answer, "status"), 0);
    assert_non_null(strstr(text_at(&answer, "error"), "127.0.0.1:1"));
    answer = call(NULL, "POST", "/control/forge", "{\"url\":\"file:///etc/passwd\",\"body\":\"\"}");
    assert_int_equal(number_at(&answer, "status"), 0);
    answer = call(NULL, "POST", "/control/forge", "{\"body\":\"\"}");
    expect_status(&answer, 400);
}

#define test(function) cmocka_unit_test_setup(function, daraja_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(duplicates_are_the_same),
        test(a_delayed_callback_comes_after_later_ones),
        test(later_callbacks_overtake),
        test(a_dropped_callback_never_comes),
        test(a_wrong_amount_is_told_but_not_paid),
        test(wrong_ids_are_nobody_s),
        test(malformed_callbacks_take_turns),
        test(codes_and_numbers_may_be_text),
        test(a_callback_may_come_before_the_answer),
        test(a_slow_answer_comes_after_the_push_happened),
        test(a_push_whose_answer_is_lost_happens_all_the_same),
        test(answers_break_only_where_it_is_said),
        test(refused_pushes_do_not_happen),
        test(an_expired_token_is_refused),
        test(the_same_seed_brings_the_same_fate),
        test(wrong_members_change_nothing),
        test(a_reset_ends_everything),
        test(the_lists_tell_what_there_is),
        test(one_callback_is_sent_by_hand),
        test(anything_can_be_posted_anywhere),
    };
    return cmocka_run_group_tests(tests, daraja_group_setup, daraja_group_teardown);
}
