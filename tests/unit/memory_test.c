// SPDX-License-Identifier: MIT
// When there is no memory, that is what is said: nobody's token is called bad, nobody's password wrong and no event malformed.
// Each case is done once for each allocation it makes, ours or a library's, with that one refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto.h"
#include "identity_private.h"
#include "jose.h"
#include "json.h"
#include "log.h"
#include "refusals.h"

// --- Cases ---------------------------------------------------------------------------------------

// True: all is as it always is. False: err says why not.
typedef bool (*deed)(struct arena *arena, struct error *err);

static int64_t do_with_refusals(deed it)
{
    for (int64_t call = 1;; call++) {
        struct arena *arena = arena_new(1 << 20);
        struct error err = {.arena = arena};
        allocations = 0;
        refused_at = call;
        const bool ok = it(arena, &err);
        refused_at = 0;
        const int64_t made = allocations;
        if (!ok && err.problem != &problem_unavailable)
            fail_msg("without the allocation %ld it is '%s': %s", (long)call, err.problem ? err.problem->slug : "nothing", err.cause);
        arena_free(arena);
        if (made >= call) continue;
        assert_true(ok); // none was refused
        return made;
    }
}

static bool digest(struct arena *arena, struct error *err)
{
    (void)arena;
    (void)err;
    char hex[SHA256_HEX_SIZE];
    crypto_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_hmac_sha256_hex("Jefe", 4, "what do ya want for nothing?", 28, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    return true;
}

static void a_digest_takes_none(void **state)
{
    (void)state;
    assert_int_equal(do_with_refusals(digest), 0);
}

static bool check_password(struct arena *arena, struct error *err)
{
    (void)arena;
    (void)err;
    assert_true(password_verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 4));
    return true;
}

static void the_check_of_a_password_takes_none(void **state)
{
    (void)state;
    assert_int_equal(do_with_refusals(check_password), 0);
}

static bool hash_a_password(struct arena *arena, struct error *err)
{
    char *hash = NULL;
    return password_hash(arena, "correct horse", 4, &hash, err) && password_verify("correct horse", hash, 4);
}

static void a_password_is_hashed_or_not(void **state)
{
    (void)state;
    assert_int_equal(do_with_refusals(hash_a_password), 1); // room in the arena
}

static bool read_and_write_json(struct arena *arena, struct error *err)
{
    static const char text[] = "{\"name\":\"Amina wa Kwanza kutoka Kisumu\",\"counties\":[\"Nairobi\",\"Kisumu\"],\"age\":31,\"pay\":15000.5}";
    CLEANUP(json_release) json_t *value = json_parse(text, sizeof text - 1, err);
    if (!value) return false;
    const char *written = json_text(arena, value);
    if (!written) return error_set(err, arena_failed(arena) ? &problem_unavailable : &problem_internal, NULL);
    assert_string_equal(written, text);
    return true;
}

static void json_is_neither_malformed_nor_cut(void **state)
{
    (void)state;
    assert_true(do_with_refusals(read_and_write_json) > 10);
}

static struct jose_key *key;

static bool sign(struct arena *arena, struct error *err)
{
    CLEANUP(json_release) json_t *claims = json_parse("{\"sub\":\"u1\"}", 12, err);
    char *token = NULL;
    return claims && jose_sign(key, "at+jwt", claims, arena, &token, err) && token;
}

static void a_token_is_signed_or_not(void **state)
{
    (void)state;
    struct error err = {0};
    key = jose_key_generate(&err);
    assert_non_null(key);
    assert_true(do_with_refusals(sign) > 10);
    jose_key_free(key);
}

static bool read_header(struct arena *arena, struct error *err)
{
    static const char token[] = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtleSIsInR5cCI6ImF0K2p3dCJ9.e30."
                                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    struct jose_header header;
    if (!jose_header_read(token, JOSE_ES256, arena, &header, err)) return false;
    assert_string_equal(header.kid, "key");
    assert_string_equal(header.typ, "at+jwt");
    return true;
}

static void a_token_is_not_called_bad(void **state)
{
    (void)state;
    assert_true(do_with_refusals(read_header) > 10);
}

static char *own_token;

static bool verify(struct arena *arena, struct error *err)
{
    (void)arena;
    CLEANUP(json_release) json_t *claims = jose_verify(key, JOSE_ES256, own_token, err);
    if (!claims) return false;
    assert_string_equal(json_member_text(claims, "sub"), "u1");
    return true;
}

static void a_token_holds_or_nobody_knows(void **state)
{
    (void)state;
    struct error err = {0};
    struct arena *arena = arena_new(1 << 16);
    CLEANUP(json_release) json_t *claims = json_parse("{\"sub\":\"u1\"}", 12, &err);
    key = jose_key_generate(&err);
    assert_true(jose_sign(key, "at+jwt", claims, arena, &own_token, &err));
    assert_true(do_with_refusals(verify) > 10);
    jose_key_free(key);
    arena_free(arena);
}

static bool take_a_key(struct arena *arena, struct error *err)
{
    static const char name[] = "01a22401-a506-797e-8a63-524a69df5800"; // longer than what jansson begins a text with
    static const char jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"01a22401-a506-797e-8a63-524a69df5800\",\"x\":\"oBVjDMoaRFmgkht8L3Dd1EFp1WctRN9sbvOpJD3Du3o\","
                              "\"y\":\"KaE7i5AV7kvbi_MuKeVR9CTApzb6DKwl7AaP3e94o8g\"}";
    (void)arena;
    struct jose_key *taken = jose_key_parse(jwk, err);
    if (taken) assert_string_equal(jose_key_id(taken), name);
    jose_key_free(taken);
    return taken;
}

static void a_key_is_taken_or_not(void **state)
{
    (void)state;
    assert_true(do_with_refusals(take_a_key) > 10);
}

static bool seal_and_open(struct arena *arena, struct error *err)
{
    static const char secret[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    char *sealed = NULL, *plain = NULL;
    if (!jose_seal(secret, "hidden", arena, &sealed, err) || !jose_open(secret, sealed, arena, &plain, err)) return false;
    assert_string_equal(plain, "hidden");
    return true;
}

static void a_secret_is_sealed_or_not(void **state)
{
    (void)state;
    assert_true(do_with_refusals(seal_and_open) > 10);
}

static bool log_a_line(struct arena *arena, struct error *err)
{
    (void)arena;
    (void)err;
    char line[512] = "";
    int ends[2];
    const int out = dup(STDOUT_FILENO);
    assert_true(out >= 0 && pipe(ends) == 0 && dup2(ends[1], STDOUT_FILENO) >= 0);
    log_info("ready", LOG_INT("port", 8080));
    dup2(out, STDOUT_FILENO);
    close(ends[1]);
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    close(ends[0]);
    close(out);
    assert_non_null(strstr(line, "\"event\":\"ready\""));
    assert_non_null(strstr(line, "}\n"));
    return true;
}

static void what_happens_is_logged(void **state)
{
    (void)state;
    fflush(stdout);
    assert_true(do_with_refusals(log_a_line) > 1);
}

static struct revocations *revocations;

static bool revoke_a_user(struct arena *arena, struct error *err)
{
    (void)arena;
    static int users;
    char id[16];
    snprintf(id, sizeof id, "user%d", users++);
    if (!revocations_add(revocations, REVOKED_USER, id, 2000, 1000)) return error_set(err, &problem_unavailable, NULL);
    assert_int_equal(revocations_find(revocations, REVOKED_USER, id), 2000);
    return true;
}

static void a_revocation_is_known_or_not(void **state)
{
    (void)state;
    revocations = revocations_new();
    for (int i = 0; i < 1100; i++) assert_true(do_with_refusals(revoke_a_user) >= 1); // beyond the buckets it begins with
    revocations_free(revocations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_takes_none),
        cmocka_unit_test(the_check_of_a_password_takes_none),
        cmocka_unit_test(a_password_is_hashed_or_not),
        cmocka_unit_test(json_is_neither_malformed_nor_cut),
        cmocka_unit_test(a_token_is_signed_or_not),
        cmocka_unit_test(a_token_is_not_called_bad),
        cmocka_unit_test(a_token_holds_or_nobody_knows),
        cmocka_unit_test(a_key_is_taken_or_not),
        cmocka_unit_test(a_secret_is_sealed_or_not),
        cmocka_unit_test(a_revocation_is_known_or_not),
        cmocka_unit_test(what_happens_is_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
