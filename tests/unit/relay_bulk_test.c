// SPDX-License-Identifier: MIT
// What an import tells lets the events of people who wait go first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker.h"
#include "eventually.h"
#include "kit_app.h"
#include "outbox.h"

#define ENTRIES_MOST 20000000 // ten times what it takes; who gathers all bulk for each event reads ten times as many again
#define WAITING "SELECT string_agg(key, ' ' ORDER BY id) FROM outbox WHERE published_at IS NULL"

static struct kit_app kit_app;
static struct test_database *database = &kit_app.kit.database;
static struct app *app = &kit_app.app;
static struct topic topic;
static struct kafka_message messages[8];

static int setup(void **state)
{
    (void)state;
    test_database_run(database, "TRUNCATE outbox RESTART IDENTITY");
    kit_forget(&kit_app.kit);
    topic = broker_topic(1, false);
    app->config.kafka_brokers = broker_address();
    app->config.relay_poll_ms = 50;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    relay_stop(app->relay);
    app->relay = NULL;
    return 0;
}

static void start(void)
{
    struct error err = {0};
    app->relay = relay_start(app, &err);
    if (!app->relay) fail_msg("%s: %s", err.detail, err.cause);
}

static void tell(const char *key, bool is_bulk)
{
    char sql[512];
    snprintf(sql, sizeof sql, "BEGIN; SELECT set_config('dc.bulk', '%s', true); INSERT INTO outbox (topic, type, key, data) VALUES ('%s', 'x.v1', '%s', '{}'); COMMIT",
             is_bulk ? "on" : "", topic.name, key);
    test_database_run(database, sql);
}

static bool wait_only(const char *keys)
{
    return strcmp(test_database_run(database, WAITING), keys) == 0;
}

static void expect_keys(const char *keys)
{
    char got[64] = "";
    const int count = (int)(strlen(keys) + 1) / 2;
    assert_int_equal(broker_read(topic.name, count, kit_app.kit.arena, messages, COUNT_OF(messages)), count);
    for (int i = 0; i < count; i++) snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "", messages[i].key);
    assert_string_equal(got, keys);
}

static void all_others_go_before_bulk(void **state)
{
    (void)state;
    tell("a", true);
    tell("b", true);
    tell("c", false);
    start();
    eventually(wait_only(""));
    expect_keys("c a b");
}

static void bulk_waits_until_the_load_has_ended(void **state)
{
    (void)state;
    struct database_session *load = test_database_hold(database, "SELECT pg_advisory_lock_shared(hashtext('bulk'))");
    struct database_session *other = test_database_hold(database, "SELECT pg_advisory_lock_shared(hashtext('bulk'))");
    tell("a", true);
    tell("b", false);
    start();
    eventually(wait_only("a"));
    tell("c", false);
    eventually(wait_only("a"));
    database_let_go(load);
    tell("d", false);
    eventually(wait_only("a")); // somebody else still loads
    database_let_go(other);
    eventually(wait_only(""));
    expect_keys("b c d a");
}

static void order_of_a_key_is_kept_behind_its_bulk(void **state)
{
    (void)state;
    struct database_session *load = test_database_hold(database, "SELECT pg_advisory_lock_shared(hashtext('bulk'))");
    tell("a", true);
    tell("a", false);
    tell("b", false);
    start();
    eventually(wait_only("a a"));
    database_let_go(load);
    eventually(wait_only(""));
    expect_keys("b a a");
    assert_string_equal(kafka_message_header(&messages[1], "ce_id"), "1");
    assert_string_equal(kafka_message_header(&messages[2], "ce_id"), "2");
}

static void bulk_does_not_overtake_its_key_either(void **state)
{
    (void)state;
    struct database_session *load = test_database_hold(database, "SELECT pg_advisory_lock_shared(hashtext('bulk'))");
    tell("a", true);
    tell("a", false);
    tell("a", true); // the same row is loaded anew
    start();
    eventually(wait_only("a a a"));
    database_let_go(load);
    eventually(wait_only(""));
    expect_keys("a a a");
    static const char *const ids[] = {"1", "2", "3"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) assert_string_equal(kafka_message_header(&messages[i], "ce_id"), ids[i]);
}

// Of the indexes of the outbox, by whoever has told so far.
static int64_t entries_read(void)
{
    return atoll(test_database_run(database, "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'outbox'"));
}

// However they were counted: a table that has just been filled looks empty to whoever plans.
static void those_who_wait_for_their_bulk_hold_up_nobody(void **state)
{
    (void)state;
    struct database_session *load = test_database_hold(database, "SELECT pg_advisory_lock_shared(hashtext('bulk'))");
    char sql[512];
    for (int bulk = 1; bulk >= 0; bulk--) {
        snprintf(sql, sizeof sql, "BEGIN; SELECT set_config('dc.bulk', '%s', true); INSERT INTO outbox (topic, type, key, data) "
                 "SELECT '%s', 'x.v1', 'k' || i, '{}' FROM generate_series(1, %d) AS i; COMMIT", bulk ? "on" : "", topic.name, bulk ? 100000 : 1000);
        test_database_run(database, sql);
    }
    tell("z", false);
    const int64_t before = entries_read();
    start();
    eventually(strcmp(test_database_run(database, "SELECT count(*) FROM outbox WHERE key = 'z' AND published_at IS NULL"), "0") == 0);
    relay_stop(app->relay); // which has its connection tell what it read
    app->relay = NULL;
    eventually(entries_read() > before);
    if (entries_read() - before > ENTRIES_MOST) fail_msg("%lld entries of indexes read", (long long)(entries_read() - before));
    database_let_go(load);
}

static int make(void **state)
{
    (void)state;
    return kit_app_create(&kit_app, &kit_only);
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
        TEST(all_others_go_before_bulk),
        TEST(bulk_waits_until_the_load_has_ended),
        TEST(order_of_a_key_is_kept_behind_its_bulk),
        TEST(bulk_does_not_overtake_its_key_either),
        TEST(those_who_wait_for_their_bulk_hold_up_nobody),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
