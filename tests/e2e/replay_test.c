// SPDX-License-Identifier: MIT
// A read model is lost, and built again from nothing by `dcctl events replay`: it is the one that was lost, to the last row.
#include "shop.h"
#include "stack.h"

#include <string.h>

static const struct model {
    const char *service, *topic, *table;
} models[] = {
    {"payments", "dc.profiles.workers", "workers"},
    {"payments", "dc.auth.contacts", "payers"},
    {"profiles", "dc.auth.contacts", "contacts"},
    {"profiles", "dc.payments.contacts", "contact_grants"},
};

static const char *ask(const struct model *model, const char *sql)
{
    return database_ask(arena_printf(story_arena(), "dc_%s", model->service), "SELECT %s FROM %s AS row", sql, model->table);
}

// All of it, whatever the order of its rows.
static const char *content(const struct model *model)
{
    return ask(model, "coalesce(json_agg(row ORDER BY row::text), '[]')");
}

struct rebuilt {
    const struct model *model;
    const char *lost;
};

static bool is_as_before(void *argument)
{
    const struct rebuilt *rebuilt = argument;
    return strcmp(content(rebuilt->model), rebuilt->lost) == 0;
}

static int replay(const char **ret_said, const struct model *model)
{
    return run(ret_said, "%s/dcctl events replay --service %s --topic %s", setting("BIN_DIR"), model->service, model->topic);
}

// --- What is in them -------------------------------------------------------------------------------

static struct person buyer, leaver;
static const char *seen; // the worker whose contact both have paid for

static bool is_granted(void *argument)
{
    const struct person *who = argument;
    return strcmp(database_ask("dc_profiles", "SELECT count(*) FROM contact_grants WHERE user_id = '%s'", who->user_id), "1") == 0;
}

static void buys_and_unlocks(struct person *who)
{
    expect_becomes(who, buy(who, phone_ending("500")), "completed");
    struct answer unlocked = unlock(who, seen);
    if (unlocked.status != 201) expect_status(&unlocked, 202); // on its way
    assert_true(within(30, is_granted, who));
}

static bool is_gone(void *argument)
{
    const struct person *who = argument;
    return strcmp(database_ask("dc_profiles", "SELECT (SELECT count(*) FROM erased_users WHERE user_id = '%s') || ' ' || "
                                              "(SELECT count(*) FROM contact_grants WHERE user_id = '%s')", who->user_id, who->user_id), "1 0") == 0 &&
           strcmp(database_ask("dc_payments", "SELECT count(*) FROM payers WHERE user_id = '%s'", who->user_id), "0") == 0;
}

// A worker who changed and one who left; somebody who paid and stayed, and somebody who paid and was erased.
static int people_come_and_go(void **state)
{
    if (story_setup(state) != 0 || mpesa_reset(state) != 0) return -1;
    seen = worker_for_hire();
    worker_for_hire();
    buyer = person_register("employer");
    leaver = person_register("employer");
    struct answer told = call(&buyer, "PATCH", "/api/auth/me", "{\"phone_number\":\"%s\"}", phone_ending("501"));
    expect_status(&told, 200);
    buys_and_unlocks(&buyer);
    buys_and_unlocks(&leaver);
    struct answer out = call(&leaver, "DELETE", "/api/auth/me", "{\"password\":\"%s\"}", leaver.password);
    expect_status(&out, 202);
    return within(30, is_gone, &leaver) ? 0 : -1;
}

// --- Lost and built again --------------------------------------------------------------------------

static void built_from_nothing_it_is_as_before(void **state)
{
    const struct model *model = *state;
    const char *said;
    if (replay(&said, model) != 1 || !strstr(said, "It runs. Stop it, ask again and start it")) fail_msg("%s", said);
    const struct rebuilt rebuilt = {model, content(model)};
    assert_string_not_equal(rebuilt.lost, "[]");
    part_stop(model->service);
    database_ask(arena_printf(story_arena(), "dc_%s", model->service), "DELETE FROM %s", model->table);
    if (replay(&said, model) != 0) fail_msg("%s", said);
    assert_string_equal(content(model), "[]");
    part_start(model->service);
    if (!within(60, is_as_before, (void *)(uintptr_t)&rebuilt)) fail_msg("%s was\n%s\nand is\n%s", model->table, rebuilt.lost, content(model));
}

static int none_is_parked(void **state)
{
    for (size_t i = 0; i < COUNT_OF(models); i++)
        if (strcmp(database_ask(arena_printf(story_arena(), "dc_%s", models[i].service), "SELECT count(*) FROM parked_keys"), "0") != 0) return -1;
    return stack_restore(state);
}

#define BUILT(index) {"built_from_nothing_it_is_as_before", built_from_nothing_it_is_as_before, NULL, none_is_parked, (void *)(uintptr_t)&models[index]}
int main(void)
{
    const struct CMUnitTest tests[] = {BUILT(0), BUILT(1), BUILT(2), BUILT(3)};
    return cmocka_run_group_tests(tests, people_come_and_go, story_teardown);
}
