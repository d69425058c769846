// SPDX-License-Identifier: MIT
// The file of an import, which its rows are read from again when they are sent or, at the end, kept back.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_sql.h"
#include "import.h"

#define KEEP_BYTES (8 << 20)
#define KEEP_ARENA_BYTES ((size_t)256 << 20)

static bool keep_some(struct import *import, struct arena *arena, int *ret_count, struct error *err);
static bool keep_rows(const struct import *import, struct db *db, const struct db_rows *rows, struct arena *arena, struct error *err);

bool import_file_open(struct import_file *file, const char *path, struct error *err)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a named pipe would wait for who writes to it
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
        if (fd >= 0) close(fd);
        return error_set(err, &problem_malformed, "%s cannot be read, or is empty. Name a db.json file.", path);
    }
    *file = (struct import_file){.fd = fd, .is_open = true, .bytes = (size_t)info.st_size, .written_at = info.st_mtim};
    return true;
}

void import_file_close(struct import_file *file)
{
    if (file->is_open) close(file->fd);
    file->is_open = false;
}

char *import_file_text(const struct import_file *file, int64_t offset, int64_t bytes, struct arena *arena, struct error *err)
{
    char *text = arena_alloc(arena, (size_t)bytes + 1);
    if (!text) error_set(err, &problem_unavailable, "No memory.");
    else if (file->is_open && pread(file->fd, text, (size_t)bytes, offset) == bytes) return text;
    else if (import_file_unchanged(file, err)) error_set(err, &problem_unavailable, "The file can no longer be read. Import it again.");
    return NULL;
}

bool import_file_unchanged(const struct import_file *file, struct error *err)
{
    struct stat info;
    const bool is_same = !file->is_open || (fstat(file->fd, &info) == 0 && (size_t)info.st_size == file->bytes &&
                                            info.st_mtim.tv_sec == file->written_at.tv_sec && info.st_mtim.tv_nsec == file->written_at.tv_nsec);
    return is_same || error_set(err, &problem_unavailable, "The file was changed while it was imported. Import it again, and leave it as it is meanwhile.");
}

bool import_file_keep(struct import *import, struct error *err)
{
    int count = 1;
    bool ok = true;
    while (ok && count > 0) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_new(KEEP_ARENA_BYTES);
        ok = arena ? keep_some(import, arena, &count, err) : error_set(err, &problem_unavailable, "No memory.");
    }
    return ok;
}

static bool keep_some(struct import *import, struct arena *arena, int *ret_count, struct error *err)
{
    struct db db;
    struct db_rows rows = {0};
    db_begin(&db, import->pool, DB_WRITE, arena);
    const bool ok = db_rows(&db, &SQL_import_unread, DB_IN(DB_INT(import->run), DB_INT(KEEP_BYTES)), &rows, err) &&
                    (!rows.count || (keep_rows(import, &db, &rows, arena, err) && db_commit(&db, err)));
    db_end(&db);
    *ret_count = rows.count;
    return ok;
}

static bool keep_rows(const struct import *import, struct db *db, const struct db_rows *rows, struct arena *arena, struct error *err)
{
    enum { COLLECTION, KEY, OFFSET, BYTES };
    const size_t count = (size_t)rows->count;
    const char **collections = arena_alloc(arena, 3 * count * sizeof(const char *));
    if (!collections) return error_set(err, &problem_unavailable, "No memory.");
    const char **keys = collections + count, **texts = keys + count;
    for (int i = 0; i < rows->count; i++) {
        collections[i] = db_rows_text(rows, i, COLLECTION);
        keys[i] = db_rows_text(rows, i, KEY);
        texts[i] = import_file_text(&import->file, db_rows_int(rows, i, OFFSET), db_rows_int(rows, i, BYTES), arena, err);
        if (!texts[i]) return false;
    }
    return import_file_unchanged(&import->file, err) &&
           db_exec(db, &SQL_import_keep,
                   DB_IN(DB_TEXT(db_array(arena, collections, count)), DB_TEXT(db_array(arena, keys, count)), DB_TEXT(db_array(arena, texts, count))), NULL, err);
}
