// SPDX-License-Identifier: MIT
// Reads a row as nearly all are in one pass and without a copy. What it takes is a part of what json_parse takes, and means the same.
#include <ctype.h>
#include <string.h>

#include "import_walk.h"
#include "text.h"

#define DIGITS_MAX 15 // whatever they are, a double holds them

struct scan {
    const char *at, *end;
    bool is_ascii;
};

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r')) scan->at++;
}

static bool take(struct scan *scan, char letter)
{
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at != letter) return false;
    scan->at++;
    return true;
}

// Without escapes: as it stands in the file, it is what it means.
static bool text(struct scan *scan, const char **ret, size_t *ret_length)
{
    if (!take(scan, '"')) return false;
    const char *at = scan->at, *end = scan->end;
    unsigned char seen = 0;
    for (; at < end && *at != '"'; at++) {
        if ((unsigned char)*at < 0x20 || *at == '\\') return false;
        seen |= (unsigned char)*at;
    }
    if (seen >= 0x80) scan->is_ascii = false;
    *ret = scan->at;
    *ret_length = (size_t)(at - scan->at);
    scan->at = at;
    return take(scan, '"');
}

static size_t digits(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && isdigit((unsigned char)*scan->at)) scan->at++;
    return (size_t)(scan->at - start);
}

static bool number(struct scan *scan)
{
    if (*scan->at == '-') scan->at++;
    const char *first = scan->at;
    const size_t whole = digits(scan);
    if (whole == 0 || (whole > 1 && *first == '0')) return false;
    if (scan->at == scan->end || *scan->at != '.') return whole <= DIGITS_MAX;
    scan->at++;
    const size_t fraction = digits(scan);
    return fraction > 0 && whole + fraction <= DIGITS_MAX;
}

static bool word(struct scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        const size_t length = strlen(words[i]);
        if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, words[i], length) != 0) continue;
        scan->at += length;
        return true;
    }
    return false;
}

// Of a list only that it is one of these: nobody asks for what is in it. What follows is checked by the caller.
static bool value(struct scan *scan, struct plain_member *member)
{
    skip_blanks(scan);
    if (scan->at == scan->end) return false;
    member->kind = *scan->at == '"' ? PLAIN_TEXT : isdigit((unsigned char)*scan->at) || *scan->at == '-' ? PLAIN_NUMBER : PLAIN_OTHER;
    return member->kind == PLAIN_TEXT     ? text(scan, &member->value, &member->value_length)
           : member->kind == PLAIN_NUMBER ? number(scan)
                                          : word(scan);
}

static bool list(struct scan *scan)
{
    struct plain_member item;
    if (take(scan, ']')) return true;
    do {
        if (!value(scan, &item)) return false;
    } while (take(scan, ','));
    return take(scan, ']');
}

static const struct plain_member *find(const struct plain_row *row, const char *name, size_t length)
{
    for (int i = 0; i < row->count; i++)
        if (row->members[i].name_length == length && memcmp(row->members[i].name, name, length) == 0) return &row->members[i];
    return NULL;
}

static bool one_member(struct scan *scan, struct plain_row *row)
{
    struct plain_member *member = &row->members[row->count];
    if (row->count == PLAIN_MEMBERS_MAX || !text(scan, &member->name, &member->name_length) || !take(scan, ':')) return false;
    if (find(row, member->name, member->name_length)) return false; // json_parse says what is wrong with two of a name
    member->kind = PLAIN_OTHER;
    row->count++;
    return take(scan, '[') ? list(scan) : value(scan, member);
}

bool import_plain_read(const char *bytes, size_t length, struct plain_row *ret)
{
    struct scan scan = {.at = bytes, .end = bytes + length, .is_ascii = true};
    ret->count = 0;
    if (!take(&scan, '{')) return false;
    do {
        if (!one_member(&scan, ret)) return false;
    } while (take(&scan, ','));
    return take(&scan, '}') && scan.at == scan.end && (scan.is_ascii || text_is_utf8(bytes, length));
}

const struct plain_member *import_plain_member(const struct plain_row *row, const char *name)
{
    return find(row, name, strlen(name));
}
