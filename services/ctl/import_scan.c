// SPDX-License-Identifier: MIT
// Cuts a file into values by brackets, strings and line ends alone, so that a damaged row costs as little as can be besides itself.
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "import.h"

#define OPEN_MAX 1024
#define NUMBER_DIGITS_MAX 300
#define EXPONENT_DIGITS_MAX 3
#define DEPTH_MAX (JSON_DEPTH_MAX - 4) // services get a row inside a batch

// The brackets that are open, outermost first.
struct open {
    char closers[OPEN_MAX];
    int depth;
};

// Closes what the bracket closes, and with it whatever inside was left open. False when it closes nothing of ours.
static bool close_bracket(struct open *open, char bracket)
{
    int depth = open->depth < OPEN_MAX ? open->depth : OPEN_MAX;
    if (open->depth > OPEN_MAX) { // not told apart down there
        open->depth--;
        return true;
    }
    while (depth > 0 && open->closers[depth - 1] != bracket) depth--;
    if (depth == 0) return false;
    open->depth = depth - 1;
    return true;
}

static void open_bracket(struct open *open, char bracket)
{
    if (open->depth < OPEN_MAX) open->closers[open->depth] = bracket == '{' ? '}' : ']';
    open->depth++;
}

// Inside an object a bracket opens the value of a member, or it belongs to the next row and a closing one is missing.
static bool is_out_of_place(const struct open *open, char before)
{
    return open->depth > 0 && open->depth <= OPEN_MAX && open->closers[open->depth - 1] == '}' && before != ':';
}

const char *import_value_end(const char *at, const char *end)
{
    struct open open = {.depth = 0};
    bool in_string = false;
    char before = ':'; // the last letter that is no blank
    for (; at < end; at++) {
        if (in_string) {
            while (at < end - 1 && *at != '"' && *at != '\\' && *at != '\n') at++;
            if (*at == '\\' && at + 1 < end && at[1] != '\n') at++;
            else if (*at == '"' || *at == '\n') in_string = false; // no string goes over a line's end: its quote is missing
            if (!in_string && open.depth == 0) return *at == '"' ? at + 1 : at;
        } else if (*at == '"') {
            in_string = true;
        } else if (*at == '{' || *at == '[') {
            if (is_out_of_place(&open, before)) return at;
            open_bracket(&open, *at);
        } else if (*at == '}' || *at == ']') {
            if (!close_bracket(&open, *at)) return at;
            if (open.depth == 0) return at + 1;
        } else if (open.depth == 0 && (*at == ',' || *at == ':' || isspace((unsigned char)*at))) {
            return at;
        }
        if (!isspace((unsigned char)*at)) before = *at;
    }
    return NULL;
}

// A number that no column of ours, and no cast of PostgreSQL, can hold.
static bool number_fits(const char *at, const char *end, const char **ret_after)
{
    const char *start = at;
    while (at < end && *at && strchr("+-.0123456789", *at)) at++;
    bool fits = at - start <= NUMBER_DIGITS_MAX;
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *digits = ++at;
        while (at < end && *at && strchr("+-0123456789", *at)) at++;
        fits = fits && at - digits <= EXPONENT_DIGITS_MAX + 1; // with its sign
    }
    *ret_after = at;
    return fits;
}

const char *import_excess(const char *bytes, size_t length)
{
    const char *at = bytes, *end = bytes + length;
    int depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = import_value_end(at, end);
            if (!at) return NULL;
            continue;
        }
        if (isdigit((unsigned char)*at) || *at == '-') {
            if (!number_fits(at, end, &at)) return "holds a number that is too long or out of all bounds";
            continue;
        }
        if ((*at == '{' || *at == '[') && ++depth > DEPTH_MAX) return "is nested too deep";
        if (*at == '}' || *at == ']') depth--;
        at++;
    }
    return NULL;
}

const char *import_text(struct arena *arena, const char *bytes, size_t length, size_t most)
{
    size_t kept = length < most ? length : most;
    while (kept > 0 && kept < length && ((unsigned char)bytes[kept] & 0xC0) == 0x80) kept--; // whole letters
    if (text_is_utf8(bytes, kept)) return arena_memdup(arena, bytes, kept);
    struct text_buffer out = text_buffer(arena);
    for (size_t i = 0; i < kept; i++) {
        bool plain = (unsigned char)bytes[i] >= 0x20 && (unsigned char)bytes[i] < 0x7F;
        if (plain) text_add_bytes(&out, &bytes[i], 1);
        else text_printf(&out, "\\x%02X", (unsigned char)bytes[i]);
    }
    return text_take(&out);
}
