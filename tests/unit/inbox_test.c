// SPDX-License-Identifier: MIT
// The inbox from the broker to the database: batches, poison, trouble that passes, replicas.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker.h"
#include "effects.h"
#include "eventually.h"
#include "inbox.h"
#include "parked.h"

static struct kit_app kit_app;
static struct test_database *database = &kit_app.kit.database;
static struct app *app = &kit_app.app;
static struct app replica;

static void start(struct app *which)
{
    struct error err = {0};
    which->inbox = inbox_start(which, &err);
    if (!which->inbox) fail_msg("%s: %s", err.detail, err.cause);
}

static void stop(struct app *which)
{
    inbox_stop(which->inbox);
    which->inbox = NULL;
}

// A fresh topic, consumer group and tables for each test.
static int setup(void **state)
{
    (void)state;
    effects_topic = broker_topic(1, false);
    kit_app.service.name = broker_name();
    effects_clear(&kit_app);
    app->metrics = metrics_new();
    kit_app_replica(&kit_app, &replica);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop(app);
    stop(&replica);
    kit_app_replica_drop(&replica);
    metrics_free(app->metrics);
    app->metrics = NULL;
    return 0;
}

static void send_note(const char *id, const char *key, const char *note)
{
    char data[64];
    snprintf(data, sizeof data, "{\"note\":\"%s\"}", note);
    broker_send_event(effects_topic.name, id, EFFECT_TYPE, key, data);
}

static bool seen(const char *effects)
{
    return strcmp(effects_seen(&kit_app), effects) == 0;
}

static bool cell_is(const char *sql, const char *value)
{
    return strcmp(test_database_run(database, sql), value) == 0;
}

static int64_t counted(const struct app *which, const char *name)
{
    return metric_value(metrics_counter(which->metrics, name, "", NULL));
}

#define PARKED_NOTES "SELECT string_agg(key || ':' || (data::json ->> 'note'), ' ' ORDER BY id) FROM parked_events"

// --- The good way ---------------------------------------------------------------------------------

static void events_are_applied_in_the_order_of_their_key(void **state)
{
    (void)state;
    for (int i = 1; i <= 9; i++) send_note((const char[]){(char)('0' + i), '\0'}, "a", (const char[]){(char)('0' + i), '\0'});
    broker_send_event(effects_topic.name, "10", "ke.domesticconnect.effect.deleted.v1", "a", NULL);
    start(app);
    eventually(seen("a:1 a:2 a:3 a:4 a:5 a:6 a:7 a:8 a:9 a:gone"));
    eventually(counted(app, "inbox_applied_total") == 10);
    assert_int_equal(counted(app, "inbox_messages_total"), 10);
}

static void event_delivered_twice_is_applied_once(void **state)
{
    (void)state;
    send_note("1", "a", "x");
    send_note("1", "a", "x"); // the relay sent it again
    start(app);
    send_note("2", "a", "y");
    eventually(seen("a:x a:y"));
    send_note("1", "a", "x");
    send_note("3", "a", "z");
    eventually(seen("a:x a:y a:z"));
    eventually(counted(app, "inbox_messages_total") == 5);
    eventually(counted(app, "inbox_applied_total") == 3);
}

static void restarted_inbox_goes_on_where_it_was(void **state)
{
    (void)state;
    send_note("1", "a", "x");
    start(app);
    eventually(seen("a:x"));
    stop(app);
    test_database_run(database, "TRUNCATE inbox"); // so that a second delivery would show
    send_note("2", "a", "y");
    start(app);
    eventually(seen("a:x a:y"));
}

// A request that wants to see the effect of an event that is on its way.
static void who_waits_for_an_effect_is_woken_by_it(void **state)
{
    (void)state;
    start(app);
    const uint64_t before = inbox_progress(app->inbox);
    inbox_await(app->inbox, before, 1); // nothing comes
    assert_int_equal(inbox_progress(app->inbox), before);
    send_note("1", "a", "x");
    inbox_await(app->inbox, before, EVENTUALLY_MS);
    assert_true(inbox_progress(app->inbox) > before);
    assert_true(seen("a:x"));
}

static void two_replicas_share_the_work(void **state)
{
    (void)state;
    effects_topic = broker_topic(4, false);
    start(app);
    start(&replica);
    int sent = 0;
    char id[16];
    while (counted(app, "inbox_applied_total") == 0 || counted(&replica, "inbox_applied_total") == 0) {
        for (int i = 0; i < 8; i++, sent++) { // eight keys, spread over the partitions
            snprintf(id, sizeof id, "%d", sent);
            send_note(id, (const char[]){(char)('a' + i), '\0'}, "x");
        }
        assert_true(sent < 8000);
    }
    char expected[64];
    snprintf(expected, sizeof expected, "%d %d", sent, 8);
    eventually(cell_is("SELECT concat(count(*), ' ', count(DISTINCT key)) FROM effects", expected));
    eventually(counted(app, "inbox_applied_total") + counted(&replica, "inbox_applied_total") == sent);
}

static void lag_is_unknown_at_first(void **state)
{
    (void)state;
    assert_int_equal(inbox_lag(NULL), -1); // a service that consumes nothing
    start(app);
    assert_int_equal(inbox_lag(app->inbox), -1); // kafka_consumer_test.c waits for it
    inbox_stop(NULL);
}

// --- Poison ---------------------------------------------------------------------------------------

static void bad_event_in_a_batch_spoils_no_other(void **state)
{
    (void)state;
    send_note("1", "a", "x"); // all four make one batch
    send_note("2", "b", NOTE_POISON);
    send_note("3", "c", "y");
    send_note("4", "a", "z");
    start(app);
    eventually(seen("a:x c:y a:z"));
    eventually(cell_is("SELECT string_agg(key || ' ' || state || ' ' || reason, ',') FROM parked_keys", "b parked conflict: It is poison."));
    eventually(counted(app, "inbox_parked_total") == 1);
    eventually(counted(app, "inbox_applied_total") == 3);
}

// Statements are sent together: what the database refuses is known only when all are answered.
static void statement_that_is_refused_parks_its_key_alone(void **state)
{
    (void)state;
    broker_send_event(effects_topic.name, "1", EFFECT_KEPT_TYPE, "a", "{\"note\":\"x\"}");
    broker_send_event(effects_topic.name, "2", EFFECT_KEPT_TYPE, "b", "{\"note\":\"" NOTE_UNFIT "\"}");
    broker_send_event(effects_topic.name, "3", EFFECT_KEPT_TYPE, "c", "{\"note\":\"y\"}");
    broker_send_event(effects_topic.name, "4", EFFECT_KEPT_TYPE, "b", "{\"note\":\"z\"}");
    start(app);
    eventually(seen("a:x@ c:y@"));
    eventually(cell_is("SELECT string_agg(k.key || ' ' || e.data, ',' ORDER BY e.id) FROM parked_keys AS k JOIN parked_events AS e USING (topic, key)",
                       "b {\"note\":\"" NOTE_UNFIT "\"},b {\"note\":\"z\"}"));
}

static void parked_key_waits_in_order_while_others_flow_and_is_redriven(void **state)
{
    (void)state;
    const struct metric *parked_keys = metrics_gauge(app->metrics, "inbox_parked_keys", "", NULL);
    start(app);
    send_note("1", "a", NOTE_POISON);
    send_note("2", "b", "1");
    send_note("3", "a", "2");
    send_note("4", "a", "3");
    send_note("5", "b", "4");
    eventually(seen("b:1 b:4"));
    eventually(cell_is(PARKED_NOTES, "a:poison a:2 a:3"));
    eventually(metric_value(parked_keys) == 1);
    effects_mended = true;
    struct db db = kit_session(&kit_app.kit, DB_WRITE);
    int64_t keys = 0;
    kit_assert_fine(&kit_app.kit, parked_redrive(&db, NULL, NULL, "operator:test", &keys, &kit_app.kit.err) && db_commit(&db, &kit_app.kit.err));
    db_end(&db);
    eventually(seen("b:1 b:4 a:poison a:2 a:3"));
    eventually(cell_is("SELECT count(*) FROM parked_keys", "0"));
    send_note("6", "a", "5");
    eventually(seen("b:1 b:4 a:poison a:2 a:3 a:5"));
    eventually(metric_value(parked_keys) == 0);
}

static void discarded_event_lets_the_rest_of_its_key_through(void **state)
{
    (void)state;
    start(app);
    send_note("1", "a", NOTE_POISON);
    send_note("2", "a", "x");
    eventually(cell_is(PARKED_NOTES, "a:poison a:x"));
    struct db db = kit_session(&kit_app.kit, DB_WRITE);
    kit_assert_fine(&kit_app.kit, parked_discard(&db, effects_topic.name, "a", "operator:test", &kit_app.kit.err) && db_commit(&db, &kit_app.kit.err));
    db_end(&db);
    eventually(seen("a:x"));
    eventually(cell_is("SELECT count(*) FROM parked_keys", "0"));
}

static void rubbish_is_parked_and_blocks_nobody(void **state)
{
    (void)state;
    const struct kafka_message no_text = {.topic = effects_topic.name, .key = "\xff\xfe", .value = "\xff", .value_length = 1,
                                          .headers = {{"ce_specversion", "1.0"}, {"ce_id", "\xff"}}, .header_count = 2};
    broker_send(effects_topic.name, NULL, "hello");
    broker_send_message(&no_text);
    broker_send_event(effects_topic.name, "1", EFFECT_TYPE, "a", "{\"note\":");
    broker_send_event(effects_topic.name, "2", EFFECT_TYPE, "b", "{\"note\":7}");
    send_note("3", "c", "x");
    start(app);
    eventually(seen("c:x"));
    assert_string_equal(test_database_run(database, "SELECT string_agg(key, ' ' ORDER BY key) FROM parked_keys"), " \\xfffe a b");
}

static void more_poison_than_an_outage_of_ours_would_make_is_parked_slowly(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < 22; i++) { // twenty in a row make us suspect ourselves
        snprintf(id, sizeof id, "%d", i);
        send_note(id, id, NOTE_POISON);
    }
    send_note("99", "z", "x");
    start(app);
    eventually(seen("z:x"));
    assert_string_equal(test_database_run(database, "SELECT count(*) FROM parked_keys"), "22");
    assert_true(counted(app, "inbox_pauses_total") > 0);
}

// --- Trouble that passes --------------------------------------------------------------------------

static void trouble_that_passes_is_waited_for_and_nothing_overtakes(void **state)
{
    (void)state;
    effects_trouble = true;
    start(app);
    send_note("1", "a", "x");
    send_note("2", "a", NOTE_LATER);
    send_note("3", "a", "y");
    send_note("4", "b", "z"); // the same partition waits as a whole
    eventually(counted(app, "inbox_pauses_total") > 1);
    assert_string_equal(effects_seen(&kit_app), "a:x");
    effects_trouble = false;
    eventually(seen("a:x a:later a:y b:z"));
    assert_string_equal(test_database_run(database, "SELECT count(*) FROM parked_keys"), "0");
}

static void database_that_goes_and_comes_back_loses_nothing(void **state)
{
    (void)state;
    start(app);
    send_note("1", "a", "x");
    eventually(seen("a:x"));
    test_database_allow(database, false);
    send_note("2", "a", "y");
    send_note("3", "a", "z");
    eventually(counted(app, "inbox_pauses_total") > 0);
    test_database_allow(database, true);
    eventually(seen("a:x a:y a:z"));
}

static int make(void **state)
{
    (void)state;
    const int failed = kit_app_create(&kit_app, &effects_service);
    metrics_free(app->metrics); // each test has its own
    app->metrics = NULL;
    return failed;
}

static int drop(void **state)
{
    (void)state;
    return kit_app_drop(&kit_app);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_are_applied_in_the_order_of_their_key),
        TEST(event_delivered_twice_is_applied_once),
        TEST(restarted_inbox_goes_on_where_it_was),
        TEST(who_waits_for_an_effect_is_woken_by_it),
        TEST(two_replicas_share_the_work),
        TEST(lag_is_unknown_at_first),
        TEST(bad_event_in_a_batch_spoils_no_other),
        TEST(statement_that_is_refused_parks_its_key_alone),
        TEST(parked_key_waits_in_order_while_others_flow_and_is_redriven),
        TEST(discarded_event_lets_the_rest_of_its_key_through),
        TEST(rubbish_is_parked_and_blocks_nobody),
        TEST(more_poison_than_an_outage_of_ours_would_make_is_parked_slowly),
        TEST(trouble_that_passes_is_waited_for_and_nothing_overtakes),
        TEST(database_that_goes_and_comes_back_loses_nothing),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
