// SPDX-License-Identifier: MIT
// Killed with -9 at the worst moments, and then over and over: nothing that was answered is lost, no effect happens twice.
#include "broker.h"
#include "eventually.h"
#include "tally_load.h"

#include <stdlib.h>
#include <string.h>

static struct tally tally;
static struct replica replicas[2];
static struct load load;
static struct kafka_message messages[64];

static int setup(void **state)
{
    (void)state;
    return tally_create(&tally);
}

static int teardown(void **state)
{
    (void)state;
    load_stop(&load);
    load = (struct load){0};
    for (int i = 0; i < 2; i++) replica_end(&replicas[i]);
    return tally_drop(&tally);
}

// Its number.
static int64_t counted(const char *key)
{
    const struct tally_answer answer = tally_count(&replicas[0], key);
    assert_int_equal(answer.status, 200);
    return answer.number;
}

static const char *unpublished(void)
{
    return tally_ask(&tally, "SELECT count(*) FROM outbox WHERE published_at IS NULL");
}

// Somebody else is the relay of its database, and publishes nothing.
static struct database_session *hold_relay(void)
{
    return test_database_hold(&tally.database, "SELECT pg_advisory_lock(hashtext('relay'))");
}

static void killed_between_commit_and_publish_it_loses_nothing(void **state)
{
    (void)state;
    struct database_session *elsewhere = hold_relay();
    replica_start(&tally, &replicas[0]);
    for (int i = 1; i <= 3; i++) assert_int_equal(counted("k"), i);
    assert_string_equal(unpublished(), "3");
    replica_kill(&replicas[0]);
    database_let_go(elsewhere);
    replica_start(&tally, &replicas[0]);
    tally_expect_complete(&tally, 30);
    assert_string_equal(tally_effects(&tally, "k"), "1 2 3");
}

// Its server may work on for a process that is gone, as long as a lock holds it up; not where the machine is gone.
static void end_its_statements(void)
{
    tally_ask(&tally, "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'relay'");
}

// The rows are locked by somebody else, so that the relay cannot mark what the broker has.
static void relay_killed_between_publish_and_mark_sends_twice_for_one_effect(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 20);
    struct database_session *elsewhere = hold_relay();
    replica_start(&tally, &replicas[0]);
    for (int i = 1; i <= 3; i++) assert_int_equal(counted("k"), i);
    struct database_session *marker = test_database_hold(&tally.database, "SELECT id FROM outbox FOR UPDATE");
    database_let_go(elsewhere);
    broker_read(tally.topic, 3, arena, messages, COUNT_OF(messages));
    replica_kill(&replicas[0]);
    end_its_statements();
    assert_string_equal(unpublished(), "3");
    database_let_go(marker);
    replica_start(&tally, &replicas[0]);
    assert_int_equal(broker_read(tally.topic, 6, arena, messages, COUNT_OF(messages)), 6);
    for (int i = 0; i < 3; i++) assert_string_equal(kafka_message_header(&messages[i], "ce_id"), kafka_message_header(&messages[i + 3], "ce_id"));
    assert_string_not_equal(kafka_message_header(&messages[0], "ce_id"), kafka_message_header(&messages[1], "ce_id"));
    eventually(replica_metric(&replicas[0], "inbox_messages_total") >= 3 && strcmp(unpublished(), "0") == 0);
    assert_int_equal(counted("k"), 4); // behind both
    tally_expect_complete(&tally, 30);
    assert_string_equal(tally_effects(&tally, "k"), "1 2 3 4");
}

static void killed_before_its_offsets_are_it_applies_nothing_twice(void **state)
{
    (void)state;
    replica_start(&tally, &replicas[0]);
    for (int i = 0; i < 5; i++) counted("k");
    tally_expect_complete(&tally, 30); // offsets follow within a second
    replica_kill(&replicas[0]);
    replica_start(&tally, &replicas[0]);
    assert_int_equal(counted("k"), 6);
    tally_expect_complete(&tally, 30);
    assert_string_equal(tally_effects(&tally, "k"), "1 2 3 4 5 6");
}

#define ROUNDS_DEFAULT 3

// As often as CHAOS_ROUNDS says.
static int rounds(void)
{
    const char *wanted = getenv("CHAOS_ROUNDS");
    return wanted ? atoi(wanted) : ROUNDS_DEFAULT;
}

static void killed_over_and_over_under_load_they_lose_and_double_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) replica_start(&tally, &replicas[i]);
    load_start(&load, replicas, 2);
    for (int round = 0; round < rounds(); round++) {
        const int64_t before = atomic_load(&load.answered);
        eventually(atomic_load(&load.answered) > before + 100);
        replica_kill(&replicas[round % 2]);
        replica_start(&tally, &replicas[round % 2]);
    }
    load_stop(&load);
    assert_int_equal(load.refused, 0);
    tally_expect_complete(&tally, 60);
    load_expect_kept(&load, &tally);
    print_message("%d kills: %lld counted and answered, %lld calls lost their replica\n", rounds(), (long long)load.answered, (long long)load.unanswered);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(int argc, char **argv)
{
    if (argc > 1) return tally_main(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(killed_between_commit_and_publish_it_loses_nothing),
        TEST(relay_killed_between_publish_and_mark_sends_twice_for_one_effect),
        TEST(killed_before_its_offsets_are_it_applies_nothing_twice),
        TEST(killed_over_and_over_under_load_they_lose_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
