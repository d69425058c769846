// SPDX-License-Identifier: MIT
// An operator looks after the stack: what dies comes back, what is missing is started, and what cannot be done is said in a
// sentence that tells what to do.
#include "stack.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static const char *const parts[] = {"postgres", "kafka", "daraja", "gateway",
#define X(name) #name,
#include "services.def"
#undef X
};
static int pids[COUNT_OF(parts)];

// docker/local/stack.sh, as the Makefile calls it: with the servers of its own, whatever the tests were told.
static int stack(const char **ret_output, const char *verb, const char *environment)
{
    return run(ret_output, "env -u DATABASE_URL -u KAFKA_BROKERS PORT=%s %s docker/local/stack.sh %s", setting("PORT"), environment, verb);
}

static void must_start(void)
{
    const char *output;
    if (stack(&output, "start", "") != 0) fail_msg("%s", output);
}

static void expect_refusal(const char *verb, const char *environment, const char *sentence)
{
    const char *output;
    int64_t began_ms = clock_monotonic_ms();
    int status = stack(&output, verb, environment);
    if (status == 0 || !strstr(output, sentence)) fail_msg("%s stack.sh %s ended with %d, without '%s': %s", environment, verb, status, sentence, output);
    if (clock_monotonic_ms() - began_ms > 20000) fail_msg("it took %ld ms to say so", (long)(clock_monotonic_ms() - began_ms));
}

// The process manager, too, wherever a test has left it.
static int whole_again(void **state)
{
    const char *output;
    if (stack(&output, "status", "") != 0) (void)stack(&output, "stop", "");
    if (stack(&output, "start", "") != 0) print_error("%s\n", output);
    return stack_restore(state);
}

static int a_running_stack(void **state)
{
    if (story_setup(state) != 0) return -1;
    return whole_again(state);
}

static void note_pids(void)
{
    for (size_t i = 0; i < COUNT_OF(parts); i++) pids[i] = part_pid(parts[i]);
}

// Those named run as another process, all others as the same.
static void expect_new_pids(const char *of)
{
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        int pid = part_pid(parts[i]);
        if (pid == 0) fail_msg("%s does not run", parts[i]);
        if ((pid != pids[i]) != (strstr(of, parts[i]) != NULL)) fail_msg("%s ran as %d and runs as %d", parts[i], pids[i], pid);
    }
}

static bool is_whole(const struct answer *answer)
{
    return answer->status == 200 && !at(answer, "partial") && json_is_object(at(answer, "profile"));
}

// Somebody new can do what everybody does.
static void expect_service(void)
{
    struct person jane = person_register("employer");
    struct answer me = call_until(&jane, "/api/me", 60, is_whole);
    assert_true(is_whole(&me));
}

// --- What dies -----------------------------------------------------------------------------------

static struct {
    const char *part;
    int pid;
} killed;

static bool another_runs(void *argument)
{
    (void)argument;
    int pid = part_pid(killed.part);
    return pid != 0 && pid != killed.pid;
}

static void a_part_that_is_killed_comes_back(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        killed.part = parts[i];
        killed.pid = part_pid(parts[i]);
        part_signal(parts[i], SIGKILL);
        if (!within(60, another_runs, NULL)) fail_msg("%s does not come back", parts[i]);
        if (stack_restore(state) != 0) fail_msg("%s came back, and the stack does not work", parts[i]);
        const char *output, *log = arena_printf(story_arena(), "%s/log/supervisord.log", setting("RUN_DIR"));
        if (run(&output, "grep -c \"exited: %s (terminated by SIGKILL; not expected)\" %s", parts[i], log) != 0) fail_msg("no line tells of the death of %s", parts[i]);
        if (run(&output, "grep \"spawned: '%s' with pid %d\" %s", parts[i], part_pid(parts[i]), log) != 0) fail_msg("no line tells that %s is back", parts[i]);
        expect_service();
    }
    person_login(&jane);
}

static void a_second_start_starts_what_is_missing(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    note_pids();
    must_start();
    expect_new_pids(""); // nothing was missing
    part_stop("profiles");
    part_stop("gateway");
    must_start();
    expect_new_pids("profiles gateway");
    person_login(&jane);
    expect_service();
}

static void another_setting_starts_its_part_anew(void **state)
{
    (void)state;
    const char *output;
    note_pids();
    assert_int_equal(stack(&output, "start", "AUTH_DC_REFRESH_GRACE_S=11"), 0);
    expect_new_pids("auth");
    assert_string_equal(service_setting("auth", "DC_REFRESH_GRACE_S"), "11");
    note_pids();
    must_start();
    expect_new_pids("auth");
    assert_null(service_setting("auth", "DC_REFRESH_GRACE_S"));
}

// --- What cannot be done -------------------------------------------------------------------------

static const char *elsewhere(void)
{
    return arena_printf(story_arena(), "RUN_DIR=%s/elsewhere", setting("RUN_DIR"));
}

static void a_binary_built_anew_starts_its_part_anew(void **state)
{
    (void)state;
    const char *output, *binary = arena_printf(story_arena(), "%s/profiles", setting("BIN_DIR"));
    note_pids();
    assert_int_equal(run(&output, "cp -p %s %s.anew && mv %s.anew %s", binary, binary, binary, binary), 0); // as the linker puts it there
    must_start();
    expect_new_pids("profiles");
    expect_service();
}

static void a_taken_port_is_named(void **state)
{
    (void)state;
    const char *output, *taken = arena_printf(story_arena(), "port %s is taken by another program. Stop it, or choose another: make start PORT=", setting("PORT"));
    expect_refusal("start", elsewhere(), taken);
    assert_int_equal(stack(&output, "status", elsewhere()), 3);
    assert_string_equal(output, "not running: 'make start' starts it.\n"); // nor was anything begun
    note_pids();
    const char *auth_port = strrchr(setting("URL_AUTH"), ':') + 1; // of ours, but not the gateway's
    expect_refusal("start", arena_printf(story_arena(), "PORT=%s", auth_port), arena_printf(story_arena(), "port %s is taken", auth_port));
    expect_new_pids("");
}

static void a_wrong_setting_is_named_before_anything_starts(void **state)
{
    (void)state;
    static const struct { const char *setting, *sentence; } wrong[] = {
        {"AUTH_DC_NONSENSE=1", "auth cannot start with these settings:"}, {"PROFILES_DC_NONSENSE=1", "profiles cannot start with these settings:"},
        {"PAYMENTS_DC_NONSENSE=1", "payments cannot start with these settings:"}, {"GATEWAY_DC_NONSENSE=1", "gateway cannot start with these settings:"},
        {"GATEWAY_DC_NONSENSE=1", "DC_NONSENSE is no setting of this service: correct its name or remove it; see --help-config."},
        {"AUTH_DC_BCRYPT_COST=99", "DC_BCRYPT_COST must be from 4 to 15."},
    };
    note_pids();
    for (size_t i = 0; i < COUNT_OF(wrong); i++) expect_refusal("start", wrong[i].setting, wrong[i].sentence);
    expect_new_pids("");
    must_start(); // and nothing of them stays
    expect_new_pids("");
}

static void two_starts_do_not_mix(void **state)
{
    (void)state;
    const char *output;
    int status = run(&output, "flock %s/lock env -u DATABASE_URL -u KAFKA_BROKERS docker/local/stack.sh start", setting("RUN_DIR"));
    assert_int_not_equal(status, 0);
    assert_non_null(strstr(output, "another 'make start' or 'make run' works in"));
}

static void what_was_never_started_is_not_running(void **state)
{
    (void)state;
    const char *output;
    assert_int_equal(stack(&output, "stop", elsewhere()), 0);
    assert_string_equal(output, "not running\n");
    assert_int_equal(stack(&output, "status", elsewhere()), 3);
}

// --- The process manager itself ------------------------------------------------------------------

static void without_its_manager_the_stack_is_ended_and_started(void **state)
{
    (void)state;
    struct person jane = person_register("employer");
    const char *output;
    assert_int_equal(run(&output, "kill -9 $(cat %s/supervisord.pid)", setting("RUN_DIR")), 0);
    expect_refusal("status", "", "the process manager is gone, but parts of it still run: 'make stop' ends them.");
    expect_refusal("start", "", "End them first: make stop."); // its socket is still there, its parts hold their ports
    assert_int_equal(stack(&output, "stop", ""), 0);
    expect_refusal("status", "", "not running: 'make start' starts it.");
    assert_int_not_equal(run(&output, "curl -sS -m 2 %s/api/health", setting("GATEWAY_URL")), 0);
    must_start();
    person_login(&jane); // the data are kept
    expect_service();
}

// --- Steps that fail -----------------------------------------------------------------------------

static int the_migration_as_it_was(void **state)
{
    database_ask("dc_auth", "UPDATE schema_migrations SET checksum = substr(checksum, 2) WHERE name = 'auth/0001_users' AND checksum LIKE 'x%%'");
    return whole_again(state);
}

// Not only of the last service.
static void a_failed_migration_ends_the_start(void **state)
{
    (void)state;
    database_ask("dc_auth", "UPDATE schema_migrations SET checksum = 'x' || checksum WHERE name = 'auth/0001_users'");
    assert_string_equal(database_ask("dc_auth", "SELECT count(*) FROM schema_migrations WHERE checksum LIKE 'x%%'"), "1");
    expect_refusal("start", "", "'migrations' failed.");
}

static void a_download_that_fails_is_not_taken_for_done(void **state)
{
    (void)state;
    const char *folder = arena_printf(story_arena(), "%s/no-network", setting("RUN_DIR")), *output;
    assert_int_equal(run(&output, "mkdir -p %s && printf '#!/bin/sh\\nexit 1\\n' >%s/mvn && chmod +x %s/mvn", folder, folder, folder), 0);
    for (int i = 0; i < 2; i++) { // the second time as well: it has to be fetched still
        int status = run(&output, "PATH=%s:$PATH BORROWED=%s/borrowed docker/local/install.sh", folder, folder);
        assert_int_not_equal(status, 0);
        assert_non_null(strstr(output, "'broker and documentation viewer' failed."));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_part_that_is_killed_comes_back, whole_again),
        cmocka_unit_test_teardown(a_second_start_starts_what_is_missing, whole_again),
        cmocka_unit_test_teardown(another_setting_starts_its_part_anew, whole_again),
        cmocka_unit_test_teardown(a_binary_built_anew_starts_its_part_anew, whole_again),
        cmocka_unit_test_teardown(a_taken_port_is_named, whole_again),
        cmocka_unit_test_teardown(a_wrong_setting_is_named_before_anything_starts, whole_again),
        cmocka_unit_test(two_starts_do_not_mix),
        cmocka_unit_test(what_was_never_started_is_not_running),
        cmocka_unit_test_teardown(without_its_manager_the_stack_is_ended_and_started, whole_again),
        cmocka_unit_test_teardown(a_failed_migration_ends_the_start, the_migration_as_it_was),
        cmocka_unit_test(a_download_that_fails_is_not_taken_for_done),
    };
    return cmocka_run_group_tests(tests, a_running_stack, story_teardown);
}
