// SPDX-License-Identifier: MIT
// chaos: families buy and unlock while everything is taken down by kill -9 and M-Pesa has bad days; then one reconciliation.
// PURCHASES, KILLS, SEED, CLIENTS and GAP_MS say how much of it. run.sh starts the stack for it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "killer.h"
#include "settle.h"
#include "shop.h"
#include "stack.h"
#include "text.h"
#include "verdict.h"
#include "witness.h"

#define PURCHASE_MS 100 // at most ten begin in a second

static int64_t number_setting(const char *name, int64_t fallback)
{
    int64_t number = fallback;
    const char *given = getenv(name);
    if (given && *given && (!text_to_int64(given, &number) || number < 0)) fail_msg("%s must be a number", name);
    return number;
}

static bool has_contact(const struct answer *answer)
{
    return json_is_true(at(answer, "contact/unlocked")) && json_is_string(at(answer, "contact/email"));
}

// Before anything happens: what is sold, and who can be hired.
static void open_market(struct account *account)
{
    const struct person admin = admin_login();
    snprintf(account->package_id, sizeof account->package_id, "%s", package_of(UNLOCKS_EACH));
    for (int i = 0; i < WORKERS; i++) {
        snprintf(account->workers[i].id, sizeof account->workers[i].id, "%s", worker_for_hire());
        struct answer shown = call_until(&admin, arena_printf(story_arena(), "/api/housegirls/%s", account->workers[i].id), 30, has_contact);
        snprintf(account->workers[i].email, sizeof account->workers[i].email, "%s", text_at(&shown, "contact/email"));
    }
}

static void visit(struct account *account, const struct plan *plan, enum visit visit, struct killer *killer)
{
    struct crowd *crowd = crowd_start(account, plan, (int)number_setting("CLIENTS", 32), visit);
    if (!crowd) fail_msg("no memory");
    if (killer) killer_run(killer);
    crowd_join(crowd);
}

static int chaos(const struct plan *plan)
{
    struct account account;
    struct killer killer;
    if (!account_open(&account, plan->purchases)) fail_msg("no memory");
    open_market(&account);
    killer_open(&killer, plan, &account);
    visit(&account, plan, VISIT_BUY, &killer);
    account_tell(&account, "everybody may live again; what is open settles");
    PGconn *verdict = settle_open();
    killer_keep_witness(&killer);
    settle_payments(verdict);
    killer_keep_witness(&killer);
    account_tell(&account, "M-Pesa has told all; the families look");
    visit(&account, plan, VISIT_LOOK, NULL);
    account_tell(&account, "the last events arrive");
    settle_events(verdict);
    killer_close(&killer);
    verdict_gather(verdict, &account);
    killer_print(&killer);
    account_print(&account);
    const int failed = verdict_print(verdict) + (killer.missed > 0);
    PQfinish(verdict);
    account_close(&account);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "witness") == 0) return service_main(&witness_service, argc - 1, argv + 1);
    struct plan plan;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (story_setup(NULL) != 0) return 1;
    const int64_t purchases = number_setting("PURCHASES", 1000), kills = number_setting("KILLS", 200), seed = number_setting("SEED", 1);
    int64_t gap_ms = number_setting("GAP_MS", 2500);
    if (kills && gap_ms * kills < purchases * PURCHASE_MS) gap_ms = purchases * PURCHASE_MS / kills;
    if (!plan_make(&plan, (uint64_t)seed, (int)purchases, (int)kills, gap_ms, story_arena())) return 1;
    printf("chaos: SEED=%ld PURCHASES=%ld KILLS=%ld; kills until second %ld, %d changes of M-Pesa's mood\n", (long)seed, (long)purchases, (long)kills,
           (long)(plan.duration_ms / 1000), plan.step_count - plan.kills);
    const int failed = chaos(&plan);
    if (failed) printf("NOT ALL HOLDS: the same again with SEED=%ld PURCHASES=%ld KILLS=%ld\n", (long)seed, (long)purchases, (long)kills);
    else puts("all holds");
    story_teardown(NULL);
    return failed ? 1 : 0;
}
