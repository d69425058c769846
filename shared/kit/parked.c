// SPDX-License-Identifier: MIT
#include "parked.h"

#include "kit_sql.h"

bool parked_list(struct db *db, const char **ret_json, struct error *err)
{
    return db_text(db, &SQL_parked_list, DB_NOTHING, ret_json, NULL, err);
}

bool parked_redrive(struct db *db, const char *topic, const char *key, const char *actor, int64_t *ret_keys,
                    struct error *err)
{
    return db_row(db, &SQL_parked_redrive, DB_IN(DB_TEXT(topic), DB_TEXT(key), DB_TEXT(actor)),
                  DB_OUT(DB_GET_INT(ret_keys)), err) == DB_FOUND;
}

bool parked_discard(struct db *db, const char *topic, const char *key, const char *actor, struct error *err)
{
    const char *locked = NULL;
    int64_t dropped = 0;
    enum db_found found =
        db_row(db, &SQL_parked_lock, DB_IN(DB_TEXT(topic), DB_TEXT(key)), DB_OUT(DB_GET_TEXT(&locked)), err);
    if (found == DB_FAILED) return false;
    if (found == DB_FOUND &&
        !db_exec(db, &SQL_parked_discard, DB_IN(DB_TEXT(topic), DB_TEXT(key), DB_TEXT(actor)), &dropped, err))
        return false;
    if (dropped == 1) return true;
    return error_set(err, &problem_not_found, "No event of key %s of topic %s is parked.", key, topic);
}
