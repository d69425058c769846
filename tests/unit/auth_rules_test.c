// SPDX-License-Identifier: MIT
// The rules of auth that need no database: refresh tokens, Firebase claims, passwords, mails, imported rows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firebase.h"
#include "firebase_keys.h"
#include "import.h"
#include "mail_job.h"
#include "password.h"
#include "session.h"
#include "test_arena.h"

#define NOW_S 1800000000
#define PROJECT "demo-project"

// --- Refresh ----------------------------------------------------------------------------------------

static void a_refresh_token_counts_once_and_for_the_grace(void **state)
{
    (void)state;
    static const struct {
        struct refresh_state state;
        enum refresh_verdict expected;
    } cases[] = {
        {{.active = true, .used_ms_ago = -1}, REFRESH_ROTATE},
        {{.active = true, .used_ms_ago = 0}, REFRESH_ROTATE},
        {{.active = true, .used_ms_ago = 10000}, REFRESH_ROTATE},
        {{.active = true, .used_ms_ago = 10001}, REFRESH_REUSED},
        {{.active = true, .used_ms_ago = 10001, .expired = true}, REFRESH_REUSED},
        {{.active = true, .used_ms_ago = -1, .expired = true}, REFRESH_REFUSE},
        {{.active = true, .used_ms_ago = 5, .expired = true}, REFRESH_REFUSE},
        {{.active = true, .used_ms_ago = -1, .revoked = true}, REFRESH_REFUSE},
        {{.active = true, .used_ms_ago = 60000, .revoked = true}, REFRESH_REFUSE},
        {{.active = false, .used_ms_ago = -1}, REFRESH_REFUSE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) assert_int_equal(refresh_judge(&cases[i].state, 10), cases[i].expected);
}

static void without_grace_the_second_use_is_reuse(void **state)
{
    (void)state;
    assert_int_equal(refresh_judge(&(struct refresh_state){.active = true, .used_ms_ago = 0}, 0), REFRESH_ROTATE);
    assert_int_equal(refresh_judge(&(struct refresh_state){.active = true, .used_ms_ago = 1}, 0), REFRESH_REUSED);
}

// --- Firebase ---------------------------------------------------------------------------------------

static json_t *good_claims(void)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:b, s:s, s:{s:s}}", "iss", "https://securetoken.google.com/" PROJECT, "aud",
                     PROJECT, "sub", "uid-1", "exp", NOW_S + 100, "iat", NOW_S - 10, "auth_time", NOW_S - 20, "email", "jane@example.com",
                     "email_verified", 1, "name", "Jane Wanjiru", "firebase", "sign_in_provider", "google.com");
}

static bool judge(json_t *claims, struct firebase_person *ret)
{
    struct error err = {.arena = arena};
    bool ok = firebase_judge(claims, PROJECT, NOW_S, arena, ret, &err);
    if (!ok) assert_ptr_equal(err.problem, &problem_bad_id_token);
    return ok;
}

static void good_firebase_claims_name_the_person(void **state)
{
    (void)state;
    CLEANUP(json_release) json_t *claims = good_claims();
    struct firebase_person person;
    assert_true(judge(claims, &person));
    assert_string_equal(person.uid, "uid-1");
    assert_string_equal(person.email, "jane@example.com");
    assert_true(person.email_verified);
    assert_string_equal(person.name, "Jane Wanjiru");
    assert_int_equal(person.signed_in_s, NOW_S - 20);
}

static void each_bad_firebase_claim_is_refused(void **state)
{
    (void)state;
    static char long_uid[130];
    memset(long_uid, 'x', 129);
    const struct {
        const char *claim;
        json_t *value; // NULL: removed
    } cases[] = {
        {"aud", json_string("other")}, {"aud", json_pack("[s]", PROJECT)}, {"aud", NULL},
        {"iss", json_string("https://session.firebase.google.com/" PROJECT)}, {"iss", json_string("https://securetoken.google.com/other")},
        {"iss", NULL}, {"exp", json_integer(NOW_S - 60)}, {"exp", json_string("never")}, {"exp", json_real(NOW_S + 100.0)}, {"exp", NULL},
        {"iat", json_integer(NOW_S + 61)}, {"iat", NULL}, {"auth_time", json_integer(NOW_S + 61)}, {"auth_time", NULL},
        {"sub", json_string("")}, {"sub", json_string(long_uid)}, {"sub", json_integer(1)}, {"sub", NULL},
        {"firebase", json_pack("{s:s}", "tenant", "t")}, {"firebase", json_pack("{s:s}", "sign_in_provider", "anonymous")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(json_release) json_t *claims = good_claims();
        struct firebase_person person;
        if (cases[i].value) json_object_set_new(claims, cases[i].claim, cases[i].value);
        else json_object_del(claims, cases[i].claim);
        if (judge(claims, &person)) fail_msg("case %zu (%s) was taken", i, cases[i].claim);
    }
}

static void a_minute_of_skew_is_forgiven(void **state)
{
    (void)state;
    CLEANUP(json_release) json_t *claims = good_claims();
    struct firebase_person person;
    json_object_set_new(claims, "exp", json_integer(NOW_S - 59));
    json_object_set_new(claims, "iat", json_integer(NOW_S + 60));
    assert_true(judge(claims, &person));
}

static void an_email_counts_only_when_whole_and_verified_only_when_true(void **state)
{
    (void)state;
    CLEANUP(json_release) json_t *claims = good_claims();
    struct firebase_person person;
    json_object_set_new(claims, "email_verified", json_string("true"));
    assert_true(judge(claims, &person));
    assert_false(person.email_verified);
    json_object_set_new(claims, "email", json_string("not an address"));
    json_object_set_new(claims, "email_verified", json_true());
    assert_true(judge(claims, &person));
    assert_null(person.email);
    assert_false(person.email_verified);
}

static void keys_are_kept_as_long_as_the_header_says_within_bounds(void **state)
{
    (void)state;
    assert_int_equal(cache_control_max_age_s("public, max-age=19302, must-revalidate"), 19302);
    assert_int_equal(cache_control_max_age_s("max-age=1"), 60);
    assert_int_equal(cache_control_max_age_s("max-age=99999999999999999999"), 86400);
    assert_int_equal(cache_control_max_age_s("no-cache"), 3600);
    assert_int_equal(cache_control_max_age_s(NULL), 3600);
}

// --- Passwords --------------------------------------------------------------------------------------

static bool allowed(const char *password)
{
    struct error err = {.arena = arena};
    bool ok = password_allowed(password, "/password", &err);
    if (!ok) assert_string_equal(err.violations->pointer, "/password");
    return ok;
}

static void passwords_have_bounds_and_common_ones_are_refused(void **state)
{
    (void)state;
    char text[80];
    memset(text, 0, sizeof text);
    for (int i = 0; i < 73; i++) text[i] = (char)('a' + i % 26);
    assert_false(allowed(text));
    text[72] = '\0';
    assert_true(allowed(text));
    assert_false(allowed("seven77"));
    assert_true(allowed("karibu-nyumbani"));
    static const char *const common[] = {"password", "PassWord", "12345678", "qwertyuiop", "iloveyou", "!qaz2wsx", "zzzzzzzz", "\xC3\xA9\xC3\xA9\xC3\xA9"};
    for (size_t i = 0; i < COUNT_OF(common); i++)
        if (allowed(common[i])) fail_msg("'%s' was allowed", common[i]);
    assert_true(password_is_common("trustno1"));
    assert_false(password_is_common("trustno1 "));
    assert_false(password_is_common(""));
}

// --- Mails ------------------------------------------------------------------------------------------

static void a_mail_holds_its_link_once(void **state)
{
    (void)state;
    struct mail_text mail;
    assert_true(mail_text_of(arena, "reset", "Jane", "https://site.example", "CODE", &mail));
    assert_non_null(strstr(mail.text, "Hello Jane,"));
    assert_non_null(strstr(mail.text, "https://site.example/reset-password?token=CODE\n"));
    assert_true(mail_text_of(arena, "password_changed", NULL, "https://site.example", "CODE", &mail));
    assert_non_null(strstr(mail.text, "Hello there,"));
    assert_null(strstr(mail.text, "CODE"));
    assert_false(mail_text_of(arena, "nonsense", "Jane", "https://site.example", "CODE", &mail));
}

static void a_typed_name_cannot_put_a_link_into_a_mail(void **state)
{
    (void)state;
    struct mail_text mail;
    assert_true(mail_text_of(arena, "verify", "Win at evil.example/x", "https://site.example", "CODE", &mail));
    assert_null(strstr(mail.text, "evil"));
}

// --- Import -----------------------------------------------------------------------------------------

// The columns that are set, in order.
static const char *clean(const char *json, const char **ret_notes)
{
    CLEANUP(json_release) json_t *row = json_loads(json, JSON_DECODE_ANY, NULL);
    struct judging judging = {.arena = arena, .kind = &legacy_users};
    struct text_buffer out = text_buffer(arena);
    const bool taken = judge_row(&judging, row);
    const json_t *said = taken ? judging.notes : judging.refusals;
    *ret_notes = said ? json_text(arena, said) : "";
    for (int i = 0; legacy_users.columns[i]; i++)
        if (judging.values[i]) text_printf(&out, "%s=%s|", legacy_users.columns[i], judging.values[i]);
    return taken ? text_take(&out) : NULL;
}

static void a_good_row_passes_as_it_is(void **state)
{
    (void)state;
    const char *notes;
    const char *row = clean("{\"id\":\"p1\",\"user_id\":\"5f23\",\"first_name\":\"Achieng\",\"last_name\":\"Otieno\",\"email\":\"a@b.example\","
                            "\"phone_number\":\"0722 000 111\",\"user_type\":\"housegirl\",\"created_at\":\"2025-01-01T11:15:00.000+03:00\","
                            "\"updated_at\":\"2025-01-02T08:15:00.000Z\"}", &notes);
    assert_string_equal(row, "id=5f23|email=a@b.example|phone_number=+254722000111|first_name=Achieng|last_name=Otieno|user_type=housegirl|"
                             "created_at=2025-01-01T08:15:00.000Z|updated_at=2025-01-02T08:15:00.000Z|");
    assert_string_equal(notes, "");
}

static void what_cannot_be_kept_is_left_out_and_noted_without_its_value(void **state)
{
    (void)state;
    const char *notes;
    const char *row = clean("{\"user_id\":\"u\",\"first_name\":\"  Jane   Rose \",\"last_name\":7,\"email\":\"nope\",\"phone_number\":\"+1 555 123\","
                            "\"user_type\":\"employer\",\"created_at\":\"2025-13-01T00:00:00Z\",\"updated_at\":\"2025-01-02T08:15:00Z\"}", &notes);
    assert_string_equal(row, "id=u|first_name=Jane Rose|last_name=|user_type=employer|updated_at=2025-01-02T08:15:00.000Z|");
    assert_non_null(strstr(notes, "first_name had stray blanks"));
    assert_non_null(strstr(notes, "last_name is missing, left empty"));
    assert_non_null(strstr(notes, "email is no e-mail address, left out"));
    assert_non_null(strstr(notes, "phone_number is no Kenyan mobile number, left out"));
    assert_non_null(strstr(notes, "created_at is no time"));
    assert_null(strstr(notes, "nope"));
    assert_null(strstr(notes, "555"));
}

static void what_nobody_sees_in_a_name_is_taken_out(void **state)
{
    (void)state;
    const char *notes;
    const char *row = clean("{\"user_id\":\"u\",\"first_name\":\"Ja\u200bne\",\"last_name\":\"\u202e\",\"user_type\":\"employer\"}", &notes);
    assert_non_null(strstr(row, "first_name=Jane|last_name=|"));
    assert_non_null(strstr(notes, "first_name held invisible characters, which were taken out"));
    assert_non_null(strstr(notes, "last_name is missing, left empty"));
}

static void contact_details_in_a_name_are_masked(void **state)
{
    (void)state;
    const char *notes;
    const char *row = clean("{\"user_id\":\"u\",\"first_name\":\"Jane 0722000111\",\"last_name\":\"W\",\"user_type\":\"agency\"}", &notes);
    assert_null(strstr(row, "0722000111"));
    assert_non_null(strstr(notes, "first_name held contact details"));
}

static void a_row_without_user_or_type_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"user_type\":\"employer\"}", "{\"user_id\":\"\",\"user_type\":\"employer\"}",
                                      "{\"user_id\":\"a b\",\"user_type\":\"employer\"}", "{\"user_id\":\"u\",\"user_type\":\"boss\"}",
                                      "{\"user_id\":\"u\"}", "{\"user_id\":5,\"user_type\":\"employer\"}", "7", "[]", "null"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *notes;
        assert_null(clean(bad[i], &notes));
        assert_string_not_equal(notes, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refresh_token_counts_once_and_for_the_grace),
        cmocka_unit_test(without_grace_the_second_use_is_reuse),
        cmocka_unit_test(good_firebase_claims_name_the_person),
        cmocka_unit_test(each_bad_firebase_claim_is_refused),
        cmocka_unit_test(a_minute_of_skew_is_forgiven),
        cmocka_unit_test(an_email_counts_only_when_whole_and_verified_only_when_true),
        cmocka_unit_test(keys_are_kept_as_long_as_the_header_says_within_bounds),
        cmocka_unit_test(passwords_have_bounds_and_common_ones_are_refused),
        cmocka_unit_test(a_mail_holds_its_link_once),
        cmocka_unit_test(a_typed_name_cannot_put_a_link_into_a_mail),
        cmocka_unit_test(a_good_row_passes_as_it_is),
        cmocka_unit_test(what_cannot_be_kept_is_left_out_and_noted_without_its_value),
        cmocka_unit_test(what_nobody_sees_in_a_name_is_taken_out),
        cmocka_unit_test(contact_details_in_a_name_are_masked),
        cmocka_unit_test(a_row_without_user_or_type_is_refused),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
