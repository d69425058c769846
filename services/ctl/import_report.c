// SPDX-License-Identifier: MIT
// What became of every row, why, and whether every relationship holds.
#include <string.h>

#include "ctl_sql.h"
#include "import.h"

static bool report_counts(struct db *db, const char *only, struct error *err);
static bool report_reasons(struct db *db, const char *only, struct error *err);
static bool report_relationships(struct db *db, struct error *err);

bool import_report(struct import *import, const char *only, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)64 << 20);
    struct db db;
    db_begin(&db, import->pool, DB_READ, arena);
    bool ok = report_counts(&db, only, err) && report_reasons(&db, only, err) && report_relationships(&db, err);
    db_end(&db);
    return ok;
}

static bool report_counts(struct db *db, const char *only, struct error *err)
{
    struct db_rows rows = {0};
    if (!db_rows(db, &SQL_import_counts, DB_IN(DB_TEXT(only)), &rows, err)) return false;
    printf("%-22s %9s %9s %9s %10s %9s %12s\n", "collection", "read", "imported", "repaired", "unchanged", "waiting", "quarantined");
    for (int i = 0; i < rows.count; i++)
        printf("%-22s %9s %9s %9s %10s %9s %12s\n", db_rows_text(&rows, i, 0), db_rows_text(&rows, i, 1), db_rows_text(&rows, i, 2),
               db_rows_text(&rows, i, 3), db_rows_text(&rows, i, 4), db_rows_text(&rows, i, 5), db_rows_text(&rows, i, 6));
    return true;
}

static bool report_reasons(struct db *db, const char *only, struct error *err)
{
    struct db_rows rows = {0};
    if (!db_rows(db, &SQL_import_reasons, DB_IN(DB_TEXT(only)), &rows, err)) return false;
    for (int i = 0; i < rows.count; i++)
        printf("%s%s: %s %s × %s (%s)\n", i ? "" : "\n", db_rows_text(&rows, i, 0), db_rows_text(&rows, i, 1), db_rows_text(&rows, i, 3),
               db_rows_text(&rows, i, 2), db_rows_text(&rows, i, 4));
    return true;
}

static bool report_relationships(struct db *db, struct error *err)
{
    int64_t dangling = 0;
    for (const struct collection *c = import_collections; c->name; c++)
        for (int i = 0; i < IMPORT_REFERENCES && c->references[i].member; i++) {
            const char *target = c->references[i].target;
            int64_t count = 0;
            if (!target || strcmp(target, "user") == 0) continue; // checked against profiles[].user_id before it was taken
            if (db_row(db, &SQL_import_dangling, DB_IN(DB_TEXT(c->name), DB_INT(i + 1), DB_TEXT(target)),
                       DB_OUT(DB_GET_INT(&count)), err) != DB_FOUND)
                return false;
            if (count) printf("\n%s.%s: %ld row(s) lead nowhere\n", c->name, c->references[i].member, (long)count);
            dangling += count;
        }
    if (!dangling) printf("\nevery relationship of the rows taken holds; the others are listed above\n");
    return true;
}
