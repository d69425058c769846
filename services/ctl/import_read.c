// SPDX-License-Identifier: MIT
// Takes a legacy file into the staging database: it is mapped, walked through (import_walk.c) and given back page by page, so that
// memory does not grow with the file.
#include <fcntl.h>
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

struct reader {
    struct import *import;
    const char *start, *end;
    const char *released;      // pages before this were given back
    char collection[4 * IMPORT_NAME_BYTES + 1];
    json_t *seen;              // rows of the collections so far, by name
    int64_t ordinal, rows;
    struct arena *arena;       // of the batch
    const char **ordinals, **ids, **raws, **problems, **notes;
    size_t batch, batch_bytes;
};

static bool begin(void *state, const char *name, size_t length, struct error *err);
static bool add_row(void *state, const char *bytes, size_t length, const char *problem, struct error *err);
static bool end(void *state, struct error *err);
static void give_back(struct reader *reader, const char *at);
static bool flush(struct reader *reader, struct error *err);
static bool start_batch(struct reader *reader);
static bool run_once(struct reader *reader, const struct sql *sql, struct db_values in, struct error *err);

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
    struct reader reader = {.import = import, .start = bytes, .end = bytes + size, .released = bytes,
                            .arena = arena_new(ARENA_BYTES), .seen = json_object()};
    bool ok = (reader.arena && reader.seen && start_batch(&reader)) || error_set(err, &problem_unavailable, "No memory.");
    ok = ok && import_walk(bytes, size, &(struct import_sink){&reader, begin, add_row, end}, ret_damage, err);
    arena_free(reader.arena);
    json_decref(reader.seen);
    munmap(bytes, size);
    *ret_rows = reader.rows;
    return ok;
}

static bool begin(void *state, const char *name, size_t length, struct error *err)
{
    struct reader *reader = state;
    const char *text = import_text(reader->arena, name, length, IMPORT_NAME_BYTES);
    if (!text) return error_set(err, &problem_unavailable, "No memory.");
    snprintf(reader->collection, sizeof reader->collection, "%s", text);
    reader->ordinal = json_integer_value(json_object_get(reader->seen, reader->collection));
    return run_once(reader, &SQL_import_incoming_clear, DB_NOTHING, err);
}

static bool add_row(void *state, const char *bytes, size_t length, const char *problem, struct error *err)
{
    struct reader *reader = state;
    const struct import_row row = import_row_read(reader->collection, bytes, length, problem, reader->arena);
    reader->ordinal++;
    reader->rows++;
    reader->problems[reader->batch] = row.problem;
    reader->notes[reader->batch] = row.note;
    reader->ordinals[reader->batch] = arena_printf(reader->arena, "%lld", (long long)reader->ordinal);
    reader->ids[reader->batch] = row.id;
    reader->raws[reader->batch++] = row.raw;
    reader->batch_bytes += length;
    if (arena_failed(reader->arena)) return error_set(err, &problem_unavailable, "No memory.");
    give_back(reader, bytes + length);
    bool full = reader->batch == BATCH_ROWS || reader->batch_bytes >= BATCH_BYTES;
    return full ? flush(reader, err) : true;
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

static bool flush(struct reader *reader, struct error *err)
{
    if (reader->batch == 0) return true;
    const bool ok = run_once(reader, &SQL_import_incoming_add,
                             DB_IN(DB_TEXT(db_array(reader->arena, reader->ordinals, reader->batch)),
                                   DB_TEXT(db_array(reader->arena, reader->ids, reader->batch)),
                                   DB_TEXT(db_array(reader->arena, reader->raws, reader->batch)),
                                   DB_TEXT(db_array(reader->arena, reader->problems, reader->batch)),
                                   DB_TEXT(db_array(reader->arena, reader->notes, reader->batch))), err);
    arena_reset(reader->arena);
    return ok && (start_batch(reader) || error_set(err, &problem_unavailable, "No memory."));
}

static bool start_batch(struct reader *reader)
{
    const char **all = arena_alloc(reader->arena, 5 * BATCH_ROWS * sizeof(const char *));
    reader->ordinals = all;
    reader->ids = all + BATCH_ROWS;
    reader->raws = all + 2 * BATCH_ROWS;
    reader->problems = all + 3 * BATCH_ROWS;
    reader->notes = all + 4 * BATCH_ROWS;
    reader->batch = reader->batch_bytes = 0;
    return all != NULL;
}

static bool take_first(struct db *db, void *argument, struct error *err)
{
    const struct reader *reader = argument;
    const struct db_value collection = DB_TEXT(reader->collection), run = DB_INT(reader->import->run);
    return db_exec(db, &SQL_import_collection_start, DB_IN(collection, run, DB_INT(import_place(reader->collection))), NULL, err) &&
           db_exec(db, &SQL_import_collection_take, DB_IN(collection, run), NULL, err);
}

// Which of two lists of one name counts, nobody can say: the rows of the second are kept back.
static bool take_again(struct db *db, void *argument, struct error *err)
{
    const struct reader *reader = argument;
    return db_exec(db, &SQL_import_collection_again, DB_IN(DB_TEXT(reader->collection), DB_INT(reader->import->run)), NULL, err);
}

static bool end(void *state, struct error *err)
{
    struct reader *reader = state;
    if (!flush(reader, err)) return false;
    const bool again = json_object_get(reader->seen, reader->collection) != NULL;
    if (json_object_set_new(reader->seen, reader->collection, json_integer(reader->ordinal)) != 0)
        return error_set(err, &problem_unavailable, "No memory.");
    return db_transaction(reader->import->pool, DB_WRITE, reader->arena, again ? take_again : take_first, reader, err);
}

static bool run_once(struct reader *reader, const struct sql *sql, struct db_values in, struct error *err)
{
    struct db db;
    db_begin(&db, reader->import->pool, DB_READ, reader->arena);
    bool ok = db_exec(&db, sql, in, NULL, err);
    db_end(&db);
    return ok;
}
