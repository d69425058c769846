// SPDX-License-Identifier: MIT
#include "starts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"
#include "control.h"
#include "program.h"
#include "stack.h"
#include "text.h"

#define CALLS_MAX 20000
#define NEEDLESS_ENOUGH 2 // starts that came to no such call: what is done besides differs a little
#define READY_S 100
#define TRIES_MAX 5
#define LAST_WORDS_BYTES 6000
#define TOKEN_USED_MS 300000
#define JOBS_MS 700       // what is due at the start is done by then

// --- A replica ---------------------------------------------------------------------------------------------

struct replica {
    struct program program;
    char url[64], metrics_url[64];
};

// What a line of its log says: "…,"port":4711,…"; 0 when there is none yet.
static int port_in(const char *ready, const char *name)
{
    const char *at = strstr(ready, arena_printf(story_arena(), "\"%s\":", name));
    return at ? (int)strtol(at + strlen(name) + 3, NULL, 10) : 0;
}

static bool has_ended(const struct replica *replica)
{
    siginfo_t ended = {0};
    return waitid(P_PID, (id_t)replica->program.pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0;
}

static bool is_up_or_ended(void *argument)
{
    struct replica *replica = argument;
    const bool ended = has_ended(replica); // before its last words are read
    const char *ready = strstr(program_output(&replica->program), "\"event\":\"ready\"");
    if (!ready || !strchr(ready, '\n')) return ended;
    if (!port_in(ready, "port")) return true; // it had no memory to say where
    snprintf(replica->url, sizeof replica->url, "http://127.0.0.1:%d", port_in(ready, "port"));
    snprintf(replica->metrics_url, sizeof replica->metrics_url, "http://127.0.0.1:%d", port_in(ready, "metrics_port"));
    return true;
}

static bool is_ready_or_ended(void *argument)
{
    const struct replica *replica = argument;
    const char *output;
    return has_ended(replica) || run(&output, "curl -fsS -m 5 %s/health/readiness", replica->metrics_url) == 0;
}

static void replica_start(struct replica *replica, const char *service)
{
    *replica = (struct replica){0};
    program_start(&replica->program, "set -a; . %s/%s.env; DC_HTTP_PORT=0 DC_METRICS_PORT=0 DC_STOP_TIMEOUT_MS=60000 LSAN_OPTIONS=suppressions=$PWD/tests/fault/starts.supp:print_suppressions=0 FAULT_FILE=%s/fault-%s-replica exec %s/%s", setting("RUN_DIR"), service,
                  setting("RUN_DIR"), service, setting("BIN_DIR"), service);
}

// --- What a replica must know once it is ready: NULL, or what is wrong -----------------------------------------------------------------

static struct person signed_in, signed_out;

// Anew before her token has expired.
static void two_people(void)
{
    static int64_t until_ms;
    if (clock_monotonic_ms() < until_ms) return;
    until_ms = clock_monotonic_ms() + TOKEN_USED_MS;
    signed_in = person_register("employer");
    signed_out = person_register("employer");
    struct answer out = call(&signed_out, "POST", "/api/auth/logout", "{}");
    expect_status(&out, 200);
}

static const char *knows_who_is_signed_in(const struct replica *replica)
{
    struct answer in = call_at(replica->url, &signed_in, "GET", "/profiles/me", NULL), out = call_at(replica->url, &signed_out, "GET", "/profiles/me", NULL);
    const bool is_known = in.status == 200 || in.status == 404; // her profile is on its way
    if (is_known && out.status == 401) return NULL;
    return arena_printf(story_arena(), "it answers %d to who is signed in, %d to who is not", in.status, out.status);
}

static const char *there_are_two_keys(const struct replica *replica)
{
    (void)replica;
    const char *states = database_ask("dc_auth", "SELECT string_agg(state, ' ' ORDER BY state) FROM signing_keys WHERE state <> 'retired'");
    return strcmp(states, "current next") == 0 ? NULL : arena_printf(story_arena(), "the keys are %s", states);
}

// --- Walking -----------------------------------------------------------------------------------------------------

static const struct start {
    const char *service, *thread;
    const char *(*check)(const struct replica *replica);
    bool may_refuse; // what cannot start says why and ends, with status 1
    bool asks_nobody;
    int rest_ms;     // until the thread has done what it does at first
    // But of memory, which a start takes hundreds of thousands of times, one call fails on each way to it (control.h).
    int calls; // the most; 0: CALLS_MAX
    int step;  // of calls to the database every so manieth fails; 0: each
} starts[] = {
    // clang-format off
    {"auth", "jobs", there_are_two_keys, .rest_ms = JOBS_MS, .calls = 80}, // mails are looked for again and again
    {"auth", "auth", there_are_two_keys, .may_refuse = true, .step = 61},
    {"profiles", "jobs", .rest_ms = JOBS_MS},
    {"profiles", "broadcast", knows_who_is_signed_in, .asks_nobody = true},
    {"profiles", "profiles", knows_who_is_signed_in, .may_refuse = true, .step = 61},
    {"payments", "jobs", .rest_ms = JOBS_MS, .calls = 80},
    {"payments", "payments", .may_refuse = true, .step = 61},
    {"gateway", "gateway", .may_refuse = true, .asks_nobody = true},
    // clang-format on
};

struct start_walk {
    const struct start *start;
    enum fault_kind kind;
};

// Made before the replica comes, so that it finds itself armed.
static struct fault_control *control_of_replica(const char *service)
{
    const char *name = arena_printf(story_arena(), "%s-replica", service);
    const int file = open(arena_printf(story_arena(), "%s/fault-%s", setting("RUN_DIR"), name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0 && ftruncate(file, 0) == 0 && ftruncate(file, sizeof(struct fault_control)) == 0);
    close(file);
    return control_of(name);
}

static const char *last_words(int output)
{
    char *words = arena_alloc(story_arena(), LAST_WORDS_BYTES + 1);
    const off_t end = lseek(output, 0, SEEK_END);
    return pread(output, words, LAST_WORDS_BYTES, end > LAST_WORDS_BYTES ? end - LAST_WORDS_BYTES : 0) < 0 ? "" : words;
}

// It serves, knows what it must, and ends as it should, having leaked nothing; or it refuses to start, which is false where that was not
// for the fault.
static bool start_once(const struct start *start, const char *what, const struct fault_control *control)
{
    struct replica replica;
    const long before = atomic_load(&control->fired);
    replica_start(&replica, start->service);
    if (!within(READY_S, is_up_or_ended, &replica)) fail_msg("%s (%s): it neither starts nor ends", what, control->last);
    const bool is_up = *replica.url;
    if (is_up && !within(READY_S, is_ready_or_ended, &replica)) fail_msg("%s (%s): it is never ready", what, control->last);
    if (is_up) sleep_ms(start->rest_ms);
    const bool ended = has_ended(&replica);
    const char *wrong = is_up && start->check && !ended ? start->check(&replica) : NULL;
    const int output = open(replica.program.path, O_RDONLY | O_CLOEXEC); // it is removed with the end
    const int status = program_stop(&replica.program, SIGTERM);
    const char *words = last_words(output);
    const bool refused = !is_up && status == 1, unmoved = atomic_load(&control->fired) == before;
    close(output);
    if (!wrong && (refused ? !start->may_refuse && !unmoved : status != 0 || ended)) wrong = "it ends as it may not";
    if (!wrong && strstr(words, "stop the program that has it")) wrong = "it blames a port that is free";
    if (wrong) {
        printf("%s (%s): %s, with status %d:\n%s\n", what, control->last, wrong, status, words); // cmocka would cut it short
        fail();
    }
    return !refused || !unmoved;
}

static void each_call_of_a_start_fails_once(void **state)
{
    const struct start_walk *walk = *state;
    const struct start *start = walk->start;
    struct fault_control *control = control_of_replica(start->service);
    const bool by_way = walk->kind == FAULT_MEMORY;
    const int step = walk->kind == FAULT_DATABASE && start->step ? start->step : 1;
    const int calls = start->calls && !by_way ? start->calls : CALLS_MAX;
    int faults = 0, needless = 0;
    for (int call = 1; call <= calls && needless < NEEDLESS_ENOUGH; call += step) {
        const long before = atomic_load(&control->fired);
        const char *what = arena_printf(story_arena(), "%s of %s that starts, %s call %d", start->thread, start->service, fault_kinds[walk->kind], call);
        two_people();
        arm(control, start->thread, walk->kind, by_way ? FAULT_NEW_WAY : call);
        for (int tries = 1; !start_once(start, what, control);) // for a database that is busy with other things
            if (++tries > TRIES_MAX) fail_msg("%s: it does not start", what);
        const bool fired = atomic_load(&control->fired) != before;
        faults += fired;
        needless = fired ? 0 : needless + 1;
    }
    print_message("             %s of %s that starts: %d faults of %s, %s %d\n", start->thread, start->service, faults, fault_kinds[walk->kind], by_way ? "of each way" : "every", step);
    assert_true(faults > 0);
}

size_t start_tests(const char *service, bool (*is_wanted)(const char *service, const char *name), struct CMUnitTest *ret)
{
    static struct start_walk walks[COUNT_OF(starts) * FAULT_KINDS];
    static char names[COUNT_OF(walks)][96];
    size_t count = 0;
    for (const struct start *it = starts; it < starts + COUNT_OF(starts); it++) {
        for (int kind = 1; kind < (it->asks_nobody ? FAULT_DATABASE : FAULT_FILE); kind++) {
            if (strcmp(it->service, service) != 0 || is_short_run()) break;
            if (!is_wanted(service, it->thread) && !is_wanted("starts", "")) break;
            walks[count] = (struct start_walk){it, (enum fault_kind)kind};
            snprintf(names[count], sizeof names[count], "%s: %s starts, each call for %s", service, it->thread, fault_kinds[kind]);
            ret[count] = (struct CMUnitTest){names[count], each_call_of_a_start_fails_once, NULL, NULL, &walks[count]};
            count++;
        }
    }
    return count;
}
