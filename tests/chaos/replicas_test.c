// SPDX-License-Identifier: MIT
// Replicas of one service, while many count: two share the work, one is added, killed, frozen. Whatever befalls them, the effects
// of a key come in order, and none twice.
#include "eventually.h"
#include "tally_load.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPLICAS 3

static struct tally tally;
static struct replica replicas[REPLICAS];
static struct load load;

static int two_of_them(void **state)
{
    (void)state;
    if (tally_create(&tally)) return -1;
    for (int i = 0; i < 2; i++) replica_start(&tally, &replicas[i]);
    return 0;
}

static int they_end(void **state)
{
    (void)state;
    load_stop(&load);
    for (int i = 0; i < REPLICAS; i++) replica_end(&replicas[i]);
    return tally_drop(&tally);
}

static int load_on(void **state)
{
    (void)state;
    load_start(&load, replicas, REPLICAS);
    return 0;
}

static int load_off(void **state)
{
    (void)state;
    load_stop(&load);
    return 0;
}

static int64_t applied_by(const struct replica *replica)
{
    return replica_metric(replica, "inbox_applied_total");
}

static bool leads(const struct replica *replica)
{
    return replica->port && replica_metric(replica, "outbox_relay_leader") == 1;
}

// Each of them applies something from now on.
static void expect_all_to_work(int count)
{
    int64_t before[REPLICAS];
    for (int i = 0; i < count; i++) before[i] = applied_by(&replicas[i]);
    for (int i = 0; i < count; i++) eventually(applied_by(&replicas[i]) > before[i]);
}

static void expect_nothing_lost(int seconds)
{
    load_stop(&load);
    assert_int_equal(load.refused, 0);
    tally_expect_complete(&tally, seconds);
    load_expect_kept(&load, &tally);
}

// --- The stories, one after the other ----------------------------------------------------------------

static void two_share_the_work_and_one_of_them_publishes(void **state)
{
    (void)state;
    expect_all_to_work(2);
    eventually(leads(&replicas[0]) != leads(&replicas[1]));
    expect_nothing_lost(30);
}

static void a_third_takes_its_part(void **state)
{
    (void)state;
    replica_start(&tally, &replicas[2]);
    expect_all_to_work(3);
    expect_nothing_lost(30);
}

// The one that publishes, in the middle of it.
static void one_is_killed_and_the_others_take_over(void **state)
{
    (void)state;
    int victim = 0;
    while (!leads(&replicas[victim])) victim = (victim + 1) % REPLICAS;
    replica_kill(&replicas[victim]);
    eventually(leads(&replicas[(victim + 1) % REPLICAS]) || leads(&replicas[(victim + 2) % REPLICAS]));
    expect_nothing_lost(60);
    load_start(&load, replicas, REPLICAS);
    replica_start(&tally, &replicas[victim]);
    expect_all_to_work(3);
    expect_nothing_lost(30);
}

// Longer than its session: the others work on its partitions while it holds what it had taken of them.
static void one_is_frozen_and_wakes_up(void **state)
{
    (void)state;
    struct replica asleep;
    int sleeper = 0;
    while (leads(&replicas[sleeper])) sleeper++;
    const int awake = leads(&replicas[(sleeper + 1) % REPLICAS]) ? (sleeper + 2) % REPLICAS : (sleeper + 1) % REPLICAS;
    const int64_t rebalances = replica_metric(&replicas[awake], "inbox_rebalances_total");
    asleep = replicas[sleeper];
    replicas[sleeper].port = 0; // nobody asks it
    replica_signal(&asleep, SIGSTOP);
    eventually(replica_metric(&replicas[awake], "inbox_rebalances_total") > rebalances);
    load_stop(&load);
    tally_expect_complete(&tally, 30); // without it
    load_start(&load, replicas, REPLICAS);
    replica_signal(&asleep, SIGCONT);
    replicas[sleeper].port = asleep.port;
    expect_all_to_work(3);
    expect_nothing_lost(30);
}

// Requests are answered by the others, and what they tell waits for it: only one may publish, or order would be lost. That it
// waits is seen at each of the others.
static void the_one_that_publishes_is_frozen_and_wakes_up(void **state)
{
    (void)state;
    int sleeper = 0;
    while (!leads(&replicas[sleeper])) sleeper = (sleeper + 1) % REPLICAS;
    const struct replica asleep = replicas[sleeper], *other = &replicas[(sleeper + 1) % REPLICAS];
    replicas[sleeper].port = 0;
    replica_signal(&asleep, SIGSTOP);
    eventually(replica_metric(other, "outbox_oldest_age_ms") > 7000);
    assert_int_equal(tally_count(other, "k0").status, 200);
    replica_signal(&asleep, SIGCONT);
    replicas[sleeper].port = asleep.port;
    eventually(replica_metric(other, "outbox_oldest_age_ms") < 1000);
    expect_all_to_work(3);
    expect_nothing_lost(30);
}

static bool sleeps(void)
{
    return strcmp(tally_ask(&tally, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%%pg_sleep(%%' "
                                    "AND pid <> pg_backend_pid()"), "1") == 0;
}

// Its transaction stays open, with what it has claimed, until the database gives it up.
static void one_is_frozen_in_the_middle_of_an_effect(void **state)
{
    (void)state;
    int sleeper = 0;
    assert_int_equal(tally_count(&replicas[0], "slow").status, 200);
    eventually(strcmp(tally_effects(&tally, "slow"), "1") == 0);
    const int owner = atoi(tally_ask(&tally, "SELECT pid FROM effects WHERE key = 'slow'"));
    while (replicas[sleeper].child.pid != owner) sleeper++;
    tally_slow(&tally, "slow", 1000);
    assert_int_equal(tally_count(&replicas[0], "slow").status, 200);
    eventually(sleeps());
    const struct replica asleep = replicas[sleeper];
    replicas[sleeper].port = 0;
    replica_signal(&asleep, SIGSTOP);
    const int64_t until_ms = clock_monotonic_ms() + 90000;
    while (strcmp(tally_effects(&tally, "slow"), "1 2") != 0 && clock_monotonic_ms() < until_ms) nanosleep(&(struct timespec){0, 100000000}, NULL);
    assert_string_equal(tally_effects(&tally, "slow"), "1 2"); // by another
    replica_signal(&asleep, SIGCONT);
    replicas[sleeper].port = asleep.port;
    expect_all_to_work(3);
    expect_nothing_lost(60);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, load_on, load_off)
int main(int argc, char **argv)
{
    if (argc > 1) return tally_main(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(two_share_the_work_and_one_of_them_publishes),
        TEST(a_third_takes_its_part),
        TEST(one_is_killed_and_the_others_take_over),
        TEST(one_is_frozen_and_wakes_up),
        TEST(the_one_that_publishes_is_frozen_and_wakes_up),
        TEST(one_is_frozen_in_the_middle_of_an_effect),
    };
    return cmocka_run_group_tests(tests, two_of_them, they_end);
}
