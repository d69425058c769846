// SPDX-License-Identifier: MIT
// Reads a legacy file without trusting it: the file is mapped and scanned once; each row is cut out
// by its brackets and parsed alone, so that one damaged row costs only itself and memory does not
// grow with the file.
#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_sql.h"
#include "id.h"
#include "import.h"

#define BATCH_ROWS 1000
#define BATCH_BYTES ((size_t)4 << 20)
#define ROW_BYTES ((size_t)1 << 20)
#define ARENA_BYTES ((size_t)64 << 20)
#define MAPPED_BYTES_KEPT ((size_t)32 << 20)

struct reader {
    struct import *import;
    const char *start, *at, *end;
    const char *released;      // pages before this were given back
    const char *damage;
    char collection[80];
    int64_t ordinal, rows;
    struct arena *arena;       // of the batch
    const char **ordinals, **ids, **raws, **problems;
    size_t batch, batch_bytes;
};

static bool read_collections(struct reader *reader, struct error *err);
static bool read_rows(struct reader *reader, struct error *err);
static bool add_row(struct reader *reader, const char *row, size_t length, struct error *err);
static const char *skip_value(const char *at, const char *end);
static bool flush(struct reader *reader, struct error *err);
static bool start_batch(struct reader *reader);
static bool take_collection(struct reader *reader, struct error *err);
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
    struct reader reader = {.import = import, .start = bytes, .at = bytes, .end = bytes + size, .released = bytes,
                            .arena = arena_new(ARENA_BYTES)};
    bool ok = (reader.arena && start_batch(&reader)) || error_set(err, &problem_unavailable, "No memory.");
    ok = ok && read_collections(&reader, err);
    arena_free(reader.arena);
    munmap(bytes, size);
    *ret_rows = reader.rows;
    *ret_damage = reader.damage;
    return ok;
}

static bool is_any_of(char letter, const char *set)
{
    return letter && strchr(set, letter);
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_any_of(*reader->at, " \t\r\n,")) reader->at++;
    if (reader->end - reader->at >= 3 && memcmp(reader->at, "\xEF\xBB\xBF", 3) == 0) reader->at += 3; // byte order mark
}

// The top-level object: "collection": [ rows ].
static bool read_collections(struct reader *reader, struct error *err)
{
    skip_blanks(reader);
    if (reader->at >= reader->end || *reader->at != '{')
        return error_set(err, &problem_malformed, "The file is not a JSON object of collections; is it a db.json?");
    reader->at++;
    for (skip_blanks(reader); reader->at < reader->end && *reader->at == '"'; skip_blanks(reader)) {
        const char *name = reader->at + 1, *after = skip_value(reader->at, reader->end);
        int length = after ? (int)(after - 1 - name) : 0;
        snprintf(reader->collection, sizeof reader->collection, "%.*s", length < 64 ? length : 64, name);
        reader->at = after ? after : reader->end;
        while (reader->at < reader->end && is_any_of(*reader->at, " \t\r\n:")) reader->at++;
        if (reader->at >= reader->end) break;
        if (*reader->at == '[') {
            if (!read_rows(reader, err)) return false;
            continue;
        }
        const char *value_end = skip_value(reader->at, reader->end);
        reader->damage = "a member of the file is no list of rows; it was left out";
        reader->at = value_end ? value_end : reader->end;
    }
    if (reader->at >= reader->end || *reader->at != '}') reader->damage = "the file ends early or is broken; what stood before was read";
    return true;
}

static bool read_rows(struct reader *reader, struct error *err)
{
    reader->ordinal = 0;
    if (!run_once(reader, &SQL_import_incoming_clear, DB_NOTHING, err)) return false;
    reader->at++;
    for (skip_blanks(reader); reader->at < reader->end && *reader->at != ']'; skip_blanks(reader)) {
        const char *row = reader->at, *after = skip_value(row, reader->end);
        if (!after) reader->damage = "the file ends inside a row; the row is quarantined";
        if (!after || after == row) after = after ? row + 1 : reader->end;
        if (!add_row(reader, row, (size_t)(after - row), err)) return false;
        reader->at = after;
        if ((size_t)(reader->at - reader->released) > MAPPED_BYTES_KEPT) { // keeps the resident size flat
            size_t page = (size_t)sysconf(_SC_PAGESIZE);
            size_t length = (size_t)(reader->at - reader->released) / page * page;
            (void)madvise((void *)(uintptr_t)reader->released, length, MADV_DONTNEED);
            reader->released += length;
        }
        import_progress(reader->import, "reading", reader->at - reader->start, reader->end - reader->start);
    }
    if (reader->at < reader->end) reader->at++;
    return flush(reader, err) && take_collection(reader, err);
}

// Past the JSON value at `at`: by brackets and strings alone, so that damage inside is no matter.
// NULL when the file ends first.
static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;
    bool in_string = false;
    for (; at < end; at++) {
        if (in_string) {
            if (*at == '\\') at++;
            else if (*at == '"') in_string = false;
            if (!in_string && depth == 0) return at + 1;
        } else if (*at == '"') {
            in_string = true;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            if (depth <= 1) return depth ? at + 1 : at;
            depth--;
        } else if (depth == 0 && (*at == ',' || isspace((unsigned char)*at))) {
            return at;
        }
    }
    return NULL;
}

// Bytes that are no text are kept readable: \xNN.
static const char *raw_text(struct arena *arena, const char *bytes, size_t length)
{
    if (length < ROW_BYTES && text_is_utf8(bytes, length)) return arena_memdup(arena, bytes, length);
    const size_t most = length < 65536 ? length : 65536;
    struct text_buffer out = text_buffer(arena);
    for (size_t i = 0; i < most; i++) {
        bool plain = (unsigned char)bytes[i] >= 0x20 && (unsigned char)bytes[i] < 0x7F;
        if (plain) text_add_bytes(&out, &bytes[i], 1);
        else text_printf(&out, "\\x%02X", (unsigned char)bytes[i]);
    }
    return text_take(&out);
}

// Why a row cannot be taken as it stands, or NULL. That an id comes twice is seen when the collection is whole.
static const char *row_problem(struct reader *reader, const json_t *row, const char *id, size_t length, const struct error *parse)
{
    if (length > ROW_BYTES) return "longer than 1 MiB";
    if (!row) return parse->detail[0] ? arena_strdup(reader->arena, parse->detail) : "not valid JSON";
    if (!json_is_object(row)) return "not an object";
    if (!import_place(reader->collection)) return "unknown collection";
    if (!id) return "id is missing or not text";
    if (!id_is_valid(id)) return "id is empty, longer than 64 characters, or holds other characters than A-Z a-z 0-9 _ -";
    return NULL;
}

static bool add_row(struct reader *reader, const char *bytes, size_t length, struct error *err)
{
    struct error parse = {0};
    CLEANUP(json_release) json_t *row = length > ROW_BYTES ? NULL : json_parse(bytes, length, &parse);
    const json_t *given = json_object_get(row, "id");
    const char *id = json_string_value(given), *raw = raw_text(reader->arena, bytes, length);
    if (json_is_integer(given)) { // an id without quotes is still an id
        id = arena_printf(reader->arena, "%lld", (long long)json_integer_value(given));
        json_object_set_new(row, "id", json_string(id));
        raw = json_text(reader->arena, row);
    }
    reader->ordinal++;
    reader->rows++;
    reader->problems[reader->batch] = row_problem(reader, row, id, length, &parse);
    reader->ordinals[reader->batch] = arena_printf(reader->arena, "%lld", (long long)reader->ordinal);
    reader->ids[reader->batch] = id_is_valid(id) ? arena_strdup(reader->arena, id) : NULL;
    reader->raws[reader->batch++] = raw;
    reader->batch_bytes += length;
    if (arena_failed(reader->arena)) return error_set(err, &problem_unavailable, "No memory.");
    bool full = reader->batch == BATCH_ROWS || reader->batch_bytes >= BATCH_BYTES;
    return full ? flush(reader, err) : true;
}

static bool flush(struct reader *reader, struct error *err)
{
    if (reader->batch == 0) return true;
    const bool ok = run_once(reader, &SQL_import_incoming_add,
                             DB_IN(DB_TEXT(db_array(reader->arena, reader->ordinals, reader->batch)),
                                   DB_TEXT(db_array(reader->arena, reader->ids, reader->batch)),
                                   DB_TEXT(db_array(reader->arena, reader->raws, reader->batch)),
                                   DB_TEXT(db_array(reader->arena, reader->problems, reader->batch))), err);
    arena_reset(reader->arena);
    return ok && (start_batch(reader) || error_set(err, &problem_unavailable, "No memory."));
}

static bool start_batch(struct reader *reader)
{
    const char **all = arena_alloc(reader->arena, 4 * BATCH_ROWS * sizeof(const char *));
    reader->ordinals = all;
    reader->ids = all + BATCH_ROWS;
    reader->raws = all + 2 * BATCH_ROWS;
    reader->problems = all + 3 * BATCH_ROWS;
    reader->batch = reader->batch_bytes = 0;
    return all != NULL;
}

static bool take_rows(struct db *db, void *argument, struct error *err)
{
    const struct reader *reader = argument;
    const struct db_value collection = DB_TEXT(reader->collection), run = DB_INT(reader->import->run);
    return db_exec(db, &SQL_import_collection_start, DB_IN(collection, run, DB_INT(import_place(reader->collection))), NULL, err) &&
           db_exec(db, &SQL_import_collection_take, DB_IN(collection, run), NULL, err);
}

static bool take_collection(struct reader *reader, struct error *err)
{
    return db_transaction(reader->import->pool, DB_WRITE, reader->arena, take_rows, reader, err);
}

static bool run_once(struct reader *reader, const struct sql *sql, struct db_values in, struct error *err)
{
    struct db db;
    db_begin(&db, reader->import->pool, DB_READ, reader->arena);
    bool ok = db_exec(&db, sql, in, NULL, err);
    db_end(&db);
    return ok;
}
