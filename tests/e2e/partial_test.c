// SPDX-License-Identifier: MIT
// A service is gone, or hangs: what needs it says so in time, all else goes on, and nobody has to do anything when it is back.
#include "stack.h"

#include <signal.h>
#include <string.h>

// DC_AGGREGATE_TIMEOUT_MS is 1500; the rest is for a busy machine.
#define BOUND_MS 3000

static struct answer timely(const struct person *who, const char *path)
{
    int64_t began_ms = clock_monotonic_ms();
    struct answer answer = call(who, "GET", path, NULL);
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    if (took_ms > BOUND_MS) fail_msg("GET %s took %ld ms", path, (long)took_ms);
    return answer;
}

static void expect_partial(const struct answer *answer, const char *service)
{
    expect_status(answer, 200);
    assert_int_equal(json_array_size(at(answer, "partial")), 1);
    assert_string_equal(text_at(answer, "partial/0"), service);
}

static bool is_whole(const struct answer *answer)
{
    return answer->status == 200 && !at(answer, "partial") && json_is_object(at(answer, "user")) && json_is_object(at(answer, "profile"));
}

static bool is_found(const struct answer *answer)
{
    return answer->status == 200;
}

static bool is_away(const struct answer *answer)
{
    return answer->status == 503;
}

// An address that no cache has seen.
static const char *fresh_list(void)
{
    static int number;
    return arena_printf(story_arena(), "/api/housegirls/?q=nobody%ld%d", (long)clock_monotonic_us(), number++);
}

static void expect_away(const struct person *who, const char *path)
{
    struct answer answer = timely(who, path);
    expect_problem(&answer, 503);
    assert_non_null(header(&answer, "Retry-After"));
}

static void expect_everything(const struct person *who)
{
    struct answer me = call_until(who, "/api/me", 30, is_whole);
    assert_true(is_whole(&me));
    struct answer list = call_until(NULL, fresh_list(), 10, is_found);
    expect_status(&list, 200);
    struct answer ready = call_until(NULL, "/api/health/readiness", 10, is_found);
    expect_status(&ready, 200);
}

static void all_is_told_of_her_but_what_is_gone(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    expect_everything(&jane);
    part_stop("profiles");
    for (int i = 0; i < 10; i++) {
        struct answer me = timely(&jane, "/api/me");
        expect_partial(&me, "profiles");
        assert_string_equal(text_at(&me, "user/id"), jane.user_id);
        assert_true(json_is_null(at(&me, "profile")));
    }
    struct answer dashboard = timely(&jane, "/api/dashboard");
    expect_partial(&dashboard, "profiles");
    assert_string_equal(text_at(&dashboard, "user/id"), jane.user_id);
    struct answer ready = call_until(NULL, "/api/health/readiness", 5, is_away); // asked for a second ago is new enough
    expect_status(&ready, 503);
    assert_string_equal(text_at(&ready, "parts/profiles"), "unreachable");
    assert_string_equal(text_at(&ready, "parts/auth"), "ready");
    part_start("profiles");
    expect_everything(&jane);
}

static void what_needs_it_says_when_to_come_back(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    part_stop("profiles");
    for (int i = 0; i < 10; i++) { // also once the gateway has given it up for a while
        expect_away(NULL, fresh_list());
        expect_away(&jane, "/api/profiles/me");
    }
    struct answer written = call(&jane, "POST", "/api/employers", "{\"location\":\"Karen\"}");
    expect_problem(&written, 503);
    part_start("profiles");
    expect_everything(&jane);
    written = call(&jane, "POST", "/api/employers", "{\"location\":\"Karen\"}");
    expect_status(&written, 201); // the refused one had left nothing behind
}

static void people_register_and_sign_in_meanwhile(void **state)
{
    (void)state;
    part_stop("profiles");
    struct person jane = person_register("employer");
    person_login(&jane);
    struct answer me = timely(&jane, "/api/auth/me");
    expect_status(&me, 200);
    struct answer changed = call(&jane, "PATCH", "/api/auth/me", "{\"first_name\":\"Wangui\"}");
    expect_status(&changed, 200);
    struct answer refreshed = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", jane.refresh);
    expect_status(&refreshed, 200);
    part_start("profiles");
    expect_everything(&jane); // with a profile she has never asked for, made by the event that waited
    struct answer mine = call(&jane, "GET", "/api/profiles/me", NULL);
    expect_status(&mine, 200);
    assert_string_equal(text_at(&mine, "first_name"), "Wangui");
}

// Worse than dead: it takes connections and never answers.
static void a_service_that_hangs_holds_nobody(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    expect_everything(&jane);
    part_signal("profiles", SIGSTOP);
    for (int i = 0; i < 3; i++) {
        struct answer me = timely(&jane, "/api/me");
        expect_partial(&me, "profiles");
        assert_string_equal(text_at(&me, "user/id"), jane.user_id);
        struct answer own = timely(&jane, "/api/auth/me");
        expect_status(&own, 200);
    }
    struct answer ready = call_until(NULL, "/api/health/readiness", 5, is_away);
    expect_status(&ready, 503);
    part_signal("profiles", SIGCONT);
    expect_everything(&jane);
}

static void profiles_go_on_without_auth(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    expect_everything(&jane);
    part_stop("auth");
    struct answer me = timely(&jane, "/api/me");
    expect_partial(&me, "auth");
    assert_true(json_is_null(at(&me, "user")));
    assert_string_equal(text_at(&me, "profile/user_id"), jane.user_id);
    struct answer list = timely(&jane, fresh_list()); // her token is judged by keys that each service has
    expect_status(&list, 200);
    struct answer written = call(&jane, "POST", "/api/employers", "{\"location\":\"Karen\"}");
    expect_status(&written, 201);
    struct answer login = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"%s\"}", jane.email, jane.password);
    expect_problem(&login, 503);
    assert_non_null(header(&login, "Retry-After"));
    part_start("auth");
    expect_everything(&jane);
    person_login(&jane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_is_told_of_her_but_what_is_gone, stack_restore),
        cmocka_unit_test_teardown(what_needs_it_says_when_to_come_back, stack_restore),
        cmocka_unit_test_teardown(people_register_and_sign_in_meanwhile, stack_restore),
        cmocka_unit_test_teardown(a_service_that_hangs_holds_nobody, stack_restore),
        cmocka_unit_test_teardown(profiles_go_on_without_auth, stack_restore),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
