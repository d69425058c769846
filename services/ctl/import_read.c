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
#define MAPPED_BYTES_KEPT ((size_t)32 << 20)

struct reader {
    struct import *import;
    const char *start, *at, *end;
    const char *released;      // pages before this were given back
    const char *damage;
    char collection[80];
    bool known;
    int64_t ordinal, rows;
    json_t *seen;              // ids of this collection
    json_t *batch;
    size_t batch_bytes;
};

static bool read_collections(struct reader *reader, struct error *err);
static bool read_rows(struct reader *reader, struct error *err);
static bool add_row(struct reader *reader, const char *row, size_t length, struct error *err);
static const char *skip_value(const char *at, const char *end);
static bool flush(struct reader *reader, struct error *err);
static bool forget_places(struct reader *reader, struct error *err);

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
                            .batch = json_array(), .seen = json_object()};
    bool ok = read_collections(&reader, err) && flush(&reader, err);
    json_decref(reader.batch);
    json_decref(reader.seen);
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
    reader->known = false;
    for (const struct collection *c = import_collections; c->name; c++) reader->known |= strcmp(c->name, reader->collection) == 0;
    reader->ordinal = 0;
    json_object_clear(reader->seen);
    if (!forget_places(reader, err)) return false;
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
    return flush(reader, err);
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
static json_t *raw_text(const char *bytes, size_t length)
{
    json_t *text = json_stringn(bytes, length < ROW_BYTES ? length : ROW_BYTES);
    if (text && !memchr(bytes, '\0', length)) return text;
    json_decref(text);
    size_t most = length < 65536 ? length : 65536, used = 0;
    char *escaped = malloc(most * 4 + 1);
    for (size_t i = 0; escaped && i < most; i++) {
        bool plain = (unsigned char)bytes[i] >= 0x20 && (unsigned char)bytes[i] < 0x7F;
        if (plain) escaped[used++] = bytes[i];
        else used += (size_t)snprintf(escaped + used, 5, "\\x%02X", (unsigned char)bytes[i]);
    }
    text = escaped ? json_stringn(escaped, used) : NULL;
    free(escaped);
    return text;
}

// Why a row cannot be taken as it stands, or NULL.
static const char *row_problem(struct reader *reader, const json_t *row, const char *id, size_t length, const struct error *parse)
{
    if (length > ROW_BYTES) return "longer than 1 MiB";
    if (!row) return parse->detail[0] ? parse->detail : "not valid JSON";
    if (!json_is_object(row)) return "not an object";
    if (!reader->known) return "unknown collection";
    if (!id) return "id is missing or not text";
    if (!id_is_valid(id)) return "id is empty, longer than 64 characters, or holds other characters than A-Z a-z 0-9 _ -";
    if (json_object_get(reader->seen, id)) return "another row of the collection has the same id";
    return NULL;
}

static bool add_row(struct reader *reader, const char *bytes, size_t length, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)4 << 20);
    struct error parse = {.arena = arena};
    CLEANUP(json_release) json_t *row = length > ROW_BYTES ? NULL : json_parse(bytes, length, &parse);
    json_t *given = row ? json_object_get(row, "id") : NULL;
    char number[32];
    const char *id = json_string_value(given);
    if (json_is_integer(given)) { // an id without quotes is still an id
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(given));
        id = number;
        json_object_set_new(row, "id", json_string(number));
    }
    const char *problem = row_problem(reader, row, id, length, &parse);
    reader->ordinal++;
    reader->rows++;
    char place[32];
    snprintf(place, sizeof place, "#%ld", (long)reader->ordinal);
    bool usable = !problem;
    if (usable) json_object_set_new(reader->seen, id, json_true());
    json_t *staged = json_pack("{s:s, s:I, s:s*, s:o*, s:O*, s:s*}", "row_key", usable ? id : place, "ordinal",
                               (json_int_t)reader->ordinal, "id", id && text_is_utf8(id, strlen(id)) ? id : NULL, "raw",
                               raw_text(bytes, length), "content", json_is_object(row) ? row : NULL, "problem", problem);
    if (!staged || json_array_append_new(reader->batch, staged) != 0) return error_set(err, &problem_unavailable, "No memory.");
    reader->batch_bytes += length;
    bool full = json_array_size(reader->batch) >= BATCH_ROWS || reader->batch_bytes >= BATCH_BYTES;
    return full ? flush(reader, err) : true;
}

static bool stage_batch(struct db *db, void *argument, struct error *err)
{
    struct reader *reader = argument;
    return db_exec(db, &SQL_import_stage, DB_IN(DB_TEXT(reader->collection), DB_TEXT(json_text(db->arena, reader->batch))), NULL, err);
}

static bool flush(struct reader *reader, struct error *err)
{
    if (json_array_size(reader->batch) == 0) return true;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)64 << 20);
    bool ok = arena && db_transaction(reader->import->pool, DB_WRITE, arena, stage_batch, reader, err);
    json_array_clear(reader->batch);
    reader->batch_bytes = 0;
    return ok;
}

static bool forget_places(struct reader *reader, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)1 << 20);
    struct db db;
    db_begin(&db, reader->import->pool, DB_READ, arena);
    bool ok = db_exec(&db, &SQL_import_collection_forget, DB_IN(DB_TEXT(reader->collection)), NULL, err);
    db_end(&db);
    return ok;
}
