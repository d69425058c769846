// SPDX-License-Identifier: MIT
// Somebody signs in by Firebase: makes an account, comes back to it, joins it to the one she has; forged tokens get nobody in.
#include "eventually.h"
#include "firebase_server.h"
#include "stack.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

#define KID "ufunguo-wa-leo"

static struct firebase_key *key, *stolen; // stolen: not Firebase's
static struct firebase_server *server;

// auth starts anew, so that it knows no keys yet.
static int nobody_serves_keys(void **state)
{
    if (story_setup(state) != 0) return -1;
    key = firebase_key_new(KID);
    stolen = firebase_key_new(KID);
    part_stop("auth");
    return stack_restore(state);
}

static int teardown(void **state)
{
    firebase_server_stop(server);
    firebase_key_free(key);
    firebase_key_free(stolen);
    return story_teardown(state);
}

static json_t *claims_of(const char *uid, const char *email, bool verified)
{
    json_t *claims = firebase_claims(uid);
    if (email) json_object_set_new(claims, "email", json_string(email));
    if (email) json_object_set_new(claims, "email_verified", json_boolean(verified));
    return claims;
}

static struct answer sign_in(const char *token, const char *more)
{
    return call(NULL, "POST", "/api/auth/firebase", "{\"id_token\":\"%s\"%s}", token, more);
}

static const char *fresh_email(void)
{
    return arena_printf(story_arena(), "%s@story.example", unique_word());
}

// The keys were asked for in vain; auth tries again after a few seconds.
static void serve_keys(void)
{
    if (!server) server = firebase_server_start(key);
    struct answer answer;
    eventually((answer = sign_in(firebase_token(key, firebase_claims(unique_word())), "")).status != 503);
    expect_problem(&answer, 404); // signed in, and without an account
}

static void without_keys_nobody_is_to_blame(void **state)
{
    (void)state;
    json_t *claims = firebase_claims(unique_word());
    struct answer answer = sign_in(firebase_token(key, claims), "");
    expect_problem(&answer, 503);
    assert_non_null(header(&answer, "Retry-After"));
    struct answer forged = sign_in(firebase_forge(key, "none", "{\"alg\":\"none\"}", claims), "");
    expect_problem(&forged, 401); // no key could make that one good
    struct person jane = person_register("employer");
    person_login(&jane); // a password is as good as ever
    serve_keys();
}

static void a_new_person_says_what_she_is(void **state)
{
    (void)state;
    serve_keys();
    const char *uid = unique_word(), *email = fresh_email();
    json_t *claims = claims_of(uid, email, true);
    json_object_set_new(claims, "name", json_string("  Jane  Wanjiru Kamau "));
    json_object_set_new(claims, "phone_number", json_string("+254711222333"));
    const char *token = firebase_token(key, claims);
    struct answer unknown = sign_in(token, "");
    expect_problem(&unknown, 404);
    struct answer made = sign_in(token, ",\"user_type\":\"employer\"");
    expect_status(&made, 201);
    assert_string_equal(text_at(&made, "user/first_name"), "Jane Wanjiru");
    assert_string_equal(text_at(&made, "user/last_name"), "Kamau");
    assert_string_equal(text_at(&made, "user/email"), email);
    assert_string_equal(text_at(&made, "user/phone_number"), "+254711222333");
    assert_true(true_at(&made, "user/email_verified"));
    assert_true(true_at(&made, "user/is_firebase_user"));
    struct answer again = sign_in(token, "");
    expect_status(&again, 200);
    assert_string_equal(text_at(&again, "user/id"), text_at(&made, "user/id"));
    struct answer other_type = sign_in(token, ",\"user_type\":\"agency\",\"first_name\":\"Eve\""); // says nothing new of who is there
    expect_status(&other_type, 200);
    assert_string_equal(text_at(&other_type, "user/user_type"), "employer");
    assert_string_equal(text_at(&other_type, "user/first_name"), "Jane Wanjiru");
    struct answer login = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"\"}", email);
    assert_true(login.status == 401 || login.status == 422);
    login = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"%s\"}", email, uid);
    expect_problem(&login, 401); // she has no password
}

static bool has_profile(const struct answer *answer)
{
    return answer->status == 200 && json_is_object(at(answer, "profile"));
}

static void she_is_signed_in_like_anybody(void **state)
{
    (void)state;
    serve_keys();
    const char *token = firebase_token(key, claims_of(unique_word(), fresh_email(), false));
    struct answer nameless = sign_in(token, ",\"user_type\":\"housegirl\"");
    expect_problem(&nameless, 422);
    assert_int_equal(json_array_size(at(&nameless, "errors")), 2);
    struct answer made = sign_in(token, ",\"user_type\":\"housegirl\",\"first_name\":\"Achieng\",\"last_name\":\"Story\"");
    expect_status(&made, 201);
    assert_false(true_at(&made, "user/email_verified"));
    struct person achieng = {0};
    snprintf(achieng.token, sizeof achieng.token, "%s", text_at(&made, "access_token"));
    struct answer me = call_until(&achieng, "/api/me", 10, has_profile);
    expect_status(&me, 200);
    assert_string_equal(text_at(&me, "profile/user_id"), text_at(&made, "user/id"));
    struct answer refreshed = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", text_at(&made, "refresh_token"));
    expect_status(&refreshed, 200);
    snprintf(achieng.token, sizeof achieng.token, "%s", token);
    struct answer denied = call(&achieng, "GET", "/api/auth/me", NULL);
    expect_problem(&denied, 401); // Firebase's token itself opens nothing but this one door
}

// The former addresses, with the ID token as bearer.
static void old_clients_still_get_in(void **state)
{
    (void)state;
    serve_keys();
    struct person bearer = {0};
    snprintf(bearer.token, sizeof bearer.token, "%s", firebase_token(key, claims_of(unique_word(), fresh_email(), true)));
    struct answer unknown = call(&bearer, "POST", "/api/auth/firebase_user", NULL);
    expect_problem(&unknown, 404);
    struct answer made = call(&bearer, "POST", "/api/auth/firebase_signup", "{\"user_type\":\"agency\",\"first_name\":\"Baraka\",\"last_name\":\"Story\"}");
    expect_status(&made, 201);
    struct answer known = call(&bearer, "POST", "/api/auth/firebase_user", NULL);
    expect_status(&known, 200);
    struct answer nothing = call(NULL, "POST", "/api/auth/firebase", "{}");
    expect_problem(&nothing, 422);
}

static bool is_denied(const struct answer *answer)
{
    return answer->status == 401;
}

static void a_proved_address_joins_the_account(void **state)
{
    (void)state;
    serve_keys();
    struct person jane = person_register("employer");
    const char *uid = unique_word(), *other_email = fresh_email();
    struct answer asked = call(&jane, "POST", "/api/auth/email", "{\"email\":\"%s\",\"password\":\"%s\"}", other_email, jane.password);
    expect_status(&asked, 202);
    const char *change = mailed_token(other_email, "mail");
    char *shouted = arena_strdup(story_arena(), jane.email);
    shouted[0] = 'E';
    struct answer unproved = sign_in(firebase_token(key, claims_of(uid, jane.email, false)), ",\"user_type\":\"employer\"");
    expect_problem(&unproved, 409);
    struct answer joined = sign_in(firebase_token(key, claims_of(uid, shouted, true)), "");
    expect_status(&joined, 200);
    assert_string_equal(text_at(&joined, "user/id"), jane.user_id);
    assert_true(true_at(&joined, "user/is_firebase_user"));
    struct answer other = sign_in(firebase_token(key, claims_of(unique_word(), jane.email, true)), "");
    expect_problem(&other, 409); // one Firebase account each
    // whoever had registered this address here without proving it, loses it
    struct answer cut_off = call_until(&jane, "/api/auth/me", 2, is_denied);
    expect_status(&cut_off, 401);
    struct answer login = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"%s\"}", jane.email, jane.password);
    expect_problem(&login, 401);
    struct answer changed = call(NULL, "POST", "/api/auth/verify-email", "{\"token\":\"%s\"}", change);
    expect_problem(&changed, 422);
}

static const char *squat(const char *uid, const char *email)
{
    struct answer made = sign_in(firebase_token(key, claims_of(uid, email, false)),
                                 ",\"user_type\":\"employer\",\"first_name\":\"Eve\",\"last_name\":\"Story\"");
    expect_status(&made, 201);
    return text_at(&made, "user/id");
}

// She gets in by the mail, and whoever had her address without proof gets out, by Firebase too.
static void whoever_squats_on_an_address_loses_it(void **state)
{
    (void)state;
    serve_keys();
    const char *uid = unique_word(), *email = fresh_email();
    squat(uid, email);
    struct answer asked = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"%s\"}", email);
    expect_status(&asked, 202);
    struct answer reset = call(NULL, "POST", "/api/auth/password-reset/confirm", "{\"token\":\"%s\",\"new_password\":\"mpya-kabisa-leo\"}",
                               mailed_token(email, "assword"));
    expect_status(&reset, 200);
    json_t *later = claims_of(uid, email, false);
    json_object_set_new(later, "auth_time", json_integer(clock_now_ms(&clock_system) / 1000 + 1));
    struct answer refused = sign_in(firebase_token(key, later), "");
    expect_problem(&refused, 409);
}

static void no_squatter_becomes_an_administrator(void **state)
{
    (void)state;
    serve_keys();
    const char *uid = unique_word(), *email = fresh_email(), *output;
    squat(uid, email);
    if (run(&output, "%s/dcctl admin create --email %s --password mlinzi-wa-mlango", setting("BIN_DIR"), email) != 0) fail_msg("%s", output);
    struct answer refused = sign_in(firebase_token(key, claims_of(uid, email, false)), "");
    expect_problem(&refused, 409);
    struct person admin = {.password = "mlinzi-wa-mlango"};
    snprintf(admin.email, sizeof admin.email, "%s", email);
    person_login(&admin);
}

static void who_had_proved_it_keeps_her_password(void **state)
{
    (void)state;
    serve_keys();
    struct person jane = person_register("employer");
    struct answer proved = call(NULL, "POST", "/api/auth/verify-email", "{\"token\":\"%s\"}", mailed_token(jane.email, "mail"));
    expect_status(&proved, 200);
    struct answer joined = sign_in(firebase_token(key, claims_of(unique_word(), jane.email, true)), "");
    expect_status(&joined, 200);
    assert_string_equal(text_at(&joined, "user/id"), jane.user_id);
    struct answer me = call(&jane, "GET", "/api/auth/me", NULL);
    expect_status(&me, 200);
    person_login(&jane);
}

// --- Tokens that are not good --------------------------------------------------------------------

static void expect_refused(const char *what, const char *uid, const char *token)
{
    struct answer answer = sign_in(token, ",\"user_type\":\"employer\",\"first_name\":\"Eve\",\"last_name\":\"Story\"");
    if (answer.status != 401) print_error("%s: ", what);
    expect_problem(&answer, 401);
    assert_string_equal(database_ask("dc_auth", "SELECT count(*) FROM users WHERE firebase_uid = '%s'", uid), "0");
}

static void a_wrong_claim_gets_nobody_in(void **state)
{
    (void)state;
    serve_keys();
    const json_int_t now_s = clock_now_ms(&clock_system) / 1000;
    char long_uid[130];
    memset(long_uid, 'u', sizeof long_uid - 1);
    long_uid[sizeof long_uid - 1] = '\0';
    const struct { const char *claim; json_t *value; } wrong[] = {
        {"aud", json_string("another-project")}, {"aud", json_string("https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit")},
        {"iss", json_string("https://securetoken.google.com/another-project")},
        {"iss", json_pack("s+", "https://session.firebase.google.com/", service_setting("auth", "DC_FIREBASE_PROJECT"))},
        {"exp", json_integer(now_s - 61)}, {"exp", json_null()}, {"exp", json_string("4102444800")}, {"iat", json_integer(now_s + 120)},
        {"iat", NULL}, {"auth_time", json_integer(now_s + 120)}, {"auth_time", NULL}, {"sub", json_string("")}, {"sub", NULL},
        {"sub", json_string(long_uid)}, {"sub", json_integer(7)}, {"firebase", json_pack("{s:s}", "sign_in_provider", "anonymous")},
        {"firebase", json_pack("{s:s, s:s}", "sign_in_provider", "password", "tenant", "other")},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const char *uid = unique_word();
        json_t *claims = claims_of(uid, fresh_email(), true);
        if (wrong[i].value) json_object_set_new(claims, wrong[i].claim, wrong[i].value);
        else json_object_del(claims, wrong[i].claim);
        expect_refused(wrong[i].claim, uid, firebase_token(key, claims));
    }
}

static void a_forged_token_gets_nobody_in(void **state)
{
    (void)state;
    serve_keys();
    const char *uid = unique_word(), *good = "{\"alg\":\"RS256\",\"kid\":\"" KID "\"}";
    json_t *claims = claims_of(uid, fresh_email(), true);
    const struct { const char *algorithm, *header; } forged[] = {
        {"none", "{\"alg\":\"none\",\"kid\":\"" KID "\"}"}, {"none", "{\"alg\":\"none\"}"}, {"none", good},
        {"HS256", "{\"alg\":\"HS256\",\"kid\":\"" KID "\"}"}, {"HS256", good}, {"RS256", "{\"alg\":\"RS256\"}"},
        {"RS256", "{\"alg\":\"RS512\",\"kid\":\"" KID "\"}"}, {"RS256", "{\"alg\":\"RS256\",\"kid\":\"" KID "\",\"jku\":\"http://127.0.0.1/keys\"}"},
        {"RS256", "{\"alg\":\"RS256\",\"kid\":\"another\"}"}, {"RS256", "[]"},
    };
    for (size_t i = 0; i < COUNT_OF(forged); i++) expect_refused(forged[i].header, uid, firebase_forge(key, forged[i].algorithm, forged[i].header, claims));
    expect_refused("another's key", uid, firebase_token(stolen, claims));
    char *changed = arena_strdup(story_arena(), firebase_token(key, claims));
    char *claim = strchr(changed, '.') + 20;
    *claim = *claim == 'A' ? 'B' : 'A';
    expect_refused("a changed claim", uid, changed);
    expect_refused("no token", uid, "abc");
    expect_refused("no token", uid, "a.b.c");
    struct answer good_one = sign_in(firebase_token(key, claims), ",\"user_type\":\"employer\",\"first_name\":\"Eve\",\"last_name\":\"Story\"");
    expect_status(&good_one, 201); // it was the forgeries that were refused
}

// Else whoever makes up key ids could have Firebase asked for keys as often as he likes.
static void unknown_keys_are_not_asked_for_each_time(void **state)
{
    (void)state;
    serve_keys();
    int before = firebase_server_fetches(server);
    for (int i = 0; i < 10; i++) {
        const char *head = arena_printf(story_arena(), "{\"alg\":\"RS256\",\"kid\":\"%s\"}", unique_word()), *uid = unique_word();
        expect_refused("an unknown key", uid, firebase_forge(key, "RS256", head, firebase_claims(uid)));
    }
    assert_in_range(firebase_server_fetches(server) - before, 0, 1);
}

// --- What ends a sign-in -------------------------------------------------------------------------

static void a_reset_password_ends_old_sign_ins(void **state)
{
    (void)state;
    serve_keys();
    const char *email = fresh_email();
    json_t *claims = claims_of(unique_word(), email, true);
    const char *old = firebase_token(key, claims);
    struct answer made = sign_in(old, ",\"user_type\":\"employer\",\"first_name\":\"Jane\",\"last_name\":\"Story\"");
    expect_status(&made, 201);
    struct answer asked = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"%s\"}", email);
    expect_status(&asked, 202);
    struct answer reset = call(NULL, "POST", "/api/auth/password-reset/confirm", "{\"token\":\"%s\",\"new_password\":\"mpya-kabisa-leo\"}",
                               mailed_token(email, "assword"));
    expect_status(&reset, 200);
    struct answer refused = sign_in(old, "");
    expect_problem(&refused, 401);
    json_object_set_new(claims, "auth_time", json_integer(clock_now_ms(&clock_system) / 1000));
    struct answer fresh = sign_in(firebase_token(key, claims), "");
    expect_status(&fresh, 200);
    assert_string_equal(text_at(&fresh, "user/id"), text_at(&made, "user/id"));
}

static void who_is_shut_out_stays_out(void **state)
{
    (void)state;
    serve_keys();
    struct person admin = admin_login();
    json_t *claims = claims_of(unique_word(), fresh_email(), true);
    struct answer made = sign_in(firebase_token(key, claims), ",\"user_type\":\"employer\",\"first_name\":\"Jane\",\"last_name\":\"Story\"");
    expect_status(&made, 201);
    const char *status = arena_printf(story_arena(), "/api/admin/users/%s/status", text_at(&made, "user/id"));
    struct answer out = call(&admin, "PUT", status, "{\"is_active\":false}");
    expect_status(&out, 200);
    json_object_set_new(claims, "auth_time", json_integer(clock_now_ms(&clock_system) / 1000));
    struct answer refused = sign_in(firebase_token(key, claims), ",\"user_type\":\"employer\"");
    expect_problem(&refused, 401);
    struct answer in = call(&admin, "PUT", status, "{\"is_active\":true}");
    expect_status(&in, 200);
    struct answer back = sign_in(firebase_token(key, claims), "");
    expect_status(&back, 200);
}

static void known_keys_serve_on_while_firebase_is_away(void **state)
{
    (void)state;
    serve_keys();
    firebase_server_stop(server);
    server = NULL;
    struct answer answer = sign_in(firebase_token(key, firebase_claims(unique_word())), "");
    expect_problem(&answer, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_keys_nobody_is_to_blame), cmocka_unit_test(a_new_person_says_what_she_is),
        cmocka_unit_test(she_is_signed_in_like_anybody), cmocka_unit_test(old_clients_still_get_in),
        cmocka_unit_test(a_proved_address_joins_the_account), cmocka_unit_test(whoever_squats_on_an_address_loses_it),
        cmocka_unit_test(no_squatter_becomes_an_administrator), cmocka_unit_test(who_had_proved_it_keeps_her_password),
        cmocka_unit_test(a_wrong_claim_gets_nobody_in), cmocka_unit_test(a_forged_token_gets_nobody_in),
        cmocka_unit_test(unknown_keys_are_not_asked_for_each_time), cmocka_unit_test(a_reset_password_ends_old_sign_ins),
        cmocka_unit_test(who_is_shut_out_stays_out), cmocka_unit_test(known_keys_serve_on_while_firebase_is_away),
    };
    return cmocka_run_group_tests(tests, nobody_serves_keys, teardown);
}
