// SPDX-License-Identifier: MIT
// An operator imports the file of the old application, which holds every fault that real ones have: what can be taken is taken and
// seen by everybody, what cannot is kept and says why. (Files that are broken, and imports that are killed: import_damage_test.)
#include "event_log.h"
#include "import_file.h"
#include "stack.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "text.h"

static const char *word, *report; // of the one import that most stories look at
static struct event_log *events;
static struct person admin, employer;

static const char *own(const char *rest)
{
    return arena_printf(story_arena(), "%s_%s", word, rest);
}

static int a_hostile_file(void **state)
{
    if (story_setup(state) != 0) return -1;
    events = event_log_open();
    admin = admin_login();
    employer = person_register("employer");
    word = unique_word();
    report = import_run(import_fixture(word, "hostile-db.json", NULL));
    return 0;
}

static int teardown(void **state)
{
    event_log_close(events);
    return story_teardown(state);
}

static void every_row_is_accounted_for(void **state)
{
    (void)state;
    static const struct { const char *collection, *counts; } lines[] = {
        // read, imported, repaired, unchanged, waiting, quarantined
        {"profiles", "18 10 7 0 0 8"}, {"employer_profiles", "6 1 1 0 0 5"}, {"housegirl_profiles", "9 6 5 0 0 3"},
        {"agency_profiles", "2 1 0 0 0 1"}, {"photos", "3 1 0 0 0 2"}, {"agencies", "3 0 0 0 2 1"}, {"agency_workers", "7 0 1 0 3 4"},
        {"agency_clients", "4 0 1 0 3 1"}, {"agency_subscriptions", "2 0 0 0 1 1"}, {"payment_packages", "2 2 2 0 0 0"},
        {"user_purchases", "4 2 2 0 0 2"}, {"contact_access", "3 2 2 0 0 1"}, {"reviews", "2 0 0 0 0 2"},
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) expect_report(report, lines[i].collection, lines[i].counts);
    assert_null(strstr(report, "agency_payments")); // not in the file
    assert_non_null(strstr(report, "every relationship of the rows taken holds"));
    assert_non_null(strstr(report, "65 rows in"));
    assert_null(strstr(report, "damage:"));
    const char *again;
    assert_int_equal(run(&again, "%s/dcctl import report", setting("BIN_DIR")), 0);
    assert_non_null(strstr(report, again));
    assert_int_equal(run(&again, "%s/dcctl import report --collection photos", setting("BIN_DIR")), 0);
    expect_report(again, "photos", "3 1 0 0 0 2");
    assert_null(strstr(again, "\nprofiles "));
    static const char *const commands[] = {"report", "quarantine"};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        assert_int_equal(run(&again, "%s/dcctl import %s --collection nope 2>&1", setting("BIN_DIR"), commands[i]), 2);
        assert_non_null(strstr(again, "holds a collection 'nope'. There are: profiles, "));
        assert_non_null(strstr(again, "reviews"));
    }
}

static void what_was_repaired_is_said(void **state)
{
    (void)state;
    static const char *const repairs[] = {
        "profiles: repaired 1 × email belongs to somebody else, left out (%s_p3)",
        "profiles: repaired 1 × updated_at is before created_at, set to it (%s_p5)",
        "profiles: repaired 1 × first_name had stray blanks (%s_p2)",
        "profiles: repaired 1 × first_name held contact details, which were masked (%s_p15)",
        "profiles: repaired 1 × phone_number was a number, taken as text (%s_p14)",
        "profiles: repaired 1 × is_admin is no known member, left out (%s_p14)",
        "housegirl_profiles: repaired 1 × experience '2 Years' taken as 2_years (%s_w1)",
        "housegirl_profiles: repaired 1 × education 'Class 8+' taken as primary (%s_w2)",
        "housegirl_profiles: repaired 1 × education 'Chuo Kikuu cha Kilimo na Teknolojia ya J' is none of the known ones, left empty (%s_same)",
        "housegirl_profiles: repaired 1 × tribe left out: sensitive data needs her recorded consent (%s_w1)",
        "housegirl_profiles: repaired 1 × is_available was no boolean, taken as false (%s_w3)",
        "housegirl_profiles: repaired 1 × education was no text, left out (%s_w9)",
        "agency_workers: repaired 1 × worker_id was the profiles id …, taken as housegirl_profiles … (%s_m2)",
        "user_purchases: repaired 1 × user_id was the profiles id …, taken as its user … (%s_b2)",
        "contact_access: repaired 1 × purchaser_id taken as user_id (%s_x1)",
    };
    for (size_t i = 0; i < COUNT_OF(repairs); i++) {
        const char *mark = strstr(repairs[i], "%s");
        const char *line = arena_printf(story_arena(), "%.*s%s%s", (int)(mark - repairs[i]), repairs[i], word, mark + 2);
        if (!strstr(report, line)) fail_msg("'%s' is not in\n%s", line, report);
    }
}

static void what_is_kept_back_says_why(void **state)
{
    (void)state;
    static const struct { const char *collection, *row, *reason; } kept[] = {
        {"profiles", "p6", "user_type is none of"}, {"profiles", "p7", "user_id is missing"}, {"profiles", "#8", "has the same id"},
        {"profiles", "p9", "the user has another profile"}, {"profiles", "#12", "id is empty"}, {"profiles", "#13", "other characters"},
        {"profiles", "#17", "not an object"}, {"profiles", "#18", "id is missing"},
        {"employer_profiles", "e2", "p404, which is not there"}, {"employer_profiles", "e3", "its profile is of type housegirl"},
        {"employer_profiles", "e4", "profile_id is missing"}, {"employer_profiles", "e5", "another row of this kind"},
        {"employer_profiles", "e6", "which is quarantined itself"}, {"housegirl_profiles", "w4", "age 17 is outside 18 to 75"},
        {"housegirl_profiles", "w7", "p404, which is not there"}, {"housegirl_profiles", "w8", "profile_id is missing"},
        {"agency_profiles", "a2", "its profile is of type employer"}, {"agencies", "#3", "has the same id"},
        {"agency_workers", "m4", "g404, which is not there"}, {"agency_workers", "m5", "w404, which is not there"},
        {"agency_workers", "m6", "_p1, which is not there"}, {"agency_workers", "m7", "which is quarantined itself"},
        {"agency_clients", "c3", "client_id is missing"}, {"agency_subscriptions", "s2", "g404, which is not there"},
        {"user_purchases", "b3", "u404, who is not there"}, {"user_purchases", "b4", "k404, which is not there"},
        {"contact_access", "x3", "w404, which is not there"}, {"photos", "f2", "p404, which is not there"}, {"photos", "f3", "photo_url is missing"},
        {"reviews", "#1", "unknown collection"}, {"reviews", "#2", "unknown collection"},
    };
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        const char *row = kept[i].row[0] == '#' ? kept[i].row : own(kept[i].row);
        const char *reasons = import_reasons(import_quarantine(kept[i].collection), row);
        if (!strstr(reasons, kept[i].reason)) fail_msg("%s %s: '%s' is not among %s", kept[i].collection, row, kept[i].reason, reasons);
    }
}

static void what_is_kept_back_is_kept_as_given(void **state)
{
    (void)state;
    static const struct { const char *collection, *row, *part; } raws[] = {
        {"profiles", "p6", "\"first_name\":\"Halima\""}, {"profiles", "#17", "\"no row at all\""}, {"housegirl_profiles", "w4", "\"age\":17"},
        {"reviews", "#1", "An unknown collection is kept as well"},
    };
    for (size_t i = 0; i < COUNT_OF(raws); i++) {
        const char *row = raws[i].row[0] == '#' ? raws[i].row : own(raws[i].row);
        json_t *all = import_quarantine(raws[i].collection), *entry;
        size_t place;
        const char *raw = "";
        json_array_foreach(all, place, entry) if (text_equal(json_member_text(entry, "row"), row)) raw = json_member_text(entry, "raw");
        if (!strstr(raw, raws[i].part)) fail_msg("%s %s was kept as '%s'", raws[i].collection, row, raw);
    }
}

// Her tribe and her address are in no second place where nobody would look for them when she is erased.
static void what_a_service_has_taken_is_kept_there_alone(void **state)
{
    (void)state;
    static const char *const count = "SELECT count(*) FROM import_rows WHERE row_key LIKE '%s\\_%%' AND %s";
    assert_string_equal(database_ask("dc_import", count, word, "content IS NOT NULL AND collection NOT LIKE 'agenc%'"), "0");
    assert_string_not_equal(database_ask("dc_import", count, word, "content IS NULL AND collection = 'housegirl_profiles'"), "0");
    assert_string_equal(database_ask("dc_import", count, word, "content IS NULL AND collection IN ('agencies', 'agency_workers', 'agency_clients')"), "0");
    assert_string_equal(database_ask("dc_import", "SELECT count(*) FROM import_findings WHERE raw IS NULL AND state = 'quarantined' "
                                                     "AND run = (SELECT max(run) FROM import_runs)"), "0");
}

static struct answer worker(const char *id)
{
    struct answer answer = call(NULL, "GET", arena_printf(story_arena(), "/api/housegirls/%s", own(id)), NULL);
    expect_status(&answer, 200);
    return answer;
}

static bool is_named(const struct answer *answer)
{
    return answer->status == 200 && text_equal(json_string_value(at(answer, "first_name")), "wanjiru");
}

static void workers_are_seen_by_everybody(void **state)
{
    (void)state;
    struct answer first = call_until(NULL, arena_printf(story_arena(), "/api/housegirls/%s", own("w1")), 10, is_named);
    assert_true(is_named(&first));
    assert_string_equal(text_at(&first, "last_name"), "k");
    assert_string_equal(text_at(&first, "education"), "form_4");
    assert_string_equal(text_at(&first, "experience"), "2_years");
    assert_string_equal(text_at(&first, "county"), "Uasin Gishu");
    assert_string_equal(text_at(&first, "created_at"), "2025-03-03T08:15:00.000Z");
    assert_string_equal(text_at(&first, "updated_at"), "2025-03-04T08:15:00.000Z");
    assert_string_equal(text_at(&first, "photos/0/photo_url"), arena_printf(story_arena(), "https://photos.example/%s_f1.jpg", word));
    assert_false(true_at(&first, "contact/unlocked"));
    assert_non_null(strstr(text_at(&first, "bio"), "•••"));
    static const char *const secrets[] = {"0722", "700000102", "people.example", "Sokomoko"};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) assert_false(body_has(&first, secrets[i]));
    struct answer third = worker("w3");
    assert_int_equal(number_at(&third, "age"), 25);
    assert_true(json_number_value(at(&third, "expected_salary")) > 12000.49 && json_number_value(at(&third, "expected_salary")) < 12000.51);
    assert_false(true_at(&third, "is_available"));
    assert_string_equal(text_at(&third, "education"), "form_4");
    struct answer same = worker("same");
    static const char *const empty[] = {"education", "accommodation_type", "expected_salary", "county"};
    for (size_t i = 0; i < COUNT_OF(empty); i++) assert_true(json_is_null(at(&same, empty[i])));
    assert_string_equal(text_at(&same, "location"), "Kampala, Uganda");
    struct answer young = call(NULL, "GET", arena_printf(story_arena(), "/api/housegirls/%s", own("w4")), NULL);
    expect_problem(&young, 404);
    struct answer listed = call(NULL, "GET", arena_printf(story_arena(), "/api/housegirls/?profile_id=%s", own("5f23")), NULL);
    assert_string_equal(text_at(&listed, "housegirls/0/id"), own("w5"));
}

static void families_and_agencies_are_seen_by_who_is_signed_in(void **state)
{
    (void)state;
    struct answer family = call(&employer, "GET", arena_printf(story_arena(), "/api/employers/%s", own("e1")), NULL);
    expect_status(&family, 200);
    assert_string_equal(text_at(&family, "location"), "Karen, Nairobi");
    assert_string_equal(text_at(&family, "updated_at"), "2025-03-04T08:15:00.000Z");
    assert_non_null(strstr(text_at(&family, "description"), "Two children"));
    static const char *const secrets[] = {"0722", "jane@", "people.example"};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) assert_false(body_has(&family, secrets[i]));
    struct answer agency = call(&employer, "GET", arena_printf(story_arena(), "/api/agency-profiles/%s", own("a1")), NULL);
    expect_status(&agency, 200);
    assert_string_equal(text_at(&agency, "license_number"), "HX-001");
}

static struct answer user(const char *id)
{
    struct answer answer = call(&admin, "GET", arena_printf(story_arena(), "/api/admin/users/%s", own(id)), NULL);
    expect_status(&answer, 200);
    return answer;
}

static void users_are_what_their_profiles_say(void **state)
{
    (void)state;
    struct answer first = user("u1"), third = user("u3"), fifth = user("u5"), odd = user("u14"), call_me = user("u15"), nameless = user("u10");
    assert_string_equal(text_at(&first, "email"), own("one@people.example"));
    assert_string_equal(text_at(&first, "phone_number"), "+254700000101");
    assert_string_equal(text_at(&first, "updated_at"), "2025-03-02T08:15:00.000Z");
    assert_false(true_at(&first, "email_verified"));
    assert_true(json_is_null(at(&third, "email"))); // hers differs from that of u1 in case only
    assert_string_equal(text_at(&third, "phone_number"), "+254700000101"); // one phone for two is fine
    assert_string_equal(text_at(&fifth, "created_at"), "2025-03-01T05:15:00.000Z");
    assert_string_equal(text_at(&fifth, "updated_at"), "2025-03-01T05:15:00.000Z");
    assert_string_equal(text_at(&odd, "phone_number"), "+254700000114");
    assert_true(json_is_null(at(&odd, "email")));
    assert_false(true_at(&odd, "is_admin")); // the file does not make administrators
    assert_null(strstr(text_at(&call_me, "first_name"), "0722"));
    assert_string_equal(text_at(&nameless, "first_name"), "");
    struct answer nobody = call(&admin, "GET", arena_printf(story_arena(), "/api/admin/users/%s", own("u6")), NULL);
    expect_problem(&nobody, 404);
}

static void nobody_has_a_password_but_everybody_gets_a_link(void **state)
{
    (void)state;
    struct person wanjiru = {.password = "mpya-kabisa-leo"};
    snprintf(wanjiru.email, sizeof wanjiru.email, "%s", own("two@people.example"));
    static const char *const guesses[] = {"", "null", "password1", "mpya-kabisa-leo"};
    for (size_t i = 0; i < COUNT_OF(guesses); i++) {
        struct answer denied = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"%s\"}", wanjiru.email, guesses[i]);
        assert_true(denied.status == 401 || denied.status == 422);
    }
    struct answer asked = call(NULL, "POST", "/api/auth/password-reset", "{\"email\":\"%s\"}", wanjiru.email);
    expect_status(&asked, 202);
    struct answer set = call(NULL, "POST", "/api/auth/password-reset/confirm", "{\"token\":\"%s\",\"new_password\":\"%s\"}",
                             mailed_token(wanjiru.email, "assword"), wanjiru.password);
    expect_status(&set, 200);
    person_login(&wanjiru);
    struct answer me = call(&wanjiru, "GET", "/api/me", NULL);
    expect_status(&me, 200);
    assert_string_equal(text_at(&me, "user/id"), own("u2"));
    assert_string_equal(text_at(&me, "profile/id"), own("p2"));
    assert_string_equal(text_at(&me, "profile/housegirl/id"), own("w1"));
    assert_non_null(strstr(text_at(&me, "profile/housegirl/bio"), "0722 000 102")); // her own words are hers
    assert_true(json_is_null(at(&me, "profile/housegirl/tribe")));
}

static void the_others_are_told(void **state)
{
    (void)state;
    assert_string_equal(event_text(event_of(events, "user.registered", own("u2")), "first_name"), "wanjiru");
    assert_string_equal(event_text(event_of(events, "user.contact_changed", own("u2")), "email"), own("two@people.example"));
    assert_string_equal(event_text(event_of(events, "profile.created", own("p2")), "user_id"), own("u2"));
    json_t *told = event_of(events, "worker.created", own("w1"));
    assert_non_null(strstr(event_text(told, "bio"), "•••"));
    assert_null(event_fault(events, told));
    assert_string_equal(event_text(event_of(events, "employer.created", own("e1")), "profile_id"), own("p1"));
    assert_string_equal(event_text(event_of(events, "agency_profile.created", own("a1")), "agency_name"), "Upendo Homes");
    const char *output;
    assert_int_equal(run(&output, "%s/dcctl events tail --from-beginning --exit", setting("BIN_DIR")), 0);
    assert_non_null(strstr(output, arena_printf(story_arena(), "%s ke.domesticconnect.worker.created.v1", own("w1"))));
    assert_null(strstr(output, own("w4")));
}

// --- Again ---------------------------------------------------------------------------------------

static bool names_have_come(void *argument)
{
    return strcmp(database_ask("dc_profiles", "SELECT count(*) FROM profiles WHERE id LIKE '%s\\_%%' AND user_sequence = ''", (const char *)argument), "0") == 0;
}

// All that the services hold of a word's rows, and how many events they told of them.
static const char *everything_of(const char *of)
{
    static const struct { const char *database, *table; } tables[] = {
        {"dc_auth", "users"}, {"dc_profiles", "profiles"}, {"dc_profiles", "employer_profiles"}, {"dc_profiles", "housegirl_profiles"},
        {"dc_profiles", "agency_profiles"}, {"dc_profiles", "photos"}, {"dc_payments", "payment_packages"}, {"dc_payments", "user_purchases"},
        {"dc_payments", "contact_access"},
    };
    static const char *const databases[] = {"dc_auth", "dc_profiles", "dc_payments"};
    assert_true(within(15, names_have_come, (void *)(uintptr_t)of));
    const char *all = "";
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        all = arena_printf(story_arena(), "%s %s", all, database_ask(tables[i].database, "SELECT count(*) || ':' || md5(string_agg(t::text, '|' ORDER BY id)) "
                                                                     "FROM %s AS t WHERE id LIKE '%s\\_%%'", tables[i].table, of));
    for (size_t i = 0; i < COUNT_OF(databases); i++)
        all = arena_printf(story_arena(), "%s %s events", all, database_ask(databases[i], "SELECT count(*) FROM outbox WHERE key LIKE '%s\\_%%'", of));
    return arena_printf(story_arena(), "%s %s credits", all, database_ask("dc_payments", "SELECT count(*) FROM ledger_entries WHERE reference LIKE '%s\\_%%'", of));
}

static void a_second_run_changes_nothing(void **state)
{
    (void)state;
    const char *mine = unique_word(), *file = import_fixture(mine, "hostile-db.json", NULL);
    import_run(file);
    const char *before = everything_of(mine), *again = import_run(file);
    assert_string_equal(everything_of(mine), before);
    static const struct { const char *collection, *counts; } lines[] = {
        {"profiles", "18 0 7 10 0 8"}, {"employer_profiles", "6 0 1 1 0 5"}, {"housegirl_profiles", "9 0 5 6 0 3"}, {"agency_profiles", "2 0 0 1 0 1"},
        {"photos", "3 0 0 1 0 2"}, {"agencies", "3 0 0 0 2 1"}, {"agency_workers", "7 0 1 0 3 4"}, {"payment_packages", "2 0 2 2 0 0"},
        {"user_purchases", "4 0 2 2 0 2"}, {"contact_access", "3 0 2 2 0 1"},
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) expect_report(again, lines[i].collection, lines[i].counts);
}

static void a_fixed_file_takes_what_was_kept_back(void **state)
{
    (void)state;
    const char *mine = unique_word();
    import_run(import_fixture(mine, "hostile-db.json", NULL));
    const char *edits = arena_printf(story_arena(), "s/\"user_type\":\"\"/\"user_type\":\"employer\"/; s/\"age\":17/\"age\":18/; s/%s_p404/%s_p14/", mine, mine);
    const char *fixed = import_run(import_fixture(mine, "hostile-db.json", edits));
    expect_report(fixed, "profiles", "18 1 7 10 0 7");
    expect_report(fixed, "employer_profiles", "6 2 1 1 0 3"); // e2 and e6 have a profile now
    expect_report(fixed, "housegirl_profiles", "9 1 5 6 0 2"); // w7 is of a family's profile
    expect_report(fixed, "photos", "3 1 0 1 0 1");
    expect_report(fixed, "agency_workers", "7 0 1 0 4 3");
    struct answer grown = call(NULL, "GET", arena_printf(story_arena(), "/api/housegirls/%s_w4", mine), NULL);
    expect_status(&grown, 200);
    assert_int_equal(number_at(&grown, "age"), 18);
    assert_string_equal(import_reasons(import_quarantine("housegirl_profiles"), arena_printf(story_arena(), "%s_w4", mine)), "");
    const char *still = import_reasons(import_quarantine("housegirl_profiles"), arena_printf(story_arena(), "%s_w7", mine));
    assert_non_null(strstr(still, "its profile is of type employer"));
}

static bool is_gone(const struct answer *answer)
{
    return answer->status == 404;
}

static void nobody_who_was_erased_comes_back(void **state)
{
    (void)state;
    const char *mine = unique_word();
    const char *content = arena_printf(story_arena(), "{\"profiles\":[%s],\"housegirl_profiles\":[%s]}", import_profile(mine, 1), import_worker(mine, 1));
    const char *file = import_file(mine, content, strlen(content)), *path = arena_printf(story_arena(), "/api/housegirls/%s_w1", mine);
    expect_report(import_run(file), "profiles", "1 1 0 0 0 0");
    struct answer erased = call(&admin, "DELETE", arena_printf(story_arena(), "/api/admin/users/%s_u1", mine), NULL);
    expect_status(&erased, 202);
    struct answer gone = call_until(&employer, path, 15, is_gone);
    expect_problem(&gone, 404);
    const char *again = import_run(file);
    expect_report(again, "profiles", "1 0 0 0 0 1");
    expect_report(again, "housegirl_profiles", "1 0 0 0 0 1");
    assert_non_null(strstr(again, "this person was erased and does not come back"));
    assert_string_equal(database_ask("dc_profiles", "SELECT count(*) FROM profiles WHERE user_id = '%s_u1'", mine), "0");
    assert_string_equal(database_ask("dc_auth", "SELECT count(*) FROM users WHERE id = '%s_u1'", mine), "0");
}

// What people said of themselves is kept for somebody to look at, and not for good: she may have been erased everywhere else.
static void what_is_kept_back_is_not_kept_for_good(void **state)
{
    (void)state;
    const char *output;
    database_ask("dc_import", "UPDATE import_runs SET started_at = started_at - interval '8 days'");
    assert_int_equal(run(&output, "%s/dcctl doctor", setting("BIN_DIR")), 1);
    assert_non_null(strstr(output, "row(s) that an import kept back hold what people said of themselves, the oldest for 8 days."));
    assert_int_equal(run(&output, "%s/dcctl import report 2>&1", setting("BIN_DIR")), 0);
    assert_non_null(strstr(output, "row(s) that were kept back for 7 days or longer are no longer kept whole"));
    json_t *kept = import_quarantine("profiles"), *entry;
    size_t i;
    assert_true(json_array_size(kept) > 0);
    json_array_foreach(kept, i, entry) {
        assert_true(json_is_null(json_object_get(entry, "raw")));
        assert_true(json_array_size(json_object_get(entry, "reasons")) > 0);
    }
    assert_string_equal(database_ask("dc_import", "SELECT count(*) FROM import_findings WHERE raw IS NOT NULL"), "0");
    assert_int_equal(run(&output, "%s/dcctl doctor", setting("BIN_DIR")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_accounted_for), cmocka_unit_test(what_was_repaired_is_said), cmocka_unit_test(what_is_kept_back_says_why),
        cmocka_unit_test(what_is_kept_back_is_kept_as_given),
        cmocka_unit_test(what_a_service_has_taken_is_kept_there_alone), cmocka_unit_test(workers_are_seen_by_everybody),
        cmocka_unit_test(families_and_agencies_are_seen_by_who_is_signed_in), cmocka_unit_test(users_are_what_their_profiles_say),
        cmocka_unit_test(nobody_has_a_password_but_everybody_gets_a_link), cmocka_unit_test(the_others_are_told),
        cmocka_unit_test(a_second_run_changes_nothing), cmocka_unit_test(a_fixed_file_takes_what_was_kept_back),
        cmocka_unit_test(nobody_who_was_erased_comes_back), cmocka_unit_test(what_is_kept_back_is_not_kept_for_good),
    };
    return cmocka_run_group_tests(tests, a_hostile_file, teardown);
}
