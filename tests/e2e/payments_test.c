// SPDX-License-Identifier: MIT
// A family buys credits by M-Pesa and unlocks a worker's contact: once, for the server's price, for this family alone.
#include "shop.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void the_whole_story(void **state)
{
    (void)state;
    struct person ann = person_register("employer"), other = person_register("employer");
    const char *worker = worker_for_hire();
    const char *path = arena_printf(story_arena(), "/api/housegirls/%s", worker);
    struct answer before = call(&ann, "GET", path, NULL);
    assert_false(true_at(&before, "contact/unlocked"));
    struct answer poor = unlock(&ann, worker);
    expect_problem(&poor, 402);

    const char *purchase = buy(&ann, phone_ending("111"));
    struct answer paid = expect_becomes(&ann, purchase, "completed");
    assert_non_null(text_at(&paid, "mpesa_receipt_number"));
    assert_int_equal(credits_of(&ann), 3);

    struct answer unlocked = unlock(&ann, worker);
    expect_status(&unlocked, 201);
    assert_true(true_at(&unlocked, "contact/unlocked"));
    assert_non_null(strstr(text_at(&unlocked, "contact/email"), "@"));
    assert_int_equal(number_at(&unlocked, "remaining_credits"), 2);

    struct answer hers = call(&ann, "GET", path, NULL), others = call(&other, "GET", path, NULL), visitors = call(NULL, "GET", path, NULL);
    assert_string_equal(text_at(&hers, "contact/email"), text_at(&unlocked, "contact/email"));
    assert_false(body_has(&others, text_at(&unlocked, "contact/email")));
    assert_false(body_has(&visitors, text_at(&unlocked, "contact/email")));

    struct answer again = unlock(&ann, worker); // nothing is spent on what she has
    expect_status(&again, 200);
    assert_string_equal(text_at(&again, "access_id"), text_at(&unlocked, "access_id"));
    assert_int_equal(credits_of(&ann), 2);
    struct answer list = call(&ann, "GET", "/api/payments/contact-access", NULL);
    assert_int_equal(json_array_size(at(&list, "contact_access")), 1);
}

static void the_price_is_the_servers(void **state)
{
    (void)state;
    struct person ann = person_register("employer");
    struct answer cheap = call(&ann, "POST", "/api/payments/purchases", "{\"package_id\":\"%s\",\"phone_number\":\"%s\",\"amount\":1}", package_of(3), phone_ending("111"));
    expect_problem(&cheap, 422);
    struct answer nothing = call(&ann, "POST", "/api/payments/purchases", "{\"package_id\":\"nothing\",\"phone_number\":\"%s\"}", phone_ending("111"));
    expect_problem(&nothing, 404);
    struct answer list = call(&ann, "GET", "/api/payments/purchases", NULL);
    assert_int_equal(json_array_size(at(&list, "purchases")), 0);
}

static void an_administrator_keeps_the_packages(void **state)
{
    (void)state;
    struct person ann = person_register("employer"), admin = admin_login();
    struct answer hers = call(&ann, "POST", "/api/payments/packages", "{\"name\":\"Free\",\"price\":1,\"contacts_included\":100}");
    expect_problem(&hers, 403);
    struct answer made = call(&admin, "POST", "/api/payments/packages", "{\"name\":\"Trial\",\"price\":99.50,\"contacts_included\":1}");
    expect_status(&made, 201);
    const char *path = arena_printf(story_arena(), "/api/payments/packages/%s", text_at(&made, "id"));
    struct answer changed = call(&admin, "PATCH", path, "{\"is_active\":false}");
    expect_status(&changed, 200);
    struct answer gone = try_to_buy(&ann, text_at(&made, "id"), phone_ending("111"), "trial");
    expect_problem(&gone, 404);
    struct answer list = call(NULL, "GET", "/api/payments/packages", NULL);
    assert_false(body_has(&list, text_at(&made, "id")));
}

static void each_refusal_of_the_phone_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *digits, *status, *reason;
    } endings[] = {
        {"001", "failed", "Top up"},        {"017", "failed", "two minutes"}, {"032", "failed", "cancelled"}, {"037", "expired", "could not be reached"},
        {"101", "failed", "PIN was wrong"}, {"199", "failed", "Try again"},
    };
    struct person ann = person_register("employer");
    const char *purchases[sizeof endings / sizeof *endings];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) purchases[i] = buy(&ann, phone_ending(endings[i].digits));
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct answer answer = expect_becomes(&ann, purchases[i], endings[i].status);
        if (!strstr(text_at(&answer, "failure_reason"), endings[i].reason)) fail_msg("%s: %s", endings[i].digits, text_at(&answer, "failure_reason"));
    }
    assert_int_equal(credits_of(&ann), 0);
}

static void a_silent_one_is_asked_about(void **state)
{
    (void)state;
    struct person ann = person_register("employer");
    const char *paid = buy(&ann, phone_ending("099")), *cancelled = buy(&ann, phone_ending("098"));
    expect_becomes(&ann, paid, "completed");
    expect_becomes(&ann, cancelled, "failed");
    assert_int_equal(credits_of(&ann), 3);
}

static void the_same_request_buys_once(void **state)
{
    (void)state;
    struct person ann = person_register("employer");
    const char *phone = phone_ending("111");
    struct answer first = try_to_buy(&ann, package_of(3), phone, "twice"), second = try_to_buy(&ann, package_of(3), phone, "twice");
    expect_status(&first, 202);
    expect_status(&second, 202);
    assert_string_equal(text_at(&first, "purchase_id"), text_at(&second, "purchase_id"));
    assert_string_equal(header(&first, "Location"), header(&second, "Location"));
    struct answer another = try_to_buy(&ann, package_of(3), phone_ending("222"), "twice"); // the key stands for one body
    expect_problem(&another, 422);
    expect_becomes(&ann, text_at(&first, "purchase_id"), "completed");
    assert_int_equal(credits_of(&ann), 3);
    struct answer list = call(&ann, "GET", "/api/payments/purchases?status=completed", NULL);
    assert_int_equal(json_array_size(at(&list, "purchases")), 1);
}

static void one_prompt_at_a_time_on_a_phone(void **state)
{
    (void)state;
    struct person ann = person_register("employer");
    const char *phone = phone_ending("111");
    mpesa("{\"payer_ms\":1500}");
    const char *purchase = buy(&ann, phone);
    struct answer busy = try_to_buy(&ann, package_of(3), phone, "second");
    expect_problem(&busy, 409);
    assert_non_null(header(&busy, "Retry-After"));
    expect_becomes(&ann, purchase, "completed");
    struct answer soon = try_to_buy(&ann, package_of(3), phone, "third"); // M-Pesa would take the same amount twice for one
    expect_problem(&soon, 409);
}

#define RACERS 12
struct racer {
    struct person who;
    const char *worker;
    int status;
    pthread_t thread;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    char command[4096];
    snprintf(command, sizeof command,
             "curl -s -o /dev/null -w '%%{http_code}' -X POST '%s/api/payments/contact-access' -H 'Content-Type: application/json' -H 'Authorization: Bearer %s' "
             "-d '{\"target_profile_id\":\"%s\"}'", setting("GATEWAY_URL"), racer->who.token, racer->worker);
    FILE *pipe = popen(command, "r");
    if (pipe && fscanf(pipe, "%d", &racer->status) != 1) racer->status = -1;
    if (pipe) pclose(pipe);
    return NULL;
}

// Three credits, twelve clicks at the same moment on six workers.
static void credits_are_never_spent_twice(void **state)
{
    (void)state;
    struct person ann = person_register("employer");
    struct racer racers[RACERS];
    const char *workers[RACERS / 2];
    int made = 0, kept = 0, refused = 0;
    for (int i = 0; i < RACERS / 2; i++) workers[i] = worker_for_hire();
    expect_becomes(&ann, buy(&ann, phone_ending("111")), "completed");
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.who = ann, .worker = workers[i / 2]};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        made += racers[i].status == 201 || racers[i].status == 202;
        kept += racers[i].status == 200;
        refused += racers[i].status == 402;
    }
    assert_int_equal(made + kept + refused, RACERS);
    assert_int_equal(credits_of(&ann), 0);
    struct answer list = call(&ann, "GET", "/api/payments/contact-access", NULL);
    assert_int_equal(json_array_size(at(&list, "contact_access")), 3);
}

static void nobody_pays_for_who_is_not_there(void **state)
{
    (void)state;
    struct person ann = person_register("employer"), worker = person_register("housegirl");
    expect_becomes(&ann, buy(&ann, phone_ending("111")), "completed");
    struct answer nobody = unlock(&ann, "nobody");
    expect_problem(&nobody, 404);
    assert_int_equal(credits_of(&ann), 3);
    struct answer not_hers = call(&worker, "POST", "/api/payments/contact-access", "{\"target_profile_id\":\"nobody\"}");
    expect_problem(&not_hers, 403);
}

static bool lists(const struct person *who, const char *path, const char *purchase_id)
{
    struct answer answer = call(who, "GET", path, NULL);
    expect_status(&answer, 200);
    json_t *purchase;
    size_t i;
    json_array_foreach(at(&answer, "purchases"), i, purchase)
        if (text_equal(json_string_value(json_object_get(purchase, "id")), purchase_id)) return true;
    return false;
}

static void others_do_not_see_a_purchase(void **state)
{
    (void)state;
    struct person ann = person_register("employer"), other = person_register("employer"), admin = admin_login();
    const char *purchase_id = buy(&ann, phone_ending("111")), *path = arena_printf(story_arena(), "/api/payments/purchases/%s", purchase_id);
    assert_true(lists(&ann, "/api/payments/purchases", purchase_id));
    assert_true(lists(&admin, "/api/payments/purchases", purchase_id)); // she sees all
    assert_false(lists(&admin, "/api/payments/my-purchases", purchase_id));
    assert_false(lists(&other, "/api/payments/purchases", purchase_id));
    struct answer theirs = call(&other, "GET", path, NULL), admins = call(&admin, "GET", path, NULL), visitors = call(NULL, "GET", path, NULL);
    expect_problem(&theirs, 404);
    expect_problem(&visitors, 401);
    expect_status(&admins, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_whole_story, mpesa_reset),
        cmocka_unit_test(the_price_is_the_servers),
        cmocka_unit_test(an_administrator_keeps_the_packages),
        cmocka_unit_test_setup(each_refusal_of_the_phone_says_what_to_do, mpesa_reset),
        cmocka_unit_test_setup(a_silent_one_is_asked_about, mpesa_reset),
        cmocka_unit_test_setup(the_same_request_buys_once, mpesa_reset),
        cmocka_unit_test_setup(one_prompt_at_a_time_on_a_phone, mpesa_reset),
        cmocka_unit_test_setup(credits_are_never_spent_twice, mpesa_reset),
        cmocka_unit_test_setup(nobody_pays_for_who_is_not_there, mpesa_reset),
        cmocka_unit_test_setup(others_do_not_see_a_purchase, mpesa_reset),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
