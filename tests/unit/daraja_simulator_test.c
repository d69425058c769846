// SPDX-License-Identifier: MIT
// The simulator against Daraja's rules, as a merchant meets them.
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daraja_story.h"
#include "json.h"

#define PAYER "254700000111"
#define LONG_MS 1200                // a prompt that is surely open for the next call
#define PAYERS 254701000000 // and up: they pay

// --- Tokens --------------------------------------------------------------------------------------

static void a_token_needs_the_right_credentials(void **state)
{
    (void)state;
    static const struct {
        const char *authorization, *query, *code;
    } cases[] = {
        {"Basic d3Jvbmc6b25l", "?grant_type=client_credentials", "400.008.01"},
        {"Bearer d3Jvbmc6b25l", "?grant_type=client_credentials", "400.008.01"},
        {"Basic bWVyY2hhbnQ6b2YtdGhlLXRlc3Rz", "?grant_type=client_credentialss", "400.008.02"},
        {"Basic bWVyY2hhbnQ6b2YtdGhlLXRlc3Rz", "", "400.008.02"},
        {"Basic bWVyY2hhbnQ6b2YtdGhlLXRlc3Rz", "?a=b&grant_type=client_credentials", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct person visitor = {.header_name = "Authorization", .header_value = cases[i].authorization};
        struct answer answer = call(&visitor, "GET", arena_printf(story_arena(), "/oauth/v1/generate%s", cases[i].query), NULL);
        if (cases[i].code) {
            expect_error(&answer, cases[i].code, "Invalid");
            continue;
        }
        expect_status(&answer, 200);
        assert_string_equal(text_at(&answer, "expires_in"), "3599"); // text, as in the wild
        assert_true(strlen(text_at(&answer, "access_token")) >= 20);
    }
}

static void a_new_token_ends_the_one_before(void **state)
{
    struct daraja *daraja = *state;
    const struct person before = daraja->merchant;
    sign_in(daraja);
    struct answer answer = call(&before, "POST", PUSH_PATH, "{}");
    expect_error(&answer, "404.001.03", "Invalid Access Token");
    pushed(daraja, PAYER, 1);
}

static void without_a_token_nothing_is_taken(void **state)
{
    static const char *const paths[] = {PUSH_PATH, QUERY_PATH, REVERSAL_PATH, PAYOUT_PATH};
    struct daraja *daraja = *state;
    struct daraja stranger = *daraja;
    snprintf(stranger.merchant.token, sizeof stranger.merchant.token, "made-up");
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct answer answer = call(NULL, "POST", paths[i], "{}");
        expect_error(&answer, "404.001.03", "Invalid Access Token");
        answer = send_body(&stranger, paths[i], push_body(daraja, PAYER, 1));
        expect_error(&answer, "404.001.03", "Invalid Access Token");
    }
    assert_int_equal(count("pending"), 0);
}

// --- Members -------------------------------------------------------------------------------------

// Each from another phone, as one has one prompt at a time.
static json_t *any_push(struct daraja *daraja)
{
    static long last = 254711000000;
    return push_body(daraja, arena_printf(story_arena(), "%ld", ++last), 100);
}

static void every_member_of_a_push_is_judged(void **state)
{
    static const struct spoiled cases[] = {
        WRONG("BusinessShortCode", NULL), WRONG("BusinessShortCode", "\"600000\""), FINE("BusinessShortCode", "174379"),
        WRONG("Timestamp", NULL), WRONG("Timestamp", "\"20191219102115\""), WRONG("Timestamp", "\"2019121910211\""), WRONG("Timestamp", "\"20191319102115\""),
        WRONG("Password", NULL), WRONG("Password", "\"MTc0Mzc5\""), WRONG("Password", "\"\""),
        WRONG("TransactionType", NULL), WRONG("TransactionType", "\"CustomerPays\""), FINE("TransactionType", "\"CustomerBuyGoodsOnline\""),
        WRONG("Amount", NULL), WRONG("Amount", "0"), WRONG("Amount", "-1"), WRONG("Amount", "1.5"), WRONG("Amount", "\"1.00\""), WRONG("Amount", "\"\""),
        WRONG("Amount", "true"), FINE("Amount", "\"7\""), FINE("Amount", "1"),
        WRONG("PartyA", NULL), WRONG("PartyA", "\"0700000111\""), WRONG("PartyA", "\"+254700000111\""), WRONG("PartyA", "\"254800000111\""),
        FINE("PartyA", "254110000111"),
        WRONG("PhoneNumber", NULL), WRONG("PhoneNumber", "\"25470000011\""), WRONG("PhoneNumber", "\"2547000001111\""), FINE("PhoneNumber", "254110000112"),
        WRONG("PartyB", NULL), WRONG("PartyB", "\"12\""), WRONG("PartyB", "\"till\""), FINE("PartyB", "\"600000\""),
        WRONG("CallBackURL", NULL), WRONG("CallBackURL", "\"ftp://shop.example/x\""), WRONG("CallBackURL", "\"https://\""),
        WRONG("CallBackURL", "\"https:///x\""), WRONG("CallBackURL", "\"https://shop.example/api/Mpesa/callback\""),
        WRONG("CallBackURL", "\"https://safaricom.example/x\""), WRONG("CallBackURL", "\"https://shop.example/query\""),
        WRONG("CallBackURL", "\"https://shop.example/sql\""), WRONG("CallBackURL", "\"https://shop.example/cmd\""),
        WRONG("CallBackURL", "\"https://shop.example/exec\""), WRONG("CallBackURL", "\"https://shop.example/a b\""),
        WRONG("AccountReference", NULL), WRONG("AccountReference", "\"\""), WRONG("AccountReference", "\"thirteen-long\""),
        FINE("AccountReference", "\"twelve-long-\""),
        WRONG("TransactionDesc", "\"fourteen-long-\""), WRONG("TransactionDesc", "{}"),
        FINE("TransactionDesc", NULL), FINE("TransactionDesc", "\"thirteen-long\""),
    };
    each_is_judged(*state, PUSH_PATH, any_push, cases, COUNT_OF(cases));
}

static void what_is_no_request_is_refused(void **state)
{
    struct daraja *daraja = *state;
    struct answer answer = call(&daraja->merchant, "POST", PUSH_PATH, "%s", "{\"Amount\":");
    expect_error(&answer, "400.002.05", "Invalid Request Payload");
    answer = call(&daraja->merchant, "POST", PUSH_PATH, "[]");
    expect_error(&answer, "400.002.05", "Invalid Request Payload");
    answer = call(&daraja->merchant, "GET", PUSH_PATH, NULL);
    expect_error(&answer, "405.001", "Method");
    answer = call(&daraja->merchant, "POST", "/mpesa/c2b/v9/nothing", "{}");
    expect_error(&answer, "404.001.01", "not found");
}

// --- Pushes --------------------------------------------------------------------------------------

static void a_paid_push_is_told_in_daraja_s_shape(void **state)
{
    struct daraja *daraja = *state;
    struct answer answer = push(daraja, "254708374149", 250);
    expect_status(&answer, 200);
    const json_t *callback = told(daraja, 0);
    assert_string_equal(receiver_at(daraja->receiver, 0)->path, "/stk");
    assert_string_equal(json_member_text(callback, "MerchantRequestID"), text_at(&answer, "MerchantRequestID"));
    assert_string_equal(json_member_text(callback, "CheckoutRequestID"), text_at(&answer, "CheckoutRequestID"));
    assert_true(json_is_integer(json_object_get(callback, "ResultCode")));
    assert_int_equal(json_integer_value(json_object_get(callback, "ResultCode")), 0);
    assert_non_null(json_member_text(callback, "ResultDesc"));
    assert_int_equal(json_array_size(json_object_get(json_object_get(callback, "CallbackMetadata"), "Item")), 5);
    assert_true(json_number_value(json_object_get(item(callback, "Amount"), "Value")) == 250);
    assert_int_equal(strlen(json_member_text(item(callback, "MpesaReceiptNumber"), "Value")), 10);
    assert_null(json_object_get(item(callback, "Balance"), "Value"));
    assert_int_equal(json_integer_value(json_object_get(item(callback, "PhoneNumber"), "Value")), 254708374149);
    const int64_t date = json_integer_value(json_object_get(item(callback, "TransactionDate"), "Value"));
    assert_true(date > 20260101000000 && date < 99991231235959);
    const json_t *row = decided(text_at(&answer, "CheckoutRequestID"));
    assert_string_equal(json_member_text(row, "receipt"), json_member_text(item(callback, "MpesaReceiptNumber"), "Value"));
}

static void amounts_come_with_and_without_cents(void **state)
{
    struct daraja *daraja = *state;
    int whole = 0, with_cents = 0;
    for (int i = 0; i < 10; i++) pushed(daraja, arena_printf(story_arena(), "%ld", PAYERS + i + 200), 5);
    for (size_t i = 0; i < 10; i++) {
        const json_t *amount = json_object_get(item(told(daraja, i), "Amount"), "Value");
        whole += json_is_integer(amount);
        with_cents += json_is_real(amount);
    }
    assert_int_equal(whole, 5);
    assert_int_equal(with_cents, 5);
}

static void the_phone_chooses_how_it_ends(void **state)
{
    static const struct {
        const char *phone;
        int code;
    } cases[] = {{"254700000001", 1}, {"254700000017", 17}, {"254700000032", 1032}, {"254700000037", 1037},
                 {"254110000101", 2001}, {"254700000199", 9999}, {"254700000200", 0}};
    struct daraja *daraja = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *id = pushed(daraja, cases[i].phone, 100);
        const json_t *callback = told(daraja, i);
        assert_int_equal(json_integer_value(json_object_get(callback, "ResultCode")), cases[i].code);
        assert_int_equal(json_object_get(callback, "CallbackMetadata") == NULL, cases[i].code != 0);
        struct answer answer = query(daraja, id);
        expect_status(&answer, 200);
        assert_string_equal(text_at(&answer, "ResponseCode"), "0");
        assert_string_equal(text_at(&answer, "ResultCode"), arena_printf(story_arena(), "%d", cases[i].code)); // text
        assert_string_equal(text_at(&answer, "ResultDesc"), json_member_text(callback, "ResultDesc"));
        assert_string_equal(json_member_text(decided(id), "state"), cases[i].code ? "failed" : "paid");
    }
}

static void of_two_phones_only_the_query_knows(void **state)
{
    struct daraja *daraja = *state;
    const char *paid = pushed(daraja, "254700000099", 10), *cancelled = pushed(daraja, "254700000098", 10);
    assert_string_equal(json_member_text(decided(paid), "state"), "paid");
    assert_string_equal(json_member_text(decided(cancelled), "result_code"), "1032");
    struct answer answer = query(daraja, paid);
    assert_string_equal(text_at(&answer, "ResultCode"), "0");
    answer = query(daraja, cancelled);
    assert_string_equal(text_at(&answer, "ResultCode"), "1032");
    sleep_ms(3 * DARAJA_DELAY_MS);
    assert_int_equal(receiver_count(daraja->receiver), 0);
}

static void a_query_before_the_end_says_so(void **state)
{
    struct daraja *daraja = *state;
    control("{\"payer_ms\":%d}", LONG_MS);
    const char *id = pushed(daraja, PAYER, 10);
    struct answer answer = query(daraja, id);
    expect_error(&answer, "500.001.1001", "The transaction is being processed");
    decided(id);
    answer = query(daraja, id);
    expect_status(&answer, 200);
    answer = query(daraja, "ws_CO_25112026063752000000001");
    expect_error(&answer, "400.002.02", "Invalid CheckoutRequestID");
    answer = query(daraja, "x");
    expect_error(&answer, "400.002.02", "Invalid CheckoutRequestID");
    json_t *body = query_body(id);
    json_object_set_new(body, "Password", json_string("x"));
    answer = send_body(daraja, QUERY_PATH, body);
    expect_error(&answer, "400.002.02", "Invalid Password");
}

static void a_phone_has_one_prompt_at_a_time(void **state)
{
    struct daraja *daraja = *state;
    control("{\"payer_ms\":%d}", LONG_MS);
    const char *first = pushed(daraja, PAYER, 10);
    struct answer answer = push(daraja, PAYER, 20);
    expect_error(&answer, "500.001.1001", "Unable to lock subscriber, a transaction is already in process for the current subscriber");
    decided(first);
    pushed(daraja, PAYER, 20);
}

static void a_callback_that_is_not_answered_comes_again(void **state)
{
    struct daraja *daraja = *state;
    static const int statuses[] = {503, 0, 202};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        receiver_forget(daraja->receiver);
        receiver_answer(daraja->receiver, statuses[i], 0);
        const char *id = pushed(daraja, PAYER, 10);
        assert_true(receiver_wait(daraja->receiver, 1, 2000));
        sleep_ms(100);
        receiver_answer(daraja->receiver, 200, 0);
        assert_true(receiver_wait(daraja->receiver, 2, 2000));
        const struct received *first = receiver_at(daraja->receiver, 0), *second = receiver_at(daraja->receiver, 1);
        assert_string_equal(first->body, second->body);
        wait_until_quiet();
        assert_int_equal(json_integer_value(json_object_get(decided(id), "callbacks_sent")), 2);
        assert_int_equal(json_integer_value(json_object_get(decided(id), "callbacks_answered")), 1);
    }
}

// --- Many, and the end ---------------------------------------------------------------------------

static void many_callbacks_go_over_few_connections(void **state)
{
    enum { PUSHES = 400, COPIES = 5 };
    struct daraja *daraja = *state;
    control("{\"duplicate\":%d}", COPIES - 1);
    for (long i = 0; i < PUSHES; i++) pushed(daraja, arena_printf(story_arena(), "%ld", PAYERS + i * 1000 + 555), 1);
    assert_true(receiver_wait(daraja->receiver, PUSHES * COPIES, 20000));
    wait_until_quiet();
    assert_int_equal(receiver_count(daraja->receiver), PUSHES * COPIES);
    assert_true(receiver_connections(daraja->receiver) <= 16);
}

// The program itself, on a free port that its first line tells.
static pid_t program_start(int *ret_port)
{
    static const char *const settings[][2] = {{"DARAJA_PORT", "0"}, {"DARAJA_CONSUMER_KEY", "k"}, {"DARAJA_CONSUMER_SECRET", "s"}, {"DARAJA_PASSKEY", "p"}};
    char path[400], line[1000] = "";
    int output[2];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    char *folder = strstr(path, "/tests/unit/");
    assert_non_null(folder);
    snprintf(folder, sizeof path - (size_t)(folder - path), "/bin/daraja-simulator");
    for (size_t i = 0; i < COUNT_OF(settings); i++) setenv(settings[i][0], settings[i][1], 1);
    assert_int_equal(pipe(output), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(output[1], STDOUT_FILENO);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    assert_true(read(output[0], line, sizeof line - 1) > 0);
    const char *port = strstr(line, "\"port\":");
    assert_non_null(port);
    *ret_port = (int)strtol(port + strlen("\"port\":"), NULL, 10);
    close(output[1]);
    return child; // its output stays open until this program ends
}

// Asks without waiting for the answer.
static int ask(int port, const char *path, const char *body)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *request = arena_printf(story_arena(), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", path, strlen(body), body);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(client, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return client;
}

static void a_signal_ends_it_whoever_has_not_answered(void **state)
{
    struct daraja *daraja = *state;
    int port = 0, status = -1;
    char answer[2000] = "";
    const pid_t child = program_start(&port);
    receiver_answer(daraja->receiver, 200, 4000);
    const int client = ask(port, "/control/forge", arena_printf(story_arena(), "{\"url\":\"%s\",\"body\":\"x\"}", receiver_url(daraja->receiver, "/slow")));
    assert_true(receiver_wait(daraja->receiver, 1, 5000)); // it waits for the answer to this
    kill(child, SIGTERM);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(recv(client, answer, sizeof answer - 1, MSG_WAITALL) > 0);
    assert_non_null(strstr(answer, "\"status\":0,")); // it heard nothing
    close(client);
}

#define test(function) cmocka_unit_test_setup(function, daraja_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_token_needs_the_right_credentials),
        test(a_new_token_ends_the_one_before),
        test(without_a_token_nothing_is_taken),
        test(every_member_of_a_push_is_judged),
        test(what_is_no_request_is_refused),
        test(a_paid_push_is_told_in_daraja_s_shape),
        test(amounts_come_with_and_without_cents),
        test(the_phone_chooses_how_it_ends),
        test(of_two_phones_only_the_query_knows),
        test(a_query_before_the_end_says_so),
        test(a_phone_has_one_prompt_at_a_time),
        test(a_callback_that_is_not_answered_comes_again),
        test(many_callbacks_go_over_few_connections),
        test(a_signal_ends_it_whoever_has_not_answered),
    };
    return cmocka_run_group_tests(tests, daraja_group_setup, daraja_group_teardown);
}
