// SPDX-License-Identifier: MIT
// A user is erased at the very moment at which something of her arrives: whichever of the two transactions begins first, nothing stays.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eventually.h"
#include "inbox_private.h"
#include "kit_database.h"
#include "part.h"
#include "profile.h"

static struct kit_database kit;
static struct app app;

static int setup(void **state)
{
    (void)state;
    static const struct service service = {.name = "profiles", .migrations = profiles_migrations, .statements = profiles_statements,
                                           .constraints = profiles_constraints, .subscriptions = profiles_subscriptions};
    if (kit_database_create_for(&kit, &service)) return 1;
    app = (struct app){.service = &service, .pool = kit.pool, .clock = &clock_system};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return kit_database_drop(&kit);
}

// --- What happens to her -------------------------------------------------------------------------

static bool hear(struct request *rq, const char *topic, const char *type, const char *data, struct error *err)
{
    const struct kafka_message message = {
        .topic = topic,
        .key = "u1",
        .value = data,
        .value_length = data ? strlen(data) : 0,
        .headers = {{"ce_specversion", "1.0"}, {"ce_id", "1"}, {"ce_source", "/services/test"}, {"ce_type", type}},
        .header_count = 4,
    };
    struct arrival arrival;
    arrival_read(&app, &message, rq->arena, &arrival);
    return arrival_apply(&app, &rq->db, &arrival, err) && db_flush(&rq->db, err);
}

static bool is_erased(struct request *rq, struct error *err)
{
    return hear(rq, topic_users.name, EVENT_TYPE("user.erased"), NULL, err);
}

static bool is_granted_a_contact(struct request *rq, struct error *err)
{
    return hear(rq, topic_unlocks.name, EVENT_TYPE("contact.unlocked"),
                "{\"user_id\":\"u1\",\"worker_id\":\"w1\",\"unlocked_at\":\"2026-01-01T00:00:00Z\"}", err);
}

static bool writes_her_profile(struct request *rq, struct error *err)
{
    const char *profile_id = NULL;
    return profile_ensure(rq, &profile_id, err) || err->problem == &problem_conflict; // there is none of hers any more
}

static bool removes_her_profile(struct request *rq, struct error *err)
{
    struct response rs = {0};
    if (!profile_ensure(rq, &rq->parameters[0], err)) return err->problem == &problem_conflict;
    return profile_delete(rq, &rs, err);
}

static bool is_imported(struct request *rq, struct error *err)
{
    CLEANUP(json_release) json_t *rows = json_loads("[{\"id\":\"p1\",\"user_id\":\"u1\",\"user_type\":\"employer\"}]", 0, NULL), *results = json_array();
    return profiles_importers[0].take(&app, &rq->db, rows, results, err);
}

// --- Two at once ---------------------------------------------------------------------------------

struct deed {
    bool (*act)(struct request *rq, struct error *err);
    struct request rq;
    struct error err;
    pthread_t thread;
    atomic_bool is_over;
    bool succeeded;
};

static bool deed_begin(struct deed *deed)
{
    struct arena *arena = arena_new(1 << 20);
    deed->err = (struct error){.arena = arena};
    deed->rq = (struct request){.app = &app, .arena = arena, .now_ms = clock_now_ms(&clock_system), .caller = {.user_id = "u1", .type = USER_EMPLOYER}};
    db_begin(&deed->rq.db, kit.pool, DB_WRITE, arena);
    return deed->act(&deed->rq, &deed->err);
}

static bool deed_end(struct deed *deed)
{
    const bool committed = db_commit(&deed->rq.db, &deed->err);
    db_end(&deed->rq.db);
    return committed;
}

static void *deed_run(void *argument)
{
    struct deed *deed = argument;
    deed->succeeded = deed_begin(deed) && deed_end(deed);
    atomic_store(&deed->is_over, true);
    return NULL;
}

static bool waits_or_is_over(struct deed *deed)
{
    return atomic_load(&deed->is_over) || test_database_waits(&kit.database);
}

struct order {
    bool (*first)(struct request *rq, struct error *err), (*second)(struct request *rq, struct error *err);
};

static void nothing_of_her_stays(void **state)
{
    const struct order *order = *state;
    struct deed first = {.act = order->first}, second = {.act = order->second};
    test_database_run(&kit.database, "DELETE FROM profiles; DELETE FROM contact_grants; DELETE FROM left_names; DELETE FROM erased_users");
    assert_true(deed_begin(&first));
    assert_int_equal(pthread_create(&second.thread, NULL, deed_run, &second), 0);
    eventually(waits_or_is_over(&second)); // before the first is committed
    const bool committed = deed_end(&first);
    pthread_join(second.thread, NULL);
    if (!committed || !second.succeeded) fail_msg("%s %s", first.err.cause, second.err.cause);
    assert_string_equal(test_database_run(&kit.database, "SELECT (SELECT count(*) FROM contact_grants) || ' ' || (SELECT count(*) FROM profiles) || ' ' || "
                                                          "(SELECT count(*) FROM left_names)"), "0 0 0");
    arena_free(first.rq.arena);
    arena_free(second.rq.arena);
}

int main(void)
{
    static const struct order orders[] = {
        {is_granted_a_contact, is_erased}, {is_erased, is_granted_a_contact}, {writes_her_profile, is_erased},
        {is_erased, writes_her_profile},   {is_imported, is_erased},          {is_erased, is_imported},
        {removes_her_profile, is_erased},  {is_erased, removes_her_profile},
    };
#define TEST(row, name) {"nothing_of_her_stays: " name, nothing_of_her_stays, NULL, NULL, (void *)(uintptr_t)&orders[row]}
    const struct CMUnitTest tests[] = {
        TEST(0, "erased as a grant is applied"), TEST(1, "granted while she is erased"), TEST(2, "erased as she writes"),
        TEST(3, "writes while she is erased"),   TEST(4, "erased as she is imported"),   TEST(5, "imported while she is erased"),
        TEST(6, "erased as she leaves"),         TEST(7, "leaves while she is erased"),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
