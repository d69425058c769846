// SPDX-License-Identifier: MIT
// Sessions nobody should get: refresh tokens that are none, raced for by tabs, used again by thieves; and what a stranger who
// tries e-mails is told.
#include "hostile.h"
#include "postgres.h"
#include "raw_socket.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "json.h"
#include "text.h"

// --- Refresh tokens --------------------------------------------------------------------------------------

static void what_is_no_refresh_token_refreshes_nothing(void **state)
{
    (void)state;
    const struct person jane = person_register("employer");
    const char *const tokens[] = {jane.token, "", "x", "' OR '1'='1", crypto_base64url(story_arena(), (char[32]){0}, 32), jane.user_id};
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        struct answer answer = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%.90s\"}", tokens[i]);
        expect_civil(&answer, "no refresh token");
        expect_status(&answer, 401);
    }
    struct answer whole = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", jane.token);
    expect_status(&whole, 422); // longer than any
}

static const char *refresh_request(const char *token)
{
    const char *body = arena_printf(story_arena(), "{\"refresh_token\":\"%s\"}", token);
    return arena_printf(story_arena(), "POST /api/auth/refresh HTTP/1.1\r\n" RAW_HOST "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

#define TABS 8

// As many tabs as a person may have open send the same token at once: all go on. Whoever comes with it later has stolen it.
static void tabs_race_and_go_on_and_a_thief_ends_them_all(void **state)
{
    (void)state;
    struct person mary = person_register("employer");
    const char *tokens[TABS];
    int sockets[TABS];
    for (int i = 0; i < TABS; i++) sockets[i] = raw_connect(0);
    for (int i = 0; i < TABS; i++) raw_say(sockets[i], refresh_request(mary.refresh));
    for (int i = 0; i < TABS; i++) {
        struct raw_answer answer = raw_hear(sockets[i]);
        if (answer.status != 200) fail_msg("tab %d was answered %d: %s", i, answer.status, answer.body);
        CLEANUP(json_release) json_t *body = json_loadb(answer.body, answer.body_length, 0, NULL);
        tokens[i] = arena_strdup(story_arena(), json_member_text(body, "refresh_token"));
        for (int j = 0; j < i; j++) assert_string_not_equal(tokens[i], tokens[j]);
        close(sockets[i]);
    }
    for (int i = 0; i < TABS; i++) {
        struct answer answer = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", tokens[i]);
        expect_status(&answer, 200);
        tokens[i] = text_at(&answer, "refresh_token");
        snprintf(mary.token, sizeof mary.token, "%s", text_at(&answer, "access_token"));
    }
    struct answer stolen = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", mary.refresh);
    expect_civil(&stolen, "a stolen token");
    expect_status(&stolen, 401);
    for (int i = 0; i < TABS; i++) {
        struct answer answer = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", tokens[i]);
        expect_status(&answer, 401);
    }
}

static bool is_denied(const struct answer *answer)
{
    return answer->status == 401;
}

// A token used once, and again after the grace: its session is over everywhere, a session beside it is not.
static void reuse_after_the_grace_ends_the_session(void **state)
{
    (void)state;
    struct person mary = person_register("employer"), elsewhere = mary;
    person_login(&elsewhere);
    struct answer used = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", mary.refresh);
    expect_status(&used, 200);
    char hash[SHA256_HEX_SIZE];
    crypto_sha256_hex(mary.refresh, strlen(mary.refresh), hash);
    struct test_database database = {0};
    snprintf(database.url, sizeof database.url, "%s", setting("DATABASE_URL_AUTH"));
    test_database_run(&database, arena_printf(story_arena(), "UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE hash = '%s'", hash));
    struct answer again = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", mary.refresh);
    expect_status(&again, 401);
    struct answer successor = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", text_at(&used, "refresh_token"));
    expect_status(&successor, 401);
    static const char *const everywhere[] = {"/api/auth/me", "/api/profiles/me", "/api/payments/contact-credits", "/api/me"};
    for (size_t i = 0; i < COUNT_OF(everywhere); i++) {
        struct answer denied = call_until(&mary, everywhere[i], 10, is_denied);
        expect_status(&denied, 401);
        struct answer beside = call(&elsewhere, "GET", everywhere[i], NULL);
        assert_in_range(beside.status, 200, 404); // her profile may still be on its way
        assert_int_not_equal(beside.status, 401);
    }
}

// Signing out and refreshing at the same moment: whichever comes first, nothing is left to refresh with.
static void signing_out_wins_against_a_refresh(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct person mary = person_register("employer");
        const int refreshing = raw_connect(0), leaving = raw_connect(0);
        raw_say(refreshing, refresh_request(mary.refresh));
        raw_say(leaving, arena_printf(story_arena(), "POST /api/auth/logout HTTP/1.1\r\n" RAW_HOST "Authorization: Bearer %s\r\nContent-Length: 0\r\n\r\n", mary.token));
        struct raw_answer out = raw_hear(leaving), refreshed = raw_hear(refreshing);
        assert_int_equal(out.status, 200);
        assert_true(refreshed.status == 200 || refreshed.status == 401);
        CLEANUP(json_release) json_t *body = json_loadb(refreshed.body, refreshed.body_length, 0, NULL);
        const char *token = refreshed.status == 200 ? json_member_text(body, "refresh_token") : mary.refresh;
        struct answer after = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", token);
        expect_status(&after, 401);
        close(refreshing), close(leaving);
    }
}

// --- Known and unknown e-mails -----------------------------------------------------------------------------

// The same status, headers by name, and body, but for the id of the request.
static void expect_same(const struct answer *left, const struct answer *right, const char *what)
{
    if (left->status != right->status || left->http.header_count != right->http.header_count) fail_msg("%s: %d and %d differ", what, left->status, right->status);
    for (size_t i = 0; i < left->http.header_count; i++) {
        const char *name = left->http.headers[i].name;
        if (!header(right, name)) fail_msg("%s: only one answer has %s", what, name);
        if (!strcasestr(name, "request-id") && !strcasestr(name, "traceparent") && !strcasestr(name, "date")) assert_string_equal(left->http.headers[i].value, header(right, name));
    }
    json_object_del(left->body, "instance");
    json_object_del(right->body, "instance");
    if (!json_equal(left->body, right->body)) fail_msg("%s: %s and %s differ", what, left->http.body, right->http.body);
}

static struct answer sign_in(const char *email, const char *password)
{
    return call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
}

static void known_and_unknown_emails_are_told_the_same(void **state)
{
    (void)state;
    const struct person admin = cast_admin();
    struct person active = person_register("employer"), inactive = person_register("employer"), other = person_register("employer");
    struct answer done = call(&admin, "PUT", arena_printf(story_arena(), "/api/admin/users/%s/status", inactive.user_id), "{\"is_active\":false}");
    expect_status(&done, 200);
    struct answer unknown = sign_in("nobody-at-all@story.example", "hakuna-matata");
    expect_status(&unknown, 401);
    const struct { const char *what, *email, *password; } others[] = {
        {"a wrong password", active.email, "hakuna-matata"}, {"an inactive account", inactive.email, inactive.password}, {"a wrong password of an inactive account", inactive.email, "x"},
        {"a password too long", active.email, "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"}};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct answer answer = sign_in(others[i].email, others[i].password);
        expect_same(&unknown, &answer, others[i].what);
    }
    struct answer for_nobody = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"nobody-at-all@story.example\"}");
    struct answer for_her = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"%s\"}", active.email);
    struct answer for_inactive = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"%s\"}", inactive.email);
    expect_status(&for_nobody, 202);
    expect_same(&for_nobody, &for_her, "a reset for her");
    expect_same(&for_nobody, &for_inactive, "a reset for an inactive account");
    struct answer taken = call(&active, "POST", "/api/auth/email", "{\"email\":\"%s\",\"password\":\"%s\"}", other.email, active.password);
    struct answer free_one = call(&active, "POST", "/api/auth/email", "{\"email\":\"free-%s\",\"password\":\"%s\"}", active.email, active.password);
    expect_status(&free_one, 202);
    expect_same(&free_one, &taken, "an e-mail that is taken");
}

static int compare(const void *left, const void *right)
{
    const int64_t difference = *(const int64_t *)left - *(const int64_t *)right;
    return difference < 0 ? -1 : difference > 0;
}

#define PEOPLE 4
#define ROUNDS 60 // fewer for each person than sign-ins to one account are limited to

// Printed for who reads the log; a machine that does other things as well proves nothing by a time.
static void print_times(const char *what, const char *path, const char *body_format, const struct person known[PEOPLE])
{
    int64_t times_us[2][ROUNDS];
    for (int i = 0; i < 2 * ROUNDS; i++) {
        const char *email = i % 2 ? known[i / 2 % PEOPLE].email : arena_printf(story_arena(), "no-%s", known[i / 2 % PEOPLE].email);
        const char *before = strstr(body_format, "@me@");
        const char *body = arena_printf(story_arena(), "%.*s%s%s", (int)(before - body_format), body_format, email, before + 4);
        const int64_t began_us = clock_monotonic_us();
        struct answer answer = call(NULL, "POST", path, "%s", body);
        times_us[i % 2][i / 2] = clock_monotonic_us() - began_us;
        expect_civil(&answer, what);
        assert_int_not_equal(answer.status, 429);
    }
    for (int known_one = 0; known_one < 2; known_one++) qsort(times_us[known_one], ROUNDS, sizeof(int64_t), compare);
    const int64_t known_us = times_us[1][ROUNDS / 2], unknown_us = times_us[0][ROUNDS / 2];
    print_message("%s: %lld us for a known e-mail, %lld us for an unknown one: %.2f\n", what, (long long)known_us, (long long)unknown_us, (double)known_us / (double)unknown_us);
}

static void known_and_unknown_emails_take_as_long(void **state)
{
    (void)state;
    struct person people[PEOPLE];
    for (int i = 0; i < PEOPLE; i++) people[i] = person_register("employer");
    print_times("password reset", "/api/auth/password-reset", "{\"email\":\"@me@\"}", people);
    print_times("sign-in", "/api/auth/login", "{\"email\":\"@me@\",\"password\":\"hakuna-matata\"}", people);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_refresh_token_refreshes_nothing), cmocka_unit_test(tabs_race_and_go_on_and_a_thief_ends_them_all),
        cmocka_unit_test(reuse_after_the_grace_ends_the_session), cmocka_unit_test(signing_out_wins_against_a_refresh),
        cmocka_unit_test(known_and_unknown_emails_are_told_the_same), cmocka_unit_test(known_and_unknown_emails_take_as_long),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
