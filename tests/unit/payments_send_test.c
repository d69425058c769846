// SPDX-License-Identifier: MIT
// What goes out to M-Pesa while the database, M-Pesa or the sender itself is held up: never twice, and nothing that is known is forgotten.
#include "payments_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daraja.h"
#include "http_server.h"
#include "jose.h"

#define TIMEOUT_MS 400
#define SENDERS 8
#define SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER_SECRET "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct payments_database made;
static struct http_server *mpesa;

// What M-Pesa does; set while nobody calls it.
static struct {
    int token_ms, answer_ms; // how long it takes
    const char *answer;      // to a push or refund
    int status;
} does;
static _Atomic int tokens_given, calls_taken;

static void wait_ms(int milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}

static void play_mpesa(void *state, const struct http_request *request, struct http_response *response)
{
    (void)state;
    const bool for_token = strncmp(request->path, "/oauth/", 7) == 0;
    wait_ms(for_token ? does.token_ms : does.answer_ms);
    if (for_token) tokens_given++;
    else calls_taken++;
    response->status = for_token ? 200 : does.status;
    response->body = for_token ? "{\"access_token\":\"a-token\",\"expires_in\":\"3599\"}" : does.answer;
    response->body_length = strlen(response->body);
}

static int setup(void **state)
{
    (void)state;
    const struct http_server_config config = {.host = "127.0.0.1", .threads = 32, .workers = 32, .queue_timeout_ms = 5000, .body_limit_bytes = 1 << 16,
                                              .head_timeout_ms = 5000, .body_timeout_ms = 5000, .idle_timeout_ms = 5000};
    if (payments_database_create(&made)) return 1;
    struct payments_settings *settings = &made.settings;
    mpesa = http_server_start(&config, play_mpesa, NULL, &made.kit.err);
    if (!mpesa) return 1;
    static char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", http_server_port(mpesa));
    settings->daraja_url = url;
    settings->consumer_key = settings->consumer_secret = settings->shortcode = settings->passkey = settings->initiator = settings->security_credential = "x";
    settings->transaction_type = "CustomerPayBillOnline";
    settings->till = settings->b2c_shortcode = "";
    settings->callback_url = "https://api.example.com/api";
    settings->secret = SECRET;
    settings->daraja_timeout_ms = TIMEOUT_MS;
    made.payments.daraja = daraja_new(settings, &made.kit.err);
    return made.payments.daraja == NULL;
}

static int teardown(void **state)
{
    (void)state;
    daraja_free(made.payments.daraja);
    http_server_stop(mpesa, 2000);
    return payments_database_drop(&made);
}

#define TAKEN "{\"MerchantRequestID\":\"m-1\",\"CheckoutRequestID\":\"co-1\",\"ResponseCode\":\"0\",\"ResponseDescription\":\"ok\",\"ConversationID\":\"c-1\"}"

static int all_is_well(void **state)
{
    (void)state;
    payments_database_clean(&made);
    does.token_ms = does.answer_ms = 0;
    does.answer = TAKEN;
    does.status = 200;
    cell(&made, "UPDATE daraja_token SET expires_at = '-infinity'");
    daraja_token_drop(&made.app, made.kit.arena, "a-token");
    tokens_given = calls_taken = 0;
    return 0;
}

// --- The token ------------------------------------------------------------------------------------

static void *send_push(void *argument)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 20);
    const struct daraja_push push = {.push_id = "p", .phone_number = "+254722000111", .amount = 100, .reference = "x"};
    daraja_push(&made.app, &push, arena, argument);
    return NULL;
}

// What is sent is its sender's for some time only, which must not pass by waiting for a token, one sender after the other.
static void who_waits_for_a_token_hears_at_once_that_there_is_none(void **state)
{
    (void)state;
    struct daraja_answer answers[SENDERS];
    pthread_t threads[SENDERS];
    does.token_ms = 2 * TIMEOUT_MS;
    const int64_t began_ms = clock_monotonic_ms();
    for (int i = 0; i < SENDERS; i++) pthread_create(&threads[i], NULL, send_push, &answers[i]);
    for (int i = 0; i < SENDERS; i++) pthread_join(threads[i], NULL);
    const int64_t lasted_ms = clock_monotonic_ms() - began_ms;
    for (int i = 0; i < SENDERS; i++) assert_int_equal(answers[i].outcome, DARAJA_NOT_SENT);
    if (lasted_ms > 4 * TIMEOUT_MS) fail_msg("it took %lld ms", (long long)lasted_ms);
    assert_int_equal(calls_taken, 0);
}

static void a_token_of_another_secret_is_replaced(void **state)
{
    (void)state;
    struct daraja_answer answer;
    char *sealed = NULL;
    assert_true(jose_seal(OTHER_SECRET, "an older token", made.kit.arena, &sealed, &made.kit.err));
    cell(&made, "UPDATE daraja_token SET sealed_token = '%s', expires_at = now() + interval '50 minutes'", sealed);
    send_push(&answer);
    assert_int_equal(answer.outcome, DARAJA_DONE);
    assert_int_equal(tokens_given, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_waits_for_a_token_hears_at_once_that_there_is_none, all_is_well),
        cmocka_unit_test_setup(a_token_of_another_secret_is_replaced, all_is_well),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
