// SPDX-License-Identifier: MIT
// PostgreSQL is killed, restarted, out of connections, out of disk, read-only, a standby, restored. Meanwhile requests are answered 503 with
// Retry-After, partitions wait and nothing is parked; afterwards all goes on by itself, and nothing is lost or doubled.
#include "broker.h"
#include "eventually.h"
#include "postgres_server.h"
#include "tally.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <postgresql/libpq-fe.h>

#define OUTSIDE "outside" // the key of what others than the service itself tell it

static struct postgres_server server;
static struct test_database superuser;
static struct tally tally;
static struct replica replica;
static int told; // so many events of OUTSIDE

static int setup(void **state)
{
    (void)state;
    if (postgres_server_create(&server)) return -1;
    postgres_server_start(&server);
    snprintf(superuser.url, sizeof superuser.url, "%s", postgres_server_url(&server, "postgres", "postgres"));
    test_database_run(&superuser, "CREATE ROLE tally LOGIN");
    test_database_run(&superuser, "CREATE DATABASE tally OWNER tally");
    snprintf(superuser.url, sizeof superuser.url, "%s", postgres_server_url(&server, "postgres", "tally"));
    if (tally_create_in(&tally, postgres_server_url(&server, "tally", "tally"))) return -1;
    replica_start(&tally, &replica);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    replica_end(&replica);
    broker_close();
    postgres_server_destroy(&server);
    return 0;
}

static int works_on(void **state)
{
    (void)state;
    assert_int_equal(tally_count(&replica, "k").status, 200);
    tally_expect_complete(&tally, 30);
    return 0;
}

// Something happens elsewhere, whatever our database does.
static void tell(void)
{
    char id[16], data[32];
    snprintf(id, sizeof id, "%d", ++told);
    snprintf(data, sizeof data, "{\"number\":%d}", told);
    broker_send_event(tally.topic, id, "ke.domesticconnect.tally.counted.v1", OUTSIDE, data);
}

static void expect_refused(void)
{
    const struct tally_answer answer = tally_count(&replica, "k");
    assert_int_equal(answer.status, 503);
    assert_in_range(atoi(answer.retry_after), 1, 60);
    assert_string_equal(answer.content_type, "application/problem+json");
}

static void expect_partitions_to_wait(void)
{
    const int64_t pauses = replica_metric(&replica, "inbox_pauses_total");
    tell();
    eventually(replica_metric(&replica, "inbox_pauses_total") > pauses);
    assert_int_equal(replica_metric(&replica, "inbox_parked_total"), 0);
}

static int readable(void)
{
    return tally_read(&replica, "k").status;
}

static void expect_all_to_go_on(void)
{
    eventually(replica_readiness(&replica) == 200 && tally_count(&replica, "k").status == 200);
    test_database_run(&superuser, "INSERT INTO counters VALUES ('" OUTSIDE "', 0) ON CONFLICT DO NOTHING");
    tally_ask(&tally, "UPDATE counters SET number = %d WHERE key = '" OUTSIDE "'", told);
    tally_expect_complete(&tally, 60);
    assert_string_equal(tally_ask(&tally, "SELECT count(*) FROM parked_keys"), "0");
    eventually(strcmp(tally_ask(&tally, "SELECT count(*) FROM outbox WHERE published_at IS NULL"), "0") == 0);
}

// --- The stories ---------------------------------------------------------------------------------

static void killed_it_is_waited_for(void **state)
{
    (void)state;
    postgres_server_end(&server, SIGKILL);
    eventually(replica_readiness(&replica) == 503);
    expect_refused();
    expect_partitions_to_wait();
    postgres_server_start(&server);
    expect_all_to_go_on();
}

static void restarted_it_is_found_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        postgres_server_end(&server, i % 2 ? SIGQUIT : SIGINT);
        tell();
        postgres_server_start(&server);
    }
    expect_all_to_go_on();
}

// Whoever reads the events has applied those of the time that is gone, and passes over whatever comes with an id of theirs.
static void restored_from_a_backup_it_gives_no_id_twice(void **state)
{
    (void)state;
    char before[32];
    eventually(strcmp(tally_ask(&tally, "SELECT extract(epoch FROM clock_timestamp()) * 1000000 > last_value + 2000000 FROM outbox_id_seq"), "t") == 0);
    postgres_server_end(&server, SIGINT);
    postgres_server_back_up(&server);
    postgres_server_start(&server);
    eventually(replica_readiness(&replica) == 200);
    for (int i = 0; i < 5; i++) assert_int_equal(tally_count(&replica, "gone").status, 200);
    tally_expect_complete(&tally, 30);
    snprintf(before, sizeof before, "%s", tally_ask(&tally, "SELECT max(id) FROM outbox"));
    postgres_server_end(&server, SIGINT);
    postgres_server_restore(&server);
    postgres_server_start(&server);
    eventually(replica_readiness(&replica) == 200);
    assert_string_equal(tally_ask(&tally, "SELECT max(id) < %s FROM outbox", before), "t");
    assert_int_equal(tally_count(&replica, "new").status, 200);
    assert_string_equal(tally_ask(&tally, "SELECT id > %s FROM outbox WHERE key = 'new'", before), "t");
    expect_all_to_go_on();
}

static PGconn *taken[SERVER_CONNECTIONS];
static int taken_count;

static void take_what_is_free(void)
{
    for (; taken_count < SERVER_CONNECTIONS; taken_count++) {
        taken[taken_count] = PQconnectdb(postgres_server_url(&server, "tally", "postgres"));
        if (PQstatus(taken[taken_count]) == CONNECTION_OK) continue;
        PQfinish(taken[taken_count]);
        return;
    }
}

// The service's own connections are ended until none of them comes back.
static bool all_are_taken(void)
{
    take_what_is_free();
    test_database_run(&superuser, "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = 'tally' AND usename = 'tally'");
    take_what_is_free();
    return taken_count == SERVER_CONNECTIONS;
}

static int let_go(void **state)
{
    (void)state;
    while (taken_count > 0) PQfinish(taken[--taken_count]);
    return 0;
}

static void out_of_connections_it_is_waited_for(void **state)
{
    (void)state;
    eventually(all_are_taken());
    expect_refused();
    expect_partitions_to_wait();
    assert_int_equal(replica_readiness(&replica), 503);
    let_go(state);
    expect_all_to_go_on();
}

static int some_room(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/full", server.folder);
    remove(path);
    return 0;
}

static struct tally_answer counted_until_refused(void)
{
    struct tally_answer answer;
    int64_t reached = 0;
    while ((answer = tally_count(&replica, "k")).status == 200) {
        assert_true(answer.number > reached);
        reached = answer.number;
    }
    return answer;
}

// Pages that are there have some room still; then nothing more can be written, and all can be read.
static void out_of_disk_it_is_waited_for(void **state)
{
    (void)state;
    postgres_server_fill(&server, true);
    const struct tally_answer answer = counted_until_refused();
    assert_int_equal(answer.status, 503);
    assert_in_range(atoi(answer.retry_after), 1, 60);
    assert_int_equal(readable(), 200);
    const int64_t pauses = replica_metric(&replica, "inbox_pauses_total");
    while (replica_metric(&replica, "inbox_pauses_total") == pauses) tell(); // until the pages of the inbox are full as well
    assert_int_equal(replica_metric(&replica, "inbox_parked_total"), 0);
    postgres_server_fill(&server, false);
    expect_all_to_go_on();
}

static void set_read_only(const char *value)
{
    char sql[96];
    snprintf(sql, sizeof sql, "ALTER SYSTEM SET default_transaction_read_only = %s", value);
    test_database_run(&superuser, sql);
    test_database_run(&superuser, "SELECT pg_reload_conf()");
}

static int writable_again(void **state)
{
    (void)state;
    set_read_only("off");
    return 0;
}

static void read_only_it_is_read(void **state)
{
    (void)state;
    set_read_only("on");
    eventually(tally_count(&replica, "k").status == 503);
    expect_refused();
    assert_int_equal(readable(), 200);
    expect_partitions_to_wait();
    set_read_only("off");
    expect_all_to_go_on();
}

static void a_standby_is_read_until_it_is_promoted(void **state)
{
    (void)state;
    postgres_server_end(&server, SIGINT);
    postgres_server_make_standby(&server);
    postgres_server_start(&server);
    eventually(readable() == 200);
    expect_refused();
    expect_partitions_to_wait();
    assert_string_equal(test_database_run(&superuser, "SELECT pg_promote()"), "t");
    expect_all_to_go_on();
}

int main(int argc, char **argv)
{
    if (argc > 1) return tally_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(killed_it_is_waited_for, works_on),
        cmocka_unit_test_setup(restarted_it_is_found_again, works_on),
        cmocka_unit_test_setup(restored_from_a_backup_it_gives_no_id_twice, works_on),
        cmocka_unit_test_setup_teardown(out_of_connections_it_is_waited_for, works_on, let_go),
        cmocka_unit_test_setup_teardown(out_of_disk_it_is_waited_for, works_on, some_room),
        cmocka_unit_test_setup_teardown(read_only_it_is_read, works_on, writable_again),
        cmocka_unit_test_setup(a_standby_is_read_until_it_is_promoted, works_on),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
