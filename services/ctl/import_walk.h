// SPDX-License-Identifier: MIT
// Walks through the bytes of a legacy file without trusting them, and judges each row alone, so that damage costs little besides
// itself. Touches no file and no database: what is met goes to a sink, in order.
//
//   const struct import_sink sink = {&reader, begin, take, end};
//   if (!import_walk(bytes, length, &sink, &damage, err)) return false;
#pragma once

#include "arena.h"
#include "error.h"
#include "import.h"

#define IMPORT_NAME_BYTES 64 // of a collection's or member's name are shown

struct import_sink {
    void *state;
    // A collection, by its name as it stands in the file.
    bool (*begin)(void *state, const char *name, size_t length, struct error *err);
    // A row of it, as it stands in the file; problem: why none of its rows can be taken, or NULL.
    bool (*row)(void *state, const char *bytes, size_t length, const char *problem, struct error *err);
    bool (*end)(void *state, struct error *err);
};

// *ret_damage describes the first damage outside rows, NULL when there is none. False when the file is no object of collections,
// or the sink wants no more.
MUST_USE bool import_walk(const char *bytes, size_t length, const struct import_sink *sink, const char **ret_damage, struct error *err);

// A row as it was judged; strings live in the arena, and are texts that a database takes.
struct import_row {
    const char *id;      // NULL where it has no usable one
    const char *raw;     // as repaired, or of a row that is kept back, as given; NULL: it is taken as it stands
    const char *references[IMPORT_REFERENCES]; // what they hold, as text; NULL where that is missing or no text
    const char *problem; // why it cannot be taken; NULL: it is a JSON object with this id
    const char *note;    // what was repaired, or NULL
};
struct import_row import_row_read(const char *collection, const char *bytes, size_t length, const char *problem, struct arena *arena);
// A row with members changed, both as JSON objects; NULL when they are none, or memory is short.
char *import_row_merge(const char *row, const char *changes, struct arena *arena);

// --- Plain rows ----------------------------------------------------------------------------------
// One object of at most so many members, each a text without escapes, a short number, true, false, null, or a list of those.
#define PLAIN_MEMBERS_MAX 32

struct plain_member {
    const char *name, *value; // as they stand in the row; value: of a text
    size_t name_length, value_length;
    enum { PLAIN_TEXT, PLAIN_NUMBER, PLAIN_OTHER } kind;
};
struct plain_row {
    struct plain_member members[PLAIN_MEMBERS_MAX];
    int count;
};

// False for all other rows, and for whatever is no JSON: json_parse tells those apart.
bool import_plain_read(const char *bytes, size_t length, struct plain_row *ret);
// The member of this name, or NULL.
const struct plain_member *import_plain_member(const struct plain_row *row, const char *name);
