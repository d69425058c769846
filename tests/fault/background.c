// SPDX-License-Identifier: MIT
#include "background.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "shop.h"
#include "stories.h"
#include "text.h"

#define CALLS_MAX 40       // threads that look for work never stop calling
#define CALLS_MAX_SHORT 3
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

// Whatever was lost on the way: she has paid once, and has what she paid for once.
static bool is_bought_once(void *argument)
{
    const struct round *round = argument;
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

// --- Walking -----------------------------------------------------------------------------------------------

static const struct background {
    const char *service, *thread;
    void (*deed)(struct round *round);
    bool (*is_done)(void *round);
    bool is_short;
} backgrounds[] = {
    {"auth", "relay", a_name_changes, is_told_once, true},
    {"profiles", "inbox", a_name_changes, is_told_once, true},
    {"profiles", "relay", a_name_changes, is_told_once},
    {"payments", "inbox", a_name_changes, is_told_once},
    {"payments", "push", a_family_buys, is_bought_once},
    {"payments", "settle", a_family_buys, is_bought_once},
    {"payments", "query", a_family_buys_in_silence, is_bought_once},
};

bool is_short_run(void)
{
    const char *which = getenv("FAULT_STORIES");
    return which && strcmp(which, "short") == 0;
}

static void arm(struct fault_control *control, const char *thread, enum fault_kind kind, int call)
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
    if (!within(SETTLED_S, it->is_done, round)) fail_msg("%s of %s, %s call %d (%s): it never comes to be", it->thread, it->service, fault_kinds[walk->kind], call, control->last);
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
    const int pid = part_pid(it->service), calls = is_short_run() ? CALLS_MAX_SHORT : CALLS_MAX;
    int call = 0;
    while (call < calls && walk_thread(walk, control, &round, call + 1)) call++;
    print_message("             %s of %s: %d faults of %s\n", it->thread, it->service, call, fault_kinds[walk->kind]);
    assert_true(call > 0);
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
    static char names[COUNT_OF(walks)][64];
    size_t count = 0;
    for (const struct background *it = backgrounds; it < backgrounds + COUNT_OF(backgrounds); it++) {
        for (int kind = 1; kind < FAULT_FILE; kind++) {
            if (strcmp(it->service, service) != 0 || (is_short_run() && !it->is_short)) break;
            if (!is_wanted(service, it->thread) && !is_wanted("threads", "")) break;
            walks[count] = (struct thread_walk){it, (enum fault_kind)kind};
            snprintf(names[count], sizeof names[count], "%s: %s, each call for %s", service, it->thread, fault_kinds[kind]);
            ret[count] = (struct CMUnitTest){names[count], each_call_of_the_thread_fails_once, NULL, NULL, &walks[count]};
            count++;
        }
    }
    if (strcmp(service, "auth") == 0 && is_wanted(service, "produce")) ret[count++] = (struct CMUnitTest)cmocka_unit_test(an_event_that_is_not_taken_comes_later);
    return count;
}
