// SPDX-License-Identifier: MIT
// Reads a legacy file without trusting it: the file is mapped and scanned once; each row is cut out
// by its brackets and parsed alone, so that one damaged row costs only itself and memory does not
// grow with the file.
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
#define KEPT_BYTES ((size_t)4 << 20) // of a row that is kept back
#define ARENA_BYTES ((size_t)256 << 20)
#define MAPPED_BYTES_KEPT ((size_t)32 << 20)
#define NAME_BYTES 64
#define OUTSIDE "(outside of all collections)"

struct reader {
    struct import *import;
    const char *start, *at, *end;
    const char *released;      // pages before this were given back
    const char *damage;        // the first that was met
    char collection[4 * NAME_BYTES + 1];
    json_t *seen;              // rows of the collections so far, by name
    const char *all_are;       // a problem that all rows of the collection have, or NULL
    int64_t ordinal, rows;
    struct arena *arena;       // of the batch
    const char **ordinals, **ids, **raws, **problems, **notes;
    size_t batch, batch_bytes;
};

static bool read_collections(struct reader *reader, struct error *err);
static bool read_member(struct reader *reader, struct error *err);
static bool read_stray(struct reader *reader, struct error *err);
static bool read_rows(struct reader *reader, struct error *err);
static bool read_one(struct reader *reader, const char *problem, struct error *err);
static bool add_row(struct reader *reader, const char *row, size_t length, struct error *err);
static bool flush(struct reader *reader, struct error *err);
static bool start_batch(struct reader *reader);
static bool start_collection(struct reader *reader, const char *name, size_t length, struct error *err);
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
                            .arena = arena_new(ARENA_BYTES), .seen = json_object()};
    bool ok = (reader.arena && reader.seen && start_batch(&reader)) || error_set(err, &problem_unavailable, "No memory.");
    ok = ok && read_collections(&reader, err);
    arena_free(reader.arena);
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

static void skip_any_of(struct reader *reader, const char *set)
{
    while (reader->at < reader->end && is_any_of(*reader->at, set)) reader->at++;
}

static void skip_blanks(struct reader *reader)
{
    skip_any_of(reader, " \t\r\n,");
    if (reader->end - reader->at >= 3 && memcmp(reader->at, "\xEF\xBB\xBF", 3) == 0) reader->at += 3; // byte order mark
}

static void note_damage(struct reader *reader, const char *what)
{
    if (!reader->damage) reader->damage = what;
}

// Whether a member begins here: "name":
static bool is_name(const struct reader *reader)
{
    const char *after = *reader->at == '"' ? import_value_end(reader->at, reader->end) : NULL;
    while (after && after < reader->end && is_any_of(*after, " \t\r\n")) after++;
    return after && after < reader->end && *after == ':';
}

// The top-level object: "collection": [ rows ]. Whatever else stands there is kept back, and reading goes on behind it.
static bool read_collections(struct reader *reader, struct error *err)
{
    bool closed = false;
    skip_blanks(reader);
    if (reader->at >= reader->end || *reader->at != '{')
        return error_set(err, &problem_malformed, "The file is not a JSON object of collections; is it a db.json?");
    reader->at++;
    for (skip_blanks(reader); reader->at < reader->end; skip_blanks(reader)) {
        if (closed) note_damage(reader, "the file goes on behind its end; what stands there was read as well");
        if (*reader->at == '}' && !closed) {
            closed = true;
            reader->at++;
        } else if (!(is_name(reader) ? read_member(reader, err) : read_stray(reader, err))) {
            return false;
        }
    }
    if (!closed) note_damage(reader, "the file ends early; what stood before was read");
    return true;
}

static bool read_member(struct reader *reader, struct error *err)
{
    const char *name = reader->at + 1;
    reader->at = import_value_end(reader->at, reader->end);
    if (!start_collection(reader, name, (size_t)(reader->at - 1 - name), err)) return false;
    skip_any_of(reader, " \t\r\n:");
    if (reader->at < reader->end && *reader->at == '[') return read_rows(reader, err);
    const char *after = import_value_end(reader->at, reader->end);
    if (after && after - reader->at == 4 && memcmp(reader->at, "null", 4) == 0) { // as good as an empty list
        reader->at = after;
        return take_collection(reader, err);
    }
    note_damage(reader, "a member of the file is no list of rows; it is quarantined as one row");
    return read_one(reader, "the member is no list of rows", err);
}

static bool read_stray(struct reader *reader, struct error *err)
{
    note_damage(reader, "something stands outside of all collections; it is quarantined");
    return start_collection(reader, OUTSIDE, strlen(OUTSIDE), err) && read_one(reader, "stands outside of all collections", err);
}

// Whatever begins here, as one row with this problem.
static bool read_one(struct reader *reader, const char *problem, struct error *err)
{
    const char *row = reader->at, *after = import_value_end(row, reader->end);
    if (row == reader->end) return take_collection(reader, err);
    reader->at = !after ? reader->end : after == row ? row + 1 : after;
    reader->all_are = problem;
    return add_row(reader, row, (size_t)(reader->at - row), err) && flush(reader, err) && take_collection(reader, err);
}

// Also without its bracket: at the next member's name, or at the end of the file.
static bool collection_ends(const struct reader *reader)
{
    if (reader->at >= reader->end || *reader->at == ']' || is_name(reader)) return true;
    const char *at = reader->at;
    if (*at != '}') return false;
    for (at++; at < reader->end && is_any_of(*at, " \t\r\n");) at++;
    return at == reader->end;
}

static bool read_rows(struct reader *reader, struct error *err)
{
    reader->at++;
    for (skip_blanks(reader); !collection_ends(reader); skip_blanks(reader)) {
        const char *row = reader->at, *after = import_value_end(row, reader->end);
        if (!after) note_damage(reader, "the file ends inside a row; the row is quarantined");
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
    if (reader->at < reader->end && *reader->at == ']') reader->at++;
    else note_damage(reader, "a list of rows is not closed; what follows was read as usual");
    return flush(reader, err) && take_collection(reader, err);
}

// --- Rows ----------------------------------------------------------------------------------------

// Why a row cannot be taken as it stands, or NULL. That an id comes twice is seen when the collection is whole.
static const char *row_problem(struct reader *reader, const json_t *row, const char *bytes, size_t length, const struct error *parse)
{
    const char *id = json_member_text(row, "id");
    if (length > KEPT_BYTES) return "longer than 1 MiB; only its first 4 MiB are kept here, so keep the file";
    if (length > ROW_BYTES) return "longer than 1 MiB";
    if (reader->all_are) return reader->all_are;
    if (!row) return parse->detail[0] ? arena_strdup(reader->arena, parse->detail) : "not valid JSON";
    if (!json_is_object(row)) return "not an object";
    if (!import_place(reader->collection)) return "unknown collection";
    if (!id) return "id is missing or not text";
    if (!id_is_valid(id)) return "id is empty, longer than 64 characters, or holds other characters than A-Z a-z 0-9 _ -";
    return import_excess(bytes, length);
}

static void add_note(struct reader *reader, const char **notes, const char *what)
{
    *notes = *notes ? arena_printf(reader->arena, "%s; %s", *notes, what) : what;
}

// An id without quotes is still an id, and some files have another name for a member. What was done, or NULL.
static const char *repair(struct reader *reader, json_t *row)
{
    const char *notes = NULL, *name;
    const int place = (int)import_place(reader->collection);
    json_t *value;
    void *next;
    json_object_foreach_safe(row, next, name, value) {
        const size_t length = strlen(name);
        const bool is_id = strcmp(name, "id") == 0 || (length > 3 && strcmp(name + length - 3, "_id") == 0);
        if (!is_id || !json_is_integer(value)) continue;
        json_object_set_new(row, name, json_string(arena_printf(reader->arena, "%lld", (long long)json_integer_value(value))));
        add_note(reader, &notes, arena_printf(reader->arena, "%s was a number, taken as text", import_text(reader->arena, name, length, NAME_BYTES)));
    }
    for (int i = 0; place && i < 2 && import_collections[place - 1].renames[i][0]; i++) {
        const char *from = import_collections[place - 1].renames[i][0], *to = import_collections[place - 1].renames[i][1];
        const char *given = json_member_text(row, from), *there = json_member_text(row, to);
        if (!given || !*given || (there && *there) || (json_object_get(row, to) && !there)) continue;
        json_object_set_new(row, to, json_string(given));
        json_object_del(row, from);
        add_note(reader, &notes, arena_printf(reader->arena, "%s taken as %s", from, to));
    }
    return notes;
}

static char *repaired_text(struct reader *reader, const json_t *row)
{
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(15); // 17 digits would make 0.1 another number to the eye
    const size_t length = json_dumpb(row, NULL, 0, flags);
    char *text = arena_alloc(reader->arena, length + 1);
    if (text) json_dumpb(row, text, length, flags);
    return text;
}

static bool add_row(struct reader *reader, const char *bytes, size_t length, struct error *err)
{
    struct error parse = {0};
    CLEANUP(json_release) json_t *row = length > ROW_BYTES ? NULL : json_parse(bytes, length, &parse);
    const char *note = json_is_object(row) ? repair(reader, row) : NULL, *id = json_member_text(row, "id");
    const char *problem = row_problem(reader, row, bytes, length, &parse);
    reader->ordinal++;
    reader->rows++;
    reader->problems[reader->batch] = problem;
    reader->notes[reader->batch] = problem ? NULL : note;
    reader->ordinals[reader->batch] = arena_printf(reader->arena, "%lld", (long long)reader->ordinal);
    reader->ids[reader->batch] = id_is_valid(id) ? arena_strdup(reader->arena, id) : NULL;
    reader->raws[reader->batch++] = note && !problem ? repaired_text(reader, row) : import_text(reader->arena, bytes, length, KEPT_BYTES);
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

// --- Collections ---------------------------------------------------------------------------------

static bool start_collection(struct reader *reader, const char *name, size_t length, struct error *err)
{
    const char *text = import_text(reader->arena, name, length, NAME_BYTES);
    if (!text) return error_set(err, &problem_unavailable, "No memory.");
    snprintf(reader->collection, sizeof reader->collection, "%s", text);
    reader->ordinal = json_integer_value(json_object_get(reader->seen, reader->collection));
    reader->all_are = NULL;
    return run_once(reader, &SQL_import_incoming_clear, DB_NOTHING, err);
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

static bool take_collection(struct reader *reader, struct error *err)
{
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
