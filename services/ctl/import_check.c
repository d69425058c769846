// SPDX-License-Identifier: MIT
// References: repaired where the file itself says what is meant, quarantined where it does not.
#include <string.h>

#include "ctl_sql.h"
#include "import.h"

struct check {
    const struct collection *collection;
    int64_t run;
};

static bool check_reference(struct db *db, const struct check *check, int place, struct error *err);

static bool check_collection(struct db *db, void *argument, struct error *err)
{
    const struct check *check = argument;
    const struct collection *collection = check->collection;
    if (!db_exec(db, &SQL_import_check_plans, DB_NOTHING, NULL, err)) return false;
    for (int i = 0; i < IMPORT_REFERENCES && collection->references[i].member; i++)
        if (collection->references[i].target && !check_reference(db, check, i, err)) return false;
    return true;
}

static bool check_reference(struct db *db, const struct check *check, int place, struct error *err)
{
    const struct reference *reference = &check->collection->references[place];
    const bool is_user = strcmp(reference->target, "user") == 0;
    const struct db_value collection = DB_TEXT(check->collection->name), run = DB_INT(check->run), member = DB_TEXT(reference->member),
                          at = DB_INT(place + 1), target = DB_TEXT(reference->target), optional = DB_BOOL(reference->optional);
    bool is_lost = false;
    if (db_row(db, is_user ? &SQL_import_reference_is_lost_user : &SQL_import_reference_is_lost,
               is_user ? DB_IN(collection, run, at) : DB_IN(collection, run, at, target, optional), DB_OUT(DB_GET_BOOL(&is_lost)), err) != DB_FOUND)
        return false;
    if (!is_lost) return true;
    if (is_user)
        return db_exec(db, &SQL_import_reference_user, DB_IN(collection, run, member, at), NULL, err) &&
               db_exec(db, &SQL_import_reference_check_user, DB_IN(collection, run, member, at), NULL, err);
    if (reference->through && !db_exec(db, &SQL_import_reference_profile, DB_IN(collection, run, member, at, DB_TEXT(reference->through)), NULL, err))
        return false;
    return db_exec(db, &SQL_import_reference_check, DB_IN(collection, run, member, at, target, optional), NULL, err);
}

bool import_check(struct import *import, const struct collection *collection, struct arena *arena, struct error *err)
{
    return db_transaction(import->pool, DB_WRITE, arena, check_collection, &(struct check){collection, import->run}, err);
}
