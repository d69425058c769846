// SPDX-License-Identifier: MIT
// What became of every row, why, and whether every relationship holds.
#include <string.h>

#include "ctl_sql.h"
#include "import.h"

static bool report_collection(struct db *db, const char *name, struct error *err);
static bool report_reasons(struct db *db, const char *name, struct error *err);
static bool report_relationships(struct db *db, struct error *err);

bool import_report(struct import *import, const char *only, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)64 << 20);
    struct db db;
    struct db_rows collections;
    db_begin(&db, import->pool, DB_READ, arena);
    bool ok = db_rows(&db, &SQL_import_collections, DB_NOTHING, &collections, err);
    printf("%-22s %8s %9s %9s %10s %9s %12s\n", "collection", "read", "imported", "repaired", "unchanged", "waiting", "quarantined");
    for (int i = 0; ok && i < collections.count; i++) {
        const char *name = db_rows_text(&collections, i, 0);
        if (!only || strcmp(only, name) == 0) ok = report_collection(&db, name, err);
    }
    for (int i = 0; ok && i < collections.count; i++) {
        const char *name = db_rows_text(&collections, i, 0);
        if (!only || strcmp(only, name) == 0) ok = report_reasons(&db, name, err);
    }
    ok = ok && report_relationships(&db, err);
    db_end(&db);
    return ok;
}

static bool report_collection(struct db *db, const char *name, struct error *err)
{
    int64_t read, imported, repaired, unchanged, waiting, quarantined;
    if (db_row(db, &SQL_import_counts, DB_IN(DB_TEXT(name)),
               DB_OUT(DB_GET_INT(&read), DB_GET_INT(&imported), DB_GET_INT(&repaired), DB_GET_INT(&unchanged), DB_GET_INT(&waiting),
                      DB_GET_INT(&quarantined)), err) != DB_FOUND)
        return false;
    printf("%-22s %8ld %9ld %9ld %10ld %9ld %12ld\n", name, (long)read, (long)imported, (long)repaired, (long)unchanged, (long)waiting,
           (long)quarantined);
    return true;
}

static bool report_reasons(struct db *db, const char *name, struct error *err)
{
    struct db_rows reasons;
    if (!db_rows(db, &SQL_import_reasons, DB_IN(DB_TEXT(name)), &reasons, err)) return false;
    for (int i = 0; i < reasons.count; i++)
        printf("%s%s: %s %s × %s (%s)\n", i ? "" : "\n", name, db_rows_text(&reasons, i, 0), db_rows_text(&reasons, i, 2),
               db_rows_text(&reasons, i, 1), db_rows_text(&reasons, i, 3));
    return true;
}

static bool report_relationships(struct db *db, struct error *err)
{
    int64_t dangling = 0;
    for (const struct collection *c = import_collections; c->name; c++)
        for (int i = 0; i < 4 && c->references[i].member; i++) {
            int64_t count = 0;
            if (strcmp(c->references[i].target, "user") == 0) continue; // checked against profiles[].user_id before it was taken
            if (db_row(db, &SQL_import_dangling,
                       DB_IN(DB_TEXT(c->name), DB_TEXT(c->references[i].member), DB_TEXT(c->references[i].target)),
                       DB_OUT(DB_GET_INT(&count)), err) != DB_FOUND)
                return false;
            if (count) printf("\n%s.%s: %ld row(s) lead nowhere\n", c->name, c->references[i].member, (long)count);
            dangling += count;
        }
    if (!dangling) printf("\nevery relationship of the rows taken holds; the others are listed above\n");
    return true;
}
