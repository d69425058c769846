// SPDX-License-Identifier: MIT
// Takes a legacy file into the staging database: it is mapped, walked through (import_walk.c) and given back page by page, so that
// memory does not grow with the file.
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_sql.h"
#include "import.h"
#include "import_walk.h"

#define BATCH_ROWS 1000
#define BATCH_BYTES ((size_t)4 << 20)
#define ARENA_BYTES ((size_t)256 << 20)
#define MAPPED_BYTES_KEPT ((size_t)32 << 20)

// Rows on their way into the database. Two take turns: while one is written by a thread of its own, the next is read.
struct batch {
    struct import *import;
    struct arena *arena;
    char collection[4 * IMPORT_NAME_BYTES + 1];
    const char **ordinals, **ids, **raws, **references, **problems, **notes;
    size_t count, bytes;
    pthread_t thread;
    bool is_written;           // by that thread, which has not been joined
    struct error err;
};

struct reader {
    struct import *import;
    const char *start, *end;
    const char *released;      // pages before this were given back
    char collection[4 * IMPORT_NAME_BYTES + 1];
    const char *refusal;       // of all rows of the collection, or NULL
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
static bool batch_start(struct batch *batch, const char *collection);
static void *batch_write(void *argument);
static bool batch_await(struct batch *batch, struct error *err);
static bool reader_close(struct reader *reader, struct error *err);

bool import_read(struct import *import, const char *path, int64_t *ret_rows, const char **ret_damage, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
        if (fd >= 0) close(fd);
        return error_set(err, &problem_malformed, "%s cannot be read, or is empty. Name a db.json file.", path);
    }
    size_t size = (size_t)info.st_size;
    char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) return error_set(err, &problem_malformed, "%s cannot be mapped into memory: %m.", path);
    (void)madvise(bytes, size, MADV_SEQUENTIAL);
    struct reader reader = {.import = import, .start = bytes, .end = bytes + size, .released = bytes, .seen = json_object()};
    bool ok = reader_open(&reader) || error_set(err, &problem_unavailable, "No memory.");
    ok = ok && import_walk(bytes, size, &(struct import_sink){&reader, begin, add_row, end}, ret_damage, err);
    ok = reader_close(&reader, err) && ok;
    munmap(bytes, size);
    *ret_rows = reader.rows;
    return ok;
}

static bool reader_open(struct reader *reader)
{
    bool ok = reader->seen != NULL;
    for (size_t i = 0; i < COUNT_OF(reader->batches); i++) {
        reader->batches[i].import = reader->import;
        reader->batches[i].arena = arena_new(ARENA_BYTES);
        ok = ok && reader->batches[i].arena;
    }
    reader->batch = reader->batches;
    return ok && batch_start(reader->batch, "");
}

static bool reader_close(struct reader *reader, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(reader->batches); i++) {
        ok = batch_await(&reader->batches[i], err) && ok;
        arena_free(reader->batches[i].arena);
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
    if (!text || !batch_start(reader->batch, text)) return error_set(err, &problem_unavailable, "No memory.");
    snprintf(reader->collection, sizeof reader->collection, "%s", text);
    const json_t *seen = json_object_get(reader->seen, reader->collection);
    reader->ordinal = json_integer_value(seen);
    reader->refusal = seen ? "the file holds this collection twice; the first one was taken" : NULL;
    if (seen) return true;
    struct db db;
    db_begin(&db, reader->import->pool, DB_READ, arena);
    bool ok = db_exec(&db, &SQL_import_collection_start,
                      DB_IN(DB_TEXT(reader->collection), DB_INT(reader->import->run), DB_INT(import_place(reader->collection))), NULL, err);
    db_end(&db);
    return ok;
}

static bool add_row(void *state, const char *bytes, size_t length, const char *problem, struct error *err)
{
    struct reader *reader = state;
    struct batch *batch = reader->batch;
    const struct import_row row = import_row_read(reader->collection, bytes, length, problem, batch->arena);
    reader->ordinal++;
    reader->rows++;
    batch->problems[batch->count] = row.problem ? row.problem : reader->refusal;
    batch->notes[batch->count] = row.note;
    batch->ordinals[batch->count] = arena_printf(batch->arena, "%lld", (long long)reader->ordinal);
    batch->ids[batch->count] = row.id;
    batch->references[batch->count] = db_array(batch->arena, row.references, IMPORT_REFERENCES);
    batch->raws[batch->count++] = row.raw;
    batch->bytes += length;
    if (arena_failed(batch->arena)) return error_set(err, &problem_unavailable, "No memory.");
    give_back(reader, bytes + length);
    return (batch->count < BATCH_ROWS && batch->bytes < BATCH_BYTES) || flush(reader, err);
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
    return flush(reader, err);
}

// Hands the batch over once the one before has been written, in whose order ids are told apart.
static bool flush(struct reader *reader, struct error *err)
{
    struct batch *full = reader->batch, *next = full == reader->batches ? full + 1 : reader->batches;
    if (!batch_await(next, err)) return false;
    if (full->count == 0) return true;
    if (pthread_create(&full->thread, NULL, batch_write, full) != 0) return error_set(err, &problem_unavailable, "No thread to write with.");
    full->is_written = true;
    reader->batch = next;
    return batch_start(next, reader->collection) || error_set(err, &problem_unavailable, "No memory.");
}

// --- Batches -------------------------------------------------------------------------------------

static bool batch_start(struct batch *batch, const char *collection)
{
    arena_reset(batch->arena);
    snprintf(batch->collection, sizeof batch->collection, "%s", collection);
    const char **all = arena_alloc(batch->arena, 6 * BATCH_ROWS * sizeof(const char *));
    batch->ordinals = all;
    batch->ids = all + BATCH_ROWS;
    batch->raws = all + 2 * BATCH_ROWS;
    batch->problems = all + 3 * BATCH_ROWS;
    batch->notes = all + 4 * BATCH_ROWS;
    batch->references = all + 5 * BATCH_ROWS;
    batch->count = batch->bytes = 0;
    return all != NULL;
}

static bool write_rows(struct db *db, void *argument, struct error *err)
{
    const struct batch *batch = argument;
    const struct db_value collection = DB_TEXT(batch->collection), run = DB_INT(batch->import->run),
                          ids = DB_TEXT(db_array(batch->arena, batch->ids, batch->count));
    return db_exec(db, &SQL_import_forget, DB_IN(collection, run, ids), NULL, err) &&
           db_exec(db, &SQL_import_add,
                   DB_IN(collection, run, DB_TEXT(db_array(batch->arena, batch->ordinals, batch->count)), ids,
                         DB_TEXT(db_array(batch->arena, batch->raws, batch->count)),
                         DB_TEXT(db_array(batch->arena, batch->references, batch->count)),
                         DB_TEXT(db_array(batch->arena, batch->problems, batch->count)),
                         DB_TEXT(db_array(batch->arena, batch->notes, batch->count))), NULL, err);
}

static void *batch_write(void *argument)
{
    struct batch *batch = argument;
    batch->err = (struct error){.arena = batch->arena};
    if (!db_transaction(batch->import->pool, DB_WRITE, batch->arena, write_rows, batch, &batch->err) && !batch->err.problem)
        error_set(&batch->err, &problem_unavailable, NULL);
    return NULL;
}

static bool batch_await(struct batch *batch, struct error *err)
{
    if (!batch->is_written) return true;
    pthread_join(batch->thread, NULL);
    batch->is_written = false;
    if (!batch->err.problem) return true;
    if (!err->problem) error_set(err, batch->err.problem, "%s", batch->err.detail);
    snprintf(err->cause, sizeof err->cause, "%s", batch->err.cause);
    return false;
}
