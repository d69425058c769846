// SPDX-License-Identifier: MIT
#include "shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eventually.h"
#include "text.h"

#define SECONDS_MAX 30
#define PACKAGES_MAX 8
#define PRICE 500

const char *package_of(int credits)
{
    static struct {
        int credits;
        char id[72];
    } made[PACKAGES_MAX];
    int place = 0;
    while (place < PACKAGES_MAX - 1 && made[place].credits && made[place].credits != credits) place++;
    if (made[place].credits == credits) return made[place].id;
    struct person admin = admin_login();
    struct answer answer = call(&admin, "POST", "/api/payments/packages", "{\"name\":\"%d contacts\",\"price\":%d,\"contacts_included\":%d}", credits, PRICE, credits);
    expect_status(&answer, 201);
    made[place].credits = credits;
    snprintf(made[place].id, sizeof made[place].id, "%s", text_at(&answer, "id"));
    return made[place].id;
}

const char *phone_ending(const char *digits)
{
    static long next; // of the clock: programs that follow one another share no phone
    if (!next) next = (long)(clock_monotonic_ms() / 25);
    return arena_printf(story_arena(), "+2547%05ld%s", next++ % 100000, digits);
}

struct answer try_to_buy(const struct person *who, const char *package_id, const char *phone, const char *idempotency_key)
{
    struct person buyer = *who;
    buyer.header_name = "Idempotency-Key";
    buyer.header_value = idempotency_key;
    return call(&buyer, "POST", "/api/payments/purchases", "{\"package_id\":\"%s\",\"phone_number\":\"%s\"}", package_id, phone);
}

const char *buy(const struct person *who, const char *phone)
{
    struct answer answer = try_to_buy(who, package_of(3), phone, arena_printf(story_arena(), "buy-%ld-%ld", random(), random()));
    expect_status(&answer, 202);
    assert_string_equal(text_at(&answer, "status"), "pending");
    return text_at(&answer, "purchase_id");
}

struct answer expect_becomes(const struct person *who, const char *purchase_id, const char *status)
{
    const char *path = arena_printf(story_arena(), "/api/payments/purchases/%s", purchase_id), *now = "";
    struct answer answer = {0};
    for (int64_t until = clock_monotonic_ms() + SECONDS_MAX * 1000; clock_monotonic_ms() < until; sleep_ms(50)) {
        answer = call(who, "GET", path, NULL);
        expect_status(&answer, 200);
        now = text_at(&answer, "status");
        if (strcmp(now, status) == 0) return answer;
        if (strcmp(now, "completed") == 0) break;
    }
    fail_msg("purchase %s is %s and not %s", purchase_id, now, status);
    return answer;
}

int64_t credits_of(const struct person *who)
{
    struct answer answer = call(who, "GET", "/api/payments/contact-credits", NULL);
    expect_status(&answer, 200);
    return number_at(&answer, "remaining_credits");
}

struct answer unlock(const struct person *who, const char *worker_id)
{
    return call(who, "POST", "/api/payments/contact-access", "{\"target_profile_id\":\"%s\"}", worker_id);
}

bool shows_contact(const struct answer *answer)
{
    return json_is_true(at(answer, "contact/unlocked"));
}

const char *worker_for_hire(void)
{
    struct person worker = person_register("housegirl"), nobody = person_register("employer");
    struct answer made = call(&worker, "POST", "/api/housegirls/", "{\"age\":30,\"bio\":\"Cooks and cleans\",\"education\":\"form_4\",\"experience\":\"2_years\"}");
    expect_status(&made, 201);
    const char *id = text_at(&made, "id");
    await_worker(id, &nobody);
    return id;
}

void await_worker(const char *worker_id, const struct person *without_credits)
{
    eventually(unlock(without_credits, worker_id).status == 402);
}

// --- M-Pesa --------------------------------------------------------------------------------------

struct answer mpesa_call(const char *method, const char *path, const char *body)
{
    return call_at(setting("URL_DARAJA"), NULL, method, path, body);
}

void mpesa(const char *format, ...)
{
    char body[512];
    va_list values;
    va_start(values, format);
    vsnprintf(body, sizeof body, format, values);
    va_end(values);
    struct answer answer = mpesa_call("POST", "/control", body);
    expect_status(&answer, 200);
}

int mpesa_reset(void **state)
{
    (void)state;
    struct answer answer = mpesa_call("POST", "/control/reset", "{}");
    return answer.status == 200 ? 0 : -1;
}

json_t *mpesa_transaction(const char *checkout_request_id)
{
    struct answer answer = mpesa_call("GET", "/control/transactions", NULL);
    json_t *one;
    size_t i;
    json_array_foreach(at(&answer, "transactions"), i, one)
        if (text_equal(json_string_value(json_object_get(one, "checkout_request_id")), checkout_request_id)) return one;
    fail_msg("M-Pesa knows no %s", checkout_request_id);
    return NULL;
}
