// SPDX-License-Identifier: MIT
// `dcctl doctor`: of a healthy stack it says so; of any other, what is wrong and what to do, and its exit status is 1.
#include "mock_broker.h"
#include "stack.h"

#include <signal.h>
#include <string.h>

static const char *said;

static int doctor(const char *environment, const char *arguments)
{
    return run(&said, "%s %s/dcctl doctor %s", environment, setting("BIN_DIR"), arguments);
}

static void expect_well(void)
{
    if (doctor("", "") != 0 || strstr(said, "WRONG") || strstr(said, "? ")) fail_msg("%s", said);
}

static void expect_said(const char *sentence)
{
    if (!strstr(said, sentence)) fail_msg("no '%s' in:\n%s", sentence, said);
}

// Looks once, and expects each of the sentences, which end with NULL.
static void expect_wrong(const char *const *sentences)
{
    assert_int_equal(doctor("", ""), 1);
    for (; *sentences; sentences++) expect_said(*sentences);
    expect_said("thing(s) are wrong.");
}
#define EXPECT_WRONG(...) expect_wrong((const char *const[]){__VA_ARGS__, NULL})

static bool finds_nothing(void *argument)
{
    (void)argument;
    return doctor("", "") == 0;
}

static int healthy(void **state)
{
    if (stack_restore(state) != 0) return -1;
    return within(60, finds_nothing, NULL) ? 0 : -1;
}

static int a_healthy_stack(void **state)
{
    return story_setup(state) != 0 ? -1 : healthy(state);
}

static void a_healthy_stack_is_told_to_be_well(void **state)
{
    (void)state;
    expect_well();
    expect_said("ok     all parts run and are ready\n"
                "ok     databases answer and are up to date\n"
                "ok     the broker answers\n"
                "ok     all topics are there, with the right settings\n"
                "ok     events are published as they come\n"
                "ok     events are applied as they come\n"
                "ok     no key is parked\n"
                "ok     no row that an import kept back is kept for too long\n"
                "ok     no callback of M-Pesa waits on disk\n"
                "ok     there is space on disk\n");
}

// --- Parts ---------------------------------------------------------------------------------------

static void parts_that_are_down_or_hang_are_named(void **state)
{
    (void)state;
    part_stop("profiles");
    part_signal("payments", SIGSTOP);
    EXPECT_WRONG("profiles does not run: nobody listens at http://127.0.0.1:", "Start it with 'make start'; why it ended stands in ", "/log/profiles.log",
                 "payments does not answer at http://127.0.0.1:");
    assert_null(strstr(said, "auth does not"));
    assert_null(strstr(said, "gateway does not"));
}

static void a_broker_that_is_away_is_named(void **state)
{
    (void)state;
    part_stop("kafka");
    EXPECT_WRONG(arena_printf(story_arena(), "No broker answers at %s. Start Kafka with 'make start'", setting("KAFKA_BROKERS")),
                 "?      all topics are there, with the right settings\n", "ok     databases answer and are up to date\n");
}

static void databases_that_are_away_are_named(void **state)
{
    (void)state;
    part_stop("postgres");
    EXPECT_WRONG("The database of auth does not answer (", "The database of profiles does not answer (", "The database of payments does not answer (",
                 "Start PostgreSQL with 'make start'", "auth is not ready: The database does not answer. It goes on by itself once that is mended",
                 "?      events are published as they come\n", "?      no key is parked\n", "ok     the broker answers\n");
    static const char *const commands[] = {"audit verify", "events parked", "events replay --service profiles --topic dc.auth.users", "payments reconcile",
                                           "admin create --email jane@story.example --password mlinzi-wa-mlango"};
    for (size_t i = 0; i < COUNT_OF(commands); i++) { // told at once, and where to look
        assert_int_equal(run(&said, "timeout 20 %s/dcctl %s", setting("BIN_DIR"), commands[i]), 1);
        expect_said("'dcctl doctor' looks at everything");
    }
}

static void topics_that_are_missing_are_named(void **state)
{
    (void)state;
    struct mock_broker *empty = mock_broker_start();
    const int status = doctor(arena_printf(story_arena(), "KAFKA_BROKERS=%s", mock_broker_address(empty)), "");
    mock_broker_stop(empty);
    assert_int_equal(status, 1);
    expect_said("Topic dc.auth.users is missing. Make it with 'dcctl topics'.");
    expect_said("Topic dc.payments.purchases is missing. Make it with 'dcctl topics'.");
}

// --- What is in the databases ----------------------------------------------------------------------

#define LAST_MIGRATION "(SELECT name FROM schema_migrations WHERE name LIKE 'profiles/%%' ORDER BY name DESC LIMIT 1)"

static void databases_that_are_not_as_they_should_be_are_named(void **state)
{
    (void)state;
    database_ask("dc_profiles", "UPDATE schema_migrations SET name = 'away:' || name WHERE name = " LAST_MIGRATION);
    database_ask("postgres", "ALTER DATABASE dc_payments SET default_transaction_read_only = on");
    EXPECT_WRONG("The database of profiles is not as it should be: profiles: The database lacks migration profiles/", "run 'profiles migrate' first.",
                 "The database of payments takes no writes. ");
}

static int databases_as_they_were(void **state)
{
    database_ask("postgres", "ALTER DATABASE dc_payments RESET default_transaction_read_only");
    database_ask("dc_profiles", "UPDATE schema_migrations SET name = replace(name, 'away:', '')");
    return healthy(state);
}

#define NOWHERE "'dc.nobody.nothing'"
#define OLD_EVENT "INSERT INTO outbox (topic, type, key, data, created_at) VALUES (" NOWHERE ", 'x.v1', 'k', '{}', now() - interval '10 minutes')"

static struct database_session *load;

static void what_an_import_holds_back_is_named(void **state)
{
    (void)state;
    load = database_hold("dc_profiles", "SELECT pg_advisory_lock_shared(hashtext('bulk'))");
    database_ask("dc_profiles", "BEGIN; SET LOCAL dc.bulk = 'on'; " OLD_EVENT "; COMMIT");
    EXPECT_WRONG("1 event(s) of profiles wait to be published", "An import is running: what it tells goes out when it has ended");
}

static void what_waits_is_named(void **state)
{
    (void)state;
    database_ask("dc_profiles", "INSERT INTO parked_keys (topic, key, reason) VALUES (" NOWHERE ", 'k', 'It is poison.')");
    database_ask("dc_payments", OLD_EVENT); // there is no such topic
    part_stop("auth");
    database_ask("dc_auth", OLD_EVENT);
    EXPECT_WRONG("1 key(s) of profiles are parked, 0 of them on their way again. See why with 'dcctl events parked --service profiles'",
                 "1 event(s) of payments wait to be published, the oldest for 6", " s. The broker answers: 'event_not_produced'",
                 "1 event(s) of auth wait to be published", "No replica of it publishes: start one with 'make start'.");
}

static int nothing_waits(void **state)
{
    database_let_go(load);
    load = NULL;
    for (const char *const *service = service_names; *service; service++)
        database_ask(arena_printf(story_arena(), "dc_%s", *service), "DELETE FROM outbox WHERE topic = " NOWHERE "; DELETE FROM parked_keys WHERE topic = " NOWHERE);
    return healthy(state);
}

static struct database_session *lock;

static bool is_behind(void *argument)
{
    (void)argument;
    return doctor("", "") == 1 && strstr(said, "event(s) behind");
}

// Nobody can apply anything while somebody holds the table.
static void a_consumer_that_stands_still_is_named(void **state)
{
    (void)state;
    lock = database_hold("dc_profiles", "LOCK TABLE inbox IN SHARE MODE");
    person_register("employer");
    if (!within(60, is_behind, NULL)) fail_msg("%s", said);
    expect_said("WRONG  profiles is ");
    expect_said("event(s) behind and has applied none within ");
}

static int the_lock_is_gone(void **state)
{
    database_let_go(lock);
    return healthy(state);
}

// --- Disk ----------------------------------------------------------------------------------------

static const char *broken_callback(void)
{
    return arena_printf(story_arena(), "%s/broken.json", service_setting("payments", "DC_SPOOL_DIR"));
}

static void what_is_on_disk_is_named(void **state)
{
    (void)state;
    const char *output;
    assert_int_equal(run(&output, "echo '{}' >%s && touch -d '10 minutes ago' %s", broken_callback(), broken_callback()), 0);
    assert_int_equal(doctor("", "--disk-mb 999999999"), 1);
    expect_said("1 callback(s) of M-Pesa wait in ");
    expect_said("look for 'spooled_callback_broken' in its log");
    expect_said(" MB are free on the disk of ");
    assert_int_equal(doctor("", "--disk-mb much"), 2);
}

static int an_empty_spool(void **state)
{
    const char *output;
    run(&output, "rm -f %s", broken_callback());
    return healthy(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_stack_is_told_to_be_well),
        cmocka_unit_test_teardown(parts_that_are_down_or_hang_are_named, healthy),
        cmocka_unit_test_teardown(a_broker_that_is_away_is_named, healthy),
        cmocka_unit_test_teardown(databases_that_are_away_are_named, healthy),
        cmocka_unit_test(topics_that_are_missing_are_named),
        cmocka_unit_test_teardown(databases_that_are_not_as_they_should_be_are_named, databases_as_they_were),
        cmocka_unit_test_teardown(what_an_import_holds_back_is_named, nothing_waits),
        cmocka_unit_test_teardown(what_waits_is_named, nothing_waits),
        cmocka_unit_test_teardown(a_consumer_that_stands_still_is_named, the_lock_is_gone),
        cmocka_unit_test_teardown(what_is_on_disk_is_named, an_empty_spool),
    };
    return cmocka_run_group_tests(tests, a_healthy_stack, story_teardown);
}
