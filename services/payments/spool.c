// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "callback.h"
#include "clock.h"
#include "id.h"
#include "log.h"

#define FILE_BYTES (256 * 1024)
#define FILES_A_RUN 10000

static bool write_synced(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return false;
    const size_t length = strlen(text);
    bool ok = write(file, text, length) == (ssize_t)length && fdatasync(file) == 0;
    ok = close(file) == 0 && ok;
    if (!ok) unlink(path);
    return ok;
}

// A file is there for good once its folder is on the disk, too.
static bool move_synced(const char *from, const char *to, const char *folder)
{
    if (rename(from, to) != 0) return unlink(from), false;
    const int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool ok = directory >= 0 && fsync(directory) == 0;
    if (directory >= 0) close(directory);
    return ok;
}

bool spool_write(const char *folder, const struct spooled *callback, struct arena *arena, struct error *err)
{
    char id[UUID_SIZE];
    id_new(clock_now_ms(&clock_system), id);
    const char *part = arena_printf(arena, "%s/%s.part", folder, id), *whole = arena_printf(arena, "%s/%s.json", folder, id);
    CLEANUP(json_release) json_t *content = json_pack("{s:s*, s:s*, s:s, s:s}", "push_id", callback->push_id, "refund_id", callback->refund_id, "source",
                                                     callback->source_address, "body", callback->body);
    const char *text = content ? json_text(arena, content) : NULL;
    if (!part || !whole || !text) return error_set(err, &problem_unavailable, NULL);
    if (write_synced(part, text) && move_synced(part, whole, folder)) return true;
    error_set(err, &problem_unavailable, NULL);
    return error_cause(err, "%s cannot be written: %m", folder);
}

static int is_whole(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".json") == 0;
}

// NULL with err set where it can't be read for now; where it holds no JSON, err is malformed.
static json_t *read_json(const char *path, struct error *err)
{
    char *text = malloc(FILE_BYTES);
    FILE *file = text ? fopen(path, "re") : NULL;
    const size_t length = file ? fread(text, 1, FILE_BYTES, file) : 0;
    const bool ok = file && !ferror(file);
    if (file) fclose(file);
    if (!ok) (void)(error_set(err, &problem_unavailable, NULL), error_cause(err, "%s cannot be read: %m", path));
    json_t *content = ok ? json_parse(text, length, err) : NULL;
    free(text);
    return content;
}

static bool take_file(const char *path, spool_taker take, void *argument, struct error *err)
{
    struct error unread = {0};
    CLEANUP(json_release) json_t *content = read_json(path, &unread);
    if (unread.problem == &problem_unavailable) return *err = unread, false; // it stays, and is read again
    const struct spooled callback = {json_member_text(content, "push_id"), json_member_text(content, "refund_id"), json_member_text(content, "source"),
                                     json_member_text(content, "body")};
    if (!callback.push_id == !callback.refund_id || !callback.source_address || !callback.body) {
        log_error("spooled_callback_broken", LOG_TEXT("file", path)); // left where it is, for somebody to look at
        return true;
    }
    if (!take(argument, &callback, err)) {
        if (error_passes(err)) return false;
        log_failure(LOG_LEVEL_ERROR, "spooled_callback_refused", err); // it stays, too, and is in no other's way
        error_clear(err);
        return true;
    }
    return unlink(path) == 0 || error_cause(err, "%s cannot be removed: %m", path);
}

bool spool_read(const char *folder, spool_taker take, void *argument, int *ret_count, struct error *err)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, is_whole, alphasort);
    bool ok = true;
    for (int i = 0; i < count; i++) {
        char path[4096];
        if (ok && i < FILES_A_RUN && snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path)
            ok = take_file(path, take, argument, err);
        free(entries[i]);
    }
    free(entries);
    if (ret_count) *ret_count = count < 0 ? 0 : count;
    if (count >= 0) return ok;
    error_set(err, &problem_unavailable, NULL);
    return error_cause(err, "%s cannot be read: %m", folder);
}
