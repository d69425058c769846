// SPDX-License-Identifier: MIT
#include "audit.h"

#include "kit_sql.h"

bool audit_add(struct db *db, const char *actor, const char *action, const char *subject, const char *details,
               struct error *err)
{
    return db_exec(db, &SQL_audit_insert,
                   DB_IN(DB_TEXT(actor), DB_TEXT(action), DB_TEXT(subject), DB_TEXT(details)), NULL, err);
}

bool audit_verify(struct db *db, int64_t *ret_rows, int64_t *ret_bad, struct error *err)
{
    return db_row(db, &SQL_audit_chain_check, DB_NOTHING, DB_OUT(DB_GET_INT(ret_rows), DB_GET_INT(ret_bad)),
                  err) == DB_FOUND;
}
