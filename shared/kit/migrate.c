// SPDX-License-Identifier: MIT
#include "migrate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto.h"
#include "kit_sql.h"

#define LOCK_WAIT_S 120
#define MEMORY_BYTES (4 << 20)

struct migrator {
    const char *url;
    const struct service *service;
    struct arena *arena;
    struct db_pool *pool;   // knows schema_migrations
    struct db_rows applied; // name, checksum
};

// One migration on its way into the database.
struct step {
    const char *name; // "auth/0001_users"
    const char *checksum;
    const char *sql;
};

static bool hold_lock(struct db *db, struct error *err);
static bool make_table(struct db *lock, struct error *err);
static bool apply_all(struct migrator *migrator, struct error *err);
static bool apply_missing(struct migrator *migrator, const char *owner, const struct migration *rows,
                          struct error *err);
static bool refuse_unknown(const struct migrator *migrator, struct error *err);
static bool run_step(struct db *db, void *argument, struct error *err);
static const char *applied_checksum(const struct db_rows *applied, const char *name);
static const char *first_missing(const struct db_rows *applied, const char *owner,
                                 const struct migration *rows, struct arena *arena);
static struct db_pool *open_pool(const char *url, const struct sql *const *const *statements,
                                 struct error *err);
static void close_pool(struct db_pool **pool);
static void end_session(struct db *db);

// What each of the two connections needs; the second can be prepared only once the table is there.
static const struct sql *const lock_statements[] = {&SQL_migration_lock, NULL};
static const struct sql *const table_statements[] = {&SQL_migration_list, &SQL_migration_insert, NULL};

bool migrate_apply(const char *url, const struct service *service, struct error *err)
{
    static const struct sql *const *const lists[] = {lock_statements, NULL};
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(MEMORY_BYTES);
    if (!arena) return error_set(err, &problem_unavailable, NULL);
    CLEANUP(close_pool) struct db_pool *pool = open_pool(url, lists, err);
    if (!pool) return false;
    struct migrator migrator = {.url = url, .service = service, .arena = arena};
    CLEANUP(end_session) struct db lock;
    db_begin(&lock, pool, DB_READ, arena);
    return hold_lock(&lock, err) && make_table(&lock, err) && apply_all(&migrator, err);
}

bool migrate_check(struct db_pool *pool, const struct service *service, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(MEMORY_BYTES);
    if (!arena) return error_set(err, &problem_unavailable, NULL);
    CLEANUP(end_session) struct db db;
    struct db_rows applied;
    db_begin(&db, pool, DB_READ, arena);
    if (!db_rows(&db, &SQL_migration_list, DB_NOTHING, &applied, err)) return false;
    const char *missing = first_missing(&applied, "kit", kit_migrations, arena);
    if (!missing) missing = first_missing(&applied, service->name, service->migrations, arena);
    if (!missing) return true;
    return error_set(err, &problem_unavailable, "The database lacks migration %s; run '%s migrate' first.",
                     missing, service->name);
}

// Waits for another migrator to finish; its work is then found done.
static bool hold_lock(struct db *db, struct error *err)
{
    for (int i = 0; i < LOCK_WAIT_S * 5; i++) {
        bool held = false;
        if (db_row(db, &SQL_migration_lock, DB_NOTHING, DB_OUT(DB_GET_BOOL(&held)), err) == DB_FAILED)
            return false;
        if (held) return true;
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
    return error_set(err, &problem_unavailable,
                     "Another migration of this database has been running for %d seconds.", LOCK_WAIT_S);
}

static bool make_table(struct db *lock, struct error *err)
{
    return db_script(lock, kit_migrations[0].sql, err);
}

static bool apply_all(struct migrator *migrator, struct error *err)
{
    static const struct sql *const *const lists[] = {table_statements, NULL};
    CLEANUP(close_pool) struct db_pool *pool = open_pool(migrator->url, lists, err);
    if (!pool) return false;
    migrator->pool = pool;
    struct db db;
    db_begin(&db, pool, DB_READ, migrator->arena);
    bool listed = db_rows(&db, &SQL_migration_list, DB_NOTHING, &migrator->applied, err);
    db_end(&db);
    return listed && refuse_unknown(migrator, err) && apply_missing(migrator, "kit", kit_migrations, err) &&
           apply_missing(migrator, migrator->service->name, migrator->service->migrations, err);
}

static bool apply_missing(struct migrator *migrator, const char *owner, const struct migration *rows,
                          struct error *err)
{
    for (; rows && rows->name; rows++) {
        char checksum[SHA256_HEX_SIZE];
        crypto_sha256_hex(rows->sql, strlen(rows->sql), checksum);
        struct step step = {arena_printf(migrator->arena, "%s/%s", owner, rows->name), checksum, rows->sql};
        if (!step.name) return error_set(err, &problem_unavailable, NULL);
        const char *applied = applied_checksum(&migrator->applied, step.name);
        if (applied && !text_equal(applied, checksum))
            return error_set(
                err, &problem_conflict,
                "Migration %s was changed after this database took it: put it back and add a new one. A local stack whose data may go "
                "starts afresh after 'make reset'.",
                step.name);
        if (applied) continue;
        if (!db_transaction(migrator->pool, DB_WRITE, migrator->arena, run_step, &step, err)) return false;
        printf("migrated %s\n", step.name);
        fflush(stdout);
    }
    return true;
}

// A table that is in use is not waited for in the way of everybody who comes after us.
static bool run_step(struct db *db, void *argument, struct error *err)
{
    const struct step *step = argument;
    if (db_script(db, "SET LOCAL lock_timeout = '5s'", err) && db_script(db, step->sql, err) &&
        db_exec(db, &SQL_migration_insert, DB_IN(DB_TEXT(step->name), DB_TEXT(step->checksum)), NULL, err))
        return true;
    char cause[sizeof err->cause];
    snprintf(cause, sizeof cause, "%s", err->cause);
    return error_cause(err, "%s: %s", step->name, cause);
}

static bool is_known(const struct migrator *migrator, const char *name, const char *owner,
                     const struct migration *rows)
{
    for (; rows && rows->name; rows++)
        if (text_equal(name, arena_printf(migrator->arena, "%s/%s", owner, rows->name))) return true;
    return false;
}

// What we don't know was made by a newer program, or for another service: neither may be built on.
static bool refuse_unknown(const struct migrator *migrator, struct error *err)
{
    const struct service *service = migrator->service;
    for (int i = 0; i < migrator->applied.count; i++) {
        const char *name = db_rows_text(&migrator->applied, i, 0);
        if (is_known(migrator, name, "kit", kit_migrations)) continue;
        if (is_known(migrator, name, service->name, service->migrations)) continue;
        return error_set(err, &problem_conflict,
                         "The database has migration %s, which this program does not know; use a newer %s.",
                         name, service->name);
    }
    return true;
}

static const char *applied_checksum(const struct db_rows *applied, const char *name)
{
    for (int i = 0; i < applied->count; i++)
        if (text_equal(db_rows_text(applied, i, 0), name)) return db_rows_text(applied, i, 1);
    return NULL;
}

static const char *first_missing(const struct db_rows *applied, const char *owner,
                                 const struct migration *rows, struct arena *arena)
{
    for (; rows && rows->name; rows++) {
        const char *name = arena_printf(arena, "%s/%s", owner, rows->name);
        if (!name || !applied_checksum(applied, name)) return name ? name : rows->name;
    }
    return NULL;
}

static struct db_pool *open_pool(const char *url, const struct sql *const *const *statements,
                                 struct error *err)
{
    return db_pool_open(&(struct db_pool_config){.url = url,
                                                 .application_name = "migrate",
                                                 .connections = 1,
                                                 .acquire_timeout_ms = 10000,
                                                 .connect_timeout_s = 10,
                                                 .statements = statements},
                        err);
}

static void close_pool(struct db_pool **pool)
{
    db_pool_close(*pool);
}

static void end_session(struct db *db)
{
    db_end(db);
}
