// SPDX-License-Identifier: MIT
// Sends a collection to the services that take it: their own binary, their own rules, one batch a
// transaction. A batch whose answer was lost is sent again by the next run and comes back unchanged.
#include <stdlib.h>
#include <string.h>

#include "ctl_sql.h"
#include "import.h"

#define BATCH_ROWS 1000

struct sending {
    struct import *import;
    const struct collection *collection;
    const char *service;
    bool more_takers;
    struct child child;
    int64_t after;       // ordinal sent last
};

static bool send_all(struct sending *sending, int64_t total, int64_t *done, struct error *err);
static bool send_batch(struct sending *sending, struct arena *arena, int64_t *ret_count, struct error *err);
static bool ask_child(struct sending *sending, const char *rows, struct arena *arena, const char **ret_results, struct error *err);
static bool wait_for_service(struct import *import, const struct collection *collection, struct error *err);

bool import_send(struct import *import, const struct collection *collection, int64_t total, int64_t *done, struct error *err)
{
    if (!collection->takers[0]) return wait_for_service(import, collection, err);
    for (int i = 0; collection->takers[i]; i++) {
        struct sending sending = {.import = import, .collection = collection, .service = collection->takers[i],
                                  .more_takers = collection->takers[i + 1] != NULL};
        if (!child_start(import->stack, sending.service, (const char *const[]){"import", NULL}, true, &sending.child, err)) return false;
        int64_t ignored = 0;
        bool ok = send_all(&sending, total, sending.more_takers ? &ignored : done, err);
        int status = child_finish(&sending.child);
        if (!ok) return false;
        if (status != 0) return error_set(err, &problem_unavailable, "%s import ended with status %d; see its message above, then import again.", sending.service, status);
    }
    return true;
}

static bool send_all(struct sending *sending, int64_t total, int64_t *done, struct error *err)
{
    for (int64_t count = 1; count > 0;) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)256 << 20);
        if (!arena) return error_set(err, &problem_unavailable, "No memory.");
        if (!send_batch(sending, arena, &count, err)) return false;
        *done += count;
        import_progress(sending->import, "importing", *done, total);
    }
    return true;
}

static bool send_batch(struct sending *sending, struct arena *arena, int64_t *ret_count, struct error *err)
{
    const char *rows = NULL, *keys = NULL, *results = NULL;
    int64_t last = 0;
    struct db db;
    db_begin(&db, sending->import->pool, DB_READ, arena);
    bool ok = db_row(&db, &SQL_import_batch, DB_IN(DB_TEXT(sending->collection->name), DB_INT(sending->after), DB_INT(BATCH_ROWS)),
                     DB_OUT(DB_GET_TEXT(&rows), DB_GET_INT(ret_count), DB_GET_INT(&last), DB_GET_TEXT(&keys)), err) == DB_FOUND;
    if (ok && *ret_count > 0) {
        ok = ask_child(sending, rows, arena, &results, err) &&
             db_exec(&db, &SQL_import_outcomes,
                     DB_IN(DB_TEXT(sending->collection->name), DB_TEXT(keys), DB_TEXT(results), DB_BOOL(sending->more_takers)), NULL, err);
    }
    db_end(&db);
    sending->after = last;
    return ok;
}

// One line there, one line back. The rows are re-printed on one line: PostgreSQL's json_agg breaks lines.
static bool ask_child(struct sending *sending, const char *rows, struct arena *arena, const char **ret_results, struct error *err)
{
    char *line = arena_strdup(arena, rows);
    for (char *at = line; at && *at; at++) if (*at == '\n') *at = ' '; // inside strings a line break is \n
    if (!line || fprintf(sending->child.in, "{\"collection\":\"%s\",\"rows\":%s}\n", sending->collection->name, line) < 0 ||
        fflush(sending->child.in) != 0)
        return error_set(err, &problem_unavailable, "%s import stopped taking rows; see its message above, then import again.", sending->service);
    char *answer = NULL;
    size_t capacity = 0;
    ssize_t length = getline(&answer, &capacity, sending->child.out);
    CLEANUP(json_release) json_t *parsed = length > 0 ? json_parse(answer, (size_t)length, err) : NULL;
    free(answer);
    json_t *results = parsed ? json_object_get(parsed, "results") : NULL;
    if (!json_is_array(results))
        return error_set(err, &problem_unavailable, "%s import gave no answer to a batch of %s: %s", sending->service,
                         sending->collection->name, parsed && json_member_text(parsed, "error") ? json_member_text(parsed, "error") : "see its message above, then import again.");
    *ret_results = json_text(arena, results);
    return true;
}

static bool wait_for_service(struct import *import, const struct collection *collection, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)1 << 20);
    struct db db;
    db_begin(&db, import->pool, DB_READ, arena);
    bool ok = db_exec(&db, &SQL_import_wait, DB_IN(DB_TEXT(collection->name)), NULL, err);
    db_end(&db);
    return ok;
}
