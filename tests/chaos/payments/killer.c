// SPDX-License-Identifier: MIT
#include "killer.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos_sql.h"
#include "databases.h"
#include "shop.h"
#include "stack.h"
#include "text.h"

#define BACK_S 60          // so long somebody may take to come back
#define RELAY_WAIT_MS 5000 // for an event to come by
#define TELL_MS 20000
#define CHILDREN_MAX 512
#define MOODS_AT_ONCE 2

static const char *const owners[] = {"auth", "profiles", "payments"};

static void set_mood(uint64_t seed, uint64_t number);
static bool take_down(struct killer *killer, int target, uint64_t number);
static int wait_for_pid(struct killer *killer, int target);
static bool kill_part(struct killer *killer, int target);
static bool kill_at_relay(struct killer *killer, int target);
static bool kill_backend(struct killer *killer, int target, uint64_t number);
static bool kill_with_children(struct killer *killer, int target);
static int children_of(int parent, bool backends, int pids[CHILDREN_MAX]);

static void witness_start(struct killer *killer)
{
    char self[512] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) fail_msg("no /proc/self/exe");
    program_start(&killer->witness, "DATABASE_URL='%s' KAFKA_BROKERS=%s DC_METRICS_PORT=0 exec %s witness serve >>%s/log/witness.log 2>&1",
                  database_url(VERDICT_DATABASE), setting("KAFKA_BROKERS"), self, setting("RUN_DIR"));
}

void killer_keep_witness(struct killer *killer)
{
    if (waitpid(killer->witness.pid, NULL, WNOHANG) != killer->witness.pid) return;
    unlink(killer->witness.path);
    witness_start(killer);
    killer->witness_ends++;
}

void killer_open(struct killer *ret, const struct plan *plan, const struct account *account)
{
    char self[512] = "";
    const char *said;
    *ret = (struct killer){.plan = plan, .account = account};
    for (size_t i = 0; i < COUNT_OF(owners); i++) {
        PGconn *connection = database_connect(arena_printf(story_arena(), "dc_%s", owners[i]));
        database_script(connection, chaos_migrations[0].sql);
        PQfinish(connection);
    }
    PGconn *connection = database_connect("postgres");
    database_script(connection, "SET client_min_messages = warning");
    database_script(connection, "DROP DATABASE IF EXISTS " VERDICT_DATABASE " WITH (FORCE)");
    database_script(connection, "CREATE DATABASE " VERDICT_DATABASE " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'");
    PQfinish(connection);
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 ||
        run(&said, "DATABASE_URL='%s' KAFKA_BROKERS=%s %s witness migrate", database_url(VERDICT_DATABASE), setting("KAFKA_BROKERS"), self) != 0)
        fail_msg("the witness has no database: %s", said);
    witness_start(ret);
}

void killer_close(struct killer *killer)
{
    if (killer->witness.pid) program_stop(&killer->witness, SIGTERM);
}

void killer_run(struct killer *killer)
{
    const int64_t began_ms = clock_monotonic_ms();
    int64_t tell_ms = began_ms + TELL_MS;
    int done = 0;
    for (int i = 0; i < killer->plan->step_count; i++) {
        const struct step *step = &killer->plan->steps[i];
        for (killer_keep_witness(killer); clock_monotonic_ms() < began_ms + step->at_ms; killer_keep_witness(killer)) sleep_ms(10);
        if (step->target < 0) set_mood(killer->plan->seed, step->chance);
        else if (take_down(killer, step->target, step->chance)) killer->kills[step->target]++, done++;
        else killer->missed++;
        if (clock_monotonic_ms() < tell_ms) continue;
        tell_ms = clock_monotonic_ms() + TELL_MS;
        account_tell(killer->account, "%d of %d kills, %d of %d purchases begun, %d seen paid, %d contacts unlocked", done, killer->plan->kills,
                     atomic_load(&killer->account->bought), killer->plan->purchases, atomic_load(&killer->account->completed),
                     atomic_load(&killer->account->unlocked));
    }
}

void killer_print(const struct killer *killer)
{
    int sum = 0;
    for (int i = 0; i < target_count; i++) sum += killer->kills[i];
    printf("%-12s %d", "kills", sum);
    for (int i = 0; i < target_count; i++)
        if (killer->kills[i]) printf("  %s %d", targets[i].name, killer->kills[i]);
    printf("%s%d of them between publish and mark\n", killer->missed ? " (some found nobody in time);  " : ";  ", killer->relay_moments);
    if (killer->witness_ends) printf("%-12s %d times it ended by itself, because the database was away, and was started again\n", "witness", killer->witness_ends);
}

// A good day first, so that a mood lasts until the next.
static void set_mood(uint64_t seed, uint64_t number)
{
    mpesa_reset(NULL);
    mpesa("{\"seed\":%lu}", (unsigned long)(number >> 2));
    for (uint64_t i = 0; i < MOODS_AT_ONCE; i++) mpesa("%s", moods[chance(seed, ABOUT_MOOD, number + i) % (uint64_t)mood_count]);
}

static bool take_down(struct killer *killer, int target, uint64_t number)
{
    switch (targets[target].manner) {
    case MANNER_PART: return kill_part(killer, target);
    case MANNER_RELAY: return kill_at_relay(killer, target);
    case MANNER_BACKEND: return kill_backend(killer, target, number);
    case MANNER_WITH_CHILDREN: return kill_with_children(killer, target);
    case MANNER_WITNESS:
        program_stop(&killer->witness, SIGKILL);
        witness_start(killer);
        return true;
    }
    return false;
}

// The process that supervisor has for it now, another one than was killed before; 0: none came.
static int wait_for_pid(struct killer *killer, int target)
{
    for (int64_t until_ms = clock_monotonic_ms() + BACK_S * 1000; clock_monotonic_ms() < until_ms; sleep_ms(50)) {
        const int pid = part_pid(targets[target].part);
        bool was_killed = pid == 0;
        for (int i = 0; i < target_count; i++) was_killed = was_killed || killer->last_pid[i] == pid;
        if (!was_killed) return pid;
    }
    return 0;
}

static bool kill_pid(struct killer *killer, int target, int pid)
{
    if (pid == 0 || kill(pid, SIGKILL) != 0) return false;
    killer->last_pid[target] = pid;
    return true;
}

static bool kill_part(struct killer *killer, int target)
{
    return kill_pid(killer, target, wait_for_pid(killer, target));
}

// Waits until the relay would mark what the broker has just taken; the process id of its connection, "" when nothing was told
// for a while.
static const char *relay_waiting(PGconn *connection)
{
    const char *waits = database_get(connection, &SQL_relay_hold, NULL);
    for (int64_t until_ms = clock_monotonic_ms() + RELAY_WAIT_MS; waits && clock_monotonic_ms() < until_ms; sleep_ms(5)) {
        waits = database_get(connection, &SQL_relay_waits, NULL);
        if (waits && *waits) return arena_strdup(story_arena(), waits);
    }
    return "";
}

// There its process dies, and what it had asked of the database with it: the next one will tell the same again. Where nothing
// is told, it is a kill like any other.
static bool kill_at_relay(struct killer *killer, int target)
{
    PGconn *connection = database_connect(arena_printf(story_arena(), "dc_%s", targets[target].part));
    const int pid = wait_for_pid(killer, target);
    const char *backend = relay_waiting(connection);
    const bool killed = kill_pid(killer, target, pid);
    if (killed && *backend && text_equal(database_get(connection, &SQL_relay_cut, backend), "t")) killer->relay_moments++;
    PQfinish(connection);
    return killed;
}

static bool kill_backend(struct killer *killer, int target, uint64_t number)
{
    int pids[CHILDREN_MAX], count = 0;
    const int parent = wait_for_pid(killer, target);
    for (int64_t until_ms = clock_monotonic_ms() + BACK_S * 1000; parent && count == 0 && clock_monotonic_ms() < until_ms; sleep_ms(50))
        count = children_of(parent, true, pids);
    return count > 0 && kill(pids[number % (uint64_t)count], SIGKILL) == 0;
}

static bool kill_with_children(struct killer *killer, int target)
{
    int pids[CHILDREN_MAX];
    const int parent = wait_for_pid(killer, target), count = parent ? children_of(parent, false, pids) : 0;
    if (!kill_pid(killer, target, parent)) return false;
    for (int i = 0; i < count; i++) kill(pids[i], SIGKILL);
    return true;
}

static int parent_of(int pid)
{
    char path[64], line[512] = "";
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    const char *end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

// Whether it serves a client of ours: "postgres: dc_payments dc_payments 127.0.0.1(40022) idle".
static bool is_backend(int pid)
{
    char path[64], line[128] = "";
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    FILE *file = fopen(path, "re");
    const bool is = file && fgets(line, sizeof line, file) && text_starts_with(line, "postgres: dc_");
    if (file) fclose(file);
    return is;
}

static int children_of(int parent, bool backends, int pids[CHILDREN_MAX])
{
    DIR *folder = opendir("/proc");
    int count = 0;
    for (const struct dirent *entry; folder && (entry = readdir(folder)) && count < CHILDREN_MAX;) {
        const int pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid && parent_of(pid) == parent && (!backends || is_backend(pid))) pids[count++] = pid;
    }
    if (folder) closedir(folder);
    return count;
}
