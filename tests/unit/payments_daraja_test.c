// SPDX-License-Identifier: MIT
// What is sent to M-Pesa, and what it sends, as bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "callback.h"
#include "daraja.h"
#include "settle.h"
#include "test_arena.h"

static const struct payments_settings settings = {
    .secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", .shortcode = "174379", .passkey = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919",
    .transaction_type = "CustomerPayBillOnline", .till = "", .callback_url = "https://api.example.com/api"};

static void times_are_east_africa_time(void **state)
{
    (void)state;
    char text[15];
    int64_t now_ms;
    assert_true(clock_parse("2026-01-31T22:30:05.900Z", &now_ms));
    daraja_timestamp(now_ms, text);
    assert_string_equal(text, "20260201013005");
}

// Known values: the public sandbox shortcode and passkey.
static void the_password_is_shortcode_passkey_and_time(void **state)
{
    (void)state;
    assert_string_equal(daraja_password(&settings, "20160216165627", arena),
                        "MTc0Mzc5YmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIwMTYwMjE2MTY1NjI3");
}

static void a_push_has_every_field_as_daraja_wants_it(void **state)
{
    (void)state;
    const struct daraja_push push = {.push_id = "p1", .phone_number = "+254722000111", .amount = 50000, .reference = "Domestic Connect"};
    struct error err = {0};
    const char *text = daraja_push_body(&settings, &push, 1769898605000, arena);
    CLEANUP(json_release) json_t *body = json_parse(text, strlen(text), &err);
    assert_non_null(body);
    assert_int_equal(json_integer_value(json_object_get(body, "Amount")), 500);
    assert_string_equal(json_member_text(body, "PhoneNumber"), "254722000111");
    assert_string_equal(json_member_text(body, "PartyA"), "254722000111");
    assert_string_equal(json_member_text(body, "PartyB"), "174379");
    assert_string_equal(json_member_text(body, "AccountReference"), "Domestic Con");
    assert_true(strlen(json_member_text(body, "TransactionDesc")) <= 13);
    assert_int_equal(strlen(json_member_text(body, "Timestamp")), 14);
    assert_true(text_starts_with(json_member_text(body, "CallBackURL"), "https://api.example.com/api/payments/stk/p1."));
}

static void a_callback_address_cannot_be_made_up(void **state)
{
    (void)state;
    const char *id = NULL, *url = daraja_callback_url(&settings, "stk", "019-push", arena);
    char *segment = arena_strdup(arena, strrchr(url, '/') + 1);
    assert_true(daraja_callback_id(&settings, "stk", segment, arena, &id));
    assert_string_equal(id, "019-push");
    assert_false(daraja_callback_id(&settings, "result", segment, arena, &id)); // of another kind
    segment[0] = '1';
    assert_false(daraja_callback_id(&settings, "stk", segment, arena, &id)); // of another push
    segment[0] = '0';
    segment[strlen(segment) - 1] ^= 1;
    assert_false(daraja_callback_id(&settings, "stk", segment, arena, &id));
    static const char *const broken[] = {"", ".", "019-push", "019-push.", ".0123456789abcdef0123456789abcdef", "a.b"};
    for (size_t i = 0; i < COUNT_OF(broken); i++) assert_false(daraja_callback_id(&settings, "stk", broken[i], arena, &id));
}

static void no_refused_word_stands_in_our_paths(void **state)
{
    (void)state;
    static const char *const refused[] = {"mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query"};
    const char *urls[] = {daraja_callback_url(&settings, "stk", "p", arena), daraja_callback_url(&settings, "result", "p", arena)};
    for (size_t u = 0; u < COUNT_OF(urls); u++)
        for (size_t i = 0; i < COUNT_OF(refused); i++) assert_null(strstr(urls[u] + strlen(settings.callback_url), refused[i]));
}

static bool reads(const char *body, struct stk_result *ret)
{
    return stk_result_read(body, strlen(body), arena, ret);
}

static void a_paid_callback_is_read_in_any_order(void **state)
{
    (void)state;
    struct stk_result result;
    assert_true(reads("{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":\"m-1\",\"CheckoutRequestID\":\"ws_CO_1\",\"ResultCode\":0,\"ResultDesc\":\"ok\","
                      "\"CallbackMetadata\":{\"Item\":[{\"Name\":\"Balance\"},{\"Name\":\"PhoneNumber\",\"Value\":254708374149},"
                      "{\"Name\":\"MpesaReceiptNumber\",\"Value\":\"NLJ7RT61SV\"},{\"Name\":\"TransactionDate\",\"Value\":20191219102115},"
                      "{\"Name\":\"Amount\",\"Value\":1.00}]}}}}", &result));
    assert_string_equal(result.checkout_request_id, "ws_CO_1");
    assert_string_equal(result.merchant_request_id, "m-1");
    assert_string_equal(result.code, "0");
    assert_string_equal(result.receipt, "NLJ7RT61SV");
    assert_true(result.has_amount);
    assert_int_equal(result.amount, 100);
}

static void a_failed_callback_has_no_metadata(void **state)
{
    (void)state;
    struct stk_result result;
    assert_true(reads("{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":\"m\",\"CheckoutRequestID\":\"c\",\"ResultCode\":\"1032\",\"ResultDesc\":\"Request cancelled by user\"}}}", &result));
    assert_string_equal(result.code, "1032"); // text in the wild
    assert_false(result.has_amount);
    assert_null(result.receipt);
    assert_int_equal(result_meaning_find(result.code)->event, EVENT_NOT_PAID);
    assert_null(result_meaning_find("77"));
}

static void anything_else_is_no_callback(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "null", "[]", "{}", "<html></html>", "{\"Body\":{}}", "{\"Body\":{\"stkCallback\":[]}}",
                                         "{\"Body\":{\"stkCallback\":{\"ResultCode\":0}}}", "{\"Body\":{\"stkCallback\":{\"CheckoutRequestID\":\"c\",\"ResultCode\":{}}}}",
                                         "{\"Body\":{\"stkCallback\":{\"CheckoutRequestID\":7,\"ResultCode\":"};
    struct stk_result result;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) assert_false(reads(bodies[i], &result));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_east_africa_time),
        cmocka_unit_test(the_password_is_shortcode_passkey_and_time),
        cmocka_unit_test(a_push_has_every_field_as_daraja_wants_it),
        cmocka_unit_test(a_callback_address_cannot_be_made_up),
        cmocka_unit_test(no_refused_word_stands_in_our_paths),
        cmocka_unit_test(a_paid_callback_is_read_in_any_order),
        cmocka_unit_test(a_failed_callback_has_no_metadata),
        cmocka_unit_test(anything_else_is_no_callback),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
