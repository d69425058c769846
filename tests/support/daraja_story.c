// SPDX-License-Identifier: MIT
#include "daraja_story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto.h"
#include "json.h"

#define KEY "merchant"
#define SECRET "of-the-tests"
#define SHORTCODE "174379"
#define PASSKEY "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"

int daraja_group_setup(void **state)
{
    const struct simulator_settings settings = {.host = "127.0.0.1", .consumer_key = KEY, .consumer_secret = SECRET, .shortcode = SHORTCODE,
                                                .passkey = PASSKEY, .callback_delay_ms = DARAJA_DELAY_MS, .senders = 16};
    struct daraja *daraja = calloc(1, sizeof *daraja);
    struct error err = {0};
    char url[64];
    assert_non_null(daraja);
    daraja->simulator = simulator_start(&settings, &err);
    if (!daraja->simulator) fail_msg("%s", err.cause);
    daraja->receiver = receiver_start();
    snprintf(url, sizeof url, "http://127.0.0.1:%d", simulator_port(daraja->simulator));
    *state = daraja;
    return story_open(url);
}

int daraja_group_teardown(void **state)
{
    struct daraja *daraja = *state;
    simulator_stop(daraja->simulator);
    receiver_stop(daraja->receiver);
    free(daraja);
    return story_teardown(state);
}

// What the test before has left behind may still arrive: it is waited for.
int daraja_setup(void **state)
{
    struct daraja *daraja = *state;
    receiver_answer(daraja->receiver, 200, 0);
    call(NULL, "POST", "/control/reset", NULL);
    wait_until_quiet();
    receiver_forget(daraja->receiver);
    sign_in(daraja);
    return 0;
}

void sign_in(struct daraja *daraja)
{
    struct person visitor = {.header_name = "Authorization"};
    const char *basic = crypto_base64(story_arena(), KEY ":" SECRET, strlen(KEY ":" SECRET));
    visitor.header_value = arena_printf(story_arena(), "Basic %s", basic);
    struct answer answer = call(&visitor, "GET", "/oauth/v1/generate?grant_type=client_credentials", NULL);
    expect_status(&answer, 200);
    snprintf(daraja->merchant.token, sizeof daraja->merchant.token, "%s", text_at(&answer, "access_token"));
}

// --- Bodies --------------------------------------------------------------------------------------

static void add_password(json_t *body)
{
    const time_t eat = time(NULL) + 3 * 3600;
    struct tm parts;
    char timestamp[16];
    gmtime_r(&eat, &parts);
    strftime(timestamp, sizeof timestamp, "%Y%m%d%H%M%S", &parts);
    const char *plain = arena_printf(story_arena(), "%s%s%s", SHORTCODE, PASSKEY, timestamp);
    json_object_set_new(body, "BusinessShortCode", json_string(SHORTCODE));
    json_object_set_new(body, "Timestamp", json_string(timestamp));
    json_object_set_new(body, "Password", json_string(crypto_base64(story_arena(), plain, strlen(plain))));
}

json_t *push_body(struct daraja *daraja, const char *phone, int amount)
{
    json_t *body = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "TransactionType", "CustomerPayBillOnline", "Amount", amount, "PartyA", phone,
                             "PartyB", SHORTCODE, "PhoneNumber", phone, "CallBackURL", receiver_url(daraja->receiver, "/stk"), "AccountReference",
                             "Domestic", "TransactionDesc", "Contacts");
    add_password(body);
    return body;
}

json_t *query_body(const char *checkout_request_id)
{
    json_t *body = json_pack("{s:s}", "CheckoutRequestID", checkout_request_id);
    add_password(body);
    return body;
}

json_t *refund_body(struct daraja *daraja, const char *receipt, const char *phone, int amount)
{
    static int payouts;
    const char *url = receiver_url(daraja->receiver, "/result");
    json_t *body = json_pack("{s:s, s:i, s:s, s:s, s:s}", "SecurityCredential", "sealed", "Amount", amount, "Remarks", "Refund", "QueueTimeOutURL", url,
                             "ResultURL", url);
    json_t *rest = receipt ? json_pack("{s:s, s:s, s:s, s:s, s:s}", "Initiator", "tests", "CommandID", "TransactionReversal", "TransactionID", receipt,
                                       "ReceiverParty", SHORTCODE, "RecieverIdentifierType", "11")
                           : json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "InitiatorName", "tests", "CommandID", "BusinessPayment", "PartyA", SHORTCODE,
                                       "PartyB", phone, "Occassion", "Refund", "OriginatorConversationID", arena_printf(story_arena(), "payout-%d", ++payouts));
    json_object_update_new(body, rest);
    return body;
}

struct answer send_body(struct daraja *daraja, const char *path, json_t *body)
{
    const char *text = json_text(story_arena(), body);
    json_decref(body);
    return call(&daraja->merchant, "POST", path, "%s", text);
}

// --- Calls ---------------------------------------------------------------------------------------

struct answer push(struct daraja *daraja, const char *phone, int amount)
{
    return send_body(daraja, PUSH_PATH, push_body(daraja, phone, amount));
}

const char *pushed(struct daraja *daraja, const char *phone, int amount)
{
    struct answer answer = push(daraja, phone, amount);
    expect_status(&answer, 200);
    assert_string_equal(text_at(&answer, "ResponseCode"), "0");
    return text_at(&answer, "CheckoutRequestID");
}

struct answer query(struct daraja *daraja, const char *checkout_request_id)
{
    return send_body(daraja, QUERY_PATH, query_body(checkout_request_id));
}

struct answer reverse(struct daraja *daraja, const char *receipt, int amount)
{
    return send_body(daraja, REVERSAL_PATH, refund_body(daraja, receipt, NULL, amount));
}

void control(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *body = arena_vprintf(story_arena(), format, arguments);
    va_end(arguments);
    struct answer answer = call(NULL, "POST", "/control", "%s", body);
    expect_status(&answer, 200);
}

json_t *decided(const char *id)
{
    for (int tries = 500; tries > 0; tries--) {
        const bool is_push = strncmp(id, "ws_CO_", 6) == 0;
        struct answer answer = call(NULL, "GET", is_push ? "/control/transactions" : "/control/refunds", NULL);
        size_t i;
        json_t *row;
        json_array_foreach(at(&answer, is_push ? "transactions" : "refunds"), i, row) {
            const char *own = json_member_text(row, is_push ? "checkout_request_id" : "conversation_id");
            if (text_equal(own, id) && !text_equal(json_member_text(row, "state"), "pending")) return row;
        }
        sleep_ms(10);
    }
    fail_msg("%s is not decided", id);
    return NULL;
}

int64_t count(const char *name)
{
    struct answer answer = call(NULL, "GET", "/control/counts", NULL);
    return number_at(&answer, name);
}

void wait_until_quiet(void)
{
    while (count("pending") > 0 || count("callbacks_waiting") > 0) sleep_ms(5);
}

void each_is_judged(struct daraja *daraja, const char *path, json_t *(*make)(struct daraja *daraja), const struct spoiled *cases, size_t case_count)
{
    for (const struct spoiled *spoiled = cases; spoiled < cases + case_count; spoiled++) {
        json_t *body = make(daraja);
        if (spoiled->value) json_object_set_new(body, spoiled->member, json_loads(spoiled->value, JSON_DECODE_ANY, NULL));
        else json_object_del(body, spoiled->member);
        struct answer answer = send_body(daraja, path, body);
        print_message("%s: %s\n", spoiled->member, spoiled->value ? spoiled->value : "left out");
        if (spoiled->fine) expect_status(&answer, 200);
        else expect_error(&answer, "400.002.02", arena_printf(story_arena(), "Bad Request - Invalid %s", spoiled->member));
    }
}

json_t *callback(struct daraja *daraja, size_t index)
{
    if (!receiver_wait(daraja->receiver, index + 1, 5000)) fail_msg("callback %zu did not come", index);
    const char *body = receiver_at(daraja->receiver, index)->body;
    json_t *value = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
    if (!value) fail_msg("callback %zu is no JSON: %s", index, body);
    arena_defer(story_arena(), (void (*)(void *))json_decref, value);
    return value;
}

json_t *told(struct daraja *daraja, size_t index)
{
    return json_object_get(json_object_get(callback(daraja, index), "Body"), "stkCallback");
}

json_t *item(const json_t *stk_callback, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(json_object_get(stk_callback, "CallbackMetadata"), "Item"), i, item)
        if (text_equal(json_member_text(item, "Name"), name)) return item;
    return NULL;
}

void expect_error_(const struct answer *answer, const char *code, const char *message, const char *file, int line)
{
    const int status = (int)strtol(code, NULL, 10);
    expect_status_(answer, status, file, line);
    text_at(answer, "requestId");
    if (text_equal(text_at(answer, "errorCode"), code) && strstr(text_at(answer, "errorMessage"), message)) return;
    print_error("%s answered %s, expected %s %s\n", answer->called, answer->http.body, code, message);
    _fail(file, line);
}
