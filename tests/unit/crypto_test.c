// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <crypt.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "text.h"

static int arena_setup(void **state)
{
    *state = arena_new(1 << 20);
    return *state == NULL;
}

static int arena_teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void sha256_and_hmac_match_published_vectors(void **state)
{
    (void)state;
    char hex[SHA256_HEX_SIZE];
    crypto_sha256_hex("abc", 3, hex); // FIPS 180-2 B.1
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const char *text = "what do ya want for nothing?"; // RFC 4231 case 2
    crypto_hmac_sha256_hex("Jefe", 4, text, strlen(text), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void base64url_matches_rfc_4648(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "__79"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        void *bytes;
        size_t length;
        assert_string_equal(crypto_base64url(*state, pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
        assert_true(crypto_base64url_decode(*state, pairs[i][1], &bytes, &length));
        assert_int_equal(length, strlen(pairs[i][0]));
        assert_memory_equal(bytes, pairs[i][0], length);
        assert_int_equal(((const char *)bytes)[length], '\0');
    }
}

static void base64url_refuses_other_spellings(void **state)
{
    static const char *const wrong[] = {"Z",    "Zg==",  "Zh",     "Zm9=",  "Zm+v",
                                        "Zm/v", "Zm 9v", "Zm9v\n", "Zm9vY", "\xc3\xa9zz"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        void *bytes;
        size_t length;
        assert_false(crypto_base64url_decode(*state, wrong[i], &bytes, &length));
    }
}

static void every_byte_survives_base64url(void **state)
{
    unsigned char all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (unsigned char)i;
    }
    for (size_t length = 0; length <= sizeof(all); length++) {
        void *bytes;
        size_t back;
        assert_true(crypto_base64url_decode(*state, crypto_base64url(*state, all, length), &bytes, &back));
        assert_int_equal(back, length);
        assert_memory_equal(bytes, all, length);
    }
}

static void tokens_are_long_and_differ(void **state)
{
    const char *first = crypto_token(*state);
    const char *second = crypto_token(*state);
    assert_int_equal(strlen(first), 43);
    assert_string_not_equal(first, second);
    assert_int_equal(strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
}

static void equal_compares_whole_texts(void **state)
{
    (void)state;
    assert_true(crypto_equal("secret", "secret"));
    assert_true(crypto_equal("", ""));
    assert_false(crypto_equal("secret", "secreT"));
    assert_false(crypto_equal("secret", "secretsecret")); // what wrapping around must not accept
    assert_false(crypto_equal("secret", "sec"));
    assert_false(crypto_equal("secret", ""));
    assert_false(crypto_equal("", "secret"));
    assert_false(crypto_equal(NULL, "secret"));
    assert_false(crypto_equal("secret", NULL));
    assert_false(crypto_equal(NULL, NULL));
}

static void passwords_hash_and_verify(void **state)
{
    struct error err = {0};
    char *hash = NULL;
    char *again = NULL;
    assert_true(password_hash(*state, "correct horse", 4, &hash, &err));
    assert_int_equal(strlen(hash), 60);
    assert_memory_equal(hash, "$2b$04$", 7);
    assert_true(password_verify("correct horse", hash, 4));
    assert_false(password_verify("correct Horse", hash, 4));
    assert_false(password_verify("", hash, 4));
    assert_true(password_hash(*state, "correct horse", 4, &again, &err));
    assert_string_not_equal(hash, again); // salted
}

static void a_hash_made_elsewhere_verifies(void **state)
{
    (void)state; // crypt_blowfish's own test vectors, $2y$ and $2a$
    assert_true(password_verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 4));
    assert_false(password_verify("U*V", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 4));
}

static void long_passwords_are_refused_never_cut(void **state)
{
    struct error err = {.arena = *state};
    char *hash = NULL;
    char password[80];
    memset(password, 'x', sizeof(password));
    password[72] = '\0';
    assert_true(password_hash(*state, password, 4, &hash, &err));
    assert_true(password_verify(password, hash, 4));
    password[72] = 'y';
    password[73] = '\0';
    assert_false(password_verify(password, hash, 4)); // bcrypt alone would say yes
    assert_false(password_hash(*state, password, 4, &hash, &err));
    assert_ptr_equal(err.problem, &problem_invalid_fields);
    assert_string_equal(err.violations->pointer, "/password");
}

static void hashes_of_other_kinds_never_match(void **state)
{
    (void)state;
    static const char *const hashes[] = {"", "*0", "*1", "plain", "$1$salt$hash", "$2b$04$short", "$5$x$y"};
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        assert_false(password_verify(hashes[i], hashes[i], 4));
    }
}

// Stands in for libxcrypt's, which it calls, and remembers what work it was given.
static char work_given[8]; // "$2b$09$"
char *crypt_rn(const char *password, const char *setting, void *data, int size)
{
    char *(*own)(const char *, const char *, void *, int) = NULL;
    *(void **)&own = dlsym(RTLD_NEXT, "crypt_rn");
    snprintf(work_given, sizeof(work_given), "%s", setting);
    char *hash = own(password, setting, data, size);
    return hash != NULL && strlen(hash) == strlen("$2b$09$") + 53 ? hash : NULL;
}

static void an_unknown_user_is_as_much_work(void **state)
{
    struct error err = {0};
    char *hash = NULL;
    assert_true(password_hash(*state, "password", 9, &hash, &err));
    assert_false(password_verify("wrong", hash, 9));
    assert_string_equal(work_given, "$2b$09$");
    work_given[0] = '\0';
    assert_false(password_verify("wrong", NULL, 9));
    assert_string_equal(work_given, "$2b$09$");
}

static void cost_outside_its_range_is_an_error(void **state)
{
    struct error err = {0};
    char *hash = NULL;
    assert_false(password_hash(*state, "password", 3, &hash, &err));
    assert_false(password_hash(*state, "password", 16, &hash, &err));
    assert_ptr_equal(err.problem, &problem_internal);
}

#define T(test) cmocka_unit_test_setup_teardown(test, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sha256_and_hmac_match_published_vectors),
        T(base64url_matches_rfc_4648),
        T(base64url_refuses_other_spellings),
        T(every_byte_survives_base64url),
        T(tokens_are_long_and_differ),
        T(equal_compares_whole_texts),
        T(passwords_hash_and_verify),
        T(a_hash_made_elsewhere_verifies),
        T(long_passwords_are_refused_never_cut),
        T(hashes_of_other_kinds_never_match),
        T(an_unknown_user_is_as_much_work),
        T(cost_outside_its_range_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
