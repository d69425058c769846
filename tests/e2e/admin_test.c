// SPDX-License-Identifier: MIT
// An administrator looks people up, shuts one out and lets her in again; all she does is written down, and who edits what was
// written is found out.
#include "eventually.h"
#include "stack.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

static struct person admin;

static int an_administrator(void **state)
{
    if (story_setup(state) != 0) return -1;
    admin = admin_login();
    return 0;
}

static void expect_cut_off(const struct person *who, const char *base_url, const char *path)
{
    struct answer answer;
    eventually((answer = call_at(base_url, who, "GET", path, NULL)).status == 401);
    expect_problem(&answer, 401);
}

static struct answer set_active(const struct person *who, bool active)
{
    const char *path = arena_printf(story_arena(), "/api/admin/users/%s/status", who->user_id);
    struct answer answer = call(&admin, "PUT", path, "{\"is_active\":%s}", active ? "true" : "false");
    expect_status(&answer, 200);
    assert_int_equal(true_at(&answer, "is_active"), active);
    return answer;
}

static void the_operator_makes_her(void **state)
{
    (void)state;
    struct answer me = call(&admin, "GET", "/api/auth/me", NULL);
    expect_status(&me, 200);
    assert_true(true_at(&me, "is_admin"));
    const char *output, *word = unique_word();
    assert_int_equal(run(&output, "%s/dcctl admin create --email %s --password %s", setting("BIN_DIR"), admin.email, admin.password), 0);
    assert_non_null(strstr(output, "already"));
    assert_int_not_equal(run(&output, "%s/dcctl admin create --email %s@story.example --password password", setting("BIN_DIR"), word), 0);
    assert_non_null(strstr(output, "the password is one of"));
    assert_int_not_equal(run(&output, "%s/dcctl admin create --email nonsense --password mlinzi-wa-mlango", setting("BIN_DIR")), 0);
    // somebody who is there already becomes one, with the password that the operator gives
    struct person jane = person_register("employer");
    snprintf(jane.password, sizeof jane.password, "sasa-ni-msimamizi");
    assert_int_equal(run(&output, "echo %s | %s/dcctl admin create --email %s --password-stdin", jane.password, setting("BIN_DIR"), jane.email), 0);
    person_login(&jane);
    struct answer users = call(&jane, "GET", "/api/admin/users?per_page=1", NULL);
    expect_status(&users, 200);
}

// There the settings of all services stand side by side, secrets in files, and no folder of a stack is to be found (docker-compose.yml).
static void the_operator_works_in_a_container_too(void **state)
{
    (void)state;
    const char *folder = setting("RUN_DIR"), *output;
    const char *environment = arena_printf(story_arena(), "cd / && env -i PATH=\"$PATH\" $(grep -hv '^DATABASE_URL=' %s/auth.env %s/payments.env) DATABASE_URL_FILE=%s/secrets/database_auth "
                                           "DATABASE_URL_AUTH='%s' DATABASE_URL_PAYMENTS='%s' %s/dcctl", folder, folder, folder,
                                           setting("DATABASE_URL_AUTH"), setting("DATABASE_URL_PAYMENTS"), setting("BIN_DIR"));
    const char *const commands[] = {"topics", "payments reconcile", arena_printf(story_arena(), "admin create --email %s --password %s", admin.email, admin.password)};
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (run(&output, "%s %s", environment, commands[i]) != 0) fail_msg("%s: %s", commands[i], output);
}

static void nobody_else_may(void **state)
{
    (void)state;
    struct person jane = person_register("agency");
    const char *user = arena_printf(story_arena(), "/api/admin/users/%s", jane.user_id);
    const char *status = arena_printf(story_arena(), "%s/status", user), *toggle = arena_printf(story_arena(), "%s/toggle-status", user);
    const struct { const char *method, *path, *body; } calls[] = {
        {"GET", "/api/admin/users", NULL}, {"GET", user, NULL}, {"PUT", status, "{\"is_active\":false}"}, {"PUT", toggle, NULL},
        {"DELETE", user, NULL}, {"GET", "/api/admin/audit", NULL}, {"PUT", "/api/admin/housegirls/x/verify", "{\"status\":\"verified\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct answer visitor = call(NULL, calls[i].method, calls[i].path, calls[i].body ? "%s" : NULL, calls[i].body);
        expect_problem(&visitor, 401);
        struct answer other = call(&jane, calls[i].method, calls[i].path, calls[i].body ? "%s" : NULL, calls[i].body);
        expect_problem(&other, 403);
    }
}

// --- Looking people up ---------------------------------------------------------------------------

static struct answer search(const char *query)
{
    struct answer answer = call(&admin, "GET", arena_printf(story_arena(), "/api/admin/users?%s", query), NULL);
    expect_status(&answer, 200);
    return answer;
}

static void expect_found(size_t count, const char *query)
{
    struct answer answer = search(query);
    if (json_array_size(at(&answer, "users")) != count || number_at(&answer, "pagination/total") != (int64_t)count)
        fail_msg("%s finds %zu, expected %zu", query, json_array_size(at(&answer, "users")), count);
}

static bool has_profile(const struct answer *answer)
{
    return answer->status == 200 && json_is_true(at(answer, "has_profile"));
}

static struct person called(const char *user_type, const char *first_name)
{
    struct person person = person_register(user_type);
    struct answer renamed = call(&person, "PATCH", "/api/auth/me", "{\"first_name\":\"%s\"}", first_name);
    expect_status(&renamed, 200);
    return person;
}

static void she_finds_people_by_what_she_knows(void **state)
{
    (void)state;
    const char *word = unique_word();
    struct person employer = called("employer", word), worker = called("housegirl", word), agency = called("agency", word);
    (void)agency;
    expect_found(3, arena_printf(story_arena(), "search=%s", word));
    expect_found(3, arena_printf(story_arena(), "search=%s%%20Story", word)); // over both names
    expect_found(1, arena_printf(story_arena(), "search=%s&user_type=housegirl", word));
    expect_found(1, arena_printf(story_arena(), "search=%s", worker.user_id));
    expect_found(1, arena_printf(story_arena(), "search=%s", employer.email));
    expect_found(0, arena_printf(story_arena(), "search=%.6s_%s", word, word + 7)); // no pattern, but text
    expect_found(0, "search=%25%25");
    struct answer changed = call(&employer, "PATCH", "/api/auth/me", "{\"phone_number\":\"0711%06d\"}", (int)(clock_monotonic_us() % 1000000));
    expect_status(&changed, 200);
    expect_found(1, arena_printf(story_arena(), "search=%s", text_at(&changed, "phone_number") + 1));
    set_active(&worker, false);
    expect_found(2, arena_printf(story_arena(), "search=%s&is_active=true", word));
    expect_found(1, arena_printf(story_arena(), "search=%s&is_active=false", word));
    struct answer one = call_until(&admin, arena_printf(story_arena(), "/api/admin/users/%s", employer.user_id), 10, has_profile);
    expect_status(&one, 200);
    assert_true(has_profile(&one)); // told by the profiles service
    assert_string_equal(text_at(&one, "email"), employer.email);
    assert_false(body_has(&one, "password"));
    struct answer nobody = call(&admin, "GET", "/api/admin/users/nobody", NULL);
    expect_problem(&nobody, 404);
}

#define CROWD 7

static void she_turns_the_pages(void **state)
{
    (void)state;
    const char *word = unique_word();
    struct person crowd[CROWD];
    for (int i = 0; i < CROWD; i++) crowd[i] = called("employer", word);
    int place = CROWD; // latest first
    for (int page = 1; page <= 3; page++) {
        struct answer answer = search(arena_printf(story_arena(), "search=%s&per_page=3&page=%d", word, page));
        for (size_t i = 0; i < json_array_size(at(&answer, "users")); i++)
            assert_string_equal(text_at(&answer, arena_printf(story_arena(), "users/%zu/id", i)), crowd[--place].user_id);
        assert_int_equal(number_at(&answer, "pagination/pages"), 3);
        assert_int_equal(true_at(&answer, "pagination/has_next"), page < 3);
        const char *link = header(&answer, "Link");
        assert_int_equal(link && strstr(link, "rel=\"next\""), page < 3);
        assert_int_equal(link && strstr(link, "rel=\"prev\""), page > 1);
    }
    assert_int_equal(place, 0);
}

// While she walks one more registers: nobody is missed or shown twice.
static void she_walks_on_by_cursor(void **state)
{
    (void)state;
    const char *word = unique_word(), *cursor = "";
    struct person crowd[CROWD];
    for (int i = 0; i < CROWD; i++) crowd[i] = called("employer", word);
    int place = CROWD;
    for (int step = 0; step < CROWD && cursor; step++) {
        struct answer answer = search(arena_printf(story_arena(), "search=%s&per_page=2%s%s", word, *cursor ? "&cursor=" : "", cursor));
        for (size_t i = 0; i < json_array_size(at(&answer, "users")); i++)
            assert_string_equal(text_at(&answer, arena_printf(story_arena(), "users/%zu/id", i)), crowd[--place].user_id);
        if (step == 0) called("employer", word);
        cursor = json_string_value(at(&answer, "pagination/next_cursor"));
    }
    assert_int_equal(place, 0);
    struct answer first = search(arena_printf(story_arena(), "search=%s&per_page=2", word));
    struct answer other = call(&admin, "GET", arena_printf(story_arena(), "/api/admin/users?search=x&cursor=%s", text_at(&first, "pagination/next_cursor")), NULL);
    expect_problem(&other, 422); // a cursor belongs to its list
    struct answer zero = call(&admin, "GET", "/api/admin/users?page=0", NULL);
    expect_problem(&zero, 422);
}

// --- Shutting out --------------------------------------------------------------------------------

static void who_is_deactivated_is_out_within_a_second(void **state)
{
    (void)state;
    struct person jane = person_register("employer"), other = person_register("employer");
    const struct { const char *base_url, *path; } doors[] = {
        {setting("GATEWAY_URL"), "/api/me"}, {setting("GATEWAY_URL"), "/api/auth/me"}, {setting("GATEWAY_URL"), "/api/profiles/me"},
        {setting("GATEWAY_URL"), "/api/housegirls"}, {setting("URL_AUTH"), "/auth/me"}, {setting("URL_PROFILES"), "/profiles"},
    };
    struct answer made = call(&jane, "POST", "/api/employers", "{\"location\":\"Karen\"}");
    expect_status(&made, 201);
    for (size_t i = 0; i < COUNT_OF(doors); i++) {
        struct answer open = call_at(doors[i].base_url, &jane, "GET", doors[i].path, NULL);
        expect_status(&open, 200);
    }
    set_active(&jane, false);
    for (size_t i = 0; i < COUNT_OF(doors); i++) expect_cut_off(&jane, doors[i].base_url, doors[i].path);
    struct answer refresh = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", jane.refresh);
    expect_problem(&refresh, 401);
    struct answer login = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"%s\"}", jane.email, jane.password);
    struct answer wrong = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"not-this-one\"}", other.email);
    expect_problem(&login, 401);
    assert_string_equal(text_at(&login, "detail"), text_at(&wrong, "detail")); // nobody is told that she is shut out
    struct answer untouched = call(&other, "GET", "/api/me", NULL);
    expect_status(&untouched, 200);
}

static void let_in_again_she_signs_in(void **state)
{
    (void)state;
    struct person jane = person_register("employer"), before = jane;
    set_active(&jane, false);
    set_active(&jane, true);
    person_login(&jane); // at once, in the second in which all older tokens ended
    struct answer me = call(&jane, "GET", "/api/me", NULL);
    expect_status(&me, 200);
    struct answer mine = call(&jane, "GET", "/api/auth/sessions", NULL);
    expect_status(&mine, 200);
    expect_cut_off(&before, setting("GATEWAY_URL"), "/api/auth/me"); // what was cut off stays so
    struct answer refresh = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", before.refresh);
    expect_problem(&refresh, 401);
    struct answer again = set_active(&jane, true); // says the same twice, and nothing happens
    expect_status(&again, 200);
    me = call(&jane, "GET", "/api/me", NULL);
    expect_status(&me, 200);
    const char *toggle = arena_printf(story_arena(), "/api/admin/users/%s/toggle-status", jane.user_id);
    for (int i = 0; i < 2; i++) {
        struct answer toggled = call(&admin, "PUT", toggle, NULL);
        expect_status(&toggled, 200);
        assert_int_equal(true_at(&toggled, "is_active"), i == 1);
    }
}

static bool is_listed(const struct answer *answer)
{
    return answer->status == 200 && json_array_size(at(answer, "housegirls")) == 1;
}

static bool is_unlisted(const struct answer *answer)
{
    return answer->status == 200 && json_array_size(at(answer, "housegirls")) == 0;
}

static void a_worker_who_is_shut_out_is_in_no_list(void **state)
{
    (void)state;
    struct person worker = person_register("housegirl"), employer = person_register("employer");
    const char *word = unique_word(), *list = arena_printf(story_arena(), "/api/housegirls/?q=%s", word);
    struct answer made = call(&worker, "POST", "/api/housegirls/", "{\"age\":30,\"bio\":\"%s cooks\"}", word);
    expect_status(&made, 201);
    const char *path = arena_printf(story_arena(), "/api/housegirls/%s", text_at(&made, "id"));
    const struct person *eyes[] = {NULL, &employer};
    for (size_t i = 0; i < COUNT_OF(eyes); i++) {
        struct answer listed = call_until(eyes[i], list, 10, is_listed);
        assert_true(is_listed(&listed));
    }
    set_active(&worker, false);
    for (size_t i = 0; i < COUNT_OF(eyes); i++) {
        struct answer unlisted = call_until(eyes[i], list, 10, is_unlisted);
        assert_true(is_unlisted(&unlisted));
        struct answer gone = call(eyes[i], "GET", path, NULL);
        expect_problem(&gone, 404);
    }
    struct answer still = call(&admin, "GET", path, NULL);
    expect_status(&still, 200); // an administrator goes on seeing her
    set_active(&worker, true);
    for (size_t i = 0; i < COUNT_OF(eyes); i++) {
        struct answer listed = call_until(eyes[i], list, 10, is_listed);
        assert_true(is_listed(&listed));
    }
}

static void never_herself(void **state)
{
    (void)state;
    const char *self = arena_printf(story_arena(), "/api/admin/users/%s", admin.user_id);
    struct answer answers[] = {
        call(&admin, "PUT", arena_printf(story_arena(), "%s/status", self), "{\"is_active\":false}"),
        call(&admin, "PUT", arena_printf(story_arena(), "%s/toggle-status", self), NULL),
        call(&admin, "DELETE", self, NULL),
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) expect_problem(&answers[i], 403);
    struct answer me = call(&admin, "GET", "/api/me", NULL);
    expect_status(&me, 200);
    struct answer nobody = call(&admin, "PUT", "/api/admin/users/nobody/status", "{\"is_active\":false}");
    expect_problem(&nobody, 404);
}

// --- What is written down ------------------------------------------------------------------------

static struct answer entries(const char *query)
{
    struct answer answer = call(&admin, "GET", arena_printf(story_arena(), "/api/admin/audit?%s", query), NULL);
    expect_status(&answer, 200);
    return answer;
}

static void every_act_is_written_down(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    char since[CLOCK_RFC3339_SIZE];
    clock_format(clock_now_ms(&clock_system) - 1000, since, sizeof since);
    set_active(&jane, false);
    set_active(&jane, true);
    set_active(&jane, true); // changes nothing, so there is nothing to tell
    struct answer gone = call(&admin, "DELETE", arena_printf(story_arena(), "/api/admin/users/%s", jane.user_id), NULL);
    expect_status(&gone, 202);
    static const char *const acts[] = {"user.erased", "user.activated", "user.deactivated"};
    struct answer all = entries(arena_printf(story_arena(), "subject=%s", jane.user_id));
    assert_int_equal(json_array_size(at(&all, "entries")), COUNT_OF(acts));
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        assert_string_equal(text_at(&all, arena_printf(story_arena(), "entries/%zu/action", i)), acts[i]);
        assert_string_equal(text_at(&all, arena_printf(story_arena(), "entries/%zu/actor", i)), admin.user_id);
        struct answer one = entries(arena_printf(story_arena(), "subject=%s&action=%s&actor=%s&since=%s", jane.user_id, acts[i], admin.user_id, since));
        assert_int_equal(json_array_size(at(&one, "entries")), 1);
    }
    assert_false(body_has(&all, jane.email));
    struct answer made = entries(arena_printf(story_arena(), "subject=%s&action=user.made_admin", admin.user_id));
    assert_true(json_array_size(at(&made, "entries")) >= 1); // what the operator does, too
    struct answer first = entries("per_page=2");
    struct answer second = entries(arena_printf(story_arena(), "per_page=2&cursor=%s", text_at(&first, "pagination/next_cursor")));
    int64_t last_of_first = 0, first_of_second = 0;
    assert_true(text_to_int64(text_at(&first, "entries/1/id"), &last_of_first) && text_to_int64(text_at(&second, "entries/0/id"), &first_of_second));
    assert_int_equal(first_of_second, last_of_first - 1);
}

// A row of the log as it was, while it is edited.
static struct {
    const char *id, *actor;
} edited;

static void edit(const char *actor)
{
    database_ask("dc_auth", "ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET actor = '%s' WHERE id = %s; "
                            "ALTER TABLE audit_log ENABLE TRIGGER USER", actor, edited.id);
}

static int the_log_as_it_was(void **state)
{
    (void)state;
    if (edited.id) edit(edited.actor);
    edited.id = NULL;
    return 0;
}

static int verify(const char **ret_output)
{
    return run(ret_output, "%s/dcctl audit verify", setting("BIN_DIR"));
}

static void an_edited_log_is_found_out(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    set_active(&jane, false);
    set_active(&jane, true);
    struct answer all = entries(arena_printf(story_arena(), "subject=%s&action=user.deactivated", jane.user_id));
    const char *output;
    if (verify(&output) != 0) fail_msg("%s", output);
    assert_non_null(strstr(output, "the chain holds"));
    edited.actor = text_at(&all, "entries/0/actor");
    edited.id = text_at(&all, "entries/0/id");
    edit("somebody-else");
    assert_int_not_equal(verify(&output), 0);
    if (!strstr(output, arena_printf(story_arena(), "row %s does not fit", edited.id))) fail_msg("row %s was edited: %s", edited.id, output);
    the_log_as_it_was(state);
    if (verify(&output) != 0) fail_msg("%s", output);
}

static void the_log_cannot_be_edited_by_its_own_service(void **state)
{
    (void)state;
    static const char *const attempts[] = {"UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"};
    for (size_t i = 0; i < COUNT_OF(attempts); i++) {
        const char *output;
        assert_int_not_equal(run(&output, "psql -X -q -v ON_ERROR_STOP=1 -c \"%s\" '%s'", attempts[i], setting("DATABASE_URL_AUTH")), 0);
        assert_non_null(strstr(output, "append-only"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_operator_makes_her), cmocka_unit_test(the_operator_works_in_a_container_too), cmocka_unit_test(nobody_else_may), cmocka_unit_test(she_finds_people_by_what_she_knows),
        cmocka_unit_test(she_turns_the_pages), cmocka_unit_test(she_walks_on_by_cursor), cmocka_unit_test(who_is_deactivated_is_out_within_a_second),
        cmocka_unit_test(let_in_again_she_signs_in), cmocka_unit_test(a_worker_who_is_shut_out_is_in_no_list), cmocka_unit_test(never_herself),
        cmocka_unit_test(every_act_is_written_down), cmocka_unit_test_teardown(an_edited_log_is_found_out, the_log_as_it_was),
        cmocka_unit_test(the_log_cannot_be_edited_by_its_own_service),
    };
    return cmocka_run_group_tests(tests, an_administrator, story_teardown);
}
