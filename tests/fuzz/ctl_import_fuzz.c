// SPDX-License-Identifier: MIT
// A legacy db.json, with all the damage there can be. Nothing in it is dropped, what is taken is an object with its id, everything
// is text that a database takes, and a sound file is read as a JSON parser reads it.
#include "fuzz.h"
#include "id.h"
#include "import.h"
#include "import_walk.h"

#define BLANKS " \t\r\n,"
#define BETWEEN_COLLECTIONS BLANKS "{}[]:\""

struct found {
    struct arena *arena;
    const char *file_end, *at; // up to where all has been accounted for
    const char *name;          // of the collection, as it stands in the file; NULL between two of them
    const json_t *sound;       // its rows as a JSON parser sees them; NULL when the file is not sound
    json_t *file;
    size_t rows;
};

// Nothing but these letters, byte order marks, and at most one null in place of a list.
static void claim_nothing_but(const char *letters, const char *from, const char *to)
{
    bool null_met = letters[strlen(BLANKS)] == '\0';
    while (from < to) {
        const bool mark = to - from >= 3 && memcmp(from, "\xEF\xBB\xBF", 3) == 0, null = !null_met && to - from >= 4 && memcmp(from, "null", 4) == 0;
        claim(mark || null || (*from && strchr(letters, *from)), "'%.*s' is passed over", (int)(to - from), from);
        null_met |= null;
        from += mark ? 3 : null ? 4 : 1;
    }
}

static bool begin(void *state, const char *name, size_t length, struct error *err)
{
    struct found *found = state;
    (void)err;
    claim(!found->name, "one collection at a time");
    found->name = arena_memdup(found->arena, name, length);
    found->sound = json_object_get(found->file, found->name);
    found->rows = 0;
    claim_text(import_text(found->arena, name, length, IMPORT_NAME_BYTES), "the collection's name");
    if (name < found->at || name >= found->file_end) return true; // not in the file: it stands for what is outside of all of them
    claim_nothing_but(BETWEEN_COLLECTIONS, found->at, name);
    found->at = name + length;
    return true;
}

static void claim_row(const struct import_row *row, const char *bytes, size_t length)
{
    struct error err = {0};
    claim(row->raw || !(row->problem || row->note), "what is not taken as it stands is kept");
    if (row->raw) claim_text(row->raw, "a row");
    claim(!row->id || id_is_valid(row->id), "%s", row->id);
    if (row->problem) {
        claim_text(row->problem, "a reason");
        claim(*row->problem && !row->note, "there is a reason, and nothing was repaired");
        return;
    }
    if (row->note) claim_text(row->note, "a note");
    CLEANUP(json_release) json_t *taken = row->raw ? json_parse(row->raw, strlen(row->raw), &err) : json_parse(bytes, length, &err);
    claim(row->id && text_equal(json_member_text(taken, "id"), row->id), "'%.*s' has the id %s", (int)length, bytes, row->id);
    claim(json_is_object(taken) && (row->note || !row->raw), "'%.*s' became '%s' without a word", (int)length, bytes, row->raw);
}

static bool take(void *state, const char *bytes, size_t length, const char *problem, struct error *err)
{
    struct found *found = state;
    struct error malformed = {0};
    (void)err;
    claim(found->name && length > 0 && bytes >= found->at && bytes + length <= found->file_end, "a row of a collection, inside the file");
    claim_nothing_but(found->rows ? BLANKS : BETWEEN_COLLECTIONS, found->at, bytes);
    found->at = bytes + length;
    const char *collection = import_text(found->arena, found->name, strlen(found->name), IMPORT_NAME_BYTES);
    const struct import_row row = import_row_read(collection, bytes, length, problem, found->arena);
    claim_row(&row, bytes, length);
    claim(!problem || row.problem, "what has a problem is kept back");
    const json_t *expected = json_array_get(found->sound, found->rows++);
    CLEANUP(json_release) json_t *given = found->sound ? json_parse(bytes, length, &malformed) : NULL;
    claim(!found->sound || (given && json_equal(given, expected)), "row %zu of %s is not '%.*s'", found->rows, found->name, (int)length, bytes);
    return true;
}

static bool end(void *state, struct error *err)
{
    struct found *found = state;
    (void)err;
    claim(!found->sound || json_array_size(found->sound) == found->rows, "%s has %zu rows, not %zu", found->name, json_array_size(found->sound), found->rows);
    found->name = NULL;
    return true;
}

static bool is_all_lists(json_t *file)
{
    const char *name;
    json_t *rows;
    json_object_foreach(file, name, rows) if (!json_is_array(rows)) return false;
    return json_is_object(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    const char *bytes = memcpy(arena_alloc(input.arena, size), input.at, size); // no NUL behind it, as in a mapped file
    struct error unsound = {0}, err = {0};
    CLEANUP(json_release) json_t *file = json_parse(bytes, size, &unsound);
    const bool sound = is_all_lists(file);
    struct found found = {.arena = input.arena, .file_end = bytes + size, .at = bytes, .file = sound ? file : NULL};
    const char *damage = NULL;
    const bool ok = import_walk(bytes, size, &(struct import_sink){&found, begin, take, end}, &damage, &err);
    claim(ok || err.problem == &problem_malformed, "%s", err.detail);
    claim(!sound || (ok && !damage), "a sound file is read to its end: %s", damage);
    if (ok) claim_nothing_but(BETWEEN_COLLECTIONS, found.at, bytes + size);
    return 0;
}
