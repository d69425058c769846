// SPDX-License-Identifier: MIT
// An event that can never be applied: its key waits, the others flow, and the operator decides what becomes of it.
#include "eventually.h"
#include "story.h"
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

static struct tally tally;
static struct replica replica;

static int setup(void **state)
{
    if (story_setup(state) != 0 || tally_create(&tally)) return -1;
    replica_start(&tally, &replica);
    return 0;
}

static int teardown(void **state)
{
    replica_end(&replica);
    return tally_drop(&tally) + story_teardown(state);
}

static void count(const char *key, int times)
{
    while (times-- > 0) assert_int_equal(tally_count(&replica, key).status, 200);
}

static bool effects_are(const char *key, const char *effects)
{
    return strcmp(tally_effects(&tally, key), effects) == 0;
}

// What dcctl says of the tally's parked keys.
static const char *dcctl(const char *command)
{
    const char *said;
    if (run(&said, "DATABASE_URL_TALLY='%s' USER=wanjiru %s/dcctl events %s --service tally", tally.database.url, setting("BIN_DIR"), command) != 0) fail_msg("%s", said);
    return said;
}

static void expect_said(const char *command, const char *text)
{
    const char *said = dcctl(command);
    if (!strstr(said, text)) fail_msg("no '%s' in: %s", text, said);
}

// The second event of five is poison.
static void poison(const char *key)
{
    tally_poison(&tally, key, 2);
    count(key, 5);
    eventually(effects_are(key, "1") && strcmp(tally_ask(&tally, "SELECT count(*) FROM parked_events WHERE key = '%s'", key), "4") == 0);
}

static void its_key_waits_while_others_flow(void **state)
{
    (void)state;
    poison("p");
    count("a", 3);
    count("b", 3);
    eventually(effects_are("a", "1 2 3") && effects_are("b", "1 2 3"));
    assert_true(effects_are("p", "1"));
    eventually(replica_metric(&replica, "inbox_parked_keys") == 1);
    assert_int_equal(replica_metric(&replica, "inbox_parked_total"), 1);
    expect_said("parked", "1 parked key(s)");
    expect_said("parked", "parked        4 event(s)");
    expect_said("parked", "It is poison.");
}

// Whoever asks too early has changed nothing.
static void redriven_too_early_it_waits_on(void **state)
{
    (void)state;
    expect_said("redrive", "1 key(s) handed to the service");
    eventually(strcmp(tally_ask(&tally, "SELECT concat(state, ' ', (SELECT max(attempts) FROM parked_events)) FROM parked_keys"), "parked 1") == 0);
    assert_true(effects_are("p", "1"));
}

// What comes in meanwhile stays behind.
static void redriven_once_it_is_mended_it_catches_up_in_order(void **state)
{
    (void)state;
    tally_mend(&tally);
    expect_said("redrive --key p", "1 key(s) handed to the service");
    count("p", 5);
    tally_expect_complete(&tally, 30);
    expect_said("parked", "0 parked key(s)");
    eventually(replica_metric(&replica, "inbox_parked_keys") == 0);
}

static void discarded_it_leaves_a_row_of_who_did_it(void **state)
{
    (void)state;
    poison("q");
    expect_said(arena_printf(story_arena(), "discard --topic %s --key q", tally.topic), "1 event(s) discarded");
    eventually(effects_are("q", "1 3 4 5"));
    const char *row = tally_ask(&tally, "SELECT json_build_array(actor, action, subject, details) FROM audit_log WHERE action = 'events.discarded'");
    CLEANUP(json_release) json_t *told = json_parse(row, strlen(row), &(struct error){0});
    assert_string_equal(json_string_value(json_array_get(told, 0)), "operator:wanjiru");
    assert_string_equal(json_string_value(json_array_get(told, 2)), arena_printf(story_arena(), "%s/q", tally.topic));
    const json_t *details = json_array_get(told, 3);
    assert_true(text_equal(json_member_text(details, "type"), "ke.domesticconnect.tally.counted.v1") && json_member_text(details, "id"));
    assert_true(json_is_integer(json_object_get(details, "partition")) && json_is_integer(json_object_get(details, "offset")));
    tally_ask(&tally, "DELETE FROM effects WHERE key = 'q'; DELETE FROM counters WHERE key = 'q'; DELETE FROM poison");
}

static int effects_of(const char *key)
{
    return atoi(tally_ask(&tally, "SELECT count(*) FROM effects WHERE key = '%s'", key));
}

static void redrive_killed_half_way_is_finished_by_running_it_again(void **state)
{
    (void)state;
    poison("r");
    count("r", 45);
    eventually(strcmp(tally_ask(&tally, "SELECT count(*) FROM parked_events"), "49") == 0);
    tally_mend(&tally);
    tally_slow(&tally, "r", 40);
    dcctl("redrive");
    eventually(effects_of("r") > 5);
    replica_kill(&replica);
    const int half_way = effects_of("r");
    assert_in_range(half_way, 6, 49);
    replica_start(&tally, &replica);
    expect_said("redrive", "0 key(s) handed to the service"); // it has them still
    tally_expect_complete(&tally, 60);
    assert_int_equal(effects_of("r"), 50);
    expect_said("parked", "0 parked key(s)");
}

int main(int argc, char **argv)
{
    if (argc > 1) return tally_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_key_waits_while_others_flow),
        cmocka_unit_test(redriven_too_early_it_waits_on),
        cmocka_unit_test(redriven_once_it_is_mended_it_catches_up_in_order),
        cmocka_unit_test(discarded_it_leaves_a_row_of_who_did_it),
        cmocka_unit_test(redrive_killed_half_way_is_finished_by_running_it_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
