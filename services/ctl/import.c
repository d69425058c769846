// SPDX-License-Identifier: MIT
#include <string.h>
#include <unistd.h>

#include "ctl_sql.h"
#include "import.h"
#include "migrate.h"
#include "text.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define KEEP_DAYS 7 // an erasure is to be over by then
#define KEEP_DAYS_MOST 365

static bool import_whole(struct import *import, struct error *err);
static bool cut_kept(struct import *import, const struct stack *stack, struct error *err);
static bool start_run(struct import *import, struct db *lock, const char *path, struct error *err);

int command_import(const struct stack *stack, int argc, char **argv)
{
    const char *path = command_word(argc, argv, 0);
    if (!path) {
        fprintf(stderr, "dcctl: name the file: dcctl import db.json\n");
        return 2;
    }
    struct error err = {.arena = stack->arena};
    struct import import = {.stack = stack, .terminal = isatty(STDERR_FILENO)};
    struct db lock = {0};
    bool ok = import_file_open(&import.file, path, &err) && import_open(&import, stack, &err);
    if (ok) db_begin(&lock, import.pool, DB_READ, stack->arena);
    ok = ok && start_run(&import, &lock, path, &err) && import_whole(&import, &err);
    if (import.pool) db_end(&lock);
    db_pool_close(import.pool);
    import_file_close(&import.file);
    return ok ? 0 : command_failed(&err);
}

bool import_open(struct import *import, const struct stack *stack, struct error *err)
{
    static const struct service staging = {.name = "import", .migrations = ctl_migrations};
    const char *url = stack_require(stack, "DATABASE_URL_IMPORT");
    if (!url) return error_set(err, &problem_unavailable, "The staging database is not known.");
    if (!migrate_apply(url, &staging, err)) return false;
    import->pool = stack_database(stack, "import", IMPORT_CONNECTIONS, ctl_statements, true, err);
    return import->pool && cut_kept(import, stack, err);
}

bool import_keep_days(const struct stack *stack, int64_t *ret, struct error *err)
{
    const char *given = stack_setting(stack, "DC_IMPORT_KEEP_D");
    *ret = KEEP_DAYS;
    return !given || (text_to_int64(given, ret) && *ret >= 0 && *ret <= KEEP_DAYS_MOST) ||
           error_set(err, &problem_malformed, "DC_IMPORT_KEEP_D must be a number of days from 0 to %d.", KEEP_DAYS_MOST);
}

static bool cut_kept(struct import *import, const struct stack *stack, struct error *err)
{
    int64_t days = 0, count = 0;
    if (!import_keep_days(stack, &days, err)) return false;
    const bool ok = db_exec_alone(import->pool, stack->arena, &SQL_import_cut, DB_IN(DB_INT(days)), &count, err);
    if (count) fprintf(stderr, "%lld row(s) that were kept back for %lld days or longer are no longer kept whole\n", (long long)count, (long long)days);
    return ok;
}

// Numbers the run. The lock is held by the session until the import is over: a second one would mix its rows with ours.
static bool start_run(struct import *import, struct db *lock, const char *path, struct error *err)
{
    bool locked = false;
    const char *slash = strrchr(path, '/');
    if (db_row(lock, &SQL_import_lock, DB_NOTHING, DB_OUT(DB_GET_BOOL(&locked)), err) != DB_FOUND) return false;
    if (!locked) return error_set(err, &problem_conflict, "Another import is running; wait until it has ended.");
    return db_row(lock, &SQL_import_run_start, DB_IN(DB_TEXT(slash ? slash + 1 : path)), DB_OUT(DB_GET_INT(&import->run)), err) == DB_FOUND;
}

static bool finish_unknown(struct import *import, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)1 << 20);
    return db_exec_alone(import->pool, arena, &SQL_import_unknown_end, DB_IN(DB_INT(import->run)), NULL, err);
}

// What became of all rows: while the services hold back what the import tells, which takes the machine as soon as they may.
static bool report_all(struct import *import, const char *damage, struct error *err)
{
    if (import->terminal) fputc('\n', stderr);
    if (!import_report(import, NULL, err)) return false;
    if (damage) printf("damage: %s\n", damage);
    return true;
}

static bool import_whole(struct import *import, struct error *err)
{
    int64_t began_ms = clock_monotonic_ms(), rows = 0;
    const char *damage = NULL;
    const bool done = import_read(import, &rows, &damage, err) && import_check_and_send(import, rows, err) && import_file_keep(import, err) &&
                      finish_unknown(import, err) && report_all(import, damage, err);
    if (!import_children_finish(import, err) || !done) return false;
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    printf("%ld rows in %.1f s (%ld rows/s)\n", (long)rows, (double)took_ms / 1000,
           (long)(rows * 1000 / (took_ms > 0 ? took_ms : 1)));
    return true;
}

// Collections that waited for a service which is there now.
static bool send_waiting(struct import *import, struct error *err)
{
    int64_t total = 0, done = 0;
    for (const struct collection *collection = import_collections; collection->name; collection++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)1 << 20);
        if (!collection->takers[0]) continue;
        const enum db_found found = db_row_alone(import->pool, arena, &SQL_import_waiting, DB_IN(DB_TEXT(collection->name)),
                                                 DB_OUT(DB_GET_INT(&import->run), DB_GET_INT(&total)), err);
        if (found == DB_FAILED || (found == DB_FOUND && !import_send(import, collection, total, &done, err))) return false;
    }
    if (import->terminal && done) fputc('\n', stderr);
    return true;
}

int command_import_resume(const struct stack *stack, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct error err = {.arena = stack->arena};
    struct import import = {.stack = stack, .terminal = isatty(STDERR_FILENO)};
    bool ok = import_open(&import, stack, &err) && send_waiting(&import, &err);
    ok = import_children_finish(&import, &err) && ok && import_report(&import, NULL, &err);
    db_pool_close(import.pool);
    return ok ? 0 : command_failed(&err);
}

// Whether a file ever held it. What cannot be told is left to the report.
static bool is_known(struct import *import, const char *collection)
{
    const char *there = NULL;
    bool known = false;
    struct error err = {0};
    const bool told = db_row_alone(import->pool, import->stack->arena, &SQL_import_collection_known, DB_IN(DB_TEXT(collection)),
                                   DB_OUT(DB_GET_BOOL(&known), DB_GET_TEXT(&there)), &err) == DB_FOUND;
    if (!told || known) return true;
    fprintf(stderr, "dcctl: no file that was imported holds a collection '%s'. ", collection);
    if (there) fprintf(stderr, "There are: %s.\n", there);
    else fputs("None was imported yet: 'dcctl import FILE' does.\n", stderr);
    return false;
}

static int report_on(const struct stack *stack, int argc, char **argv,
                     bool (*report)(struct import *import, const char *only, struct error *err))
{
    struct error err = {.arena = stack->arena};
    struct import import = {.stack = stack};
    const char *only = command_option(argc, argv, "--collection");
    bool ok = import_open(&import, stack, &err);
    const bool is_there = !ok || !only || is_known(&import, only);
    ok = ok && (!is_there || report(&import, only, &err));
    db_pool_close(import.pool);
    return !ok ? command_failed(&err) : is_there ? 0 : 2;
}

int command_import_report(const struct stack *stack, int argc, char **argv)
{
    return report_on(stack, argc, argv, import_report);
}

static bool print_quarantine(struct import *import, const char *only, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    struct db db;
    const char *json = NULL;
    db_begin(&db, import->pool, DB_READ, arena);
    bool ok = db_text(&db, &SQL_import_quarantine, DB_IN(DB_TEXT(only)), &json, NULL, err);
    db_end(&db);
    if (ok) puts(json);
    return ok;
}

int command_import_quarantine(const struct stack *stack, int argc, char **argv)
{
    return report_on(stack, argc, argv, print_quarantine);
}

void import_progress(struct import *import, const char *what, int64_t done, int64_t total)
{
    enum { WIDTH = 40, EVERY_MS = 100 };
    const int64_t now_ms = clock_monotonic_ms();
    if (!import->terminal || total <= 0 || (now_ms < import->progress_due_ms && done < total)) return;
    import->progress_due_ms = now_ms + EVERY_MS;
    if (done > total) done = total;
    int filled = (int)(done * WIDTH / total);
    fprintf(stderr, "\r  %-10s [%.*s%*s] %3d %%", what, filled, "########################################", WIDTH - filled, "",
            (int)(done * 100 / total));
}
