// SPDX-License-Identifier: MIT
// What goes out to M-Pesa while the database, M-Pesa or the sender itself is held up: never twice, and nothing that is known is forgotten.
#include "payments_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attempt.h"
#include "daraja.h"
#include "eventually.h"
#include "http_server.h"
#include "jose.h"
#include "push.h"

#define SHORT_TIMEOUT_MS 500
#define LONG_TIMEOUT_MS 20000 // of what is held up here
#define SENDERS 12
#define SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER_SECRET "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct http_server *mpesa;

// What M-Pesa does.
static struct {
    atomic_bool holds_tokens, holds_answers; // until they are let go: tokens to nobody, answers as they are
    const char *_Atomic answer;              // to a push or refund
    _Atomic int status;
} does;
static atomic_bool let_go;
static _Atomic int held, tokens_given, calls_taken;

static void play_mpesa(void *state, const struct http_request *request, struct http_response *response)
{
    (void)state;
    const bool for_token = strncmp(request->path, "/oauth/", 7) == 0, holds = for_token ? does.holds_tokens : does.holds_answers;
    if (for_token) tokens_given++;
    else calls_taken++;
    held += holds;
    while (holds && !let_go) nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    response->unanswered = for_token && holds;
    response->status = for_token ? 200 : does.status;
    response->body = for_token ? "{\"access_token\":\"a-token\",\"expires_in\":\"3599\"}" : does.answer;
    response->body_length = strlen(response->body);
}

static int setup(void **state)
{
    const struct http_server_config config = {.host = "127.0.0.1", .threads = 32, .workers = 32, .queue_timeout_ms = 5000, .body_limit_bytes = 1 << 16,
                                              .head_timeout_ms = 5000, .body_timeout_ms = 5000, .idle_timeout_ms = 5000};
    if (payments_made(state)) return 1;
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
    made.payments.daraja = daraja_new(settings, &made.kit.err);
    return made.payments.daraja == NULL;
}

static int teardown(void **state)
{
    daraja_free(made.payments.daraja);
    http_server_stop(mpesa, 2000);
    return payments_dropped(state);
}

#define TAKEN "{\"MerchantRequestID\":\"m-1\",\"CheckoutRequestID\":\"co-1\",\"ResponseCode\":\"0\",\"ResponseDescription\":\"ok\",\"ConversationID\":\"c-1\"}"
#define REFUSED "{\"requestId\":\"r\",\"errorCode\":\"400.002.02\",\"errorMessage\":\"Bad Request - Invalid PhoneNumber\"}"

static int all_is_well(void **state)
{
    payments_clean(state);
    made.settings.daraja_timeout_ms = LONG_TIMEOUT_MS;
    does.holds_tokens = does.holds_answers = let_go = false;
    does.answer = TAKEN;
    does.status = 200;
    cell(&made, "UPDATE daraja_token SET expires_at = '-infinity'");
    daraja_token_drop(&made.app, made.kit.arena, "a-token");
    held = tokens_given = calls_taken = 0;
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
    does.holds_tokens = true;
    made.settings.daraja_timeout_ms = SHORT_TIMEOUT_MS;
    for (int i = 0; i < SENDERS; i++) pthread_create(&threads[i], NULL, send_push, &answers[i]);
    for (int i = 0; i < SENDERS; i++) pthread_join(threads[i], NULL);
    let_go = true;
    for (int i = 0; i < SENDERS; i++) assert_int_equal(answers[i].outcome, DARAJA_NOT_SENT);
    assert_in_range(held, 1, SENDERS - 1); // not each has waited for a token of her own
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

// Its words hold what M-Pesa says of a token that it has forgotten; it was taken all the same.
static void what_was_taken_is_not_sent_again_for_its_words(void **state)
{
    (void)state;
    struct daraja_answer answer;
    does.answer = "{\"MerchantRequestID\":\"m-1\",\"CheckoutRequestID\":\"co-1\",\"ResponseCode\":\"0\",\"ResponseDescription\":\"not 404.001.03\"}";
    send_push(&answer);
    assert_int_equal(answer.outcome, DARAJA_DONE);
    assert_int_equal(calls_taken, 1);
    does.answer = "{\"requestId\":\"r\",\"errorCode\":\"404.001.03\",\"errorMessage\":\"Invalid Access Token\"}";
    does.status = 404;
    send_push(&answer);
    assert_int_equal(answer.outcome, DARAJA_NOT_SENT);
    assert_int_equal(calls_taken, 3); // once more with a new token
    assert_int_equal(tokens_given, 2);
}

// --- A sender that was held up ----------------------------------------------------------------------

typedef bool (*worker)(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err);

static void *work(void *argument)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 20);
    struct error err = {.arena = arena};
    bool worked = false;
    struct attempt state = {0}; // of those that keep one
    const worker *next = argument;
    if (!(*next)(&made.app, arena, &state, &worked, &err) || !worked) fprintf(stderr, "no work: %s %s\n", err.detail, err.cause);
    return NULL;
}

// The worker takes what is there, and others do `meanwhile` while M-Pesa holds it up.
static void held_up(worker next, const char *meanwhile)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, &next);
    eventually(held);
    cell(&made, "%s", meanwhile);
    let_go = true;
    pthread_join(thread, NULL);
}

#define LEASE_ENDS "UPDATE pushes SET state = 'unknown' WHERE subject_id = 'a' AND state = 'pushing'"

// Its buyer may have bought again meanwhile: the late answer is kept all the same.
static void the_ids_of_a_late_answer_are_kept(void **state)
{
    (void)state;
    purchase_to_be_sent(&made, "a", "u1", "+254722000111");
    does.holds_answers = true;
    held_up(push_next, LEASE_ENDS "; INSERT INTO pushes (id, subject_kind, subject_id, user_id, phone_number, amount, state) "
                                  "VALUES ('push-b', 'purchase', 'b', 'u1', '+254722000111', 50000, 'pushed')");
    assert_string_equal(cell(&made, "SELECT checkout_request_id || ' ' || (pushed_at IS NOT NULL) FROM pushes WHERE id = 'push-a'"), "co-1 true");
    assert_string_equal(cell(&made, "SELECT state FROM pushes WHERE id = 'push-a'"), "unknown"); // and asked about
}

static void a_late_refusal_is_an_answer(void **state)
{
    (void)state;
    purchase_to_be_sent(&made, "a", "u1", "+254722000111");
    does.holds_answers = true;
    does.answer = REFUSED;
    does.status = 400;
    held_up(push_next, LEASE_ENDS);
    assert_string_equal(cell(&made, "SELECT status FROM user_purchases"), "failed");
}

static void what_was_surely_not_sent_does_not_wait_for_days(void **state)
{
    (void)state;
    purchase_to_be_sent(&made, "a", "u1", "+254722000111");
    does.holds_tokens = true;
    held_up(push_next, LEASE_ENDS);
    assert_string_equal(cell(&made, "SELECT status FROM user_purchases"), "failed");
    assert_int_equal(calls_taken, 0);
}

static void nobody_is_prompted_for_what_waited_too_long(void **state)
{
    (void)state;
    purchase_to_be_sent(&made, "a", "u1", "+254722000111");
    cell(&made, "UPDATE pushes SET created_at = now() - interval '11 minutes'");
    work(&(worker){push_next});
    assert_int_equal(calls_taken + tokens_given, 0);
    assert_string_equal(cell(&made, "SELECT status || ': ' || failure_reason FROM user_purchases"),
                        "failed: M-Pesa could not be reached. Nothing was paid; try again later.");
}

static void a_refund_that_was_surely_not_sent_gives_the_credits_back(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    cell(&made, "INSERT INTO refunds (id, method, subject_kind, subject_id, user_id, amount, credits, receipt, reason, requested_by, originator_conversation_id) "
                "VALUES ('r1', 'reversal', 'purchase', 'a', 'u1', 50000, 3, 'R1', 'asked', 'admin', 'conv-1');"
                "INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) "
                "VALUES ('credits_taken_back', 'credit', 3, 'user:u1', 'credits_issued', 'r1')");
    does.holds_tokens = true;
    held_up(refund_next, "UPDATE refunds SET state = 'unknown' WHERE state = 'sending'");
    assert_string_equal(cell(&made, "SELECT state FROM refunds"), "failed");
    assert_int_equal(number(&made, "SELECT balance FROM ledger_balances"), 3);
}

// --- A doubt ----------------------------------------------------------------------------------------

#define NO_WORD "{\"requestId\":\"r\",\"errorCode\":\"500.001.1001\",\"errorMessage\":\"The transaction is being processed\"}"
#define PAID "{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":\"m-a\",\"CheckoutRequestID\":\"co-a\",\"ResultCode\":0,\"ResultDesc\":\"said\",\"CallbackMetadata\":" \
             "{\"Item\":[{\"Name\":\"Amount\",\"Value\":%s},{\"Name\":\"MpesaReceiptNumber\",\"Value\":\"R1\"}]}}}}"

static bool asked(void)
{
    bool worked = false;
    kit_assert_fine(&made.kit, query_next(&made.app, made.kit.arena, NULL, &worked, &made.kit.err));
    return worked;
}

static const char *report(void)
{
    struct db db = kit_session(&made.kit, DB_READ);
    const char *json = NULL;
    kit_assert_fine(&made.kit, db_text(&db, &SQL_reconcile, DB_IN(DB_INT(3600)), &json, NULL, &made.kit.err));
    db_end(&db);
    return json;
}

static void hurry(void)
{
    struct db db = kit_session(&made.kit, DB_READ);
    kit_assert_fine(&made.kit, db_exec(&db, &SQL_reconcile_hurry, DB_NOTHING, NULL, &made.kit.err));
    db_end(&db);
}

// M-Pesa never says whether a failed push was paid after all: that is for somebody to look at, and what comes later counts once.
static void a_doubt_is_given_up_and_money_counts_all_the_same(void **state)
{
    (void)state;
    does.answer = NO_WORD;
    does.status = 500;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_NOT_PAID, NULL);
    assert_string_equal(callback_worked_off(&made, "a", arena_printf(made.kit.arena, PAID, "499")), "doubtful");
    assert_true(asked()); // and again later
    assert_int_equal(number(&made, "SELECT count(*) FROM pushes WHERE in_doubt AND act_at < now() + interval '1 hour'"), 1);
    assert_null(strstr(report(), "doubt_given_up"));
    cell(&made, "UPDATE stk_callbacks SET received_at = now() - interval '49 hours'; UPDATE pushes SET act_at = now()");
    assert_true(asked());
    assert_non_null(strstr(report(), "doubt_given_up"));
    assert_false(asked());
    hurry(); // an operator has it asked about once more
    assert_true(asked());
    assert_false(asked());
    assert_non_null(strstr(report(), "doubt_given_up"));
    assert_string_equal(callback_worked_off(&made, "a", arena_printf(made.kit.arena, PAID, "498")), "doubtful");
    assert_true(asked());
    assert_null(strstr(report(), "doubt_given_up"));
    for (int i = 0; i < 2; i++) callback_worked_off(&made, "a", arena_printf(made.kit.arena, PAID, "500"));
    assert_int_equal(number(&made, "SELECT sum(amount) FROM ledger_entries WHERE kind = 'paid'"), 50000);
    assert_non_null(strstr(report(), "paid_late"));
}

// --- A database that was away for a moment -----------------------------------------------------------

static int failures, records;

static bool record(struct db *db, void *argument, struct error *err)
{
    (void)db, (void)argument;
    records++;
    return failures-- <= 0 || error_set(err, &problem_unavailable, NULL);
}

// M-Pesa answers once. But what was not sent may be somebody else's already: it is given back, if it still is this attempt's.
static void what_was_sent_is_recorded_when_the_database_is_back(void **state)
{
    (void)state;
    struct attempt attempt = {0};
    failures = 1, records = 0;
    kit_assert_fine(&made.kit, attempt_end(&attempt, &made.app, made.kit.arena, true, record, NULL, &made.kit.err));
    assert_int_equal(records, 2);
    assert_false(attempt.is_lost);
    failures = 1, records = 0;
    assert_false(attempt_end(&attempt, &made.app, made.kit.arena, false, record, NULL, &made.kit.err));
    assert_int_equal(records, 1);
    assert_true(attempt.is_lost);
    kit_forget(&made.kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_waits_for_a_token_hears_at_once_that_there_is_none, all_is_well),
        cmocka_unit_test_setup(a_token_of_another_secret_is_replaced, all_is_well),
        cmocka_unit_test_setup(what_was_taken_is_not_sent_again_for_its_words, all_is_well),
        cmocka_unit_test_setup(the_ids_of_a_late_answer_are_kept, all_is_well),
        cmocka_unit_test_setup(a_late_refusal_is_an_answer, all_is_well),
        cmocka_unit_test_setup(what_was_surely_not_sent_does_not_wait_for_days, all_is_well),
        cmocka_unit_test_setup(nobody_is_prompted_for_what_waited_too_long, all_is_well),
        cmocka_unit_test_setup(a_refund_that_was_surely_not_sent_gives_the_credits_back, all_is_well),
        cmocka_unit_test_setup(a_doubt_is_given_up_and_money_counts_all_the_same, all_is_well),
        cmocka_unit_test_setup(what_was_sent_is_recorded_when_the_database_is_back, all_is_well),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
