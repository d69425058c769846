// SPDX-License-Identifier: MIT
// Somebody has an account: registers, signs in, refreshes, ends sessions, changes and resets her password, confirms her e-mail.
#include "story.h"

#include <stdio.h>
#include <string.h>

static void she_registers_and_is_known(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    struct answer me = call(&jane, "GET", "/api/auth/me", NULL);
    expect_status(&me, 200);
    assert_string_equal(text_at(&me, "email"), jane.email);
    assert_string_equal(text_at(&me, "user_type"), "employer");
    assert_string_equal(text_at(&me, "phone_number"), "+254700000123");
    assert_false(true_at(&me, "is_admin"));
    assert_false(true_at(&me, "email_verified"));
    struct answer again = call(NULL, "POST", "/api/auth/signup",
                               "{\"email\":\"%s\",\"password\":\"another-long-one\",\"user_type\":\"employer\",\"first_name\":\"J\",\"last_name\":\"D\"}", jane.email);
    expect_status(&again, 409);
}

static void a_bad_registration_names_every_field(void **state)
{
    (void)state;
    struct answer answer = call(NULL, "POST", "/api/auth/register",
                                "{\"email\":\"no\",\"password\":\"short\",\"user_type\":\"king\",\"first_name\":\"\",\"is_admin\":true,\"phone_number\":\"12\"}");
    expect_status(&answer, 422);
    assert_int_equal(json_array_size(at(&answer, "errors")), 7);
    answer = call(NULL, "POST", "/api/auth/register",
                  "{\"email\":\"x@story.example\",\"password\":\"password123\",\"user_type\":\"employer\",\"first_name\":\"A\",\"last_name\":\"B\"}");
    expect_status(&answer, 422);
    answer = call(NULL, "POST", "/api/auth/register", "{\"email\":");
    expect_status(&answer, 400);
}

static void wrong_and_unknown_look_the_same(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    struct answer wrong = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"not-this-one\"}", jane.email);
    struct answer unknown = call(NULL, "POST", "/api/auth/login", "{\"email\":\"nobody@story.example\",\"password\":\"not-this-one\"}");
    expect_status(&wrong, 401);
    expect_status(&unknown, 401);
    assert_string_equal(text_at(&wrong, "detail"), text_at(&unknown, "detail"));
    // The sign of the kelvin has a k for its small letter: one more name of the same account, which the gateway would not count as one.
    struct answer kelvin = call(NULL, "POST", "/api/auth/register",
                                "{\"email\":\"k%s\",\"password\":\"%s\",\"user_type\":\"employer\",\"first_name\":\"K\",\"last_name\":\"D\"}", jane.email, jane.password);
    expect_status(&kelvin, 201);
    struct answer other = call(NULL, "POST", "/api/auth/login", "{\"email\":\"\\u212a%s\",\"password\":\"%s\"}", jane.email, jane.password);
    expect_status(&other, 401);
}

static void refresh_rotates_and_theft_ends_the_family(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    struct answer first = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", jane.refresh);
    expect_status(&first, 200);
    assert_string_not_equal(text_at(&first, "refresh_token"), jane.refresh);
    // a second tab with the same token, within the grace of ten seconds
    struct answer tab = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", jane.refresh);
    expect_status(&tab, 200);
    struct answer second = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", text_at(&first, "refresh_token"));
    expect_status(&second, 200);
    // the very first one again: it is not the one before any more, so somebody has stolen it
    struct answer stolen = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", jane.refresh);
    expect_status(&stolen, 401);
    struct answer after = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", text_at(&second, "refresh_token"));
    expect_status(&after, 401);
}

static bool is_denied(const struct answer *answer)
{
    return answer->status == 401;
}

static void she_sees_and_ends_sessions(void **state)
{
    (void)state;
    struct person phone = person_register("employer"), laptop = phone;
    person_login(&laptop);
    struct answer sessions = call(&laptop, "GET", "/api/auth/sessions", NULL);
    expect_status(&sessions, 200);
    assert_int_equal(json_array_size(at(&sessions, "sessions")), 2);
    struct answer out = call(&phone, "POST", "/api/auth/logout", NULL);
    expect_status(&out, 200);
    struct answer denied = call_until(&phone, "/api/auth/me", 1, is_denied);
    expect_status(&denied, 401);
    struct answer still = call(&laptop, "GET", "/api/auth/me", NULL);
    expect_status(&still, 200);
    struct answer checked = call(NULL, "GET", "/api/auth/check_session", NULL);
    expect_status(&checked, 200);
    assert_true(json_is_null(at(&checked, "user")));
}

static void a_new_password_ends_other_sessions(void **state)
{
    (void)state;
    struct person here = person_register("employer"), elsewhere = here;
    person_login(&elsewhere);
    struct answer wrong = call(&here, "POST", "/api/auth/password", "{\"current_password\":\"nope-nope-nope\",\"new_password\":\"kesho-ni-siku\"}");
    assert_true(wrong.status == 401 || wrong.status == 403 || wrong.status == 422);
    struct answer changed = call(&here, "POST", "/api/auth/password", "{\"current_password\":\"%s\",\"new_password\":\"kesho-ni-siku\"}", here.password);
    expect_status(&changed, 200);
    struct answer denied = call_until(&elsewhere, "/api/auth/me", 1, is_denied);
    expect_status(&denied, 401);
    snprintf(here.password, sizeof here.password, "kesho-ni-siku");
    person_login(&here);
}

static void a_forgotten_password_is_reset_by_mail(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    struct answer known = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"%s\"}", jane.email);
    struct answer unknown = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"nobody@story.example\"}");
    expect_status(&known, 202);
    expect_status(&unknown, 202);
    assert_string_equal(text_at(&known, "message"), text_at(&unknown, "message"));
    const char *token = mailed_token(jane.email, "assword");
    struct answer reset = call(NULL, "POST", "/api/auth/password-reset/confirm", "{\"token\":\"%s\",\"new_password\":\"mpya-kabisa-leo\"}", token);
    expect_status(&reset, 200);
    struct answer twice = call(NULL, "POST", "/api/auth/password-reset/confirm", "{\"token\":\"%s\",\"new_password\":\"mpya-kabisa-leo\"}", token);
    assert_in_range(twice.status, 400, 422);
    struct answer denied = call_until(&jane, "/api/auth/me", 1, is_denied);
    expect_status(&denied, 401);
    snprintf(jane.password, sizeof jane.password, "mpya-kabisa-leo");
    person_login(&jane);
}

static void she_verifies_and_changes_her_email(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    struct answer verified = call(NULL, "POST", "/api/auth/verify-email", "{\"token\":\"%s\"}", mailed_token(jane.email, "mail"));
    expect_status(&verified, 200);
    struct answer me = call(&jane, "GET", "/api/auth/me", NULL);
    assert_true(true_at(&me, "email_verified"));
    char fresh[sizeof jane.email];
    snprintf(fresh, sizeof fresh, "new-%.80s", jane.email);
    struct answer asked = call(&jane, "POST", "/api/auth/email", "{\"email\":\"%s\",\"password\":\"%s\"}", fresh, jane.password);
    assert_in_range(asked.status, 200, 202);
    me = call(&jane, "GET", "/api/auth/me", NULL);
    assert_string_equal(text_at(&me, "email"), jane.email);
    struct answer confirmed = call(NULL, "POST", "/api/auth/verify-email", "{\"token\":\"%s\"}", mailed_token(fresh, "mail"));
    expect_status(&confirmed, 200);
    snprintf(jane.email, sizeof jane.email, "%s", fresh);
    person_login(&jane);
}

// Somebody who had her password asked for it: she has the account back, and it is worth nothing any more.
static void a_new_password_stops_a_change_of_email(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    char theirs[sizeof jane.email];
    snprintf(theirs, sizeof theirs, "eve-%.80s", jane.email);
    for (int by_mail = 0; by_mail < 2; by_mail++) {
        struct answer asked = call(&jane, "POST", "/api/auth/email", "{\"email\":\"%d%s\",\"password\":\"%s\"}", by_mail, theirs, jane.password);
        expect_status(&asked, 202);
        const char *change = mailed_token(arena_printf(story_arena(), "%d%s", by_mail, theirs), "mail");
        if (by_mail) {
            struct answer lost = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"%s\"}", jane.email);
            expect_status(&lost, 202);
            struct answer reset = call(NULL, "POST", "/api/auth/password-reset/confirm", "{\"token\":\"%s\",\"new_password\":\"mpya-kabisa-leo\"}",
                                       mailed_token(jane.email, "Your new password"));
            expect_status(&reset, 200);
        } else {
            struct answer changed = call(&jane, "POST", "/api/auth/password", "{\"current_password\":\"%s\",\"new_password\":\"kesho-ni-siku\"}", jane.password);
            expect_status(&changed, 200);
            snprintf(jane.password, sizeof jane.password, "kesho-ni-siku");
        }
        struct answer refused = call(NULL, "POST", "/api/auth/verify-email", "{\"token\":\"%s\"}", change);
        expect_problem(&refused, 422);
    }
}

static void names_change_and_nothing_else_does(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    struct answer changed = call(&jane, "PATCH", "/api/auth/me", "{\"first_name\":\"  Jane   Wangui \"}");
    expect_status(&changed, 200);
    struct answer me = call(&jane, "GET", "/api/auth/me", NULL);
    assert_string_equal(text_at(&me, "first_name"), "Jane Wangui");
    static const char *const forbidden[] = {"is_admin", "user_type", "email", "id", "is_active", "email_verified", "password_hash"};
    for (size_t i = 0; i < COUNT_OF(forbidden); i++) {
        struct answer answer = call(&jane, "PATCH", "/api/auth/me", "{\"%s\":true}", forbidden[i]);
        expect_status(&answer, 422);
    }
}

static void tokens_are_signed_by_published_keys(void **state)
{
    (void)state;
    struct answer keys = call(NULL, "GET", "/.well-known/jwks.json", NULL);
    expect_status(&keys, 200);
    assert_true(json_array_size(at(&keys, "keys")) >= 2); // the current one, and the next before it is used
    assert_null(at(&keys, "keys/0/d"));
    struct person jane = person_register("employer"), forger = jane;
    forger.token[strlen(forger.token) - 3] ^= 1;
    struct answer denied = call(&forger, "GET", "/api/auth/me", NULL);
    expect_status(&denied, 401);
    snprintf(forger.token, sizeof forger.token, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.");
    denied = call(&forger, "GET", "/api/auth/me", NULL);
    expect_status(&denied, 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(she_registers_and_is_known), cmocka_unit_test(a_bad_registration_names_every_field),
        cmocka_unit_test(wrong_and_unknown_look_the_same), cmocka_unit_test(refresh_rotates_and_theft_ends_the_family),
        cmocka_unit_test(she_sees_and_ends_sessions), cmocka_unit_test(a_new_password_ends_other_sessions),
        cmocka_unit_test(a_forgotten_password_is_reset_by_mail), cmocka_unit_test(she_verifies_and_changes_her_email),
        cmocka_unit_test(a_new_password_stops_a_change_of_email),
        cmocka_unit_test(names_change_and_nothing_else_does), cmocka_unit_test(tokens_are_signed_by_published_keys),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
