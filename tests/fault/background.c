// SPDX-License-Identifier: MIT
#include "background.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "shop.h"
#include "stories.h"
#include "text.h"

#define CALLS_MAX 40       // threads that look for work never stop calling
#define CALLS_MAX_SHORT 3
#define CUT_OFF_MS 200
#define CONNECTIONS_ENOUGH 3
#define NEEDLESS_ENOUGH 3  // rounds in a row that needed no such call: one may have needed less than others
#define SETTLED_S 100      // a statement whose answer is lost is waited for, a minute by the relay; a push that is lost is asked for

// --- What they work on -----------------------------------------------------------------------------------

// A change that goes from auth by way of profiles to payments.
static void a_name_changes(struct round *round)
{
    if (!round->id) a_worker_with_a_profile(round);
    struct answer changed = call(&round->who, "PATCH", "/api/auth/me", "{\"first_name\":\"%s\"}", round->name);
    expect_status(&changed, 200);
}

static bool is_told_once(void *argument)
{
    const struct round *round = argument;
    const char *event = database_ask("dc_profiles", "SELECT coalesce(string_agg(id::text, ' '), '') FROM outbox WHERE topic = 'dc.profiles.workers' AND data ->> 'first_name' = '%s'", round->name);
    if (!*event) return false;
    assert_null(strchr(event, ' '));
    return strcmp(database_ask("dc_payments", "SELECT count(*) FROM inbox WHERE topic = 'dc.profiles.workers' AND id = '%s'", event), "1") == 0;
}

static void buys(struct round *round, const char *digits)
{
    if (!round->who.token[0]) an_employer(round);
    round->phone = phone_ending(digits);
    round->id = buy(&round->who, round->phone);
}

static void a_family_buys(struct round *round)
{
    buys(round, "111");
}

// M-Pesa does not call: it has to be asked.
static void a_family_buys_in_silence(struct round *round)
{
    buys(round, "099");
}

// Of a minute for a query, of 44 seconds for a push: whoever has had it for three has failed.
static void end_lease(const struct round *round)
{
    database_ask("dc_payments", "UPDATE pushes SET act_at = now() WHERE subject_id = '%s' AND act_at > now() + interval '20 seconds' AND "
                                "act_at < now() + CASE state WHEN 'pushing' THEN interval '41 seconds' ELSE interval '57 seconds' END", round->id);
}

// Whatever was lost on the way: she has paid once, and has what she paid for once.
static bool is_bought_once(void *argument)
{
    const struct round *round = argument;
    end_lease(round);
    if (strcmp(database_ask("dc_payments", "SELECT status FROM user_purchases WHERE id = '%s'", round->id), "completed") != 0) return false;
    struct answer all = mpesa_call("GET", "/control/transactions", NULL);
    int pushes = 0;
    size_t i;
    json_t *one;
    json_array_foreach(at(&all, "transactions"), i, one) pushes += text_equal(json_string_value(json_object_get(one, "phone")), round->phone + 1);
    assert_int_equal(pushes, 1);
    assert_string_equal(database_ask("dc_payments", "SELECT sum(amount) FROM ledger_entries WHERE kind = 'credits_bought' AND reference = '%s'", round->id), "3");
    return true;
}

static void she_wants_it_back(struct round *round)
{
    static struct person administrator;
    if (!administrator.token[0]) administrator = admin_login();
    a_family_buys(round);
    expect_becomes(&round->who, round->id, "completed");
    struct answer refund = call(&administrator, "POST", arena_printf(story_arena(), "/api/admin/payments/%s/refund", round->id), "{\"reason\":\"%s\"}", round->name);
    expect_status(&refund, 202);
}

static bool has_it_back_once(void *argument)
{
    const struct round *round = argument;
    if (strcmp(database_ask("dc_payments", "SELECT state FROM refunds WHERE subject_id = '%s'", round->id), "completed") != 0) return false;
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM outbox WHERE key = '%s' AND type LIKE '%%.purchase.refunded.v1'", round->id), "1");
    return true;
}

// All of hers goes: from profiles and payments by what auth tells, and then auth is told of it.
static void she_leaves(struct round *round)
{
    an_employer(round);
    round->id = arena_strdup(story_arena(), round->who.user_id);
    struct answer gone = call(&round->who, "DELETE", "/api/auth/me", "{\"password\":\"%s\"}", round->who.password);
    expect_status(&gone, 202);
    round->phone = arena_printf(story_arena(), "/api/me/erasure/%s", text_at(&gone, "erasure_id"));
}

static bool nothing_of_her_is_left(void *argument)
{
    const struct round *round = argument;
    struct answer erasure = call(NULL, "GET", round->phone, NULL);
    return erasure.status == 200 && text_equal(text_at(&erasure, "state"), "done") &&
           strcmp(database_ask("dc_profiles", "SELECT (SELECT count(*) FROM profiles WHERE user_id = '%s') + (SELECT count(*) FROM contacts WHERE user_id = '%s')", round->id, round->id), "0") == 0;
}

static void she_signs_out(struct round *round)
{
    an_employer(round);
    struct answer out = call(&round->who, "POST", "/api/auth/logout", "{}");
    expect_status(&out, 200);
}

// Whoever has her token is told so by the services, too, which know it from their broadcasts alone.
static bool is_signed_out_of_profiles(void *argument)
{
    const struct round *round = argument;
    return call_at(setting("URL_PROFILES"), &round->who, "GET", "/profiles/me", NULL).status == 401;
}

static bool is_signed_out_of_payments(void *argument)
{
    const struct round *round = argument;
    return call_at(setting("URL_PAYMENTS"), &round->who, "GET", "/payments/purchases", NULL).status == 401;
}

// Behind the gateway's back, which has her page in its cache.
static void a_bio_changes(struct round *round)
{
    if (!round->id) a_worker_with_a_profile(round);
    const char *page = arena_printf(story_arena(), "/housegirls/%s", round->id);
    struct answer before = call(NULL, "GET", arena_printf(story_arena(), "/api%s", page), NULL);
    expect_status(&before, 200);
    struct answer changed = call_at(setting("URL_PROFILES"), &round->who, "PATCH", page, arena_printf(story_arena(), "{\"bio\":\"%s\"}", round->name));
    expect_status(&changed, 200);
}

static bool is_on_her_page(void *argument)
{
    const struct round *round = argument;
    struct answer page = call(NULL, "GET", arena_printf(story_arena(), "/api/housegirls/%s", round->id), NULL);
    return page.status == 200 && text_equal(text_at(&page, "bio"), round->name);
}

static long metric_of_profiles(const char *name)
{
    const char *value;
    if (run(&value, "curl -fsS -m 5 127.0.0.1:%s/metrics | sed -n 's/^%s //p'", setting("METRICS_PORT_PROFILES"), name) != 0) return 0;
    return strtol(value, NULL, 10);
}

static void a_bio_is_followed(struct round *round)
{
    a_bio_changes(round);
    round->phone = arena_printf(story_arena(), "%ld", metric_of_profiles("profiles_known_reads_total"));
}

// A list is right at any time; and what is found in memory is known again, after a look or two at what was told.
static bool is_found_and_known(void *argument)
{
    const struct round *round = argument;
    struct answer found = call_at(setting("URL_PROFILES"), NULL, "GET", arena_printf(story_arena(), "/housegirls?q=%s", round->name), NULL);
    expect_status(&found, 200);
    assert_string_equal(json_string_value(json_object_get(json_array_get(at(&found, "housegirls"), 0), "id")), round->id);
    return metric_of_profiles("profiles_known_reads_total") > strtol(round->phone, NULL, 10) + 1 && metric_of_profiles("profiles_known_workers") > 0;
}

static void a_mail_is_due(struct round *round)
{
    if (!round->who.token[0]) an_employer(round);
    database_ask("dc_auth", "INSERT INTO mail_outbox (kind, user_id, recipient) VALUES ('password_changed', '%s', '%s@fault.example')", round->who.user_id, round->name);
}

// The pause before the next attempt is cut short.
static bool is_mailed(void *argument)
{
    const struct round *round = argument;
    const char *mail;
    database_ask("dc_auth", "UPDATE mail_outbox SET next_try_at = now() WHERE attempts > 0 AND recipient = '%s@fault.example'", round->name);
    if (strcmp(database_ask("dc_auth", "SELECT count(*) FROM mail_outbox WHERE recipient = '%s@fault.example'", round->name), "0") != 0) return false;
    run(&mail, "grep -rhF -A20 'To: %s@fault.example' %s", round->name, setting("MAIL_DIR"));
    assert_non_null(strstr(mail, "Domestic Connect")); // its last line
    return true;
}

// What the database did not take in time.
static void a_callback_lies_on_disk(struct round *round)
{
    const char *folder = service_setting("payments", "DC_SPOOL_DIR");
    const char *part = arena_printf(story_arena(), "%s/%s.part", folder, round->name);
    FILE *file = fopen(part, "we");
    assert_non_null(file);
    fprintf(file, "{\"push_id\":\"%s\",\"source\":\"127.0.0.1\",\"body\":\"It says more than a few letters: %s\"}", round->name, round->name);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(part, arena_printf(story_arena(), "%s/%s.json", folder, round->name)), 0);
}

static bool is_taken_from_disk(void *argument)
{
    const struct round *round = argument;
    if (access(arena_printf(story_arena(), "%s/%s.json", service_setting("payments", "DC_SPOOL_DIR"), round->name), F_OK) == 0) return false;
    assert_string_equal(database_ask("dc_payments", "SELECT bool_and(body = 'It says more than a few letters: %s') FROM stk_callbacks WHERE push_id = '%s'", round->name, round->name), "t");
    return true;
}

// --- Connections that break, all of a service at once: of one that no other walk asks anything of --------------

static void payments_is_cut_off(struct round *round)
{
    (void)round;
    database_ask("postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'dc_payments' AND usename = 'dc_payments'");
    sleep_ms(CUT_OFF_MS); // each of them has ended, and is found dead by whoever takes it
}

// Whoever asks meanwhile is served, or told to come again.
static bool payments_is_back(void *round)
{
    (void)round;
    struct answer answer = call_at(setting("URL_PAYMENTS"), NULL, "GET", "/payments/packages", NULL);
    const char *new = database_ask("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'dc_payments' AND application_name = 'payments'");
    if (answer.status != 503) expect_status(&answer, 200);
    return answer.status == 200 && strtol(new, NULL, 10) >= CONNECTIONS_ENOUGH; // what nobody takes stays dead
}

// --- Walking -----------------------------------------------------------------------------------------------

static const struct background {
    const char *service, *thread, *doing;
    void (*deed)(struct round *round);
    bool (*is_done)(void *round);
    bool is_short;
    bool asks_nobody; // but librdkafka: there is only memory to be short of
    int calls, step;  // of so many calls every so manieth fails; 0: CALLS_MAX, each
    int settled_s;    // 0: SETTLED_S
} backgrounds[] = {
    // clang-format off
    {"auth", "relay", "tells a name", a_name_changes, is_told_once, true},
    {"auth", "inbox", "ends an erasure", she_leaves, nothing_of_her_is_left},
    {"auth", "jobs", "mails", a_mail_is_due, is_mailed, true, .calls = 120},
    {"profiles", "inbox", "takes a name", a_name_changes, is_told_once, true},
    {"profiles", "inbox", "erases", she_leaves, nothing_of_her_is_left},
    {"profiles", "relay", "tells a name", a_name_changes, is_told_once},
    {"profiles", "known_workers", "knows a word", a_bio_is_followed, is_found_and_known, true},
    {"profiles", "broadcast", "revokes", she_signs_out, is_signed_out_of_profiles, true, .asks_nobody = true, .settled_s = 20},
    {"payments", "inbox", "takes a name", a_name_changes, is_told_once},
    {"payments", "inbox", "erases", she_leaves, nothing_of_her_is_left, .calls = 200},
    {"payments", "push", "buys", a_family_buys, is_bought_once},
    {"payments", "settle", "buys", a_family_buys, is_bought_once},
    {"payments", "query", "buys in silence", a_family_buys_in_silence, is_bought_once, .step = 4},
    {"payments", "refund", "pays back", she_wants_it_back, has_it_back_once, .step = 4},
    {"payments", "broadcast", "revokes", she_signs_out, is_signed_out_of_payments, .asks_nobody = true, .settled_s = 20},
    {"payments", "jobs", "reads the disk", a_callback_lies_on_disk, is_taken_from_disk, .calls = 80},
    {"payments", "db-keeper", "connects", payments_is_cut_off, payments_is_back, .calls = 2000, .step = 37},
    {"gateway", "broadcast", "drops a page", a_bio_changes, is_on_her_page, .asks_nobody = true, .settled_s = 10}, // before it has grown old
    // clang-format on
};

bool is_short_run(void)
{
    const char *which = getenv("FAULT_STORIES");
    return which && strcmp(which, "short") == 0;
}

void arm(struct fault_control *control, const char *thread, enum fault_kind kind, int call)
{
    snprintf(control->thread, sizeof control->thread, "%s", thread);
    atomic_store(&control->thread_left, call);
    atomic_store(&control->thread_kind, (int)kind);
}

struct thread_walk {
    const struct background *background;
    enum fault_kind kind;
};

// True when the thread came to the call.
static bool walk_thread(const struct thread_walk *walk, struct fault_control *control, struct round *round, int call)
{
    const struct background *it = walk->background;
    const long before = atomic_load(&control->fired);
    round->name = arena_printf(story_arena(), "f%s", unique_word());
    arm(control, it->thread, walk->kind, call);
    it->deed(round);
    if (!within(it->settled_s ? it->settled_s : SETTLED_S, it->is_done, round)) fail_msg("%s of %s, %s, %s call %d (%s): it never comes to be", it->thread, it->service, it->doing, fault_kinds[walk->kind], call, control->last);
    atomic_store(&control->thread_kind, FAULT_NONE);
    return atomic_load(&control->fired) != before;
}

// What a thread does on its own is done in the end, and once, whichever of its calls fails.
static void each_call_of_the_thread_fails_once(void **state)
{
    const struct thread_walk *walk = *state;
    const struct background *it = walk->background;
    static const char *const databases[] = {"dc_auth", "dc_profiles", "dc_payments"};
    struct fault_control *control = control_of(it->service);
    struct round round = {0};
    const int pid = part_pid(it->service), calls = is_short_run() ? CALLS_MAX_SHORT : it->calls ? it->calls : CALLS_MAX;
    int faults = 0, needless = 0;
    for (int call = 1; call <= calls && needless < NEEDLESS_ENOUGH; call += it->step ? it->step : 1) {
        const bool fired = walk_thread(walk, control, &round, call);
        faults += fired;
        needless = fired ? 0 : needless + 1;
    }
    print_message("             %s of %s, %s: %d faults of %s, every %d\n", it->thread, it->service, it->doing, faults, fault_kinds[walk->kind], it->step ? it->step : 1);
    assert_true(faults > 0);
    assert_int_equal(part_pid(it->service), pid);
    for (size_t i = 0; i < COUNT_OF(databases); i++) assert_string_equal(database_ask(databases[i], "SELECT count(*) FROM parked_keys"), "0");
}

// --- Producing -----------------------------------------------------------------------------------------

static bool all_is_published(void *unused)
{
    (void)unused;
    return strcmp(database_ask("dc_auth", "SELECT count(*) FROM outbox WHERE published_at IS NULL"), "0") == 0;
}

static void an_event_that_is_not_taken_comes_later(void **state)
{
    (void)state;
    struct fault_control *control = control_of("auth");
    const int pid = part_pid("auth");
    for (int call = 1; call <= 3; call++) {
        const long before = atomic_load(&control->fired);
        atomic_store(&control->produce_left, call);
        struct round round;
        a_worker_with_a_profile(&round);
        an_employer(&round);
        an_employer(&round);
        assert_true(within(30, all_is_published, NULL));
        assert_int_equal(atomic_load(&control->fired), before + 1);
        assert_int_equal(part_pid("auth"), pid);
    }
}

size_t background_tests(const char *service, bool (*is_wanted)(const char *service, const char *name), struct CMUnitTest *ret)
{
    static struct thread_walk walks[COUNT_OF(backgrounds) * FAULT_KINDS];
    static char names[COUNT_OF(walks)][96];
    size_t count = 0;
    for (const struct background *it = backgrounds; it < backgrounds + COUNT_OF(backgrounds); it++) {
        for (int kind = 1; kind < (it->asks_nobody ? FAULT_DATABASE : FAULT_FILE); kind++) {
            if (strcmp(it->service, service) != 0 || (is_short_run() && !it->is_short)) break;
            if (!is_wanted(service, it->thread) && !is_wanted("threads", "")) break;
            walks[count] = (struct thread_walk){it, (enum fault_kind)kind};
            snprintf(names[count], sizeof names[count], "%s: %s %s, each call for %s", service, it->thread, it->doing, fault_kinds[kind]);
            ret[count] = (struct CMUnitTest){names[count], each_call_of_the_thread_fails_once, NULL, NULL, &walks[count]};
            count++;
        }
    }
    if (strcmp(service, "auth") == 0 && is_wanted(service, "produce")) ret[count++] = (struct CMUnitTest)cmocka_unit_test(an_event_that_is_not_taken_comes_later);
    return count;
}
