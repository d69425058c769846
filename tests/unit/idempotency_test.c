// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "idempotency.h"
#include "kit_database.h"
#include "response.h"

static struct kit_database kit;

static const struct route route = {.method = "POST", .path = "/things", .idempotent = true};

// One POST /things, with a session of its own.
struct call {
    struct http_request http;
    struct request rq;
    struct response rs;
};

static void call_begin(struct call *call, const char *user_id, const char *body)
{
    *call = (struct call){.http = {.method = "POST",
                                   .path = "/things",
                                   .body = body,
                                   .body_length = strlen(body),
                                   .arena = kit.arena}};
    call->rq = (struct request){.route = &route,
                                .http = &call->http,
                                .method = "POST",
                                .path = "/things",
                                .arena = kit.arena,
                                .client_address = "10.0.0.1",
                                .caller = {.signed_in = user_id != NULL, .user_id = user_id}};
    db_begin(&call->rq.db, kit.pool, DB_WRITE, kit.arena);
}

static enum idempotency_state claim(struct call *call, const char *key)
{
    return idempotency_claim(&call->rq, key, &call->rs, &kit.err);
}

static void answer(struct call *call, const char *key, const char *body)
{
    call->rs = (struct response){
        .status = 201, .content_type = "application/json", .body = body, .length = strlen(body)};
    response_header(&call->rs, "Location", "/api/things/t1");
    kit_assert_fine(&kit, idempotency_keep(&call->rq, key, &call->rs, &kit.err));
    kit_assert_fine(&kit, db_commit(&call->rq.db, &kit.err));
    db_end(&call->rq.db);
}

static void first_answer_comes_again(void **state)
{
    (void)state;
    struct call one, two;
    call_begin(&one, "u1", "{\"a\":1}");
    assert_int_equal(claim(&one, "k1"), IDEMPOTENCY_NEW);
    answer(&one, "k1", "{\"id\":\"t1\"}");

    call_begin(&two, "u1", "{\"a\":1}");
    two.rq.path = two.http.path = "/things/"; // the same place
    assert_int_equal(claim(&two, "\"k1\""), IDEMPOTENCY_REPLAYED); // quoted or bare: the same key
    assert_int_equal(two.rs.status, 201);
    assert_string_equal(two.rs.content_type, "application/json");
    assert_string_equal(two.rs.body, "{\"id\":\"t1\"}");
    assert_int_equal(two.rs.length, 11);
    assert_int_equal(two.rs.header_count, 2);
    assert_string_equal(response_header_find(&two.rs, "Location"), "/api/things/t1");
    assert_string_equal(response_header_find(&two.rs, "Idempotent-Replayed"), "true");
    db_end(&two.rq.db);
}

static void empty_answer_comes_again(void **state)
{
    (void)state;
    struct call one, two;
    call_begin(&one, "u1", "{}");
    assert_int_equal(claim(&one, "k"), IDEMPOTENCY_NEW);
    one.rs = (struct response){.status = 204};
    kit_assert_fine(&kit, idempotency_keep(&one.rq, "k", &one.rs, &kit.err));
    kit_assert_fine(&kit, db_commit(&one.rq.db, &kit.err));
    call_begin(&two, "u1", "{}");
    assert_int_equal(claim(&two, "k"), IDEMPOTENCY_REPLAYED);
    assert_int_equal(two.rs.status, 204);
    assert_null(two.rs.body);
    assert_null(response_header_find(&two.rs, "Location"));
    assert_int_equal(two.rs.length, 0);
    db_end(&two.rq.db);
}

static void other_request_is_refused(void **state)
{
    (void)state;
    struct call one, two;
    call_begin(&one, "u1", "{\"a\":1}");
    assert_int_equal(claim(&one, "k"), IDEMPOTENCY_NEW);
    answer(&one, "k", "{}");
    call_begin(&two, "u1", "{\"a\":2}");
    assert_int_equal(claim(&two, "k"), IDEMPOTENCY_REFUSED);
    kit_assert_problem(&kit, &problem_key_reused);
    db_end(&two.rq.db);
    call_begin(&two, "u1", "{\"a\":1}");
    two.http.query = "page=2";
    assert_int_equal(claim(&two, "k"), IDEMPOTENCY_REFUSED);
    kit_assert_problem(&kit, &problem_key_reused);
    db_end(&two.rq.db);
}

static void keys_belong_to_their_caller(void **state)
{
    (void)state;
    static const char *const callers[] = {"u1", "u2", NULL};
    struct call call;
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        call_begin(&call, callers[i], "{}");
        assert_int_equal(claim(&call, "k"), IDEMPOTENCY_NEW);
        answer(&call, "k", "{}");
    }
    call_begin(&call, NULL, "{}");
    call.rq.client_address = "10.0.0.2";
    assert_int_equal(claim(&call, "k"), IDEMPOTENCY_NEW);
    answer(&call, "k", "{}");
    call_begin(&call, NULL, "{}");
    assert_int_equal(claim(&call, "k"), IDEMPOTENCY_REPLAYED);
    db_end(&call.rq.db);
}

static void running_one_is_not_waited_for(void **state)
{
    (void)state;
    struct call one, two, third;
    call_begin(&one, "u1", "{}");
    assert_int_equal(claim(&one, "k"), IDEMPOTENCY_NEW);
    call_begin(&two, "u1", "{}");
    assert_int_equal(claim(&two, "k"), IDEMPOTENCY_REFUSED); // although the first does not end
    kit_assert_problem(&kit, &problem_in_progress);
    assert_int_equal(kit.err.retry_after_s, 1);
    call_begin(&third, "u1", "{}"); // another key is nobody's business
    assert_int_equal(claim(&third, "k2"), IDEMPOTENCY_NEW);
    db_end(&third.rq.db);
    db_end(&two.rq.db);
    answer(&one, "k", "{}");
    call_begin(&two, "u1", "{}");
    assert_int_equal(claim(&two, "k"), IDEMPOTENCY_REPLAYED);
    db_end(&two.rq.db);
}

static void failure_frees_the_key(void **state)
{
    (void)state;
    struct call one, two;
    call_begin(&one, "u1", "{}");
    assert_int_equal(claim(&one, "k"), IDEMPOTENCY_NEW);
    db_end(&one.rq.db);
    call_begin(&two, "u1", "{}");
    assert_int_equal(claim(&two, "k"), IDEMPOTENCY_NEW);
    db_end(&two.rq.db);
}

static void answer_needs_a_claim(void **state)
{
    (void)state;
    struct call one;
    call_begin(&one, "u1", "{}");
    one.rs.status = 200;
    assert_false(idempotency_keep(&one.rq, "k", &one.rs, &kit.err));
    kit_assert_problem(&kit, &problem_internal);
    db_end(&one.rq.db);
}

static void keys_are_checked(void **state)
{
    (void)state;
    char longest[257] = {0}, quoted[260];
    memset(longest, 'x', 255);
    snprintf(quoted, sizeof quoted, "\"%s\"", longest);
    const char *const good[] = {
        "a", "\"a b\"", "8e03978e-40d5-43dd-bc93-6894a57f9324", "\"with \\\" and \\\\\"", longest, quoted};
    char too_long[257] = {0};
    memset(too_long, 'x', 256);
    const char *const bad[] = {"", "\"\"", "a\nb", "é", "\"a\"b\"", "\"a\\\"", "\x7f", too_long};
    struct call call;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        call_begin(&call, "u1", "{}");
        if (claim(&call, good[i]) != IDEMPOTENCY_NEW) fail_msg("good key %s: %s", good[i], kit.err.detail);
        db_end(&call.rq.db);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        kit_forget(&kit);
        call_begin(&call, "u1", "{}");
        if (claim(&call, bad[i]) != IDEMPOTENCY_REFUSED) fail_msg("bad key %s", bad[i]);
        kit_assert_problem(&kit, &problem_malformed);
        db_end(&call.rq.db);
    }
}

static void old_ones_are_purged(void **state)
{
    (void)state;
    test_database_run(&kit.database,
                      "INSERT INTO idempotency_keys (owner, route, key, fingerprint, created_at) VALUES"
                      "('u', 'r', 'old', 'f', now() - interval '25 hours'),"
                      "('u', 'r', 'new', 'f', now() - interval '23 hours')");
    struct db db = kit_session(&kit, DB_READ);
    kit_assert_fine(&kit, idempotency_purge(&db, 24, &kit.err));
    db_end(&db);
    assert_string_equal(test_database_run(&kit.database, "SELECT string_agg(key, ' ') FROM idempotency_keys"),
                        "new");
}

static int clear(void **state)
{
    (void)state;
    kit_forget(&kit);
    test_database_run(&kit.database, "TRUNCATE idempotency_keys");
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return kit_database_create(&kit);
}

static int teardown(void **state)
{
    (void)state;
    return kit_database_drop(&kit);
}

#define TEST(function) cmocka_unit_test_setup(function, clear)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_answer_comes_again),      TEST(empty_answer_comes_again),
        TEST(other_request_is_refused),      TEST(keys_belong_to_their_caller),
        TEST(running_one_is_not_waited_for), TEST(failure_frees_the_key),
        TEST(answer_needs_a_claim),          TEST(keys_are_checked),
        TEST(old_ones_are_purged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
