// SPDX-License-Identifier: MIT
// Employer, housegirl and agency each make the profile of their role and look after it; nobody else can.
#include "eventually.h"
#include "stack.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

// The three kinds of people, and what each says of herself.
static const struct kind {
    const char *user_type, *path, *part;
    const char *body, *member, *value;   // a first write, and what it sets
    const char *other_member;            // not set by it
} kinds[] = {
    {"employer", "/api/employers", "employer", "{\"location\":\"Karen, Nairobi\"}", "location", "Karen, Nairobi", "description"},
    {"housegirl", "/api/housegirls", "housegirl", "{\"age\":24,\"location\":\"Nyali, Mombasa\"}", "location", "Nyali, Mombasa", "bio"},
    {"agency", "/api/agency-profiles", "agency", "{\"agency_name\":\"Upendo Homes\"}", "agency_name", "Upendo Homes", "license_number"},
};

static struct person with(const struct person *person, const char *header_name, const char *header_value)
{
    struct person copy = *person;
    copy.header_name = header_name;
    copy.header_value = header_value;
    return copy;
}

static const char *path_of(const struct kind *kind, const char *id)
{
    return arena_printf(story_arena(), "%s/%s", kind->path, id);
}

static const char *member_path(const char *first, const char *second)
{
    return arena_printf(story_arena(), "%s/%s", first, second);
}

// Registered a moment ago, and has written her first profile.
static struct person with_profile(const struct kind *kind, const char **ret_path)
{
    struct person person = person_register(kind->user_type);
    struct answer made = call(&person, "POST", kind->path, "%s", kind->body);
    expect_status(&made, 201);
    *ret_path = path_of(kind, text_at(&made, "id"));
    return person;
}

static bool has_names(const struct answer *answer)
{
    return answer->status == 200 && json_string_length(at(answer, "profile/first_name")) > 0 &&
           json_is_string(at(answer, "profile/phone_number"));
}

// The same, once her name and phone number have come from auth: until then they change what she reads.
static struct person with_whole_profile(const struct kind *kind, const char **ret_path)
{
    struct person person = with_profile(kind, ret_path);
    struct answer me = call_until(&person, "/api/me", 10, has_names);
    assert_true(has_names(&me));
    return person;
}

// The event of her registration may not have reached the profiles service yet.
static void her_first_write_never_comes_too_early(void **state)
{
    (void)state;
    for (int i = 0; i < 15; i++) {
        const struct kind *kind = &kinds[i % 3];
        struct person person = person_register(kind->user_type);
        struct answer made = call(&person, "POST", kind->path, "%s", kind->body);
        expect_status(&made, 201);
        assert_string_equal(text_at(&made, kind->member), kind->value);
        struct answer mine = call(&person, "GET", "/api/profiles/me", NULL);
        expect_status(&mine, 200);
        assert_string_equal(text_at(&mine, "user_id"), person.user_id);
        assert_string_equal(text_at(&mine, member_path(kind->part, "id")), text_at(&made, "id"));
        assert_string_equal(text_at(&mine, "id"), text_at(&made, "profile_id"));
    }
}

static void who_am_i_is_one_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *path;
        struct person person = with_profile(&kinds[i], &path);
        struct answer me = call_until(&person, "/api/me", 10, has_names);
        expect_status(&me, 200);
        assert_string_equal(text_at(&me, "user/id"), person.user_id);
        assert_string_equal(text_at(&me, "user/email"), person.email);
        assert_string_equal(text_at(&me, "user/user_type"), kinds[i].user_type);
        assert_string_equal(text_at(&me, "profile/user_id"), person.user_id);
        assert_string_equal(text_at(&me, "profile/first_name"), "Amani"); // came from auth by event
        assert_string_equal(text_at(&me, "profile/phone_number"), "+254700000123");
        const char *part = member_path("profile", kinds[i].part);
        assert_string_equal(text_at(&me, member_path(part, kinds[i].member)), kinds[i].value);
        assert_null(at(&me, "partial"));
        assert_string_equal(header(&me, "Cache-Control"), "no-store");
    }
    struct answer stranger = call(NULL, "GET", "/api/me", NULL);
    expect_problem(&stranger, 401);
}

// PATCH and PUT are the same: what is given is set, what is not stays, null clears.
static void changes_merge_into_what_is_there(void **state)
{
    (void)state;
    static const char *const methods[] = {"PATCH", "PUT"};
    for (size_t i = 0; i < COUNT_OF(kinds) * COUNT_OF(methods); i++) {
        const struct kind *kind = &kinds[i / COUNT_OF(methods)];
        const char *method = methods[i % COUNT_OF(methods)], *path;
        struct person person = with_profile(kind, &path);
        struct answer changed = call(&person, method, path, "{\"%s\":\"Karibu sana\"}", kind->other_member);
        expect_status(&changed, 200);
        assert_string_equal(text_at(&changed, kind->other_member), "Karibu sana");
        assert_string_equal(text_at(&changed, kind->member), kind->value);
        struct answer cleared = call(&person, method, path, "{\"%s\":null}", kind->member);
        expect_status(&cleared, 200);
        struct answer read = call(&person, "GET", path, NULL);
        expect_status(&read, 200);
        assert_string_equal(text_at(&read, kind->member), "");
        assert_string_equal(text_at(&read, kind->other_member), "Karibu sana");
        struct answer nothing = call(&person, method, path, "{}");
        expect_problem(&nothing, 422);
    }
}

// The base profile takes the part of its type as well.
static void the_part_can_be_written_through_the_profile(void **state)
{
    (void)state;
    struct person person = person_register("employer");
    struct answer made = call(&person, "POST", "/api/profiles/", "{\"employer\":{\"location\":\"Westlands\"}}");
    expect_status(&made, 201);
    assert_string_equal(text_at(&made, "employer/location"), "Westlands");
    const char *path = arena_printf(story_arena(), "/api/profiles/%s", text_at(&made, "id"));
    struct answer changed = call(&person, "PATCH", path, "{\"employer\":{\"description\":\"Two children\"}}");
    expect_status(&changed, 200);
    assert_string_equal(text_at(&changed, "employer/location"), "Westlands");
    assert_string_equal(text_at(&changed, "employer/description"), "Two children");
    struct answer again = call(&person, "POST", "/api/profiles/", "{\"employer\":{\"location\":\"Karen\"}}");
    expect_problem(&again, 409);
    struct answer list = call(&person, "GET", "/api/profiles/", NULL);
    expect_status(&list, 200);
    assert_int_equal(json_array_size(at(&list, "profiles")), 1);
    assert_string_equal(text_at(&list, "profiles/0/id"), text_at(&made, "id"));
}

static void a_stale_change_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *path;
        struct person person = with_whole_profile(&kinds[i], &path);
        struct answer read = call(&person, "GET", path, NULL);
        const char *version = header(&read, "ETag");
        assert_non_null(version);
        struct person careful = with(&person, "If-Match", version);
        struct answer first = call(&careful, "PATCH", path, "{\"%s\":\"One\"}", kinds[i].other_member);
        expect_status(&first, 200);
        struct answer second = call(&careful, "PATCH", path, "{\"%s\":\"Two\"}", kinds[i].other_member);
        expect_problem(&second, 412);
        struct answer gone = call(&careful, "DELETE", path, NULL);
        expect_problem(&gone, 412);
        struct answer kept = call(&person, "GET", path, NULL);
        assert_string_equal(text_at(&kept, kinds[i].other_member), "One");
        struct person whatever = with(&person, "If-Match", "*");
        struct answer third = call(&whatever, "PUT", path, "{\"%s\":\"Three\"}", kinds[i].other_member);
        expect_status(&third, 200);
    }
}

static void an_unchanged_read_is_not_sent_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *path;
        struct person person = with_whole_profile(&kinds[i], &path);
        const char *paths[] = {path, "/api/profiles/me", "/api/auth/me"};
        for (size_t p = 0; p < COUNT_OF(paths); p++) {
            struct answer read = call(&person, "GET", paths[p], NULL);
            struct person knowing = with(&person, "If-None-Match", header(&read, "ETag"));
            struct answer same = call(&knowing, "GET", paths[p], NULL);
            expect_status(&same, 304);
            assert_int_equal(same.http.body_length, 0);
            assert_string_equal(header(&same, "ETag"), header(&read, "ETag"));
        }
        struct answer read = call(&person, "GET", path, NULL);
        struct answer changed = call(&person, "PATCH", path, "{\"%s\":\"Mpya\"}", kinds[i].other_member);
        expect_status(&changed, 200);
        struct person knowing = with(&person, "If-None-Match", header(&read, "ETag"));
        struct answer other = call(&knowing, "GET", path, NULL);
        expect_status(&other, 200);
    }
}

static void a_repeated_post_is_answered_from_the_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct person person = person_register(kinds[i].user_type), other = person_register(kinds[i].user_type);
        struct person keyed = with(&person, "Idempotency-Key", "once-and-for-all"), stranger = with(&other, "Idempotency-Key", "once-and-for-all");
        struct answer first = call(&keyed, "POST", kinds[i].path, "%s", kinds[i].body);
        expect_status(&first, 201);
        assert_null(header(&first, "Idempotent-Replayed"));
        struct answer again = call(&keyed, "POST", kinds[i].path, "%s", kinds[i].body);
        expect_status(&again, 201);
        assert_string_equal(header(&again, "Idempotent-Replayed"), "true");
        assert_string_equal(text_at(&again, "id"), text_at(&first, "id"));
        struct answer changed = call(&keyed, "POST", kinds[i].path, "{\"%s\":\"Another\"}", kinds[i].other_member);
        expect_problem(&changed, 422);
        struct answer hers = call(&stranger, "POST", kinds[i].path, "%s", kinds[i].body); // a key belongs to one person
        expect_status(&hers, 201);
        assert_string_not_equal(text_at(&hers, "id"), text_at(&first, "id"));
        struct answer without = call(&person, "POST", kinds[i].path, "%s", kinds[i].body);
        expect_problem(&without, 409);
    }
}

// A lock on the table holds her first request up; she clicks again.
static void a_post_that_still_runs_is_told_so(void **state)
{
    (void)state;
    struct person person = person_register("employer");
    struct person keyed = with(&person, "Idempotency-Key", "two-clicks");
    struct database_session *lock = database_hold("dc_profiles", "LOCK TABLE employer_profiles IN SHARE MODE");
    const char *file = arena_printf(story_arena(), "%s/first-click.json", setting("RUN_DIR")), *output;
    run(&output, "curl -s -m 20 -o %s %s/api/employers -H 'Authorization: Bearer %s' -H 'Idempotency-Key: two-clicks' "
                 "-H 'Content-Type: application/json' -d '{\"location\":\"Karen\"}' >/dev/null 2>&1 &", file, setting("GATEWAY_URL"), person.token);
    const bool waits = within(10, database_waits, (void *)(uintptr_t)"dc_profiles");
    struct answer second = call(&keyed, "POST", "/api/employers", "{\"location\":\"Karen\"}");
    database_let_go(lock);
    assert_true(waits);
    expect_problem(&second, 409);
    assert_non_null(header(&second, "Retry-After"));
    struct answer third;
    eventually((third = call(&keyed, "POST", "/api/employers", "{\"location\":\"Karen\"}")).status == 201);
    assert_string_equal(header(&third, "Idempotent-Replayed"), "true");
}

static void nobody_else_can_change_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *path, *other_path;
        struct person owner = with_profile(&kinds[i], &path), same_role = with_profile(&kinds[i], &other_path);
        struct person other_role = person_register(kinds[(i + 1) % COUNT_OF(kinds)].user_type);
        struct answer mine = call(&owner, "GET", "/api/profiles/me", NULL);
        const char *base = arena_printf(story_arena(), "/api/profiles/%s", text_at(&mine, "id"));
        static const char *const methods[] = {"PATCH", "PUT", "DELETE"};
        const char *body = arena_printf(story_arena(), "{\"%s\":\"Wizi\"}", kinds[i].other_member);
        for (size_t m = 0; m < COUNT_OF(methods); m++) {
            struct answer visitor = call(NULL, methods[m], path, "%s", body);
            expect_problem(&visitor, 401);
            struct answer stranger = call(&same_role, methods[m], path, "%s", body);
            expect_problem(&stranger, 403);
            struct answer foreign = call(&other_role, methods[m], path, "%s", body);
            expect_problem(&foreign, 403);
            struct answer hidden = call(&same_role, methods[m], base, "{\"%s\":%s}", kinds[i].part, body); // even that it is there is private
            expect_problem(&hidden, 404);
        }
        struct answer peek = call(&same_role, "GET", base, NULL);
        expect_problem(&peek, 404);
        struct answer kept = call(&owner, "GET", path, NULL);
        assert_string_equal(text_at(&kept, kinds[i].member), kinds[i].value);
    }
}

static void a_profile_is_of_its_users_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct person person = person_register(kinds[i].user_type);
        for (size_t other = 0; other < COUNT_OF(kinds); other++) {
            if (other == i) continue;
            struct answer wrong = call(&person, "POST", kinds[other].path, "%s", kinds[other].body);
            expect_problem(&wrong, 403);
            struct answer wrong_part = call(&person, "POST", "/api/profiles/", "{\"%s\":%s}", kinds[other].part, kinds[other].body);
            expect_problem(&wrong_part, 409);
        }
        struct answer twice = call(&person, "POST", kinds[i].path, "%s", kinds[i].body);
        expect_status(&twice, 201);
        twice = call(&person, "POST", kinds[i].path, "%s", kinds[i].body);
        expect_problem(&twice, 409);
    }
}

static void every_wrong_field_is_named(void **state)
{
    (void)state;
    static const struct { const char *user_type, *path, *body; size_t errors; } bad[] = {
        {"employer", "/api/employers", "{\"location\":7,\"description\":\"call 0722 000 111\",\"rating\":5,\"id\":\"x\"}", 4},
        {"housegirl", "/api/housegirls", "{\"age\":17,\"expected_salary\":0,\"education\":\"phd\",\"verification_status\":\"verified\",\"skills\":\"cooking\"}", 5},
        {"housegirl", "/api/housegirls", "{\"age\":76,\"county\":\"Kampala\",\"expected_salary\":12000.005}", 3},
        {"housegirl", "/api/housegirls", "{\"tribe\":\"Sokomoko\"}", 1},
        {"agency", "/api/agency-profiles", "{\"agency_name\":\"mail me: a@b.example\",\"verified\":true}", 2},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct person person = person_register(bad[i].user_type);
        struct answer answer = call(&person, "POST", bad[i].path, "%s", bad[i].body);
        expect_problem(&answer, 422);
        if (json_array_size(at(&answer, "errors")) != bad[i].errors)
            fail_msg("%s names %zu errors: %s", bad[i].body, json_array_size(at(&answer, "errors")), answer.http.body);
        for (size_t e = 0; e < bad[i].errors; e++) {
            assert_non_null(text_at(&answer, arena_printf(story_arena(), "errors/%zu/pointer", e)));
            assert_non_null(text_at(&answer, arena_printf(story_arena(), "errors/%zu/message", e)));
        }
    }
}

static void her_tribe_is_hers_alone(void **state)
{
    (void)state;
    struct person worker = person_register("housegirl"), employer = person_register("employer");
    struct answer made = call(&worker, "POST", "/api/housegirls/", "{\"age\":30,\"tribe\":\"Sokomoko\",\"tribe_consent\":true}");
    expect_status(&made, 201);
    const char *path = path_of(&kinds[1], text_at(&made, "id"));
    struct answer mine = call(&worker, "GET", "/api/profiles/me", NULL);
    assert_string_equal(text_at(&mine, "housegirl/tribe"), "Sokomoko");
    struct answer hers = call(&employer, "GET", path, NULL);
    expect_status(&hers, 200);
    assert_false(body_has(&hers, "Sokomoko"));
    struct answer forgotten = call(&worker, "PATCH", path, "{\"tribe\":null}");
    expect_status(&forgotten, 200);
    mine = call(&worker, "GET", "/api/profiles/me", NULL);
    assert_true(json_is_null(at(&mine, "housegirl/tribe")));
}

static void a_removed_profile_can_be_made_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *path;
        struct person person = with_profile(&kinds[i], &path);
        struct answer gone = call(&person, "DELETE", path, NULL);
        expect_status(&gone, 200);
        struct answer read = call(&person, "GET", path, NULL);
        expect_problem(&read, 404);
        struct answer twice = call(&person, "DELETE", path, NULL);
        expect_problem(&twice, 404);
        struct answer changed = call(&person, "PATCH", path, "%s", kinds[i].body);
        expect_problem(&changed, 404);
        struct answer again = call(&person, "POST", kinds[i].path, "%s", kinds[i].body);
        expect_status(&again, 201);
    }
}

// What auth told of her once is not lost with the profile: it will not be told again.
static void a_base_profile_made_again_has_her_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *path;
        struct person person = with_whole_profile(&kinds[i], &path);
        struct answer mine = call(&person, "GET", "/api/profiles/me", NULL);
        struct answer gone = call(&person, "DELETE", arena_printf(story_arena(), "/api/profiles/%s", text_at(&mine, "id")), NULL);
        expect_status(&gone, 200);
        struct answer none = call(&person, "GET", "/api/profiles/me", NULL);
        expect_problem(&none, 404);
        assert_true(body_has(&none, "POST /api/profiles"));
        struct answer again = call(&person, "POST", "/api/profiles", "{\"%s\":%s}", kinds[i].part, kinds[i].body);
        expect_status(&again, 201);
        assert_string_equal(text_at(&again, "first_name"), "Amani");
        assert_string_equal(text_at(&again, "last_name"), "Story");
        assert_string_equal(text_at(&again, member_path(kinds[i].part, kinds[i].member)), kinds[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(her_first_write_never_comes_too_early), cmocka_unit_test(who_am_i_is_one_call),
        cmocka_unit_test(changes_merge_into_what_is_there), cmocka_unit_test(the_part_can_be_written_through_the_profile),
        cmocka_unit_test(a_stale_change_is_refused), cmocka_unit_test(an_unchanged_read_is_not_sent_again),
        cmocka_unit_test(a_repeated_post_is_answered_from_the_first), cmocka_unit_test(a_post_that_still_runs_is_told_so),
        cmocka_unit_test(nobody_else_can_change_it), cmocka_unit_test(a_profile_is_of_its_users_type),
        cmocka_unit_test(every_wrong_field_is_named), cmocka_unit_test(her_tribe_is_hers_alone),
        cmocka_unit_test(a_removed_profile_can_be_made_again), cmocka_unit_test(a_base_profile_made_again_has_her_names),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
