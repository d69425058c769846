// SPDX-License-Identifier: MIT
// The broker is killed, away for long, and replaced by an empty one, while people go on writing: no call of theirs fails, and
// whatever they wrote arrives.
#include "event_log.h"
#include "shop.h"
#include "stack.h"
#include "writers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

#define AWAY_S_DEFAULT "8"
#define RETURN_S 120 // until all is as it was; on a busy machine

static struct writers writers;
static struct event_log *events;

static int setup(void **state)
{
    if (story_setup(state) != 0) return -1;
    events = event_log_open();
    return stack_restore(state);
}

static int teardown(void **state)
{
    event_log_close(events);
    return story_teardown(state);
}

static int restore(void **state)
{
    writers_stop(&writers);
    return stack_restore(state);
}

// What was sent twice counts once, at its first place.
static void expect_order_on_the_broker(void)
{
    json_t *all = event_log_all(events), *last = json_object(), *seen = json_object(), *event;
    size_t i;
    json_array_foreach(all, i, event) {
        const char *key = arena_printf(story_arena(), "%s %s", json_member_text(event, "topic"), json_member_text(event, "key"));
        const char *sequence = event_header(event, "ce_sequence"), *id = arena_printf(story_arena(), "%s %s", event_header(event, "ce_source"), event_header(event, "ce_id"));
        const char *before = json_string_value(json_object_get(last, key));
        if (!text_starts_with(key, "dc.") || text_starts_with(key, "dc.test.") || json_object_get(seen, id)) continue;
        if (before && strcmp(before, sequence) > 0) fail_msg("%s: %s comes after %s", key, sequence, before);
        json_object_set_new(last, key, json_string(sequence));
        json_object_set_new(seen, id, json_true());
    }
    assert_true(json_object_size(seen) > 100);
    json_decref(last);
    json_decref(seen);
}

static void expect_all_is_well(void)
{
    const char *output;
    writers_stop(&writers);
    writers_expect_followed(&writers, RETURN_S);
    expect_order_on_the_broker();
    for (const char *const *service = service_names; *service; service++)
        assert_string_equal(database_ask(arena_printf(story_arena(), "dc_%s", *service), "SELECT count(*) FROM parked_keys"), "0");
    assert_int_equal(run(&output, "%s/dcctl payments reconcile", setting("BIN_DIR")), 0);
}

// --- On the wire -----------------------------------------------------------------------------------

// The broker keeps batches as they were sent. In each, at fixed places: length at 8, kind of compression in the last three bits
// of 21 and 22, number of events at 57.
#define BATCH_HEAD_BYTES 61
#define ZSTD 4

struct batches {
    int together, compressed; // those of several events, and those of them that are compressed
};

static int64_t number_at_byte(const uint8_t *bytes, int length)
{
    int64_t number = 0;
    for (int i = 0; i < length; i++) number = number << 8 | bytes[i];
    return number;
}

static void count_batches(const char *path, struct batches *batches)
{
    uint8_t head[BATCH_HEAD_BYTES];
    FILE *file = fopen(path, "re");
    if (!file) fail_msg("%s cannot be read", path);
    while (fread(head, 1, sizeof head, file) == sizeof head && number_at_byte(head + 8, 4) > 0) {
        if (number_at_byte(head + 57, 4) > 1) {
            batches->together++;
            batches->compressed += (head[22] & 7) == ZSTD;
        }
        fseek(file, number_at_byte(head + 8, 4) + 12 - BATCH_HEAD_BYTES, SEEK_CUR);
    }
    fclose(file);
}

static bool is_told(void *argument)
{
    (void)argument;
    return strcmp(database_ask("dc_auth", "SELECT count(*) FROM outbox WHERE published_at IS NULL"), "0") == 0;
}

// Events that wait go out in few batches: here those of many changes, told while the broker is away.
static void what_is_sent_is_compressed(void **state)
{
    (void)state;
    struct person renamed = person_register("employer");
    struct batches batches = {0};
    part_stop("kafka");
    for (int i = 0; i < 30; i++) {
        struct answer answer = call(&renamed, "PATCH", "/api/auth/me", "{\"first_name\":\"%s\"}", i % 2 ? "Wanjiku" : "Achieng");
        expect_status(&answer, 200);
    }
    part_start("kafka");
    assert_true(within(RETURN_S, is_told, NULL));
    for (int partition = 0; partition < 6; partition++)
        count_batches(arena_printf(story_arena(), "%s/kafka/data/dc.auth.users-%d/00000000000000000000.log", setting("RUN_DIR"), partition), &batches);
    assert_true(batches.together > 0);
    assert_int_equal(batches.compressed, batches.together);
}

// --- Killed --------------------------------------------------------------------------------------

static int another_pid_than;
static bool is_back(void *argument)
{
    (void)argument;
    const int pid = part_pid("kafka");
    return pid != 0 && pid != another_pid_than;
}

static void killed_it_is_waited_for(void **state)
{
    (void)state;
    writers_start(&writers);
    sleep_ms(500);
    for (int i = 0; i < 2; i++) {
        another_pid_than = part_pid("kafka");
        part_signal("kafka", SIGKILL);
        assert_true(within(60, is_back, NULL));
        part_start("kafka"); // returns when it is ready
        sleep_ms(1000);
    }
    expect_all_is_well();
}

// --- Away for long -------------------------------------------------------------------------------

static struct {
    int64_t from, to; // ids of auth's outbox that came while the broker was away
} backlog;

static int64_t told_by_auth(void)
{
    return atoll(database_ask("dc_auth", "SELECT coalesce(max(id), 0) FROM outbox WHERE topic = 'dc.auth.users'"));
}

// A figure over the backlog, from the tables' own clocks.
static double figure(const char *database, const char *sql)
{
    return atof(database_ask(database, "SELECT %s AND topic = 'dc.auth.users' AND id::bigint > %lld AND id::bigint <= %lld", sql, (long long)backlog.from, (long long)backlog.to));
}

static double told(void)
{
    return figure("dc_auth", "count(*) FROM outbox WHERE true");
}

static bool is_applied(void *argument)
{
    (void)argument;
    return figure("dc_profiles", "count(*) FROM inbox WHERE source = '/services/auth'") == told();
}

// What waits is worked off much faster than it came in, although more comes in.
static void away_for_long_it_is_caught_up_with(void **state)
{
    (void)state;
    const char *wanted = getenv("CHAOS_AWAY_S");
    const int away_s = atoi(wanted ? wanted : AWAY_S_DEFAULT);
    writers_start(&writers);
    part_stop("kafka");
    backlog.from = told_by_auth();
    sleep_ms(away_s * 1000);
    backlog.to = told_by_auth();
    part_start("kafka");
    if (!within(RETURN_S, is_applied, NULL)) fail_msg("what waited is not applied after %d s", RETURN_S);
    expect_all_is_well();
    const double arrived_s = figure("dc_auth", "extract(epoch FROM max(created_at) - min(created_at)) FROM outbox WHERE true");
    const double applied_s = figure("dc_profiles", "extract(epoch FROM max(processed_at) - min(processed_at)) FROM inbox WHERE source = '/services/auth'");
    print_message("away for %d s: %.0f events came at %.0f a second and were worked off at %.0f a second, %.1f times as fast\n", away_s, told(),
                  told() / arrived_s, told() / applied_s, arrived_s / applied_s);
}

// --- Replaced ------------------------------------------------------------------------------------

// As docker/local/parts.sh makes it.
static void replace_by_an_empty_one(void)
{
    const char *output;
    part_stop("kafka");
    int status = run(&output, "rm -rf %s/kafka/data && java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '%s/kafka/*' kafka.tools.StorageTool format "
                              "-t $(openssl rand -base64 16 | tr '+/' '-_' | tr -d '=' | sed 's/^-/A/') -c %s/kafka/server.properties", setting("RUN_DIR"), setting("BORROWED"), setting("RUN_DIR"));
    if (status != 0) fail_msg("%s", output);
    part_start("kafka");
}

static const char *topics(void)
{
    const char *output;
    run(&output, "kcat -b %s -L -J | jq -cS '[.topics[] | select(.topic | startswith(\"dc.\") and (startswith(\"dc.test.\") | not)) | {topic, partitions: (.partitions | length)}] | sort_by(.topic)'",
        setting("KAFKA_BROKERS"));
    return output;
}

static bool are_topics(void *expected)
{
    return strcmp(topics(), expected) == 0;
}

// All that is kept of them, whichever broker has it.
static const char *purchases_told(const char *what)
{
    return database_ask("dc_payments", "SELECT count(%s) FROM outbox WHERE topic = 'dc.payments.purchases'", what);
}

static bool is_cut_off(void *argument)
{
    return call(argument, "GET", "/api/auth/me", NULL).status == 401;
}

static bool all_is_told_again(void *argument)
{
    (void)argument;
    return strcmp(database_ask("dc_payments", "SELECT count(*) FILTER (WHERE published_at IS NULL) || ' ' || count(DISTINCT broker_cluster) FROM outbox"), "0 1") == 0;
}

static int64_t purchases_on_the_broker(void)
{
    const char *output;
    run(&output, "kcat -b %s -C -e -q -t dc.payments.purchases -f '%%h\\n' | grep -o 'ce_id=[0-9]*' | sort -u | wc -l", setting("KAFKA_BROKERS"));
    return atoll(output);
}

// Topics that were away with the old broker are read again: payments hears of the worker, and profiles of the unlock.
static void expect_events_go_both_ways(const struct person *buyer)
{
    const char *worker = worker_for_hire();
    struct answer unlocked = unlock(buyer, worker);
    assert_in_range(unlocked.status, 201, 202);
    unlocked = call_until(buyer, arena_printf(story_arena(), "/api/housegirls/%s", worker), 30, shows_contact);
    assert_true(shows_contact(&unlocked));
}

static void replaced_by_an_empty_one_it_gets_all_that_is_kept(void **state)
{
    (void)state;
    struct person admin = admin_login(), buyer = person_register("employer"), culprit = person_register("employer");
    expect_becomes(&buyer, buy(&buyer, phone_ending("500")), "completed");
    const char *topics_before = topics();
    writers_start(&writers);
    sleep_ms(1000);
    const int64_t credits = credits_of(&buyer);
    replace_by_an_empty_one();
    assert_true(within(RETURN_S, are_topics, (void *)(uintptr_t)topics_before));
    assert_true(within(RETURN_S, all_is_told_again, NULL));
    assert_int_equal(purchases_on_the_broker(), atoll(purchases_told("*")));
    expect_all_is_well();
    assert_int_equal(credits_of(&buyer), credits); // what was told again is applied once
    struct answer out = call(&admin, "PUT", arena_printf(story_arena(), "/api/admin/users/%s/status", culprit.user_id), "{\"is_active\":false}");
    expect_status(&out, 200);
    assert_true(within(30, is_cut_off, &culprit)); // the gateway hears of her
    part_stop("gateway");
    part_start("gateway"); // finds the keys in the new one
    struct answer me = call(&buyer, "GET", "/api/auth/me", NULL);
    expect_status(&me, 200);
    me = call(&culprit, "GET", "/api/auth/me", NULL);
    expect_status(&me, 401);
    expect_events_go_both_ways(&buyer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_sent_is_compressed, restore),
        cmocka_unit_test_teardown(killed_it_is_waited_for, restore),
        cmocka_unit_test_teardown(away_for_long_it_is_caught_up_with, restore),
        cmocka_unit_test_teardown(replaced_by_an_empty_one_it_gets_all_that_is_kept, restore),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
