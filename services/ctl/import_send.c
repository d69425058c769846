// SPDX-License-Identifier: MIT
// Sends a collection to the services that take it: their own binary, their own rules, one batch a transaction. A few senders
// work side by side, each with children of its own (import_child.c). A batch whose answer was lost is sent again by the next run and comes
// back unchanged.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_sql.h"
#include "import.h"
#include "import_walk.h"

#define BATCH_ROWS 1000
#define BATCH_ROWS_LEAST 100
#define BATCH_BYTES (8 << 20)
#define BATCH_ARENA_BYTES ((size_t)256 << 20)

// A collection on its way; shared by its senders under the lock.
struct sending {
    struct import *import;
    const struct collection *collection;
    pthread_mutex_t lock;
    int64_t next, last;                // places handed out so far, and the last there is
    int64_t imported, unchanged, total;
    int64_t *done;
    struct error *err;                 // of the sender that failed first
};

struct sender {
    struct sending *sending;
    int place;           // among the senders: which children are its own
    pthread_t thread;
    struct arena *arena; // of the batch
};

// One row of a batch, and what has become of it.
struct sent {
    int64_t ordinal;
    const char *key;
    const char *content;
    enum { OUTCOME_UNCHANGED, OUTCOME_IMPORTED, OUTCOME_QUARANTINED } outcome;
    json_t *notes; // what its takers said; in the arena's keeping
};

static bool count_rows(struct sending *sending, struct error *err);
static bool keep(struct sender *senders, int count, struct error *err);
static bool finish(struct sending *sending, struct error *err);
static void *send_batches(void *argument);
static bool send_places(struct sender *sender, int64_t after, int64_t last, struct error *err);
static bool send_batch(struct sender *sender, int64_t *after, int64_t last, int *ret_count, struct error *err);
static bool read_batch(struct sender *sender, int64_t after, int64_t last, struct sent **ret, int *ret_count, struct error *err);
static bool read_row(struct sender *sender, const struct db_rows *found, int place, struct sent *ret, struct error *err);
static bool send_rows(struct sender *sender, int taker, struct sent *rows, int count, struct error *err);
static bool ask(struct sender *sender, int taker, struct sent *rows, int count, bool *ret_too_much, struct error *err);
static bool take_answer(struct sender *sender, const char *service, const json_t *results, struct sent *rows, int count, struct error *err);
static json_t *exchange(struct sender *sender, int taker, const char *line, struct error *err);
static bool keep_findings(struct sender *sender, const struct sent *rows, int count, struct error *err);

bool import_send(struct import *import, const struct collection *collection, int64_t total, int64_t *done, struct error *err)
{
    struct sending sending = {.import = import, .collection = collection, .lock = PTHREAD_MUTEX_INITIALIZER, .total = total, .done = done, .err = err};
    struct sender senders[IMPORT_SENDERS] = {0};
    if (!count_rows(&sending, err) || !import_children_start(import, collection, sending.last, err)) return false;
    const int wanted = import_senders(collection, sending.last);
    int started = 0;
    for (int i = 0; i < wanted; i++) senders[i] = (struct sender){.sending = &sending, .place = i};
    while (started < wanted && pthread_create(&senders[started].thread, NULL, send_batches, &senders[started]) == 0) started++;
    for (int i = 0; i < started; i++) pthread_join(senders[i].thread, NULL);
    if (err->problem) return false;
    if (sending.next < sending.last && collection->takers[0]) return error_set(err, &problem_unavailable, "No thread to send %s with.", collection->name);
    return keep(senders, wanted, err) && finish(&sending, err);
}

int import_senders(const struct collection *collection, int64_t rows)
{
    const int64_t batches = (rows + BATCH_ROWS - 1) / BATCH_ROWS;
    return !collection->takers[0] ? 0 : batches < IMPORT_SENDERS ? (int)batches : IMPORT_SENDERS;
}

static bool count_rows(struct sending *sending, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)1 << 20);
    return db_row_alone(sending->import->pool, arena, &SQL_import_last, DB_IN(DB_TEXT(sending->collection->name), DB_INT(sending->import->run)),
                        DB_OUT(DB_GET_INT(&sending->last)), err) == DB_FOUND;
}

// What the takers have committed is on their disks, before it is noted that they have it.
static bool keep(struct sender *senders, int count, struct error *err)
{
    for (struct sender *sender = senders; sender < senders + count; sender++) {
        for (int i = 0; sender->sending->collection->takers[i]; i++) {
            CLEANUP(json_release) json_t *answer = exchange(sender, i, "{\"keep\":true}", err);
            if (!answer) return false;
            if (!json_object_get(answer, "results"))
                return error_set(err, &problem_unavailable, "%s lost its database meanwhile; import again.", sender->sending->collection->takers[i]);
        }
    }
    return true;
}

static bool finish(struct sending *sending, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)1 << 20);
    struct db db;
    db_begin(&db, sending->import->pool, DB_READ, arena);
    const bool is_taken = sending->collection->takers[0] != NULL;
    const struct db_value name = DB_TEXT(sending->collection->name), run = DB_INT(sending->import->run);
    bool ok = (!is_taken || db_exec(&db, &SQL_import_taken, DB_IN(name, run), NULL, err)) &&
              db_exec(&db, &SQL_import_collection_end,
                      DB_IN(name, run, DB_INT(sending->imported), DB_INT(sending->unchanged), DB_BOOL(!is_taken)), NULL, err);
    db_end(&db);
    return ok;
}

// --- One sender ----------------------------------------------------------------------------------

// Towards the end ever fewer, so that no sender waits long for the last batch of another (guided self-scheduling; C. Polychronopoulos and
// D. Kuck, 1987).
static int64_t batch_rows(const struct sending *sending)
{
    const int64_t share = (sending->last - sending->next) / ((int64_t)2 * IMPORT_SENDERS);
    const bool is_alone = import_senders(sending->collection, sending->last) < 2;
    return is_alone || share > BATCH_ROWS ? BATCH_ROWS : share < BATCH_ROWS_LEAST ? BATCH_ROWS_LEAST : share;
}

// The next places; false when all are handed out, or another sender failed.
static bool next_places(struct sending *sending, int64_t *ret_after, int64_t *ret_last)
{
    pthread_mutex_lock(&sending->lock);
    const bool more = sending->next < sending->last && !sending->err->problem;
    *ret_after = sending->next;
    if (more) sending->next += batch_rows(sending);
    *ret_last = sending->next;
    pthread_mutex_unlock(&sending->lock);
    return more;
}

static void *send_batches(void *argument)
{
    struct sender *sender = argument;
    struct sending *sending = sender->sending;
    struct error err = {0};
    int64_t after = 0, last = 0;
    bool ok = true;
    while (ok && next_places(sending, &after, &last)) ok = send_places(sender, after, last, &err);
    pthread_mutex_lock(&sending->lock);
    if (!ok) error_join(sending->err, &err);
    pthread_mutex_unlock(&sending->lock);
    return NULL;
}

// --- One batch -----------------------------------------------------------------------------------

// In one batch, or in several where the rows are long.
static bool send_places(struct sender *sender, int64_t after, int64_t last, struct error *err)
{
    int count = 1;
    bool ok = true;
    while (ok && count > 0 && after < last) {
        sender->arena = arena_new(BATCH_ARENA_BYTES);
        ok = sender->arena ? send_batch(sender, &after, last, &count, err) : error_set(err, &problem_unavailable, "No memory.");
        arena_free(sender->arena);
    }
    return ok;
}

static bool send_batch(struct sender *sender, int64_t *after, int64_t last, int *ret_count, struct error *err)
{
    struct sending *sending = sender->sending;
    struct sent *rows = NULL;
    int count = 0, imported = 0, unchanged = 0;
    if (!read_batch(sender, *after, last, &rows, &count, err) || !rows) return false;
    for (int i = 0; sending->collection->takers[i] && count; i++)
        if (!send_rows(sender, i, rows, count, err)) return false;
    if (!keep_findings(sender, rows, count, err)) return false;
    for (int i = 0; i < count; i++) {
        imported += rows[i].outcome == OUTCOME_IMPORTED;
        unchanged += rows[i].outcome == OUTCOME_UNCHANGED;
    }
    *ret_count = count;
    if (count) *after = rows[count - 1].ordinal;
    pthread_mutex_lock(&sending->lock);
    sending->imported += imported;
    sending->unchanged += unchanged;
    *sending->done += count;
    import_progress(sending->import, "importing", *sending->done, sending->total);
    pthread_mutex_unlock(&sending->lock);
    return true;
}

static bool read_batch(struct sender *sender, int64_t after, int64_t last, struct sent **ret, int *ret_count, struct error *err)
{
    const struct sending *sending = sender->sending;
    struct db db;
    struct db_rows found = {0};
    db_begin(&db, sending->import->pool, DB_READ, sender->arena);
    bool ok = db_rows(&db, &SQL_import_batch,
                      DB_IN(DB_TEXT(sending->collection->name), DB_INT(sending->import->run), DB_INT(after), DB_INT(last), DB_INT(BATCH_BYTES)), &found, err);
    db_end(&db);
    struct sent *rows = ok ? arena_alloc(sender->arena, ((size_t)found.count + 1) * sizeof *rows) : NULL;
    for (int i = 0; rows && ok && i < found.count; i++) ok = read_row(sender, &found, i, &rows[i], err);
    ok = ok && import_file_unchanged(&sending->import->file, err);
    *ret = rows;
    *ret_count = ok && rows ? found.count : 0;
    return ok && (rows || error_set(err, &problem_unavailable, "No memory."));
}

static bool read_row(struct sender *sender, const struct db_rows *found, int place, struct sent *ret, struct error *err)
{
    enum { KEY, ORDINAL, CONTENT, OFFSET, BYTES, REPAIRS };
    struct arena *arena = sender->arena;
    const char *content = db_rows_text(found, place, CONTENT), *repairs = db_rows_text(found, place, REPAIRS);
    if (!content) {
        content = import_file_text(&sender->sending->import->file, db_rows_int(found, place, OFFSET), db_rows_int(found, place, BYTES), arena, err);
        if (!content) return false;
    }
    if (repairs) content = import_row_merge(content, repairs, arena);
    *ret = (struct sent){.ordinal = db_rows_int(found, place, ORDINAL), .key = db_rows_text(found, place, KEY), .content = content,
                         .notes = json_keep(arena, json_array())};
    return (content && ret->notes) || error_set(err, &problem_unavailable, "No memory.");
}

// A batch that its taker cannot take is halved until the row at fault stands alone.
static bool send_rows(struct sender *sender, int taker, struct sent *rows, int count, struct error *err)
{
    bool too_much = false;
    if (ask(sender, taker, rows, count, &too_much, err)) return true;
    if (!too_much) return false;
    if (count > 1) {
        error_clear(err);
        return send_rows(sender, taker, rows, count / 2, err) && send_rows(sender, taker, rows + count / 2, count - count / 2, err);
    }
    const char *reason = arena_printf(sender->arena, "%s could not take it: %s", sender->sending->collection->takers[taker], err->detail);
    error_clear(err);
    rows->outcome = OUTCOME_QUARANTINED;
    return json_array_append_new(rows->notes, json_string(reason ? reason : "could not be taken")) == 0 || error_set(err, &problem_unavailable, "No memory.");
}

// One line there, one line back. What a taker before has refused is not sent on.
static bool ask(struct sender *sender, int taker, struct sent *rows, int count, bool *ret_too_much, struct error *err)
{
    const char *service = sender->sending->collection->takers[taker];
    struct text_buffer line = text_buffer(sender->arena);
    text_printf(&line, "{\"collection\":\"%s\",\"halves\":true,\"rows\":[", sender->sending->collection->name);
    const char *separator = "";
    for (int i = 0; i < count; i++) {
        if (rows[i].outcome == OUTCOME_QUARANTINED) continue;
        text_add(&line, separator);
        text_add(&line, rows[i].content);
        separator = ",";
    }
    text_add(&line, "]}");
    char *text = text_take(&line);
    if (!text) return error_set(err, &problem_unavailable, "No memory.");
    for (char *at = text; *at; at++) if (*at == '\n' || *at == '\r') *at = ' '; // inside strings a line break is \n
    CLEANUP(json_release) json_t *parsed = exchange(sender, taker, text, err);
    if (!parsed) return false;
    const json_t *results = json_object_get(parsed, "results");
    if (json_is_array(results)) return take_answer(sender, service, results, rows, count, err);
    const char *said = json_member_text(parsed, "error");
    *ret_too_much = said && json_is_false(json_object_get(parsed, "passes"));
    if (*ret_too_much) return error_set(err, &problem_malformed, "%s", said);
    return error_set(err, &problem_unavailable, "%s import did not take a batch of %s: %s", service, sender->sending->collection->name,
                     said ? said : "see its message above, then import again.");
}

static json_t *exchange(struct sender *sender, int taker, const char *line, struct error *err)
{
    const char *service = sender->sending->collection->takers[taker];
    struct child *child = import_child(sender->sending->import, sender->place, service);
    if (fprintf(child->in, "%s\n", line) < 0 || fflush(child->in) != 0)
        return error_set(err, &problem_unavailable, "%s import stopped taking rows; see its message above, then import again.", service), NULL;
    char *answer = NULL;
    size_t capacity = 0;
    const ssize_t length = getline(&answer, &capacity, child->out);
    json_t *parsed = length > 0 ? json_parse(answer, (size_t)length, err) : NULL;
    free(answer);
    if (!parsed) error_set(err, &problem_unavailable, "%s import gave no answer; see its message above, then import again.", service);
    return parsed;
}

static bool take_answer(struct sender *sender, const char *service, const json_t *results, struct sent *rows, int count, struct error *err)
{
    size_t place = 0;
    for (int i = 0; i < count; i++) {
        if (rows[i].outcome == OUTCOME_QUARANTINED) continue;
        const json_t *result = json_array_get(results, place++);
        const char *outcome = json_is_string(result) ? json_string_value(result) : json_member_text(result, "outcome");
        if (!outcome) break;
        if (text_equal(outcome, "quarantined")) rows[i].outcome = OUTCOME_QUARANTINED;
        else if (!text_equal(outcome, "unchanged")) rows[i].outcome = OUTCOME_IMPORTED;
        if (json_array_size(json_object_get(result, "notes"))) json_array_extend(rows[i].notes, json_object_get(result, "notes"));
    }
    (void)sender;
    return place == json_array_size(results) || error_set(err, &problem_unavailable, "%s import lost count of its rows; import again.", service);
}

static bool keep_findings(struct sender *sender, const struct sent *rows, int count, struct error *err)
{
    const char **keys = arena_alloc(sender->arena, 3 * ((size_t)count + 1) * sizeof(const char *));
    if (!keys) return error_set(err, &problem_unavailable, "No memory.");
    const char **kept_back = keys + count, **notes = kept_back + count;
    size_t found = 0;
    for (int i = 0; i < count; i++) {
        if (rows[i].outcome != OUTCOME_QUARANTINED && !json_array_size(rows[i].notes)) continue;
        keys[found] = rows[i].key;
        kept_back[found] = rows[i].outcome == OUTCOME_QUARANTINED ? "t" : "f";
        notes[found++] = json_text(sender->arena, rows[i].notes);
    }
    if (!found) return true;
    const struct sending *sending = sender->sending;
    struct db db;
    db_begin(&db, sending->import->pool, DB_WRITE, sender->arena);
    bool ok = db_exec(&db, &SQL_import_found,
                      DB_IN(DB_TEXT(sending->collection->name), DB_INT(sending->import->run), DB_TEXT(db_array(sender->arena, keys, found)),
                            DB_TEXT(db_array(sender->arena, kept_back, found)), DB_TEXT(db_array(sender->arena, notes, found))), NULL, err) &&
              db_commit(&db, err);
    db_end(&db);
    return ok;
}
