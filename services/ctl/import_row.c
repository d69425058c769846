// SPDX-License-Identifier: MIT
#include <string.h>

#include "id.h"
#include "import.h"
#include "import_walk.h"

#define ROW_BYTES ((size_t)1 << 20)
#define KEPT_BYTES ((size_t)4 << 20) // of a row that is kept back

static bool plain(const struct collection *collection, const char *bytes, size_t length, struct arena *arena, struct import_row *ret);
static const char *repair(const char *collection, json_t *row, struct arena *arena);
static char *repaired_text(struct arena *arena, const json_t *row);
static const char *row_problem(const char *collection, const json_t *row, const char *bytes, size_t length, const struct error *parse, struct arena *arena);

struct import_row import_row_read(const char *collection, const char *bytes, size_t length, const char *problem, struct arena *arena)
{
    const int place = (int)import_place(collection);
    struct import_row quick = {0};
    if (place && !problem && length <= ROW_BYTES && plain(&import_collections[place - 1], bytes, length, arena, &quick)) return quick;
    struct error parse = {0};
    CLEANUP(json_release) json_t *row = length > ROW_BYTES ? NULL : json_parse(bytes, length, &parse);
    const char *note = json_is_object(row) ? repair(collection, row, arena) : NULL, *id = json_member_text(row, "id");
    if (!problem || length > ROW_BYTES) problem = row_problem(collection, row, bytes, length, &parse, arena);
    struct import_row ret = {
        .id = id_is_valid(id) ? arena_strdup(arena, id) : NULL,
        .raw = problem ? import_text(arena, bytes, length, KEPT_BYTES) : note ? repaired_text(arena, row) : NULL,
        .problem = problem,
        .note = problem ? NULL : note,
    };
    for (int i = 0; place && i < IMPORT_REFERENCES && import_collections[place - 1].references[i].member; i++)
        ret.references[i] = arena_strdup(arena, json_member_text(row, import_collections[place - 1].references[i].member));
    return ret;
}

char *import_row_merge(const char *row, const char *changes, struct arena *arena)
{
    struct error err = {0};
    CLEANUP(json_release) json_t *merged = json_parse(row, strlen(row), &err);
    CLEANUP(json_release) json_t *changed = merged ? json_parse(changes, strlen(changes), &err) : NULL;
    return changed && json_object_update(merged, changed) == 0 ? repaired_text(arena, merged) : NULL;
}

static char *plain_text(struct arena *arena, const struct plain_row *row, const char *member)
{
    const struct plain_member *found = import_plain_member(row, member);
    return found && found->kind == PLAIN_TEXT ? arena_memdup(arena, found->value, found->value_length) : NULL;
}

static bool is_id(const char *name, size_t length)
{
    return (length == 2 && memcmp(name, "id", 2) == 0) || (length > 3 && memcmp(name + length - 3, "_id", 3) == 0);
}

// A row in which there is nothing to repair and nothing to refuse, found without building it: an import is mostly made of these.
static bool plain(const struct collection *collection, const char *bytes, size_t length, struct arena *arena, struct import_row *ret)
{
    struct plain_row row;
    if (!import_plain_read(bytes, length, &row)) return false;
    for (int i = 0; i < row.count; i++)
        if (row.members[i].kind == PLAIN_NUMBER && is_id(row.members[i].name, row.members[i].name_length)) return false;
    for (int i = 0; i < 2 && collection->renames[i][0]; i++)
        if (import_plain_member(&row, collection->renames[i][0])) return false;
    ret->id = plain_text(arena, &row, "id");
    if (!id_is_valid(ret->id)) return false;
    for (int i = 0; i < IMPORT_REFERENCES && collection->references[i].member; i++)
        ret->references[i] = plain_text(arena, &row, collection->references[i].member);
    return true;
}

// Why a row cannot be taken as it stands, or NULL. That an id comes twice is seen when the collection is whole.
static const char *row_problem(const char *collection, const json_t *row, const char *bytes, size_t length, const struct error *parse, struct arena *arena)
{
    const char *id = json_member_text(row, "id");
    if (length > KEPT_BYTES) return "longer than 1 MiB; only its first 4 MiB are kept here, so keep the file";
    if (length > ROW_BYTES) return "longer than 1 MiB";
    if (!row) return parse->detail[0] ? arena_strdup(arena, parse->detail) : "not valid JSON";
    if (!json_is_object(row)) return "not an object";
    if (!import_place(collection)) return "unknown collection";
    if (!id) return "id is missing or not text";
    if (!id_is_valid(id)) return "id is empty, longer than 64 characters, or holds other characters than A-Z a-z 0-9 _ -";
    return import_excess(bytes, length);
}

static void add_note(struct arena *arena, const char **notes, const char *what)
{
    *notes = *notes ? arena_printf(arena, "%s; %s", *notes, what) : what;
}

// An id without quotes is still an id, and some files have another name for a member. What was done, or NULL.
static const char *repair(const char *collection, json_t *row, struct arena *arena)
{
    const char *notes = NULL, *name;
    const int place = (int)import_place(collection);
    json_t *value;
    void *next;
    json_object_foreach_safe(row, next, name, value) {
        const size_t length = strlen(name);
        if (!is_id(name, length) || !json_is_integer(value)) continue;
        json_object_set_new(row, name, json_string(arena_printf(arena, "%lld", (long long)json_integer_value(value))));
        add_note(arena, &notes, arena_printf(arena, "%s was a number, taken as text", import_text(arena, name, length, IMPORT_NAME_BYTES)));
    }
    for (int i = 0; place && i < 2 && import_collections[place - 1].renames[i][0]; i++) {
        const char *from = import_collections[place - 1].renames[i][0], *to = import_collections[place - 1].renames[i][1];
        const char *given = json_member_text(row, from), *there = json_member_text(row, to);
        if (!given || !*given || (there && *there) || (json_object_get(row, to) && !there)) continue;
        json_object_set_new(row, to, json_string(given));
        json_object_del(row, from);
        add_note(arena, &notes, arena_printf(arena, "%s taken as %s", from, to));
    }
    return notes;
}

static char *repaired_text(struct arena *arena, const json_t *row)
{
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(15); // 17 digits would make 0.1 another number to the eye
    const size_t length = json_dumpb(row, NULL, 0, flags);
    char *text = arena_alloc(arena, length + 1);
    if (text) json_dumpb(row, text, length, flags);
    return text;
}
