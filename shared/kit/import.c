// SPDX-License-Identifier: MIT
// The verb import: one batch a line in, one answer a line out. Each batch is one transaction, and
// its answer is written after the commit, so a tool that was killed sends the batch again. A commit waits
// for no disk: the answer to {"keep": true} says that all before it is there for good. A tool that
// sends "halves": true deals with refusals itself: an error that does not pass, answered as such, says
// that something of the batch cannot be taken, and it sends less at once.
#include "running.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit_sql.h"
#include "outbox.h"

#define MEMORY_BYTES ((size_t)256 << 20)

struct batch {
    struct app *app;
    const struct importer *importer;
    const json_t *rows;
    json_t *results;
};

static int take_lines(struct app *app, struct db *hold, FILE *out);
static int complain(const struct app *app, const struct error *err);
static bool take_line(struct app *app, struct db *hold, const char *line, size_t length, FILE *out, bool *ret_halves, struct error *err);
static bool keep(struct db *hold, FILE *out, struct error *err);
static bool take_batch(struct app *app, const json_t *parsed, struct arena *arena, FILE *out, struct error *err);
static const struct importer *importer_find(const struct service *service, const char *collection);
static bool take(struct db *db, void *argument, struct error *err);
static void write_error(const struct error *err, bool halves, FILE *out);

int import_run(struct app *app)
{
    // The log writes to standard output; here that belongs to the answers.
    const int kept = dup(STDOUT_FILENO);
    FILE *out = kept >= 0 ? fdopen(kept, "w") : NULL;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(MEMORY_BYTES);
    if (!out || !arena || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return 1;
    struct error err = {0};
    struct db hold; // its events wait for the end; a connection that is lost meanwhile lets them go earlier
    db_begin(&hold, app->pool, DB_READ, arena);
    int status = db_exec(&hold, &SQL_bulk_hold, DB_NOTHING, NULL, &err) ? take_lines(app, &hold, out) : complain(app, &err);
    // also of a tool that was killed: what goes out from now on must not get lost here
    if (status == 0 && !db_exec(&hold, &SQL_bulk_keep, DB_NOTHING, NULL, &err)) status = complain(app, &err);
    db_end(&hold);
    fclose(out);
    return status;
}

static int take_lines(struct app *app, struct db *hold, FILE *out)
{
    char *line = NULL;
    size_t capacity = 0;
    int status = 0;
    for (ssize_t length; (length = getline(&line, &capacity, stdin)) > 0;) {
        struct error err = {0};
        bool halves = false;
        if (!take_line(app, hold, line, (size_t)length, out, &halves, &err)) {
            if (!halves || error_passes(&err)) status = complain(app, &err);
            write_error(&err, halves, out);
        }
        fputc('\n', out);
        fflush(out);
    }
    free(line);
    return status;
}

static int complain(const struct app *app, const struct error *err)
{
    const char *comma = err->cause[0] ? " Cause: " : "";
    fprintf(stderr, "%s import: %s%s%s\n", app->service->name, err->detail, comma, err->cause);
    return 1;
}

static bool take_line(struct app *app, struct db *hold, const char *line, size_t length, FILE *out, bool *ret_halves, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(MEMORY_BYTES);
    CLEANUP(json_release) json_t *parsed = json_parse(line, length, err);
    if (!arena) return error_set(err, &problem_unavailable, NULL);
    if (!parsed) return false;
    *ret_halves = json_is_true(json_object_get(parsed, "halves"));
    return json_is_true(json_object_get(parsed, "keep")) ? keep(hold, out, err) : take_batch(app, parsed, arena, out, err);
}

static bool keep(struct db *hold, FILE *out, struct error *err)
{
    if (!db_exec(hold, &SQL_bulk_keep, DB_NOTHING, NULL, err)) return false;
    fputs("{\"results\":[]}", out);
    return true;
}

static bool take_batch(struct app *app, const json_t *parsed, struct arena *arena, FILE *out, struct error *err)
{
    CLEANUP(json_release) json_t *results = json_array();
    if (!results) return error_set(err, &problem_unavailable, NULL);
    const char *collection = json_member_text(parsed, "collection");
    struct batch batch = {app, importer_find(app->service, collection), json_object_get(parsed, "rows"),
                          results};
    if (!batch.importer || !json_is_array(batch.rows))
        return error_set(err, &problem_malformed,
                         "Send {\"collection\":…,\"rows\":[…]} with a collection that %s takes.",
                         app->service->name);
    // db_transaction wants an arena in err for violations; both end with take_line.
    err->arena = arena;
    const bool ok = db_transaction(app->pool, DB_WRITE, arena, take, &batch, err);
    err->arena = NULL;
    err->violations = NULL;
    if (!ok) return false;
    relay_wake(app->relay);
    const char *text = json_text(arena, results);
    if (!text) return error_set(err, &problem_unavailable, "No memory.");
    fprintf(out, "{\"results\":%s}", text);
    return true;
}

static const struct importer *importer_find(const struct service *service, const char *collection)
{
    for (const struct importer *row = service->importers; collection && row && row->collection; row++) {
        if (strcmp(row->collection, collection) == 0) return row;
    }
    return NULL;
}

static bool take(struct db *db, void *argument, struct error *err)
{
    struct batch *batch = argument;
    json_array_clear(batch->results); // of a run that was rolled back
    if (!db_exec(db, &SQL_bulk_begin, DB_NOTHING, NULL, err)) return false;
    if (!batch->importer->take(batch->app, db, batch->rows, batch->results, err)) return false;
    if (json_array_size(batch->results) == json_array_size(batch->rows)) return true;
    return error_set(err, &problem_internal, "The importer answered %zu of %zu rows.",
                     json_array_size(batch->results), json_array_size(batch->rows));
}

static void write_error(const struct error *err, bool halves, FILE *out)
{
    CLEANUP(json_release) json_t *answer = json_pack("{s:s}", "error", err->detail);
    if (answer && halves) json_object_set_new(answer, "passes", json_boolean(error_passes(err)));
    if (answer) json_dumpf(answer, out, JSON_COMPACT);
}
