// SPDX-License-Identifier: MIT
// Which published events are kept: a cursor walks the outbox in id order, piece by piece.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "eventually.h"
#include "kit_app.h"
#include "kit_sql.h"
#include "outbox.h"

#define RETENTION_H 24
#define PIECE 5000

static struct kit_app kit_app;
static struct kit_database *kit = &kit_app.kit;

static int clear(void **state)
{
    (void)state;
    test_database_run(&kit->database, "TRUNCATE outbox, inbox, idempotency_keys RESTART IDENTITY; UPDATE outbox_purge SET purged_to = 0");
    kit_forget(kit);
    return 0;
}

// "compacted", "kept" and "short" are topics of the three kinds. hours_ago < 0: not published.
static void add(const char *topic, const char *key, int hours_ago)
{
    char sql[512], published[64] = "NULL";
    if (hours_ago >= 0) snprintf(published, sizeof published, "now() - interval '%d hours'", hours_ago);
    snprintf(sql, sizeof sql, "INSERT INTO outbox (topic, type, key, data, published_at, broker_cluster) VALUES ('%s', 't', '%s', '{}', %s, %s)", topic,
             key, published, hours_ago >= 0 ? "'c'" : "NULL");
    test_database_run(&kit->database, sql);
}

// How many it looked at.
static int64_t purge(void)
{
    struct db db = kit_session(kit, DB_WRITE);
    int64_t looked_at = -1;
    const struct db_values in = DB_IN(DB_INT(RETENTION_H), DB_TEXT("{compacted}"), DB_TEXT("{kept}"), DB_INT(PIECE));
    kit_assert_fine(kit, db_row(&db, &SQL_outbox_purge, in, DB_OUT(DB_GET_INT(&looked_at)), &kit->err) == DB_FOUND && db_commit(&db, &kit->err));
    db_end(&db);
    return looked_at;
}

// Ids that are left, and how far the cursor is: "1 2|2".
static const char *left(void)
{
    return test_database_run(&kit->database, "SELECT concat(string_agg(id::text, ' ' ORDER BY id), '|', (SELECT purged_to FROM outbox_purge)) FROM outbox");
}

static void recent_events_stay(void **state)
{
    (void)state;
    add("short", "a", RETENTION_H - 1);
    add("compacted", "a", 0);
    add("compacted", "a", 0);
    purge();
    assert_string_equal(left(), "1 2 3|0");
}

static void old_events_of_a_topic_with_retention_go(void **state)
{
    (void)state;
    add("short", "a", RETENTION_H + 1);
    add("short", "b", RETENTION_H + 1);
    add("short", "b", 0);
    purge();
    assert_string_equal(left(), "3|2");
}

static void old_events_of_a_topic_kept_for_ever_stay(void **state)
{
    (void)state;
    add("kept", "a", RETENTION_H + 1);
    add("kept", "a", RETENTION_H + 1);
    purge();
    assert_string_equal(left(), "1 2|2");
}

static void last_old_event_of_a_compacted_key_stays(void **state)
{
    (void)state;
    add("compacted", "a", RETENTION_H + 3);
    add("compacted", "b", RETENTION_H + 3);
    add("compacted", "a", RETENTION_H + 2);
    add("compacted", "a", RETENTION_H + 1);
    purge();
    assert_string_equal(left(), "2 4|4");
}

static void recent_event_makes_no_older_one_superfluous_yet(void **state)
{
    (void)state;
    add("compacted", "a", RETENTION_H + 1);
    add("compacted", "a", 0); // another cluster would need both until this one has aged
    purge();
    assert_string_equal(left(), "1 2|1");
}

static void event_kept_by_an_earlier_purge_goes_with_a_later_one(void **state)
{
    (void)state;
    add("compacted", "a", RETENTION_H + 1);
    purge();
    assert_string_equal(left(), "1|1");
    add("compacted", "a", RETENTION_H + 1);
    purge();
    assert_string_equal(left(), "2|2");
}

static void keys_of_other_topics_are_left_alone(void **state)
{
    (void)state;
    add("kept", "a", RETENTION_H + 1);
    add("compacted", "a", RETENTION_H + 1);
    add("short", "a", RETENTION_H + 1);
    purge();
    assert_string_equal(left(), "1 2|3");
}

static void nothing_behind_an_unpublished_event_is_looked_at(void **state)
{
    (void)state;
    add("short", "a", RETENTION_H + 1);
    add("short", "b", -1);
    add("short", "c", RETENTION_H + 1);
    purge();
    assert_string_equal(left(), "2 3|1");
    test_database_run(&kit->database, "UPDATE outbox SET published_at = now() - interval '25 hours', broker_cluster = 'c' WHERE id = 2");
    purge();
    assert_string_equal(left(), "|3");
}

static void purge_takes_a_bounded_piece(void **state)
{
    (void)state;
    test_database_run(&kit->database, "INSERT INTO outbox (topic, type, key, data, published_at, broker_cluster) SELECT 'short', 't', n, '{}', "
                                      "now() - interval '25 hours', 'c' FROM generate_series(1, 5001) AS n");
    assert_int_equal(purge(), PIECE);
    assert_string_equal(left(), "5001|5000");
    assert_int_equal(purge(), 1);
    assert_string_equal(left(), "|5001");
    assert_int_equal(purge(), 0);
    assert_string_equal(left(), "|5001");
}

static bool cell_is(const char *sql, const char *value)
{
    return strcmp(test_database_run(&kit->database, sql), value) == 0;
}

// Which kind a topic is the relay knows from topics.def. The rows say they are this cluster's, or they would go out again.
static void relay_forgets_what_is_old(void **state)
{
    (void)state;
    char *cluster = NULL, sql[256];
    assert_true(kafka_cluster_id(kit_app.app.config.kafka_brokers, kit->arena, &cluster, 10000, &kit->err));
    add(topic_revocations.name, "a", 200); // kept for a day by the broker
    add(topic_users.name, "a", 200);
    add(topic_users.name, "a", 200);
    snprintf(sql, sizeof sql, "UPDATE outbox SET broker_cluster = '%s'", cluster);
    test_database_run(&kit->database, sql);
    test_database_run(&kit->database, "INSERT INTO inbox VALUES ('s', '1', 't', now() - interval '721 hours'), ('s', '2', 't', now() - interval '719 hours');"
                                      "INSERT INTO idempotency_keys (owner, route, key, fingerprint, created_at) VALUES "
                                      "('o', 'r', '1', 'f', now() - interval '25 hours'), ('o', 'r', '2', 'f', now() - interval '23 hours')");
    struct relay *relay = relay_start(&kit_app.app, &kit->err);
    assert_non_null(relay);
    eventually(strcmp(left(), "3|3") == 0);
    eventually(cell_is("SELECT string_agg(id, ' ') FROM inbox", "2"));
    eventually(cell_is("SELECT string_agg(key, ' ') FROM idempotency_keys", "2"));
    relay_stop(relay);
}

// The rows are more than one piece, and no minute goes by between pieces.
static void relay_does_not_rest_while_there_is_more_to_forget(void **state)
{
    (void)state;
    char *cluster = NULL, sql[512];
    assert_true(kafka_cluster_id(kit_app.app.config.kafka_brokers, kit->arena, &cluster, 10000, &kit->err));
    snprintf(sql, sizeof sql, "INSERT INTO outbox (topic, type, key, data, published_at, broker_cluster) SELECT '%s', 't', n, '{}', "
             "now() - interval '200 hours', '%s' FROM generate_series(1, 12001) AS n", topic_revocations.name, cluster);
    test_database_run(&kit->database, sql);
    test_database_run(&kit->database, "INSERT INTO inbox SELECT 's', n, 't', now() - interval '721 hours' FROM generate_series(1, 12001) AS n;"
                                      "INSERT INTO idempotency_keys (owner, route, key, fingerprint, created_at) "
                                      "SELECT 'o', 'r', n, 'f', now() - interval '25 hours' FROM generate_series(1, 12001) AS n");
    struct relay *relay = relay_start(&kit_app.app, &kit->err);
    assert_non_null(relay);
    eventually(cell_is("SELECT concat((SELECT count(*) FROM outbox), ' ', (SELECT count(*) FROM inbox), ' ', (SELECT count(*) FROM idempotency_keys))", "0 0 0"));
    relay_stop(relay);
}

static int setup(void **state)
{
    (void)state;
    return kit_app_create(&kit_app, &kit_only);
}

static int teardown(void **state)
{
    (void)state;
    return kit_app_drop(&kit_app);
}

#define TEST(function) cmocka_unit_test_setup(function, clear)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(recent_events_stay),
        TEST(old_events_of_a_topic_with_retention_go),
        TEST(old_events_of_a_topic_kept_for_ever_stay),
        TEST(last_old_event_of_a_compacted_key_stays),
        TEST(recent_event_makes_no_older_one_superfluous_yet),
        TEST(event_kept_by_an_earlier_purge_goes_with_a_later_one),
        TEST(keys_of_other_topics_are_left_alone),
        TEST(nothing_behind_an_unpublished_event_is_looked_at),
        TEST(purge_takes_a_bounded_piece),
        TEST(relay_forgets_what_is_old),
        TEST(relay_does_not_rest_while_there_is_more_to_forget),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
