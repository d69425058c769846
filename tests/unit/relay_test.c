// SPDX-License-Identifier: MIT
// The relay from the outbox to the broker. The purge has tests of its own (outbox_purge_test.c).
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
#include "mock_broker.h"
#include "outbox.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define NEVER_MS 3600000 // a relay that looks so seldom publishes because it was woken

static struct kit_app kit_app;
static struct test_database *database = &kit_app.kit.database;
static struct app *app = &kit_app.app;
static struct app replica;
static struct topic topic;
static struct mock_broker *mock;
static struct kafka_message messages[64];

static void start(struct app *which)
{
    struct error err = {0};
    which->relay = relay_start(which, &err);
    if (!which->relay) fail_msg("%s: %s", err.detail, err.cause);
}

static void stop(struct app *which)
{
    relay_stop(which->relay);
    which->relay = NULL;
}

static int setup(void **state)
{
    (void)state;
    test_database_run(database, "TRUNCATE outbox RESTART IDENTITY; UPDATE outbox_purge SET purged_to = 0");
    kit_forget(&kit_app.kit);
    topic = broker_topic(1, false);
    app->config.kafka_brokers = broker_address();
    app->config.relay_batch = 100;
    app->config.relay_poll_ms = 50;
    kit_app_replica(&kit_app, &replica);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop(app);
    stop(&replica);
    kit_app_replica_drop(&replica);
    mock_broker_stop(mock);
    mock = NULL;
    return 0;
}

static void tell(const char *in_topic, const char *key, const char *data)
{
    char sql[512];
    snprintf(sql, sizeof sql, "INSERT INTO outbox (topic, type, key, data) VALUES ('%s', 'x.v1', '%s', %s)", in_topic, key, data);
    test_database_run(database, sql);
}

static bool cell_is(const char *sql, const char *value)
{
    return strcmp(test_database_run(database, sql), value) == 0;
}

#define WAITING "SELECT string_agg(key, ' ' ORDER BY id) FROM outbox WHERE published_at IS NULL"

static struct relay_stats stats(const struct app *which)
{
    struct relay_stats got;
    relay_stats(which->relay, &got);
    return got;
}

static int read_topic(int expected)
{
    return broker_read(topic.name, expected, kit_app.kit.arena, messages, COUNT_OF(messages));
}

// --- Publishing -----------------------------------------------------------------------------------

static void row_becomes_a_cloud_event(void **state)
{
    (void)state;
    char sql[512];
    snprintf(sql, sizeof sql, "INSERT INTO outbox (topic, type, key, data, traceparent, created_at) VALUES "
             "('%s', 'x.v1', 'k1', '{\"a\":1}', '" TRACE "', '2026-01-02T03:04:05.678Z')", topic.name);
    test_database_run(database, sql);
    start(app);
    assert_int_equal(read_topic(1), 1);
    assert_string_equal(messages[0].key, "k1");
    assert_int_equal(messages[0].value_length, 7);
    assert_memory_equal(messages[0].value, "{\"a\":1}", 7);
    const struct kafka_header expected[] = {
        {"ce_specversion", "1.0"}, {"ce_id", "1"}, {"ce_source", arena_printf(kit_app.kit.arena, "/services/%s", kit_app.service.name)},
        {"ce_type", "x.v1"}, {"ce_time", "2026-01-02T03:04:05.678Z"}, {"ce_subject", "k1"}, {"ce_sequence", "00000000000000000001"},
        {"traceparent", TRACE}, {"content-type", "application/json"},
    };
    assert_int_equal(messages[0].header_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(messages[0].headers[i].name, expected[i].name);
        assert_string_equal(messages[0].headers[i].value, expected[i].value);
    }
}

static void row_without_data_becomes_a_tombstone(void **state)
{
    (void)state;
    tell(topic.name, "k1", "NULL");
    start(app);
    assert_int_equal(read_topic(1), 1);
    assert_null(messages[0].value);
    assert_null(kafka_message_header(&messages[0], "content-type"));
    assert_null(kafka_message_header(&messages[0], "traceparent"));
    assert_string_equal(kafka_message_header(&messages[0], "ce_type"), "x.v1");
}

static void order_of_a_key_is_kept_over_batches(void **state)
{
    (void)state;
    int64_t last[3] = {0, 0, 0};
    app->config.relay_batch = 4;
    test_database_run(database, arena_printf(kit_app.kit.arena, "INSERT INTO outbox (topic, type, key, data) SELECT '%s', 'x.v1', n %% 3, '{}' "
                                                                "FROM generate_series(1, 30) AS n", topic.name));
    start(app);
    assert_int_equal(read_topic(30), 30);
    for (int i = 0; i < 30; i++) {
        int64_t id = 0;
        assert_true(text_to_int64(kafka_message_header(&messages[i], "ce_id"), &id));
        int64_t *before = &last[messages[i].key[0] - '0'];
        assert_true(id > *before);
        *before = id;
    }
    eventually(stats(app).published_total == 30);
    assert_int_equal(stats(app).producers_total, 1);
}

static void published_rows_are_marked_with_the_cluster(void **state)
{
    (void)state;
    char *cluster = NULL;
    assert_true(kafka_cluster_id(broker_address(), kit_app.kit.arena, &cluster, 10000, &kit_app.kit.err));
    tell(topic.name, "k1", "'{}'");
    start(app);
    eventually(cell_is(WAITING, ""));
    assert_string_equal(test_database_run(database, "SELECT broker_cluster FROM outbox"), cluster);
}

static void rows_are_marked_only_once_the_broker_has_them(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_make_topic(mock, topic.name, 1);
    app->config.kafka_brokers = mock_broker_address(mock);
    start(app);
    tell(topic.name, "k1", "'{}'");
    eventually(cell_is(WAITING, ""));
    mock_broker_up(mock, false);
    tell(topic.name, "k2", "'{}'");
    eventually(cell_is("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'relay' "
                       "AND query_start > (SELECT max(created_at) FROM outbox)", "1")); // it has read the row
    assert_string_equal(test_database_run(database, WAITING), "k2");
    assert_int_equal(stats(app).published_total, 1);
    mock_broker_up(mock, true);
    eventually(cell_is(WAITING, ""));
    eventually(stats(app).published_total == 2);
}

static void commit_wakes_the_relay(void **state)
{
    (void)state;
    app->config.relay_poll_ms = NEVER_MS;
    start(app);
    eventually(stats(app).leader);
    tell(topic.name, "k1", "'{}'");
    relay_wake(app->relay);
    eventually(cell_is(WAITING, ""));
    relay_wake(NULL); // a service without a relay
}

static void stop_publishes_what_is_committed(void **state)
{
    (void)state;
    tell(topic.name, "k0", "'{}'");
    app->config.relay_poll_ms = NEVER_MS;
    start(app);
    eventually(cell_is(WAITING, "")); // its producer works
    for (int i = 0; i < 5; i++) tell(topic.name, "k1", "'{}'");
    stop(app);
    assert_string_equal(test_database_run(database, WAITING), "");
    assert_int_equal(read_topic(6), 6);
    relay_stop(NULL);
}

#define HOUR_MS 3600000

static int64_t gauge(const struct app *of, const char *name)
{
    return metric_value(metrics_gauge(of->metrics, name, "", NULL));
}

static bool tells_of_three(const struct app *which)
{
    return gauge(which, "outbox_backlog") == 3 && gauge(which, "outbox_oldest_age_ms") >= HOUR_MS;
}

// While the broker is away, when it matters; by the leader and by whoever stands by, should the leader hang.
static void backlog_is_counted_with_its_age(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_up(mock, false);
    app->config.kafka_brokers = replica.config.kafka_brokers = mock_broker_address(mock);
    test_database_run(database, arena_printf(kit_app.kit.arena, "INSERT INTO outbox (topic, type, key, data, created_at) SELECT '%s', 'x.v1', n, '{}', "
                                             "now() - interval '1 hour' FROM generate_series(1, 3) AS n", topic.name));
    start(app);
    eventually(stats(app).leader);
    start(&replica);
    eventually(tells_of_three(app) && tells_of_three(&replica));
    assert_int_equal(gauge(app, "outbox_relay_leader"), 1);
    assert_int_equal(gauge(&replica, "outbox_relay_leader"), 0);
    assert_int_equal(stats(app).published_total, 0);
    mock_broker_make_topic(mock, topic.name, 1);
    mock_broker_up(mock, true);
    eventually(stats(app).published_total == 3);
    eventually(stats(app).backlog == 0 && stats(app).oldest_age_ms == 0 && gauge(&replica, "outbox_backlog") == 0);
}

// The same once rows have been handed to the producer.
static void backlog_grows_while_the_broker_is_awaited(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_make_topic(mock, topic.name, 1);
    app->config.kafka_brokers = mock_broker_address(mock);
    start(app);
    tell(topic.name, "k1", "'{}'");
    eventually(stats(app).published_total == 1);
    mock_broker_up(mock, false);
    for (int i = 1; i <= 3; i++) {
        tell(topic.name, "k2", "'{}'");
        eventually(gauge(app, "outbox_backlog") == i);
    }
    const int64_t age_ms = gauge(app, "outbox_oldest_age_ms");
    eventually(gauge(app, "outbox_oldest_age_ms") > age_ms);
    mock_broker_up(mock, true);
    eventually(gauge(app, "outbox_backlog") == 0);
}

// A database that takes no more writes (full, or read-only) does not make the relay send the same rows again and again.
static void what_cannot_be_marked_is_not_sent_again(void **state)
{
    (void)state;
    test_database_run(database, "CREATE SEQUENCE tries; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('tries'); "
                                "RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$; "
                                "CREATE TRIGGER refuse BEFORE UPDATE ON outbox FOR EACH STATEMENT EXECUTE FUNCTION refuse()");
    tell(topic.name, "k1", "'{}'");
    start(app);
    eventually(cell_is("SELECT last_value >= 3 FROM tries", "t"));
    assert_string_equal(test_database_run(database, WAITING), "k1");
    test_database_run(database, "DROP FUNCTION refuse() CASCADE; DROP SEQUENCE tries");
    tell(topic.name, "k2", "'{}'");
    eventually(cell_is(WAITING, ""));
    assert_int_equal(read_topic(2), 2);
}

// --- Rows that cannot go out ----------------------------------------------------------------------

static void row_that_is_refused_stops_its_key_alone(void **state)
{
    (void)state;
    tell(topic.name, "big", "to_json(repeat('x', 2000000))");
    tell(topic.name, "big", "'{}'");
    tell(topic.name, "small", "'{}'");
    start(app);
    eventually(cell_is(WAITING, "big big"));
    assert_int_equal(read_topic(1), 1);
    assert_string_equal(messages[0].key, "small");
}

static void many_rows_behind_a_refused_one_stop_no_other_key(void **state)
{
    (void)state;
    app->config.relay_batch = 3;
    tell(topic.name, "big", "to_json(repeat('x', 2000000))");
    for (int i = 0; i < 5; i++) tell(topic.name, "big", "'{}'");
    tell(topic.name, "small", "'{}'");
    start(app);
    eventually(cell_is(WAITING, "big big big big big big"));
    assert_int_equal(read_topic(1), 1);
    test_database_run(database, "UPDATE outbox SET data = '{}' WHERE id = 1"); // mended
    eventually(cell_is(WAITING, ""));
    assert_int_equal(read_topic(7), 7);
    for (int i = 1; i < 7; i++) assert_int_equal(kafka_message_header(&messages[i], "ce_id")[0], '0' + i);
}

static void topic_that_is_missing_is_published_to_once_it_is_there(void **state)
{
    (void)state;
    const char *late = broker_name();
    tell(late, "k1", "'{}'");
    tell(topic.name, "k2", "'{}'");
    start(app);
    eventually(cell_is(WAITING, "k1"));
    broker_make_topic(late, 1, false);
    eventually(cell_is(WAITING, ""));
}

// --- Replicas -------------------------------------------------------------------------------------

static void one_of_two_relays_leads(void **state)
{
    (void)state;
    start(app);
    eventually(stats(app).leader);
    start(&replica);
    for (int i = 0; i < 10; i++) tell(topic.name, "k1", "'{}'");
    eventually(cell_is(WAITING, ""));
    assert_int_equal(read_topic(10), 10);
    eventually(stats(app).published_total == 10);
    assert_int_equal(stats(&replica).published_total, 0);
    assert_false(stats(&replica).leader);
}

static void other_relay_takes_over(void **state)
{
    (void)state;
    start(app);
    eventually(stats(app).leader);
    start(&replica);
    stop(app);
    tell(topic.name, "k1", "'{}'");
    eventually(stats(&replica).published_total == 1);
    assert_true(stats(&replica).leader);
    assert_int_equal(read_topic(1), 1);
}

static void commit_at_a_follower_wakes_the_leader(void **state)
{
    (void)state;
    app->config.relay_poll_ms = replica.config.relay_poll_ms = NEVER_MS;
    start(app);
    eventually(stats(app).leader);
    start(&replica);
    tell(topic.name, "k1", "'{}'");
    eventually((relay_wake(replica.relay), cell_is(WAITING, ""))); // until the follower is connected
    assert_false(stats(&replica).leader);
    eventually(stats(app).published_total == 1);
}

// --- What goes wrong ------------------------------------------------------------------------------

static void rows_of_another_cluster_are_published_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) tell(topic.name, "k1", "'{}'");
    start(app);
    eventually(cell_is(WAITING, ""));
    stop(app);
    test_database_run(database, "UPDATE outbox SET broker_cluster = 'a cluster that is gone' WHERE id <> 2");
    start(app);
    eventually(cell_is("SELECT count(DISTINCT broker_cluster) FROM outbox", "1"));
    assert_int_equal(read_topic(5), 5);
    assert_string_equal(kafka_message_header(&messages[3], "ce_id"), "1");
    assert_string_equal(kafka_message_header(&messages[4], "ce_id"), "3");
}

// More than one statement takes; none is published before all are due again, so that order is kept.
static void many_rows_of_another_cluster_are_published_again(void **state)
{
    (void)state;
    app->config.relay_batch = 5000;
    test_database_run(database, arena_printf(kit_app.kit.arena, "INSERT INTO outbox (topic, type, key, data, published_at, broker_cluster) "
                                             "SELECT '%s', 'x.v1', n, '{}', now(), 'a cluster that is gone' FROM generate_series(1, 20003) AS n", topic.name));
    start(app);
    eventually(stats(app).published_total == 20003);
    assert_string_equal(test_database_run(database, "SELECT count(*) FROM outbox WHERE broker_cluster LIKE 'a %'"), "0");
}

static void fatal_producer_error_is_survived(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_make_topic(mock, topic.name, 1);
    app->config.kafka_brokers = mock_broker_address(mock);
    start(app);
    tell(topic.name, "k1", "'{}'");
    eventually(cell_is(WAITING, ""));
    mock_broker_break_producer(mock);
    tell(topic.name, "k2", "'{}'");
    tell(topic.name, "k3", "'{}'");
    eventually(cell_is(WAITING, ""));
    eventually(stats(app).published_total == 3);
    assert_int_equal(stats(app).producers_total, 2);
    assert_true(stats(app).leader);
}

static void database_that_goes_and_comes_back_is_survived(void **state)
{
    (void)state;
    start(app);
    tell(topic.name, "k1", "'{}'");
    eventually(cell_is(WAITING, ""));
    test_database_allow(database, false);
    eventually(!stats(app).leader);
    test_database_allow(database, true);
    tell(topic.name, "k2", "'{}'");
    eventually(cell_is(WAITING, ""));
    assert_int_equal(read_topic(2), 2);
}

// Another replica may lead by now: what is not acknowledged is left to it.
static void lead_is_given_up_with_the_database_while_the_broker_is_awaited(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_make_topic(mock, topic.name, 1);
    app->config.kafka_brokers = mock_broker_address(mock);
    start(app);
    tell(topic.name, "k1", "'{}'");
    eventually(cell_is(WAITING, ""));
    mock_broker_up(mock, false);
    tell(topic.name, "k2", "'{}'");
    eventually(stats(app).backlog == 1);
    test_database_run(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'relay'");
    eventually(!stats(app).leader);
    mock_broker_up(mock, true);
    eventually(cell_is(WAITING, ""));
}

// A producer that finds the way back by itself would speak to another cluster before anybody asks which it is.
static void broker_that_went_away_is_asked_who_it_is_before_it_is_told_anything(void **state)
{
    (void)state;
    mock = mock_broker_start();
    mock_broker_make_topic(mock, topic.name, 1);
    app->config.kafka_brokers = mock_broker_address(mock);
    start(app);
    tell(topic.name, "k1", "'{}'");
    eventually(cell_is(WAITING, ""));
    assert_int_equal(stats(app).producers_total, 1);
    mock_broker_up(mock, false);
    tell(topic.name, "k2", "'{}'");
    eventually(stats(app).backlog == 1);
    mock_broker_up(mock, true);
    eventually(cell_is(WAITING, ""));
    assert_int_equal(stats(app).producers_total, 2);
    eventually(stats(app).published_total == 2);
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
        TEST(row_becomes_a_cloud_event),
        TEST(row_without_data_becomes_a_tombstone),
        TEST(order_of_a_key_is_kept_over_batches),
        TEST(published_rows_are_marked_with_the_cluster),
        TEST(rows_are_marked_only_once_the_broker_has_them),
        TEST(commit_wakes_the_relay),
        TEST(stop_publishes_what_is_committed),
        TEST(backlog_is_counted_with_its_age),
        TEST(backlog_grows_while_the_broker_is_awaited),
        TEST(what_cannot_be_marked_is_not_sent_again),
        TEST(row_that_is_refused_stops_its_key_alone),
        TEST(many_rows_behind_a_refused_one_stop_no_other_key),
        TEST(topic_that_is_missing_is_published_to_once_it_is_there),
        TEST(one_of_two_relays_leads),
        TEST(other_relay_takes_over),
        TEST(commit_at_a_follower_wakes_the_leader),
        TEST(rows_of_another_cluster_are_published_again),
        TEST(many_rows_of_another_cluster_are_published_again),
        TEST(fatal_producer_error_is_survived),
        TEST(database_that_goes_and_comes_back_is_survived),
        TEST(lead_is_given_up_with_the_database_while_the_broker_is_awaited),
        TEST(broker_that_went_away_is_asked_who_it_is_before_it_is_told_anything),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
