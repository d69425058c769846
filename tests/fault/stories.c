// SPDX-License-Identifier: MIT
#include "stories.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shop.h"
#include "text.h"

// --- Who acts, on what ------------------------------------------------------------------------------------

static void nobody(struct round *round)
{
    round->who = (struct person){0};
}

void an_employer(struct round *round)
{
    round->who = person_register("employer");
}

static void an_administrator(struct round *round)
{
    round->who = admin_login();
}

// By refreshing: logins of one account are limited.
static void a_new_session(struct round *round)
{
    struct answer answer = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", round->who.refresh);
    expect_status(&answer, 200);
    snprintf(round->who.token, sizeof round->who.token, "%s", text_at(&answer, "access_token"));
    snprintf(round->who.refresh, sizeof round->who.refresh, "%s", text_at(&answer, "refresh_token"));
}

static void a_worker(struct round *round)
{
    round->who = person_register("housegirl");
}

void a_worker_with_a_profile(struct round *round)
{
    a_worker(round);
    struct answer made = call(&round->who, "POST", "/api/housegirls", "{\"age\":24,\"location\":\"Nyali, Mombasa\"}");
    expect_status(&made, 201);
    round->id = text_at(&made, "id");
}

static void an_employer_with_credits(struct round *round)
{
    an_employer(round);
    struct answer bought = try_to_buy(&round->who, package_of(1000), phone_ending("111"), unique_word());
    expect_status(&bought, 202);
    expect_becomes(&round->who, text_at(&bought, "purchase_id"), "completed");
}

// As if profiles had told of her.
static void a_worker_to_unlock(struct round *round)
{
    round->id = arena_printf(story_arena(), "w%s", round->name);
    database_ask("dc_payments", "INSERT INTO workers (worker_id, profile_id, is_active) VALUES ('%s', 'p%s', true)", round->id, round->id);
}

static void an_employer_with_a_contact(struct round *round)
{
    an_employer_with_credits(round);
    round->id = worker_for_hire();
    struct answer unlocked = unlock(&round->who, round->id);
    expect_status(&unlocked, 201);
}

static void a_buyer(struct round *round)
{
    an_employer(round);
    round->id = package_of(3);
}

static void a_phone(struct round *round)
{
    round->phone = phone_ending("111");
}

// Paid, and no callback of M-Pesa's own. The id is what M-Pesa would call.
static void a_paid_purchase(struct round *round)
{
    an_employer(round);
    const char *purchase = buy(&round->who, phone_ending("099"));
    struct answer bought = expect_becomes(&round->who, purchase, "completed");
    const char *url = json_string_value(json_object_get(mpesa_transaction(text_at(&bought, "checkout_request_id")), "callback_url"));
    assert_non_null(url);
    round->id = arena_strdup(story_arena(), strrchr(url, '/') + 1);
}

// --- What must be so -----------------------------------------------------------------------------------------

static void the_account_is_whole(const struct round *round)
{
    struct answer login = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s@fault.example\",\"password\":\"msafiri-wa-mbali\"}", round->name);
    expect_status(&login, 200);
}

static void the_name_is_hers(const struct round *round)
{
    struct answer me = call(&round->who, "GET", "/api/auth/me", NULL);
    expect_status(&me, 200);
    assert_string_equal(text_at(&me, "first_name"), round->name);
}

static void the_bio_is_hers(const struct round *round)
{
    struct answer profile = call(&round->who, "GET", arena_printf(story_arena(), "/api/housegirls/%s", round->id), NULL);
    expect_status(&profile, 200);
    assert_string_equal(text_at(&profile, "bio"), round->name);
}

static void there_is_one_profile(const struct round *round)
{
    assert_string_equal(database_ask("dc_profiles", "SELECT count(*) FROM housegirl_profiles WHERE bio = '%s'", round->name), "1");
}

static void there_is_one_package(const struct round *round)
{
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM payment_packages WHERE name = '%s'", round->name), "1");
}

static void one_credit_is_spent(const struct round *round)
{
    assert_string_equal(database_ask("dc_payments",
                                     "SELECT count(*) || ' ' || (SELECT sum(amount) FROM ledger_entries WHERE reference = min(a.id)) || ' ' ||"
                                     "       (SELECT count(*) FROM outbox WHERE key = min(a.id)) "
                                     "FROM contact_access AS a WHERE target_profile_id = '%s'", round->id), "1 1 1");
}

static void the_contact_is_shown(const struct round *round)
{
    assert_true(round->answer.status == 202 || shows_contact(&round->answer));
}

// With its push, which is made once.
static void there_is_one_purchase(const struct round *round)
{
    assert_string_equal(database_ask("dc_payments",
                                     "SELECT count(*) || ' ' || count(DISTINCT u.id) FROM pushes AS p JOIN user_purchases AS u ON u.id = p.subject_id "
                                     "WHERE p.phone_number = '%s'", round->phone), "1 1");
}

static bool is_kept(void *name)
{
    return strcmp(database_ask("dc_payments", "SELECT count(*) FROM stk_callbacks WHERE body LIKE '%%%s%%'", (const char *)name), "0") != 0;
}

// What was answered is kept, though it be on disk for a while, and credits nobody again.
static void the_callback_is_kept(const struct round *round)
{
    assert_true(within(20, is_kept, (void *)(uintptr_t)round->name));
    assert_int_equal(credits_of(&round->who), 3);
}

static void the_link_is_mailed(const struct round *round)
{
    assert_non_null(mailed_token(round->who.email, "assword"));
}

#define ACCOUNT "{\"email\":\"%s@fault.example\",\"password\":\"msafiri-wa-mbali\",\"user_type\":\"employer\",\"first_name\":\"Amani\",\"last_name\":\"F\"}"
#define CALLBACK "{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":\"m1\",\"CheckoutRequestID\":\"ws_CO_%s\",\"ResultCode\":0,\"ResultDesc\":\"Done\"}}}"
const struct story stories[] = {
    // clang-format off
    {"auth", "register", "POST", "/auth/register", ACCOUNT, 201, .repeated = 409, .begin = nobody, .check = the_account_is_whole},
    {"auth", "sign in", "POST", "/auth/login", "{\"email\":\"{email}\",\"password\":\"{password}\"}", 200, .begin = an_employer, .renew = an_employer},
    {"auth", "refresh", "POST", "/auth/refresh", "{\"refresh_token\":\"{refresh}\"}", 200, .begin = an_employer, .renew = a_new_session},
    {"auth", "change a name", "PATCH", "/auth/me", "{\"first_name\":\"%s\"}", 200, .begin = an_employer, .renew = a_new_session, .check = the_name_is_hers},
    {"auth", "list sessions", "GET", "/auth/sessions", NULL, 200, .begin = an_employer, .renew = a_new_session},
    {"auth", "ask for a link", "POST", "/auth/password-reset", "{\"email\":\"{email}\"}", 202, .once = true, .begin = an_employer, .renew = an_employer, .check = the_link_is_mailed},
    {"profiles", "edit a profile", "PATCH", "/housegirls/{id}", "{\"bio\":\"%s\"}", 200, .begin = a_worker_with_a_profile, .renew = a_new_session, .check = the_bio_is_hers},
    {"profiles", "make a profile", "POST", "/housegirls", "{\"age\":24,\"bio\":\"%s\"}", 201, .keyed = true, .begin = a_worker, .renew = a_worker, .check = there_is_one_profile},
    {"profiles", "search", "GET", "/housegirls?q=%s", NULL, 200, .begin = nobody},
    {"payments", "make a package", "POST", "/payments/packages", "{\"name\":\"%s\",\"price\":500,\"contacts_included\":3}", 201, .keyed = true, .begin = an_administrator, .check = there_is_one_package},
    {"payments", "unlock a contact", "POST", "/payments/contact-access", "{\"target_profile_id\":\"{id}\"}", 201, .repeated = 200, .keyed = true, .begin = an_employer_with_credits, .renew = a_worker_to_unlock, .check = one_credit_is_spent},
    {"payments", "buy", "POST", "/payments/purchases", "{\"package_id\":\"{id}\",\"phone_number\":\"{phone}\"}", 202, .keyed = true, .begin = a_buyer, .renew = a_phone, .check = there_is_one_purchase},
    {"payments", "hear of M-Pesa", "POST", "/payments/stk/{id}", CALLBACK, 200, .once = true, .begin = a_paid_purchase, .check = the_callback_is_kept},
    {"gateway", "who am I", "GET", "/api/me", NULL, 200, .begin = a_worker_with_a_profile, .renew = a_new_session},
    {"gateway", "search", "GET", "/api/housegirls?q=%s", NULL, 200, .begin = nobody},
    {"gateway", "unlock a contact", "POST", "/api/payments/contact-access", "{\"target_profile_id\":\"{id}\"}", 200, .lesser = 202, .begin = an_employer_with_a_contact, .check = the_contact_is_shown},
    {"gateway", "edit a profile", "PATCH", "/api/housegirls/{id}", "{\"bio\":\"%s\"}", 200, .begin = a_worker_with_a_profile, .check = the_bio_is_hers},
    // clang-format on
};
const size_t story_count = COUNT_OF(stories);
