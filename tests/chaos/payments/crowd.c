// SPDX-License-Identifier: MIT
#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "text.h"

#define CLIENTS_MAX 256
#define START_PERCENT 80 // of the plan: the last one has begun by then
#define WATCH_MS 10000 // then she comes back later
#define LOOK_MS 30000
#define PAUSE_MS 300
#define REPEATS_PERCENT 20

struct crowd {
    struct account *account;
    const struct plan *plan;
    enum visit visit;
    int64_t began_ms;
    struct http_client *http;
    atomic_int next;
    int clients;
    struct client {
        struct crowd *crowd;
        pthread_t thread;
        struct web web;
    } all[CLIENTS_MAX];
};

static void *client_run(void *argument);
static void family_buys(struct client *client, int number);
static void family_looks(struct client *client, int number);
static bool buy(struct client *client, struct family *family, int number);
static void watch(struct client *client, struct family *family, int number, int64_t watch_ms);
static void unlock_all(struct client *client, struct family *family, int number);
static void unlock(struct client *client, struct family *family, int number, int which);
static void ask_again(struct client *client, struct family *family, const char *path, const char *body, const char *member, const char *told);
static bool shows(struct web *web, struct family *family, int worker);

struct crowd *crowd_start(struct account *account, const struct plan *plan, int clients, enum visit visit)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    struct error err = {0};
    if (!crowd) return NULL;
    crowd->account = account, crowd->plan = plan, crowd->visit = visit, crowd->began_ms = clock_monotonic_ms();
    crowd->http = http_client_new(&(struct http_client_config){.base_url = getenv("GATEWAY_URL"), .connections = clients, .connect_timeout_ms = 2000,
                                                               .answer_limit_bytes = 1 << 20}, &err);
    for (int i = 0; crowd->http && i < clients && i < CLIENTS_MAX; i++) {
        struct client *client = &crowd->all[i];
        client->crowd = crowd;
        if (!web_open(&client->web, crowd->http, account, plan->seed, i + CLIENTS_MAX * (int)visit)) break;
        if (pthread_create(&client->thread, NULL, client_run, client) != 0) abort();
        crowd->clients++;
    }
    return crowd;
}

void crowd_join(struct crowd *crowd)
{
    for (int i = 0; i < crowd->clients; i++) {
        pthread_join(crowd->all[i].thread, NULL);
        web_close(&crowd->all[i].web);
    }
    http_client_free(crowd->http);
    free(crowd);
}

static void *client_run(void *argument)
{
    struct client *client = argument;
    struct crowd *crowd = client->crowd;
    for (int number; (number = atomic_fetch_add(&crowd->next, 1)) < crowd->account->family_count;) {
        if (crowd->visit == VISIT_BUY) family_buys(client, number);
        else family_looks(client, number);
    }
    return NULL;
}

// --- The first visit -----------------------------------------------------------------------------

static void family_buys(struct client *client, int number)
{
    const struct crowd *crowd = client->crowd;
    struct family *family = &crowd->account->families[number];
    const int64_t start_ms = crowd->began_ms + crowd->plan->duration_ms * START_PERCENT / 100 * number / crowd->account->family_count;
    const int first = number * PURCHASES_EACH, last = first + PURCHASES_EACH;
    while (clock_monotonic_ms() < start_ms) web_wait(PAUSE_MS);
    snprintf(family->email, sizeof family->email, "family-%d@chaos.example", number);
    if (!web_sign_up(&client->web, family)) return;
    for (int i = first; i < last && i < crowd->account->purchase_count; i++)
        if (buy(client, family, i)) watch(client, family, i, WATCH_MS);
}

// The last three digits are what the payer does: simulator.h.
static const char *phone_ending_of(uint64_t seed, int number)
{
    static const struct {
        const char *digits;
        int percent;
    } endings[] = {{"111", 72}, {"099", 8}, {"032", 7}, {"001", 3}, {"037", 3}, {"101", 2}, {"098", 3}, {"199", 2}};
    int at = (int)chance_between(seed, ABOUT_PHONE, (uint64_t)number, 0, 99);
    size_t i = 0;
    while (at >= endings[i].percent) at -= endings[i++].percent;
    return endings[i].digits;
}

static bool buy(struct client *client, struct family *family, int number)
{
    struct web *web = &client->web;
    struct purchase *purchase = &client->crowd->account->purchases[number];
    char body[200], key[40];
    snprintf(key, sizeof key, "buy-%d", number);
    snprintf(body, sizeof body, "{\"package_id\":\"%s\",\"phone_number\":\"+2547%05d%s\"}", client->crowd->account->package_id, number % 100000,
             phone_ending_of(web->seed, number));
    web->key = key;
    const int status = web_ask_signed_in(web, family, "POST", "/api/payments/purchases", body);
    if (status == 202) {
        snprintf(purchase->id, sizeof purchase->id, "%s", web_text(web, "purchase_id"));
        atomic_fetch_add(&client->crowd->account->bought, 1);
        if (chance_between(web->seed, ABOUT_AGAIN, (uint64_t)number, 1, 100) <= REPEATS_PERCENT)
            ask_again(client, family, "/api/payments/purchases", body, "purchase_id", purchase->id);
    } else {
        web_surprise(web, "not bought", status);
    }
    web->key = NULL;
    return status == 202;
}

// A second click on what is done: the same thing.
static void ask_again(struct client *client, struct family *family, const char *path, const char *body, const char *member, const char *told)
{
    const int status = web_ask_signed_in(&client->web, family, "POST", path, body);
    if (!text_equal(web_text(&client->web, member), told)) web_surprise(&client->web, "a second click made another thing", status);
}

static void watch(struct client *client, struct family *family, int number, int64_t watch_ms)
{
    struct web *web = &client->web;
    struct purchase *purchase = &client->crowd->account->purchases[number];
    const int64_t until_ms = clock_monotonic_ms() + watch_ms;
    char path[128];
    snprintf(path, sizeof path, "/api/payments/purchases/%s", purchase->id);
    do {
        const int status = web_ask_signed_in(web, family, "GET", path, NULL);
        const bool was_completed = text_equal(purchase->status, "completed");
        if (status != 200) return web_surprise(web, "purchase not shown", status);
        snprintf(purchase->status, sizeof purchase->status, "%s", web_text(web, "status"));
        if (was_completed && !text_equal(purchase->status, "completed")) web_surprise(web, "no longer paid", status);
        if (text_equal(purchase->status, "completed")) {
            atomic_fetch_add(&client->crowd->account->completed, !was_completed);
            return unlock_all(client, family, number);
        }
        if (text_equal(purchase->status, "pending")) web_wait(PAUSE_MS);
    } while (text_equal(purchase->status, "pending") && clock_monotonic_ms() < until_ms);
}

// --- Contacts ------------------------------------------------------------------------------------

static void unlock_all(struct client *client, struct family *family, int number)
{
    for (int i = 0; i < UNLOCKS_EACH; i++)
        if (!client->crowd->account->purchases[number].unlocks[i].access_id[0]) unlock(client, family, number, i);
}

// Another worker with each credit of the family.
static void unlock(struct client *client, struct family *family, int number, int which)
{
    struct web *web = &client->web;
    struct account *account = client->crowd->account;
    struct unlock *unlock = &account->purchases[number].unlocks[which];
    const uint64_t place = (uint64_t)number * UNLOCKS_EACH + (uint64_t)which;
    char body[128], key[40];
    unlock->worker = (int)((place % (PURCHASES_EACH * UNLOCKS_EACH) + (uint64_t)(number / PURCHASES_EACH)) % WORKERS);
    snprintf(key, sizeof key, "unlock-%d-%d", number, which);
    snprintf(body, sizeof body, "{\"target_profile_id\":\"%s\"}", account->workers[unlock->worker].id);
    web->key = key;
    const int status = web_ask_signed_in(web, family, "POST", "/api/payments/contact-access", body);
    if (status == 200 || status == 201 || status == 202) {
        snprintf(unlock->access_id, sizeof unlock->access_id, "%s", web_text(web, "access_id"));
        atomic_fetch_add(&account->unlocked, 1);
        if (status != 202 && !text_equal(web_text(web, "contact/email"), account->workers[unlock->worker].email)) web_surprise(web, "unlocked without the contact", status);
        if (place % 2) web->key = NULL; // what she has needs no key to stay one access
        if (chance_between(web->seed, ABOUT_AGAIN, place + UINT32_MAX, 1, 100) <= REPEATS_PERCENT)
            ask_again(client, family, "/api/payments/contact-access", body, "access_id", unlock->access_id);
    } else {
        web_surprise(web, "not unlocked", status);
    }
    web->key = NULL;
}

// --- The second visit ----------------------------------------------------------------------------

static bool has_unlocked(const struct account *account, int family, int worker)
{
    for (int i = family * PURCHASES_EACH; i < (family + 1) * PURCHASES_EACH && i < account->purchase_count; i++)
        for (int j = 0; j < UNLOCKS_EACH; j++)
            if (account->purchases[i].unlocks[j].access_id[0] && account->purchases[i].unlocks[j].worker == worker) return true;
    return false;
}

static void family_looks(struct client *client, int number)
{
    struct web *web = &client->web;
    struct account *account = client->crowd->account;
    struct family *family = &account->families[number];
    if (!family->token[0]) return;
    for (int i = number * PURCHASES_EACH; i < (number + 1) * PURCHASES_EACH && i < account->purchase_count; i++)
        if (account->purchases[i].id[0]) watch(client, family, i, 0);
    for (int worker = 0; worker < WORKERS; worker++) {
        const bool wanted = has_unlocked(account, number, worker);
        const int64_t until_ms = clock_monotonic_ms() + LOOK_MS;
        while (!shows(web, family, worker) && wanted && clock_monotonic_ms() < until_ms) web_wait(PAUSE_MS);
    }
    const int status = web_ask_signed_in(web, family, "GET", "/api/payments/contact-credits", NULL);
    const json_t *left = json_object_get(web->body, "remaining_credits");
    family->credits = json_is_integer(left) ? json_integer_value(left) : -1;
    if (status != 200) web_surprise(web, "credits not shown", status);
}

static bool shows(struct web *web, struct family *family, int worker)
{
    struct look *look = &family->looks[worker];
    char path[128];
    snprintf(path, sizeof path, "/api/housegirls/%s", web->account->workers[worker].id);
    const int status = web_ask_signed_in(web, family, "GET", path, NULL);
    look->done = status == 200;
    snprintf(look->email, sizeof look->email, "%s", web_text(web, "contact/email"));
    if (status != 200) web_surprise(web, "worker not shown", status);
    return look->email[0] != '\0';
}
