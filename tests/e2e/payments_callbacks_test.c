// SPDX-License-Identifier: MIT
// M-Pesa on its bad days: doubled, late, forged, garbled and lost callbacks and answers. Nobody is credited twice or for nothing,
// and nobody who has paid goes without.
#include "eventually.h"
#include "shop.h"
#include "stack.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

static struct person ann;

static int a_new_buyer(void **state)
{
    ann = person_register("employer");
    return mpesa_reset(state);
}

static int all_is_well_again(void **state)
{
    return mpesa_reset(state) || stack_restore(state);
}

// How often a purchase is in the books, whatever M-Pesa says how often.
static void expect_credited_once(const char *purchase_id)
{
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM ledger_entries WHERE kind = 'credits_bought' AND reference = '%s'", purchase_id), "1");
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM ledger_entries WHERE kind = 'paid' AND reference = '%s'", purchase_id), "1");
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM outbox WHERE key = '%s' AND type LIKE '%%purchase.completed%%'", purchase_id), "1");
}

// How many that hold a condition have come.
static const char *callbacks_of(const char *purchase_id, const char *condition)
{
    return database_ask("dc_payments", "SELECT count(*) FROM stk_callbacks AS c JOIN pushes AS p ON p.id = c.push_id WHERE p.subject_id = '%s' AND %s", purchase_id, condition);
}

static json_t *pushed(const char *purchase_id)
{
    const char *checkout;
    eventually(*(checkout = database_ask("dc_payments", "SELECT checkout_request_id FROM pushes WHERE subject_id = '%s'", purchase_id)));
    return mpesa_transaction(checkout);
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void a_doubled_callback_counts_once(void **state)
{
    (void)state;
    mpesa("{\"duplicate\":4}");
    const char *purchase = buy(&ann, phone_ending("111"));
    expect_becomes(&ann, purchase, "completed");
    eventually(json_integer_value(json_object_get(pushed(purchase), "callbacks_answered")) == 5);
    expect_credited_once(purchase);
    assert_int_equal(credits_of(&ann), 3);
}

static void a_callback_that_overtakes_the_answer_counts(void **state)
{
    (void)state;
    mpesa("{\"early\":true,\"slow_ms\":600}");
    const char *purchase = buy(&ann, phone_ending("111"));
    struct answer paid = expect_becomes(&ann, purchase, "completed");
    assert_non_null(text_at(&paid, "mpesa_receipt_number"));
    expect_credited_once(purchase);
}

static void a_wrong_amount_is_not_believed_but_asked_about(void **state)
{
    (void)state;
    mpesa("{\"wrong_amount\":true}");
    const char *purchase = buy(&ann, phone_ending("111"));
    struct answer paid = expect_becomes(&ann, purchase, "completed"); // M-Pesa itself says yes when asked
    assert_non_null(text_at(&paid, "mpesa_receipt_number"));
    expect_credited_once(purchase);
    assert_string_equal(database_ask("dc_payments", "SELECT answered_by FROM pushes WHERE subject_id = '%s'", purchase), "query");
    struct person admin = admin_login();
    struct answer books = call(&admin, "GET", "/api/admin/reconciliation", NULL);
    assert_true(body_has(&books, purchase)); // and it is a finding
    assert_true(true_at(&books, "consistent"));
}

static void garbage_and_other_peoples_ids_credit_nothing(void **state)
{
    (void)state;
    mpesa("{\"malformed\":1}");
    const char *first = buy(&ann, phone_ending("032"));
    expect_becomes(&ann, first, "failed");
    mpesa("{\"wrong_checkout\":true,\"malformed\":0}");
    const char *second = buy(&ann, phone_ending("032"));
    expect_becomes(&ann, second, "failed");
    assert_int_equal(credits_of(&ann), 0);
}

// She knows the address's form and her own purchase, and tells us that she has paid.
static void a_forged_callback_is_refused(void **state)
{
    (void)state;
    mpesa("{\"payer_ms\":3000}");
    const char *purchase = buy(&ann, phone_ending("032"));
    json_t *push = pushed(purchase);
    const char *url = member(push, "callback_url"), *dot = strrchr(url, '.');
    const char *path = strstr(url, "/api/");
    struct answer guessed = call(NULL, "POST", arena_printf(story_arena(), "%.*s.%032d", (int)(dot - path), path, 7),
                                 "{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":\"%s\",\"CheckoutRequestID\":\"%s\",\"ResultCode\":0,\"ResultDesc\":\"ok\","
                                 "\"CallbackMetadata\":{\"Item\":[{\"Name\":\"Amount\",\"Value\":500},{\"Name\":\"MpesaReceiptNumber\",\"Value\":\"FORGED\"}]}}}}",
                                 member(push, "merchant_request_id"), member(push, "checkout_request_id"));
    expect_problem(&guessed, 404);
    struct person elsewhere = {.header_name = "X-Forwarded-For", .header_value = "203.0.113.9"}; // a header is not an address
    struct answer spoofed = call(&elsewhere, "POST", arena_printf(story_arena(), "%.*s.%032d", (int)(dot - path), path, 7), "{}");
    expect_problem(&spoofed, 404);
    expect_becomes(&ann, purchase, "failed");
    assert_int_equal(credits_of(&ann), 0);
}

static void who_pays_late_gets_it_and_is_flagged(void **state)
{
    (void)state;
    const char *purchase = buy(&ann, phone_ending("037"));
    expect_becomes(&ann, purchase, "expired");
    struct answer told = mpesa_call("POST", "/control/callback", arena_printf(story_arena(), "{\"checkout_request_id\":\"%s\",\"result_code\":\"0\"}",
                                                                           member(pushed(purchase), "checkout_request_id")));
    expect_status(&told, 200);
    expect_becomes(&ann, purchase, "completed");
    assert_string_equal(database_ask("dc_payments", "SELECT was_late FROM pushes WHERE subject_id = '%s'", purchase), "t");
    expect_credited_once(purchase);
    struct answer after = mpesa_call("POST", "/control/callback", arena_printf(story_arena(), "{\"checkout_request_id\":\"%s\",\"result_code\":\"1032\"}",
                                                                            member(pushed(purchase), "checkout_request_id")));
    expect_status(&after, 200);
    eventually(strcmp(callbacks_of(purchase, "body ~ '\"ResultCode\": *1032' AND processed_at IS NOT NULL"), "1") == 0);
    expect_becomes(&ann, purchase, "completed"); // paid is final
}

// The push was taken, its answer never came: it is not sent again.
static void a_lost_answer_is_no_second_push(void **state)
{
    (void)state;
    static const char *const ways[] = {"closed", "html", "error", "garbage"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const char *phone = phone_ending("111");
        mpesa("{\"broken\":{\"as\":\"%s\",\"count\":1,\"on\":\"push\"}}", ways[i]);
        const char *purchase = buy(&ann, phone);
        struct answer paid = expect_becomes(&ann, purchase, "completed");
        assert_non_null(text_at(&paid, "mpesa_receipt_number"));
        expect_credited_once(purchase);
        struct answer all = mpesa_call("GET", "/control/transactions", NULL);
        int pushes = 0;
        json_t *one;
        size_t at_index;
        json_array_foreach(at(&all, "transactions"), at_index, one) pushes += text_equal(member(one, "phone"), phone + 1);
        assert_int_equal(pushes, 1);
    }
}

// M-Pesa's own id of the push: of its transaction whose callback goes to that address.
static const char *own_checkout(const char *purchase_id)
{
    const char *push = database_ask("dc_payments", "SELECT id FROM pushes WHERE subject_id = '%s'", purchase_id);
    struct answer all = mpesa_call("GET", "/control/transactions", NULL);
    json_t *one;
    size_t i;
    json_array_foreach(at(&all, "transactions"), i, one) if (strstr(member(one, "callback_url"), push)) return member(one, "checkout_request_id");
    fail_msg("M-Pesa has no push of %s", purchase_id);
    return NULL;
}

// The push's answer is lost, and its first callback names an id that M-Pesa does not know when asked: the next one counts.
static void a_callback_with_a_wrong_id_does_not_stand_for_good(void **state)
{
    (void)state;
    mpesa("{\"broken\":{\"as\":\"html\",\"count\":1,\"on\":\"push\"},\"wrong_checkout\":true}");
    const char *purchase = buy(&ann, phone_ending("111"));
    eventually(strcmp(callbacks_of(purchase, "outcome = 'doubtful'"), "1") == 0);
    struct answer told = mpesa_call("POST", "/control/callback", arena_printf(story_arena(), "{\"checkout_request_id\":\"%s\"}", own_checkout(purchase)));
    expect_status(&told, 200);
    struct answer paid = expect_becomes(&ann, purchase, "completed");
    assert_non_null(text_at(&paid, "mpesa_receipt_number"));
    expect_credited_once(purchase);
}

static void a_refused_push_fails_and_says_so(void **state)
{
    (void)state;
    mpesa("{\"refuse\":{\"code\":\"400.002.02\",\"message\":\"Bad Request - Invalid PhoneNumber\",\"count\":1}}");
    struct answer failed = expect_becomes(&ann, buy(&ann, phone_ending("111")), "failed");
    assert_true(*text_at(&failed, "failure_reason") != '\0');
}

static void a_forgotten_token_is_replaced(void **state)
{
    (void)state;
    expect_becomes(&ann, buy(&ann, phone_ending("111")), "completed");
    mpesa("{\"expire_token\":true}");
    expect_becomes(&ann, buy(&ann, phone_ending("111")), "completed");
    mpesa("{\"broken\":{\"as\":\"error\",\"count\":2,\"on\":\"token\"},\"expire_token\":true}");
    expect_becomes(&ann, buy(&ann, phone_ending("111")), "completed"); // never sent meanwhile, so sent again
    assert_int_equal(credits_of(&ann), 9);
}

static void codes_may_be_text(void **state)
{
    (void)state;
    mpesa("{\"string_codes\":true}");
    expect_becomes(&ann, buy(&ann, phone_ending("111")), "completed");
    expect_becomes(&ann, buy(&ann, phone_ending("032")), "failed");
}

// The database is away when M-Pesa calls: the callback is answered and kept on disk, and counts when the database is back.
static void a_callback_outlives_an_absent_database(void **state)
{
    (void)state;
    mpesa("{\"payer_ms\":2500}");
    const char *purchase = buy(&ann, phone_ending("111")), *checkout = member(pushed(purchase), "checkout_request_id");
    part_stop("postgres");
    eventually(json_integer_value(json_object_get(mpesa_transaction(checkout), "callbacks_answered")) == 1);
    part_start("postgres");
    stack_restore(state);
    expect_becomes(&ann, purchase, "completed");
    expect_credited_once(purchase);
    eventually(strcmp(callbacks_of(purchase, "true"), "1") == 0); // read in from the disk, whether or not a query was faster
}

static bool result_answered(const char *refund_id)
{
    struct answer all = mpesa_call("GET", "/control/refunds", NULL);
    json_t *one;
    size_t i;
    json_array_foreach(at(&all, "refunds"), i, one)
        if (strstr(member(one, "callback_url"), refund_id)) return json_integer_value(json_object_get(one, "callbacks_answered")) == 1;
    return false;
}

static bool refund_is(const char *id, const char *state)
{
    return strcmp(database_ask("dc_payments", "SELECT state FROM refunds WHERE id = '%s'", id), state) == 0;
}

// Nobody can be asked how a refund ended: its result must not be lost either.
static void a_refunds_result_outlives_an_absent_database(void **state)
{
    struct person admin = admin_login();
    const char *purchase = buy(&ann, phone_ending("111"));
    expect_becomes(&ann, purchase, "completed");
    mpesa("{\"delay_ms\":{\"min\":2500,\"max\":2500}}");
    struct answer refund = call(&admin, "POST", arena_printf(story_arena(), "/api/admin/payments/%s/refund", purchase), "{\"reason\":\"She asks for it\"}");
    expect_status(&refund, 202);
    const char *id = text_at(&refund, "refund_id");
    eventually(refund_is(id, "sent"));
    part_stop("postgres");
    eventually(result_answered(id));
    part_start("postgres");
    stack_restore(state);
    eventually(refund_is(id, "completed"));
    expect_becomes(&ann, purchase, "refunded");
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, a_new_buyer, all_is_well_again)
int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_doubled_callback_counts_once),
        STORY(a_callback_that_overtakes_the_answer_counts),
        STORY(a_wrong_amount_is_not_believed_but_asked_about),
        STORY(garbage_and_other_peoples_ids_credit_nothing),
        STORY(a_forged_callback_is_refused),
        STORY(who_pays_late_gets_it_and_is_flagged),
        STORY(a_lost_answer_is_no_second_push),
        STORY(a_callback_with_a_wrong_id_does_not_stand_for_good),
        STORY(a_refused_push_fails_and_says_so),
        STORY(a_forgotten_token_is_replaced),
        STORY(codes_may_be_text),
        STORY(a_callback_outlives_an_absent_database),
        STORY(a_refunds_result_outlives_an_absent_database),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
