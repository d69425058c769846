// SPDX-License-Identifier: MIT
// What every process hears of auth: keys that count, tokens that stop counting.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "jose.h"
#include "log.h"
#include "output.h"
#include "running.h"

#define NOW_S 1800000000LL // 2027-01-15T08:00:00Z

static struct clock now;
static struct arena *arena;
static struct error err;
static struct jose_key *key;
static struct app app;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(4 << 20);
    err = (struct error){.arena = arena};
    now = clock_fixed(NOW_S * 1000);
    key = jose_key_generate(&err);
    app.identity = identity_new(&(struct identity_config){"issuer", "audience", 64, 0, &now});
    return arena && key && app.identity ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    output_end();
    log_start("test", LOG_LEVEL_ERROR);
    identity_free(app.identity);
    jose_key_free(key);
    arena_free(arena);
    return 0;
}

// As broadcast.c hands it on. data NULL: a tombstone.
static void hear(const struct topic *topic, const char *event_key, const char *data)
{
    CLEANUP(json_release) json_t *parsed = data ? json_parse(data, strlen(data), &err) : NULL;
    const struct event event = {.id = "7", .topic = topic->name, .key = event_key, .data = parsed};
    int heard = 0;
    for (const struct broadcast_subscription *row = identity_broadcasts; row->topic; row++) {
        if (row->topic != topic) continue;
        assert_false(row->from_end); // known whole before the process is ready
        struct error why = {.arena = arena};
        assert_true(row->handler(&app, &event, &why));
        heard++;
    }
    assert_int_equal(heard, 1);
}

static void hear_key(void)
{
    hear(&topic_keys, jose_key_id(key), arena_printf(arena, "{\"jwk\":%s}", jose_key_json(arena, key, false)));
}

static bool passes(const char *user_id, const char *session_id)
{
    char *token = NULL;
    struct caller caller = {0};
    CLEANUP(json_release) json_t *claims = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:s}", "iss", "issuer", "aud", "audience", "sub", user_id, "sid",
                                                     session_id, "user_type", "employer", "adm", 0, "iat", (json_int_t)NOW_S, "iat_ms",
                                                     (json_int_t)NOW_S * 1000, "exp", (json_int_t)NOW_S + 900, "jti", "j1");
    error_clear(&err);
    assert_true(jose_sign(key, "at+jwt", claims, arena, &token, &err));
    return identity_verify(app.identity, token, arena, &caller, &err);
}

static void key_counts_once_it_was_heard_of(void **state)
{
    (void)state;
    assert_false(passes("u1", "s1"));
    hear_key();
    assert_true(passes("u1", "s1"));
}

static void key_stops_counting_with_its_tombstone(void **state)
{
    (void)state;
    hear_key();
    assert_true(passes("u1", "s1"));
    hear(&topic_keys, jose_key_id(key), NULL);
    assert_false(passes("u1", "s1"));
}

static void revocation_ends_all_tokens_of_a_user(void **state)
{
    (void)state;
    hear_key();
    hear(&topic_revocations, "u1", "{\"user_id\":\"u1\",\"session_id\":null,\"valid_after\":\"2027-01-15T08:00:00.001Z\"}");
    assert_false(passes("u1", "s1"));
    assert_true(passes("u2", "s1"));
}

static void revocation_of_a_session_leaves_the_others(void **state)
{
    (void)state;
    hear_key();
    hear(&topic_revocations, "u1", "{\"user_id\":\"u1\",\"session_id\":\"s1\",\"valid_after\":\"2027-01-15T08:00:00.001Z\"}");
    assert_false(passes("u1", "s1"));
    assert_true(passes("u1", "s2"));
}

static void tokens_after_the_revocation_count(void **state)
{
    (void)state;
    hear_key();
    hear(&topic_revocations, "u1", "{\"user_id\":\"u1\",\"valid_after\":\"2027-01-15T08:00:00.000Z\"}");
    assert_true(passes("u1", "s1"));
}

static void malformed_news_are_logged_and_change_nothing(void **state)
{
    (void)state;
    hear_key();
    output_begin();
    log_start("test", LOG_LEVEL_INFO);
    hear(&topic_keys, "k", "{}");
    hear(&topic_keys, "k", "{\"jwk\":{\"kty\":\"EC\"}}");
    hear(&topic_revocations, "u1", "{\"user_id\":\"u1\",\"valid_after\":\"soon\"}");
    hear(&topic_revocations, "u1", "{\"valid_after\":\"2027-01-15T08:00:00.001Z\"}");
    const char *text = output_so_far();
    const char *first_key = strstr(text, "\"event\":\"signing_key_refused\""), *first_revocation = strstr(text, "\"event\":\"revocation_malformed\"");
    assert_non_null(strstr(first_key + 1, "\"event\":\"signing_key_refused\""));
    assert_non_null(strstr(first_revocation + 1, "\"event\":\"revocation_malformed\""));
    output_begin();
    hear(&topic_revocations, "u1", NULL); // a cleared key is no news
    assert_string_equal(output_so_far(), "");
    assert_true(passes("u1", "s1"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(key_counts_once_it_was_heard_of),
        TEST(key_stops_counting_with_its_tombstone),
        TEST(revocation_ends_all_tokens_of_a_user),
        TEST(revocation_of_a_session_leaves_the_others),
        TEST(tokens_after_the_revocation_count),
        TEST(malformed_news_are_logged_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
