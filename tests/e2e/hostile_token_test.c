// SPDX-License-Identifier: MIT
// Access tokens nobody should have: forged, altered, expired, of another kind, signed by the right key for the wrong purpose.
#include "hostile.h"
#include "postgres.h"

#include <cjose/cjose.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "jose.h"
#include "text.h"

static struct person jane;
static json_t *claims;                         // of her token
static struct jose_key *current, *next, *own;  // auth's two, and one of the attacker's

static struct test_database auth_database(void)
{
    struct test_database database = {0};
    snprintf(database.url, sizeof database.url, "%s", setting("DATABASE_URL_AUTH"));
    return database;
}

// Auth's own key, as only somebody with its database and its secret can read it.
static struct jose_key *steal_key(const char *state)
{
    struct error err = {.arena = story_arena()};
    const struct test_database database = auth_database();
    const char *sealed = arena_strdup(story_arena(), test_database_run(&database, arena_printf(story_arena(), "SELECT sealed_jwk FROM signing_keys WHERE state = '%s'", state)));
    const char *secret;
    char *jwk;
    run(&secret, "head -c 64 %s/secrets/signing_key", setting("RUN_DIR"));
    if (!jose_open(secret, sealed, story_arena(), &jwk, &err)) fail_msg("%s", err.cause);
    struct jose_key *key = jose_key_parse(jwk, &err);
    assert_non_null(key);
    return key;
}

static json_t *claims_of(const char *token)
{
    void *payload;
    size_t length;
    char *part = arena_strdup(story_arena(), strchr(token, '.') + 1);
    part[strcspn(part, ".")] = '\0';
    assert_true(crypto_base64url_decode(story_arena(), part, &payload, &length));
    json_t *value = json_loadb(payload, length, 0, NULL);
    assert_non_null(value);
    return value;
}

static int keys_are_stolen(void **state)
{
    struct error err = {0};
    if (story_setup(state) != 0) return -1;
    jane = cast_person("employer");
    claims = claims_of(jane.token);
    current = steal_key("current");
    next = steal_key("next");
    own = jose_key_generate(&err);
    return own ? 0 : -1;
}

static int keys_are_dropped(void **state)
{
    json_decref(claims);
    jose_key_free(current);
    jose_key_free(next);
    jose_key_free(own);
    return story_teardown(state);
}

// --- Access tokens ---------------------------------------------------------------------------------------

static const char *sign(const struct jose_key *key, const char *typ, const json_t *what)
{
    struct error err = {.arena = story_arena()};
    char *token;
    if (!jose_sign(key, typ, what, story_arena(), &token, &err)) fail_msg("%s", err.cause);
    return token;
}

static const char *encode(const void *bytes, size_t length)
{
    return crypto_base64url(story_arena(), bytes, length);
}

static const char *encode_text(const char *text)
{
    return encode(text, strlen(text));
}

static const char *payload(void)
{
    return encode_text(json_text(story_arena(), claims));
}

// Her claims with one changed; value is JSON, NULL takes it away.
static json_t *claims_with(const char *name, const char *value)
{
    json_t *changed = json_deep_copy(claims);
    arena_defer(story_arena(), (void (*)(void *))json_decref, changed);
    if (value) json_object_set_new(changed, name, json_loads(value, JSON_DECODE_ANY, NULL));
    else json_object_del(changed, name);
    return changed;
}

// The status of every part of the system at this token: the gateway, and each service as if the gateway had let it through.
static void expect_everywhere(const char *token, int status, const char *what)
{
    struct person who = {0};
    snprintf(who.token, sizeof who.token, "%s", token);
    const struct answer answers[] = {
        call(&who, "GET", "/api/me", NULL), call(&who, "GET", "/api/profiles/me", NULL), call(&who, "GET", "/api/auth/me", NULL),
        call_at(setting("URL_AUTH"), &who, "GET", "/auth/me", NULL), call_at(setting("URL_PROFILES"), &who, "GET", "/profiles/me", NULL),
        call_at(setting("URL_PAYMENTS"), &who, "GET", "/payments/contact-credits", NULL)};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        if (answers[i].status != status) fail_msg("%s: %s answered %d: %s", what, answers[i].called, answers[i].status, answers[i].http.body);
        if (status == 401) expect_civil(&answers[i], what);
        if (status == 401) assert_non_null(header(&answers[i], "WWW-Authenticate"));
    }
}

// With auth's own key anything can be signed; still only what was signed for this purpose counts.
static void well_signed_tokens_for_another_purpose_are_refused(void **state)
{
    (void)state;
    static const struct { const char *name, *value; } changes[] = {
        {"iss", "\"https://evil.example\""}, {"iss", NULL}, {"iss", "[\"https://domesticconnect.ke\"]"}, {"aud", "\"another-app\""}, {"aud", NULL}, {"aud", "[]"}, {"aud", "7"},
        {"exp", "1"}, {"exp", NULL}, {"exp", "\"9999999999\""}, {"exp", "9999999999.5"}, {"exp", "-9223372036854775808"}, {"iat", "9999999999"}, {"iat", NULL}, {"iat", "true"},
        {"nbf", "9999999999"}, {"nbf", "\"1\""}, {"sub", NULL}, {"sub", "7"}, {"sub", "\"\""}, {"sub", "\"' OR '1'='1\""}, {"sub", "\"../admin\""}, {"sid", "{}"}, {"sid", "\"a b\""}};
    expect_everywhere(sign(current, "at+jwt", claims), 200, "the control");
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        expect_everywhere(sign(current, "at+jwt", claims_with(changes[i].name, changes[i].value)), 401, arena_printf(story_arena(), "%s %s", changes[i].name, changes[i].value));
    static const char *const types[] = {"JWT", "rt+jwt", "id+jwt", "", "at+jwt2", "application/jwt"};
    for (size_t i = 0; i < COUNT_OF(types); i++) expect_everywhere(sign(current, types[i], claims), 401, types[i]);
}

// Somebody else's key, whatever the header says of it.
static const char *sign_with_header(const struct jose_key *key, const char *header_json)
{
    cjose_err err = {0};
    const char *jwk_text = jose_key_json(story_arena(), key, true), *text = json_text(story_arena(), claims), *name, *exported;
    cjose_jwk_t *jwk = cjose_jwk_import(jwk_text, strlen(jwk_text), &err);
    cjose_header_t *head = cjose_header_new(&err);
    json_t *members = json_loads(header_json, 0, NULL), *value;
    json_object_foreach(members, name, value) {
        if (json_is_string(value)) cjose_header_set(head, name, json_string_value(value), &err);
        else cjose_header_set_raw(head, name, json_text(story_arena(), value), &err);
    }
    cjose_jws_t *jws = cjose_jws_sign(jwk, head, (const uint8_t *)text, strlen(text), &err);
    if (!jws || !cjose_jws_export(jws, &exported, &err)) fail_msg("cjose: %s", err.message);
    const char *token = arena_strdup(story_arena(), exported);
    cjose_jws_release(jws);
    cjose_header_release(head);
    cjose_jwk_release(jwk);
    json_decref(members);
    return token;
}

static void tokens_of_another_key_are_refused(void **state)
{
    (void)state;
    const char *kid = jose_key_id(current), *public_key = jose_key_json(story_arena(), own, false);
    expect_everywhere(sign_with_header(current, arena_printf(story_arena(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", kid)), 200, "the control");
    const struct { const char *what; const struct jose_key *key; const char *header; } forgeries[] = {
        {"own key under its name", own, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"my-own\"}"},
        {"own key under auth's name", own, arena_printf(story_arena(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", kid)},
        {"keys swapped", next, arena_printf(story_arena(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", kid)},
        {"no kid", current, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}"},
        {"a kid that is a list", current, arena_printf(story_arena(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":[\"%s\"]}", kid)},
        {"a kid that is a path", own, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"../../../../dev/null\"}"},
        {"a kid that is SQL", own, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"x' UNION SELECT '{}' --\"}"},
        {"the key brought along", own, arena_printf(story_arena(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\",\"jwk\":%s}", kid, public_key)},
        {"the key at an address", own, arena_printf(story_arena(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\",\"jku\":\"http://127.0.0.1:1/jwks\"}", kid)},
        {"a certificate at an address", own, arena_printf(story_arena(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\",\"x5u\":\"http://127.0.0.1:1/\"}", kid)},
        {"a critical member", current, arena_printf(story_arena(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\",\"crit\":[\"exp\"]}", kid)},
    };
    for (size_t i = 0; i < COUNT_OF(forgeries); i++) expect_everywhere(sign_with_header(forgeries[i].key, forgeries[i].header), 401, forgeries[i].what);
}

static const char *hs256(const char *signed_part, const char *secret, size_t length)
{
    char hex[SHA256_HEX_SIZE];
    unsigned char mac[32];
    crypto_hmac_sha256_hex(secret, length, signed_part, strlen(signed_part), hex);
    for (size_t i = 0; i < sizeof mac; i++) mac[i] = (unsigned char)strtol((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
    return arena_printf(story_arena(), "%s.%s", signed_part, encode(mac, sizeof mac));
}

static void the_algorithm_is_ours_to_choose(void **state)
{
    (void)state;
    const char *kid = jose_key_id(current), *public_key = jose_key_json(story_arena(), current, false);
    static const char *const none[] = {"none", "None", "NONE", "nOnE", "", "ES512", "ES256K", "RS256", "EdDSA", "HS512"};
    const char *signature = strrchr(jane.token, '.') + 1;
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        const char *head = encode_text(arena_printf(story_arena(), "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", none[i], kid));
        expect_everywhere(arena_printf(story_arena(), "%s.%s.", head, payload()), 401, none[i]);
        expect_everywhere(arena_printf(story_arena(), "%s.%s.%s", head, payload(), signature), 401, none[i]);
    }
    const char *signed_part = arena_printf(story_arena(), "%s.%s", encode_text(arena_printf(story_arena(), "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", kid)), payload());
    const char *secrets[] = {public_key, kid, ""};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) expect_everywhere(hs256(signed_part, secrets[i], strlen(secrets[i])), 401, "HS256 by what everybody knows");
}

static void altered_tokens_are_refused(void **state)
{
    (void)state;
    struct arena *arena = story_arena();
    const char *token = jane.token, *first = strchr(token, '.'), *last = strrchr(token, '.');
    const int head = (int)(first - token), body = (int)(last - first - 1);
    static char long_one[1900];
    memset(long_one, 'A', sizeof long_one - 1);
    const char *more_rights = encode_text(json_text(arena, claims_with("adm", "true"))), *another = encode_text(json_text(arena, claims_with("sub", "\"somebody-else\"")));
    const struct { const char *what, *token; } altered[] = {
        {"an administrator's claims", arena_printf(arena, "%.*s.%s%s", head, token, more_rights, last)},
        {"somebody else's claims", arena_printf(arena, "%.*s.%s%s", head, token, another, last)},
        {"no signature", arena_printf(arena, "%.*s", (int)(last - token), token)},
        {"an empty signature", arena_printf(arena, "%.*s.", (int)(last - token), token)},
        {"half a signature", arena_printf(arena, "%.*s", (int)(last - token) + 40, token)},
        {"a signature of zeros", arena_printf(arena, "%.*s.%s", (int)(last - token), token, encode((char[64]){0}, 64))},
        {"a fourth part", arena_printf(arena, "%s.x", token)},
        {"a part less", arena_printf(arena, "%.*s%s", head, token, last)},
        {"padding", arena_printf(arena, "%s==", token)},
        {"a blank inside", arena_printf(arena, "%.*s %s", head, token, first)},
        {"another alphabet", arena_printf(arena, "%.*s.%.*s+/", head, token, body, first + 1)},
        {"dots alone", ".."}, {"a list", "WzFd.WzFd.WzFd"}, {"nonsense", "nonsense"}, {"a long one", long_one},
        {"her refresh token", jane.refresh}, {"her password", jane.password},
    };
    for (size_t i = 0; i < COUNT_OF(altered); i++) expect_everywhere(altered[i].token, 401, altered[i].what);
    for (size_t at = 0; at < strlen(token); at += 37) { // one letter in each place
        char *changed = arena_strdup(arena, token);
        if (changed[at] == '.') continue;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        struct person who = {0};
        snprintf(who.token, sizeof who.token, "%s", changed);
        struct answer answer = call(&who, "GET", "/api/profiles/me", NULL);
        expect_status(&answer, 401);
    }
    expect_everywhere(token, 200, "her own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_signed_tokens_for_another_purpose_are_refused), cmocka_unit_test(tokens_of_another_key_are_refused),
        cmocka_unit_test(the_algorithm_is_ours_to_choose), cmocka_unit_test(altered_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, keys_are_stolen, keys_are_dropped);
}
