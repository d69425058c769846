// SPDX-License-Identifier: MIT
// Notes the rows of a legacy file in the staging database: it is mapped, walked through (import_walk.c) and given back page by page, so
// that memory does not grow with the file.
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl_sql.h"
#include "import.h"
#include "import_walk.h"
#include "text.h"

#define BATCH_ROWS 2000
#define BATCH_BYTES ((size_t)4 << 20)
#define ARENA_BYTES ((size_t)256 << 20)
#define MAPPED_BYTES_KEPT ((size_t)32 << 20)

// Rows on their way into the database, in parts that are written side by side, each by a thread of its own. Rows of one id are always of
// the same part, in whose order they are told apart. Two batches take turns: while one is written, the next is read.
struct part {
    const struct batch *batch;
    struct arena *arena;       // of what is sent
    const char **ordinals, **ids, **raws, **references, **problems, **notes, **offsets, **lengths;
    size_t count;
    bool has_findings;         // something is to be said of a row
    pthread_t thread;
    bool is_written;           // by that thread, which has not been joined
    struct error err;
};
struct batch {
    struct import *import;
    struct arena *arena;       // of the rows
    char collection[4 * IMPORT_NAME_BYTES + 1];
    bool is_new;               // nothing of that collection was known before this file
    struct part parts[IMPORT_SENDERS];
    size_t bytes;
};

struct reader {
    struct import *import;
    const char *start, *end;
    const char *released;      // pages before this were given back
    char collection[4 * IMPORT_NAME_BYTES + 1];
    const char *refusal;       // of all rows of the collection, or NULL
    bool is_new;               // the collection
    const struct collection *known; // NULL: of a name that nobody knows
    json_t *seen;              // rows of the collections so far, by name
    int64_t ordinal, rows;
    struct batch batches[2], *batch;
};

static bool reader_open(struct reader *reader);
static bool begin(void *state, const char *name, size_t length, struct error *err);
static bool add_row(void *state, const char *bytes, size_t length, const char *problem, struct error *err);
static bool end(void *state, struct error *err);
static void give_back(struct reader *reader, const char *at);
static bool flush(struct reader *reader, struct error *err);
static bool batch_start(struct batch *batch, const struct reader *reader);
static void *part_write(void *argument);
static bool batch_await(struct batch *batch, struct error *err);
static bool reader_close(struct reader *reader, struct error *err);

// What is mapped and cannot be read, since the file is shorter now or its disk fails, is told by a signal alone (mmap(2)). What was
// written so far is a run that did not end.
static void cannot_be_read(int number)
{
    static const char said[] = "\ndcctl: The file was made shorter while it was imported, or its disk fails. Import it again, and leave it as it is meanwhile.\n";
    (void)number;
    _exit(write(STDERR_FILENO, said, sizeof said - 1) < 0 ? 2 : 1);
}

bool import_read(struct import *import, int64_t *ret_rows, const char **ret_damage, struct error *err)
{
    const size_t size = import->file.bytes;
    struct sigaction before;
    char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, import->file.fd, 0);
    if (bytes == MAP_FAILED) return error_set(err, &problem_malformed, "The file cannot be mapped into memory: %m.");
    (void)sigaction(SIGBUS, &(struct sigaction){.sa_handler = cannot_be_read}, &before);
    (void)madvise(bytes, size, MADV_SEQUENTIAL);
    struct reader reader = {.import = import, .start = bytes, .end = bytes + size, .released = bytes, .seen = json_object()};
    bool ok = reader_open(&reader) || error_set(err, &problem_unavailable, "No memory.");
    ok = ok && import_walk(bytes, size, &(struct import_sink){&reader, begin, add_row, end}, ret_damage, err);
    ok = reader_close(&reader, err) && ok;
    (void)sigaction(SIGBUS, &before, NULL);
    munmap(bytes, size);
    *ret_rows = reader.rows;
    return ok;
}

static bool reader_open(struct reader *reader)
{
    bool ok = reader->seen != NULL;
    for (struct batch *batch = reader->batches; batch < reader->batches + COUNT_OF(reader->batches); batch++) {
        batch->import = reader->import;
        batch->arena = arena_new(ARENA_BYTES);
        ok = ok && batch->arena;
        for (size_t i = 0; i < COUNT_OF(batch->parts); i++) {
            batch->parts[i] = (struct part){.batch = batch, .arena = arena_new(ARENA_BYTES)};
            ok = ok && batch->parts[i].arena;
        }
    }
    reader->batch = reader->batches;
    return ok && batch_start(reader->batch, reader);
}

static bool reader_close(struct reader *reader, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(reader->batches); i++) {
        ok = batch_await(&reader->batches[i], err) && ok;
        arena_free(reader->batches[i].arena);
        for (size_t j = 0; j < COUNT_OF(reader->batches[i].parts); j++) arena_free(reader->batches[i].parts[j].arena);
    }
    json_decref(reader->seen);
    return ok;
}

// Which of two lists of one name counts, nobody can say: the rows of the second are kept back.
static bool begin(void *state, const char *name, size_t length, struct error *err)
{
    struct reader *reader = state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)1 << 20);
    const char *text = arena ? import_text(arena, name, length, IMPORT_NAME_BYTES) : NULL;
    if (!text) return error_set(err, &problem_unavailable, "No memory.");
    snprintf(reader->collection, sizeof reader->collection, "%s", text);
    const json_t *seen = json_object_get(reader->seen, reader->collection);
    reader->ordinal = json_integer_value(seen);
    reader->refusal = seen ? "the file holds this collection twice; the first one was taken" : NULL;
    const int64_t place = import_place(reader->collection);
    reader->known = place ? &import_collections[place - 1] : NULL;
    reader->is_new = false;
    if (!seen && db_row_alone(reader->import->pool, arena, &SQL_import_collection_start,
                              DB_IN(DB_TEXT(reader->collection), DB_INT(reader->import->run), DB_INT(place)),
                              DB_OUT(DB_GET_BOOL(&reader->is_new)), err) != DB_FOUND)
        return false;
    return batch_start(reader->batch, reader) || error_set(err, &problem_unavailable, "No memory.");
}

// By its id; without one, any.
static struct part *part_of(struct batch *batch, const char *id)
{
    return &batch->parts[id ? text_hash(0, id) % COUNT_OF(batch->parts) : 0];
}

static bool add_row(void *state, const char *bytes, size_t length, const char *problem, struct error *err)
{
    struct reader *reader = state;
    struct batch *batch = reader->batch;
    const struct import_row row = import_row_read(reader->collection, bytes, length, problem, batch->arena);
    struct part *part = part_of(batch, row.id);
    reader->ordinal++;
    reader->rows++;
    part->problems[part->count] = row.problem ? row.problem : reader->refusal;
    part->notes[part->count] = row.note;
    part->has_findings = part->has_findings || part->problems[part->count] || row.note;
    part->ordinals[part->count] = arena_printf(batch->arena, "%lld", (long long)reader->ordinal);
    part->ids[part->count] = row.id;
    part->references[part->count] = db_array(batch->arena, row.references, IMPORT_REFERENCES);
    const bool waits = reader->known && !reader->known->takers[0]; // for its service
    part->raws[part->count] = row.raw || !waits ? row.raw : arena_memdup(batch->arena, bytes, length);
    part->offsets[part->count] = arena_printf(batch->arena, "%td", bytes - reader->start);
    part->lengths[part->count++] = arena_printf(batch->arena, "%zu", length);
    batch->bytes += length;
    if (arena_failed(batch->arena)) return error_set(err, &problem_unavailable, "No memory.");
    give_back(reader, bytes + length);
    return (part->count < BATCH_ROWS && batch->bytes < BATCH_BYTES) || flush(reader, err);
}

// Keeps the resident size flat.
static void give_back(struct reader *reader, const char *at)
{
    if ((size_t)(at - reader->released) > MAPPED_BYTES_KEPT) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t length = (size_t)(at - reader->released) / page * page;
        (void)madvise((void *)(uintptr_t)reader->released, length, MADV_DONTNEED);
        reader->released += length;
    }
    import_progress(reader->import, "reading", at - reader->start, reader->end - reader->start);
}

static bool end(void *state, struct error *err)
{
    struct reader *reader = state;
    if (json_object_set_new(reader->seen, reader->collection, json_integer(reader->ordinal)) != 0)
        return error_set(err, &problem_unavailable, "No memory.");
    return flush(reader, err) &&
           db_exec_alone(reader->import->pool, reader->batch->arena, &SQL_import_collection_read,
                         DB_IN(DB_TEXT(reader->collection), DB_INT(reader->ordinal)), NULL, err) &&
           (!reader->known || import_children_start(reader->import, reader->known, reader->ordinal, err));
}

// Hands the batch over once the one before has been written.
static bool flush(struct reader *reader, struct error *err)
{
    struct batch *full = reader->batch, *next = full == reader->batches ? full + 1 : reader->batches;
    if (!batch_await(next, err)) return false;
    for (struct part *part = full->parts; part < full->parts + COUNT_OF(full->parts); part++) {
        if (part->count == 0) continue;
        if (pthread_create(&part->thread, NULL, part_write, part) != 0) return error_set(err, &problem_unavailable, "No thread to write with.");
        part->is_written = true;
    }
    reader->batch = next;
    return batch_start(next, reader) || error_set(err, &problem_unavailable, "No memory.");
}

// --- Batches -------------------------------------------------------------------------------------

static bool batch_start(struct batch *batch, const struct reader *reader)
{
    bool ok = true;
    arena_reset(batch->arena);
    snprintf(batch->collection, sizeof batch->collection, "%s", reader->collection);
    batch->is_new = reader->is_new;
    batch->bytes = 0;
    for (struct part *part = batch->parts; part < batch->parts + COUNT_OF(batch->parts); part++) {
        const char **all = arena_alloc(batch->arena, 8 * BATCH_ROWS * sizeof(const char *));
        arena_reset(part->arena);
        part->ordinals = all;
        part->ids = all + BATCH_ROWS;
        part->raws = all + 2 * BATCH_ROWS;
        part->problems = all + 3 * BATCH_ROWS;
        part->notes = all + 4 * BATCH_ROWS;
        part->references = all + 5 * BATCH_ROWS;
        part->offsets = all + 6 * BATCH_ROWS;
        part->lengths = all + 7 * BATCH_ROWS;
        part->count = 0;
        part->has_findings = false;
        ok = ok && all;
    }
    return ok;
}

static struct db_value column(const struct part *part, const char *const *items)
{
    return DB_TEXT(db_array(part->arena, items, part->count));
}

static bool write_new(struct db *db, void *argument, struct error *err)
{
    const struct part *part = argument;
    return db_exec(db, &SQL_import_add_new,
                   DB_IN(DB_TEXT(part->batch->collection), DB_INT(part->batch->import->run), column(part, part->ordinals), column(part, part->ids),
                         column(part, part->raws), column(part, part->references), column(part, part->offsets), column(part, part->lengths)), NULL, err);
}

static bool write_rows(struct db *db, void *argument, struct error *err)
{
    const struct part *part = argument;
    const struct db_value collection = DB_TEXT(part->batch->collection), run = DB_INT(part->batch->import->run), ids = column(part, part->ids);
    return db_exec(db, &SQL_import_forget, DB_IN(collection, run, ids), NULL, err) &&
           db_exec(db, &SQL_import_add,
                   DB_IN(collection, run, column(part, part->ordinals), ids, column(part, part->raws), column(part, part->references),
                         column(part, part->problems), column(part, part->notes), column(part, part->offsets), column(part, part->lengths)), NULL, err);
}

static void *part_write(void *argument)
{
    struct part *part = argument;
    part->err = (struct error){.arena = part->arena};
    struct db_pool *pool = part->batch->import->pool;
    const bool is_plain = part->batch->is_new && !part->has_findings;
    bool ok = db_transaction(pool, DB_WRITE, part->arena, is_plain ? write_new : write_rows, part, &part->err);
    if (!ok && is_plain && part->err.problem == &problem_conflict) { // an id comes twice
        error_clear(&part->err);
        ok = db_transaction(pool, DB_WRITE, part->arena, write_rows, part, &part->err);
    }
    if (!ok && !part->err.problem) error_set(&part->err, &problem_unavailable, NULL);
    return NULL;
}

static bool batch_await(struct batch *batch, struct error *err)
{
    for (struct part *part = batch->parts; part < batch->parts + COUNT_OF(batch->parts); part++) {
        if (!part->is_written) continue;
        pthread_join(part->thread, NULL);
        part->is_written = false;
        error_join(err, &part->err);
    }
    return !err->problem;
}
