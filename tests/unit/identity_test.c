// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "identity.h"
#include "jose.h"

#define NOW_S 1800000000LL
#define NOW_MS (NOW_S * 1000 + 500)

static struct clock now;
static struct identity *identity;
static struct arena *arena;
static struct error err;
static struct jose_key *key;

static int make_key(void **state)
{
    (void)state;
    key = jose_key_generate(&err);
    return !key;
}

static int free_key(void **state)
{
    (void)state;
    jose_key_free(key);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new(4 << 20);
    err = (struct error){.arena = arena};
    now = clock_fixed(NOW_MS);
    identity = identity_new(&(struct identity_config){"issuer", "audience", 64, 0, &now});
    return !arena || !identity || !identity_add_key(identity, jose_key_json(arena, key, false), &err);
}

static int teardown(void **state)
{
    (void)state;
    identity_free(identity);
    arena_free(arena);
    return 0;
}

static json_t *good_claims(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:s}", "iss", "issuer", "aud", "audience",
                     "sub", "u1", "sid", "s1", "user_type", "employer", "adm", 0, "iat", (json_int_t)NOW_S,
                     "iat_ms", (json_int_t)NOW_MS, "exp", (json_int_t)NOW_S + 900, "jti", "j1");
}

static char *sign_as(const struct jose_key *with, const char *typ, json_t *claims)
{
    char *token = NULL;
    assert_true(jose_sign(with, typ, claims, arena, &token, &err));
    json_decref(claims);
    return token;
}

static bool passes(const char *token)
{
    struct caller caller = {0};
    error_clear(&err);
    const bool ok = identity_verify(identity, token, arena, &caller, &err);
    assert_int_equal(ok, caller.signed_in);
    if (!ok) assert_ptr_equal(err.problem, &problem_unauthenticated);
    return ok;
}

static bool cannot_be_told(const char *token)
{
    struct caller caller = {0};
    error_clear(&err);
    const bool ok = identity_verify(identity, token, arena, &caller, &err);
    return !ok && !caller.signed_in && err.problem == &problem_unavailable && err.retry_after_s > 0;
}

static char *with(const char *name, json_t *value)
{
    json_t *claims = good_claims();
    if (value) json_object_set_new(claims, name, value);
    else json_object_del(claims, name);
    return sign_as(key, "at+jwt", claims);
}

static void test_good_token(void **state)
{
    (void)state;
    struct caller caller;
    const char *token = sign_as(key, "at+jwt", good_claims());
    for (int i = 0; i < 2; i++) { // the second time from the cache
        assert_true(identity_verify(identity, token, arena, &caller, &err));
        assert_string_equal(caller.user_id, "u1");
        assert_string_equal(caller.session_id, "s1");
        assert_int_equal(caller.type, USER_EMPLOYER);
        assert_false(caller.is_admin);
        assert_string_equal(caller.token, token);
    }
}

static void test_claims_are_judged(void **state)
{
    (void)state;
    assert_false(passes(with("iss", json_string("other"))));
    assert_false(passes(with("iss", NULL)));
    assert_false(passes(with("aud", json_string("other"))));
    assert_false(passes(with("aud", NULL)));
    assert_true(passes(with("aud", json_pack("[s,s]", "x", "audience"))));
    assert_false(passes(with("exp", json_integer(NOW_S))));
    assert_false(passes(with("exp", NULL)));
    assert_false(passes(with("exp", json_string("1900000000"))));
    assert_false(passes(with("exp", json_integer(INT64_MIN))));
    assert_true(passes(with("exp", json_integer(INT64_MAX))));
    assert_false(passes(with("iat", json_integer(INT64_MIN))));
    assert_false(passes(with("iat", json_integer(NOW_S + 60))));
    assert_false(passes(with("iat", NULL)));
    assert_false(passes(with("nbf", json_integer(NOW_S + 60))));
    assert_true(passes(with("nbf", json_integer(NOW_S - 60))));
    assert_false(passes(with("sub", NULL)));
    assert_false(passes(with("sub", json_string("a b"))));
    assert_false(passes(with("sid", json_string("a'b"))));
    assert_true(passes(with("sid", NULL)));
}

static void test_only_access_tokens_of_known_keys(void **state)
{
    (void)state;
    struct jose_key *stranger = jose_key_generate(&err);
    assert_non_null(stranger);
    assert_false(passes(sign_as(stranger, "at+jwt", good_claims())));
    assert_false(passes(sign_as(key, "JWT", good_claims())));
    assert_true(passes(sign_as(key, "AT+JWT", good_claims())));
    jose_key_free(stranger);
    static const char *const rubbish[] = {
        "", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\xff\xff.\xff.\xff"};
    for (size_t i = 0; i < COUNT_OF(rubbish); i++) assert_false(passes(rubbish[i]));
}

static void test_tampered_token_is_refused_though_the_good_one_is_cached(void **state)
{
    (void)state;
    char *token = sign_as(key, "at+jwt", good_claims());
    assert_true(passes(token));
    char *at = strrchr(token, '.') + 1;
    *at = *at == 'A' ? 'B' : 'A';
    assert_false(passes(token));
}

static void test_expires_in_the_cache(void **state)
{
    (void)state;
    const char *token = sign_as(key, "at+jwt", good_claims());
    assert_true(passes(token));
    now.fixed_ms = (NOW_S + 900) * 1000 - 1;
    assert_true(passes(token));
    now.fixed_ms = (NOW_S + 900) * 1000;
    assert_false(passes(token));
}

static void test_removed_key_ends_cached_tokens(void **state)
{
    (void)state;
    const char *token = sign_as(key, "at+jwt", good_claims());
    assert_true(passes(token));
    identity_remove_key(identity, "no such kid");
    assert_true(identity_has_key(identity));
    assert_true(passes(token));
    identity_remove_key(identity, jose_key_id(key));
    assert_false(identity_has_key(identity));
    assert_true(cannot_be_told(token)); // no key at all: nobody is sent away for that
    assert_true(identity_add_key(identity, jose_key_json(arena, key, false), &err));
    assert_true(passes(token));
}

static void test_revoked_user(void **state)
{
    (void)state;
    const char *token = sign_as(key, "at+jwt", good_claims());
    assert_true(passes(token));
    identity_revoke(identity, "somebody else", NULL, NOW_MS + 1);
    identity_revoke(identity, "u1", NULL, NOW_MS);
    assert_true(passes(token)); // issued at that moment, not before it
    identity_revoke(identity, "u1", NULL, NOW_MS + 1);
    assert_false(passes(token));
    identity_revoke(identity, "u1", NULL, NOW_MS - 1000); // told late: takes nothing back
    assert_false(passes(token));
    now.fixed_ms = NOW_MS + 2;
    assert_true(passes(with("iat_ms", json_integer(NOW_MS + 2)))); // signed in again in the same second
}

static void test_revoked_session_leaves_the_others(void **state)
{
    (void)state;
    identity_revoke(identity, "u1", "s1", NOW_MS + 1);
    assert_false(passes(sign_as(key, "at+jwt", good_claims())));
    assert_true(passes(with("sid", json_string("s2"))));
    identity_revoke(identity, "u1", "u1", NOW_MS + 1); // a session that is called like the user
    assert_true(passes(with("sid", json_string("s3"))));
}

static void test_without_milliseconds_the_second_counts_as_its_begin(void **state)
{
    (void)state;
    const char *token = with("iat_ms", NULL);
    identity_revoke(identity, "u1", NULL, NOW_S * 1000);
    assert_true(passes(token));
    identity_revoke(identity, "u1", NULL, NOW_S * 1000 + 1);
    assert_false(passes(token));
    assert_false(passes(with("iat_ms", json_integer((NOW_S + 5) * 1000)))); // one that does not fit iat
}

static void test_many_revocations(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++)
        identity_revoke(identity, arena_printf(arena, "user%d", i), NULL, NOW_MS + 1);
    assert_false(passes(with("sub", json_string("user0"))));
    assert_false(passes(with("sub", json_string("user4999"))));
    assert_true(passes(with("sub", json_string("user5000"))));
}

static void test_more_tokens_than_the_cache_holds(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        const char *token = with("sub", json_string(arena_printf(arena, "user%d", i)));
        struct caller caller;
        assert_true(passes(token));
        assert_true(identity_verify(identity, token, arena, &caller, &err));
        assert_string_equal(caller.user_id, arena_printf(arena, "user%d", i));
    }
}

// A process that has just begun: whoever is signed in is asked to come again, not to sign in again.
static void test_nobody_can_be_told_apart_before_all_is_known(void **state)
{
    (void)state;
    const char *token = sign_as(key, "at+jwt", good_claims());
    identity_free(identity);
    identity = identity_new(&(struct identity_config){"issuer", "audience", 64, 0, &now, .is_filled_later = true});
    assert_true(cannot_be_told(token));
    assert_true(identity_add_key(identity, jose_key_json(arena, key, false), &err));
    assert_true(cannot_be_told(token)); // it may be revoked
    identity_filled(identity);
    assert_true(passes(token));
}

static void of_header(const char *value, bool expected, bool signed_in)
{
    const struct http_header header = {"authorization", value};
    const struct http_request request = {.headers = &header, .header_count = value ? 1 : 0, .arena = arena};
    struct caller caller;
    error_clear(&err);
    assert_int_equal(identity_of_request(identity, &request, arena, &caller, &err), expected);
    assert_int_equal(caller.signed_in, signed_in);
}

static void test_authorization_header(void **state)
{
    (void)state;
    const char *token = sign_as(key, "at+jwt", good_claims());
    of_header(NULL, true, false);
    of_header(arena_printf(arena, "Bearer %s", token), true, true);
    of_header(arena_printf(arena, "bearer  %s", token), true, true);
    of_header(token, false, false);
    of_header("Basic dTpw", false, false);
    of_header("Bearer ", false, false);
    of_header("", false, false);
}

// Rows: who calls; columns: what the route asks for.
static void test_access_matrix(void **state)
{
    (void)state;
    static const struct caller callers[] = {
        {0},
        {.signed_in = true, .user_id = "u", .type = USER_EMPLOYER},
        {.signed_in = true, .user_id = "u", .type = USER_HOUSEGIRL},
        {.signed_in = true, .user_id = "u", .type = USER_AGENCY},
        {.signed_in = true, .user_id = "u", .type = USER_EMPLOYER, .is_admin = true},
        {.signed_in = true, .user_id = "u", .type = USER_NONE, .is_admin = true},
    };
    static const char *const allowed[] = {"a-----", "ase---", "as-w--", "as--g-", "ase--A", "as---A"};
    static const char letters[] = "asewgA";
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        for (int who = ACCESS_ANYONE; who <= ACCESS_ADMIN; who++) {
            const struct route route = {"GET", "/x", (enum access)who, "X"},
                               shared = {"GET", "/x", (enum access)who, "X", .admin_too = true};
            error_clear(&err);
            assert_int_equal(identity_allow(&route, &callers[i], &err), allowed[i][who] == letters[who]);
            if (allowed[i][who] != letters[who])
                assert_ptr_equal(err.problem,
                                 callers[i].signed_in ? &problem_forbidden : &problem_unauthenticated);
            if (callers[i].is_admin) assert_true(identity_allow(&shared, &callers[i], &err));
        }
    }
}

static void *verify_many(void *token)
{
    CLEANUP(arena_cleanup) struct arena *own = arena_new(1 << 20);
    struct error error = {.arena = own};
    for (int i = 0; i < 500; i++) {
        struct caller caller;
        const bool ok = identity_verify(identity, token, own, &caller, &error);
        (void)ok; // depends on when the key is away
        error_clear(&error);
        arena_reset(own);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    char *token = sign_as(key, "at+jwt", good_claims());
    const char *jwk = jose_key_json(arena, key, false);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, verify_many, token), 0);
    for (int i = 0; i < 50; i++) {
        identity_remove_key(identity, jose_key_id(key));
        assert_true(identity_add_key(identity, jwk, &err));
        identity_revoke(identity, arena_printf(arena, "user%d", i), NULL, NOW_MS);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_true(passes(token));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_good_token),
        TEST(test_claims_are_judged),
        TEST(test_only_access_tokens_of_known_keys),
        TEST(test_tampered_token_is_refused_though_the_good_one_is_cached),
        TEST(test_expires_in_the_cache),
        TEST(test_removed_key_ends_cached_tokens),
        TEST(test_revoked_user),
        TEST(test_revoked_session_leaves_the_others),
        TEST(test_without_milliseconds_the_second_counts_as_its_begin),
        TEST(test_many_revocations),
        TEST(test_more_tokens_than_the_cache_holds),
        TEST(test_nobody_can_be_told_apart_before_all_is_known),
        TEST(test_authorization_header),
        TEST(test_access_matrix),
        TEST(test_threads),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}
