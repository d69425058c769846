// SPDX-License-Identifier: MIT
// Who may do what: every route of every service, called by everybody. Who is let in comes from the route tables, what happens
// then from route_rows.c; a route without a row there fails.
#include "database_image.h"
#include "postgres.h"
#include "route_rows.h"
#include "shop.h"

#include <stdio.h>
#include <string.h>

static struct cast cast;
static struct route_list routes;

struct caller {
    const char *name;
    const char *type;            // user type; NULL: nobody, or nobody any more
    const struct person *person; // NULL: a visitor
    bool is_admin;
};

static const struct caller callers[] = {
    {"a visitor", NULL, NULL},
    {"a deactivated user", NULL, &cast.deactivated},
    {"an employer", "employer", &cast.employer},
    {"another employer", "employer", &cast.other_employer},
    {"a worker", "housegirl", &cast.worker},
    {"another worker", "housegirl", &cast.other_worker},
    {"an agency user", "agency", &cast.agency},
    {"another agency user", "agency", &cast.other_agency},
    {"an administrator", "employer", &cast.admin, .is_admin = true}, // a flag beside the role
};

// What stands against being let in at all; 0: nothing.
static int refusal(const struct api_route *route, const struct caller *caller)
{
    static const char *const roles[][2] = {{"employer", "employer"}, {"worker", "housegirl"}, {"agency", "agency"}};
    if (strcmp(route->access, "anyone") == 0) return 0;
    if (!caller->type) return 401;
    if (strcmp(route->access, "signed_in") == 0) return 0;
    if (caller->is_admin && (route->admin_too || strcmp(route->access, "admin") == 0)) return 0;
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (strcmp(route->access, roles[i][0]) == 0 && strcmp(caller->type, roles[i][1]) == 0) return 0;
    return 403;
}

static const struct person *owner_of(const struct route_row *row)
{
    const char *side = row->side ? row->side : "employer";
    return strcmp(side, "housegirl") == 0 ? &cast.worker : strcmp(side, "agency") == 0 ? &cast.agency : &cast.employer;
}

static int expected_status(const struct api_route *route, const struct route_row *row, const struct caller *caller)
{
    const int refused = refusal(route, caller);
    if (refused) return refused;
    if (caller->is_admin && row->admin) return row->admin;
    if (caller->is_admin && (route->admin_too || strcmp(route->access, "signed_in") == 0)) return row->ok;
    if (row->other && caller->person != owner_of(row)) return row->other;
    return row->ok;
}

static void expect_answer(const struct answer *answer, const struct api_route *route, const struct route_row *row, const struct caller *caller)
{
    const int expected = expected_status(route, row, caller);
    // an open route may be shut to a token that counts no more, and gives it no more than to a visitor
    const bool spent = caller->person == &cast.deactivated && answer->status == 401;
    if (answer->status != expected && !spent)
        fail_msg("%s by %s answered %d, expected %d: %.*s", route_name(route), caller->name, answer->status, expected, (int)answer->http.body_length,
                 answer->http.body);
    if (answer->status >= 400) expect_problem(answer, answer->status);
    else if (!json_object_get(route->answers, arena_printf(story_arena(), "%d", answer->status)))
        fail_msg("%s answered %d, which is not described", route_name(route), answer->status);
    if (answer->status == 401) assert_non_null(header(answer, "WWW-Authenticate"));
}

static void call_as(const struct api_route *route, const struct route_row *row, const struct caller *caller, const struct person *who, const char *thing)
{
    const char *body = cast_fill(&cast, who, row->body);
    struct answer answer = body ? call(who, route->method, route_url(route, thing), "%s", body) : call(who, route->method, route_url(route, thing), NULL);
    expect_answer(&answer, route, row, caller);
}

// Fresh people and things for a call that takes them with it.
static void call_once(const struct api_route *route, const struct route_row *row, const struct caller *caller)
{
    const struct person owner = cast_person(row->side ? row->side : "employer");
    const bool owns = caller->person == owner_of(row);
    const struct person who = owns || !caller->type ? owner : caller->is_admin ? cast_admin() : cast_person(caller->type);
    call_as(route, row, caller, caller->type ? &who : caller->person, cast_thing(&cast, &owner, row->thing));
}

static int everybody_is_there(void **state)
{
    if (story_setup(state) != 0) return -1;
    routes = route_list();
    cast_make(&cast);
    return 0;
}

// --- The matrix --------------------------------------------------------------------------------------

static void every_route_has_a_row_and_every_row_a_route(void **state)
{
    (void)state;
    size_t missing = 0;
    for (size_t i = 0; i < routes.count; i++) {
        if (route_row(&routes.items[i])) continue;
        print_error("%s (%s) has no row in tests/support/route_rows.c: who may call it, and what are they told?\n", route_name(&routes.items[i]),
                    routes.items[i].service);
        missing++;
    }
    for (const struct route_row *row = route_rows; row->route; row++) {
        size_t found = 0;
        for (size_t i = 0; i < routes.count; i++) found += strcmp(route_name(&routes.items[i]), row->route) == 0;
        if (found != 1) print_error("%s is a row of no route\n", row->route);
        missing += found != 1;
    }
    assert_int_equal(missing, 0);
    assert_true(routes.count > 60);
}

// Refused calls first and together: what they leave behind is compared with what was there before.
static void who_may_not_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    const char **things = arena_alloc(story_arena(), routes.count * sizeof *things);
    for (size_t i = 0; i < routes.count; i++) {
        const struct route_row *row = route_row(&routes.items[i]);
        if (row) things[i] = cast_thing(&cast, owner_of(row), row->thing);
    }
    const struct database_image before = database_image_settled();
    size_t refused = 0;
    for (size_t i = 0; i < routes.count; i++) {
        const struct route_row *row = route_row(&routes.items[i]);
        for (size_t c = 0; row && c < COUNT_OF(callers); c++) {
            if (!refusal(&routes.items[i], &callers[c]) && expected_status(&routes.items[i], row, &callers[c]) != row->other) continue;
            call_as(&routes.items[i], row, &callers[c], callers[c].person, things[i]);
            refused++;
        }
    }
    database_image_expect(&before);
    assert_true(refused > 200);
}

static void who_may_is_let_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes.count; i++) {
        const struct route_row *row = route_row(&routes.items[i]);
        if (!row) continue;
        const char *thing = row->destroys ? NULL : cast_thing(&cast, owner_of(row), row->thing);
        for (size_t c = 0; c < COUNT_OF(callers); c++) {
            if (refusal(&routes.items[i], &callers[c])) continue;
            if (row->destroys) call_once(&routes.items[i], row, &callers[c]);
            else call_as(&routes.items[i], row, &callers[c], callers[c].person, thing);
        }
    }
}

// --- Other people's things -----------------------------------------------------------------------------

// Credits as an import brings them.
static void give_credits(const struct person *person, int credits)
{
    struct test_database payments = {0};
    snprintf(payments.url, sizeof payments.url, "%s", setting("DATABASE_URL_PAYMENTS"));
    test_database_run(&payments, arena_printf(story_arena(), "INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) "
                                                             "VALUES ('opening', 'credit', %d, 'credits_issued', 'user:%s', 'opening-%s')",
                                              credits, person->user_id, person->user_id));
}

static void an_unlock_is_hers_alone(void **state)
{
    (void)state;
    const struct person buyer = cast_person("employer");
    const char *worker = arena_printf(story_arena(), "/api/housegirls/%s", cast.worker_part_id);
    give_credits(&buyer, 1);
    struct answer made = call(&buyer, "POST", "/api/payments/contact-access", "{\"target_profile_id\":\"%s\"}", cast.worker_part_id);
    assert_in_range(made.status, 201, 202);
    struct answer unlocked = call_until(&buyer, worker, 10, shows_contact);
    assert_string_equal(text_at(&unlocked, "contact/email"), cast.worker.email);
    const struct person *const others[] = {NULL, &cast.other_employer, &cast.other_worker, &cast.agency, &cast.employer};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct answer seen = call(others[i], "GET", worker, NULL);
        expect_status(&seen, 200);
        assert_false(shows_contact(&seen));
        assert_false(body_has(&seen, cast.worker.email));
    }
    struct answer own = call(&buyer, "GET", "/api/payments/contact-access", NULL);
    struct answer other = call(&cast.other_employer, "GET", "/api/payments/contact-access", NULL);
    assert_int_equal(json_array_size(at(&own, "contact_access")), 1);
    assert_int_equal(json_array_size(at(&other, "contact_access")), 0);
}

static void lists_hold_nothing_of_others(void **state)
{
    (void)state;
    const char *purchase = cast_thing(&cast, &cast.employer, THING_PURCHASE), *session = cast_thing(&cast, &cast.employer, THING_SESSION);
    const char *profile = cast_thing(&cast, &cast.employer, THING_PROFILE);
    const struct { const char *path, *thing; } lists[] = {
        {"/api/payments/purchases?per_page=100", purchase}, {"/api/payments/my-purchases?per_page=100", purchase},
        {"/api/auth/sessions", session}, {"/api/profiles?per_page=100", profile}, {"/api/me", cast.employer.email}, {"/api/dashboard", cast.employer.email}};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct answer own = call(&cast.employer, "GET", lists[i].path, NULL), other = call(&cast.other_employer, "GET", lists[i].path, NULL);
        expect_status(&own, 200);
        expect_status(&other, 200);
        if (!body_has(&own, lists[i].thing)) fail_msg("%s lacks her own %s", lists[i].path, lists[i].thing);
        if (body_has(&other, lists[i].thing)) fail_msg("%s shows somebody else's %s", lists[i].path, lists[i].thing);
    }
}

// The same key of somebody else is another key: nobody gets an answer that was made for another.
static void an_idempotency_key_belongs_to_its_user(void **state)
{
    (void)state;
    struct person first = cast.employer, second = cast.other_employer;
    first.header_name = second.header_name = "Idempotency-Key";
    first.header_value = second.header_value = arena_printf(story_arena(), "shared-%s", first.user_id);
    const char *body = cast_fill(&cast, &first, "{\"package_id\":\"@package@\",\"phone_number\":\"@phone@\"}");
    struct answer made = call(&first, "POST", "/api/payments/purchases", "%s", body);
    expect_status(&made, 202);
    struct answer again = call(&first, "POST", "/api/payments/purchases", "%s", body);
    expect_status(&again, 202);
    assert_string_equal(text_at(&again, "purchase_id"), text_at(&made, "purchase_id"));
    struct answer foreign = call(&second, "POST", "/api/payments/purchases", "%s", body);
    assert_null(header(&foreign, "Idempotent-Replayed"));
    assert_false(body_has(&foreign, text_at(&made, "purchase_id")));
}

// An id of one kind opens nothing of another.
static void ids_of_another_kind_find_nothing(void **state)
{
    (void)state;
    static const char *const paths[] = {"/api/profiles/%s", "/api/employers/%s", "/api/housegirls/%s", "/api/agency-profiles/%s",
                                        "/api/payments/purchases/%s", "/api/payments/packages/%s", "/api/me/erasure/%s"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char path[160];
        snprintf(path, sizeof path, "%.*s%s", (int)(strlen(paths[i]) - 2), paths[i], cast.employer.user_id);
        struct answer answer = call(&cast.employer, "GET", path, NULL);
        expect_problem(&answer, 404);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_has_a_row_and_every_row_a_route), cmocka_unit_test(who_may_not_is_refused_and_changes_nothing),
        cmocka_unit_test(who_may_is_let_in), cmocka_unit_test(an_unlock_is_hers_alone), cmocka_unit_test(lists_hold_nothing_of_others),
        cmocka_unit_test(an_idempotency_key_belongs_to_its_user), cmocka_unit_test(ids_of_another_kind_find_nothing),
    };
    return cmocka_run_group_tests(tests, everybody_is_there, story_teardown);
}
