// SPDX-License-Identifier: MIT
#include "import_walk.h"

#include <string.h>

#include "import.h"

#define OUTSIDE "(outside of all collections)"

struct walk {
    const char *at, *end;
    const struct import_sink *sink;
    const char *damage;        // the first that was met
};

static bool walk_collections(struct walk *walk, struct error *err);
static bool walk_member(struct walk *walk, struct error *err);
static bool walk_stray(struct walk *walk, struct error *err);
static bool walk_rows(struct walk *walk, struct error *err);
static bool walk_one(struct walk *walk, const char *problem, struct error *err);

bool import_walk(const char *bytes, size_t length, const struct import_sink *sink, const char **ret_damage, struct error *err)
{
    struct walk walk = {.at = bytes, .end = bytes + length, .sink = sink};
    const bool ok = walk_collections(&walk, err);
    *ret_damage = walk.damage;
    return ok;
}

static bool is_any_of(char letter, const char *set)
{
    return letter && strchr(set, letter);
}

static void skip_any_of(struct walk *walk, const char *set)
{
    while (walk->at < walk->end && is_any_of(*walk->at, set)) walk->at++;
}

static void skip_blanks(struct walk *walk)
{
    skip_any_of(walk, " \t\r\n,");
    if (walk->end - walk->at >= 3 && memcmp(walk->at, "\xEF\xBB\xBF", 3) == 0) walk->at += 3; // byte order mark
}

static void note_damage(struct walk *walk, const char *what)
{
    if (!walk->damage) walk->damage = what;
}

// Whether a member begins here: "name":
static bool is_name(const struct walk *walk)
{
    const char *after = *walk->at == '"' ? import_value_end(walk->at, walk->end) : NULL;
    while (after && after < walk->end && is_any_of(*after, " \t\r\n")) after++;
    return after && after < walk->end && *after == ':';
}

// The top-level object: "collection": [ rows ]. Whatever else stands there is kept back, and reading goes on behind it.
static bool walk_collections(struct walk *walk, struct error *err)
{
    bool closed = false;
    skip_blanks(walk);
    if (walk->at >= walk->end || *walk->at != '{')
        return error_set(err, &problem_malformed, "The file is not a JSON object of collections; is it a db.json?");
    walk->at++;
    for (skip_blanks(walk); walk->at < walk->end; skip_blanks(walk)) {
        if (closed) note_damage(walk, "the file goes on behind its end; what stands there was read as well");
        if (*walk->at == '}' && !closed) {
            closed = true;
            walk->at++;
        } else if (!(is_name(walk) ? walk_member(walk, err) : walk_stray(walk, err))) {
            return false;
        }
    }
    if (!closed) note_damage(walk, "the file ends early; what stood before was read");
    return true;
}

static bool walk_member(struct walk *walk, struct error *err)
{
    const char *name = walk->at + 1;
    walk->at = import_value_end(walk->at, walk->end);
    const bool is_closed = walk->at > name && walk->at[-1] == '"'; // its line may have ended first
    if (!walk->sink->begin(walk->sink->state, name, (size_t)(walk->at - is_closed - name), err)) return false;
    skip_any_of(walk, " \t\r\n:");
    if (walk->at < walk->end && *walk->at == '[') return walk_rows(walk, err);
    const char *after = import_value_end(walk->at, walk->end);
    if (after && after - walk->at == 4 && memcmp(walk->at, "null", 4) == 0) { // as good as an empty list
        walk->at = after;
        return walk->sink->end(walk->sink->state, err);
    }
    note_damage(walk, "a member of the file is no list of rows; it is quarantined as one row");
    return walk_one(walk, "the member is no list of rows", err);
}

static bool walk_stray(struct walk *walk, struct error *err)
{
    note_damage(walk, "something stands outside of all collections; it is quarantined");
    return walk->sink->begin(walk->sink->state, OUTSIDE, strlen(OUTSIDE), err) && walk_one(walk, "stands outside of all collections", err);
}

// From row to where the walk has come.
static bool take_row(struct walk *walk, const char *row, const char *problem, struct error *err)
{
    return walk->sink->row(walk->sink->state, row, (size_t)(walk->at - row), problem, err);
}

// Whatever begins here, as one row with this problem.
static bool walk_one(struct walk *walk, const char *problem, struct error *err)
{
    const char *row = walk->at, *after = import_value_end(row, walk->end);
    if (row == walk->end) return walk->sink->end(walk->sink->state, err);
    walk->at = !after ? walk->end : after == row ? row + 1 : after;
    return take_row(walk, row, problem, err) && walk->sink->end(walk->sink->state, err);
}

// Also without its bracket: at the next member's name, or at the end of the file.
static bool collection_ends(const struct walk *walk)
{
    if (walk->at >= walk->end || *walk->at == ']' || is_name(walk)) return true;
    const char *at = walk->at;
    if (*at != '}') return false;
    for (at++; at < walk->end && is_any_of(*at, " \t\r\n");) at++;
    return at == walk->end;
}

static bool walk_rows(struct walk *walk, struct error *err)
{
    walk->at++;
    for (skip_blanks(walk); !collection_ends(walk); skip_blanks(walk)) {
        const char *row = walk->at, *after = import_value_end(row, walk->end);
        if (!after) note_damage(walk, "the file ends inside a row; the row is quarantined");
        if (!after || after == row) after = after ? row + 1 : walk->end;
        walk->at = after;
        if (!take_row(walk, row, NULL, err)) return false;
    }
    if (walk->at < walk->end && *walk->at == ']') walk->at++;
    else note_damage(walk, "a list of rows is not closed; what follows was read as usual");
    return walk->sink->end(walk->sink->state, err);
}
