// SPDX-License-Identifier: MIT
// Values on their way into and out of PostgreSQL's text form.
#include <string.h>

#include "db_wire.h"
#include "text.h"

const char *db_rows_text(const struct db_rows *rows, int row, int column)
{
    return PQgetisnull(rows->result, row, column) ? NULL : PQgetvalue(rows->result, row, column);
}

int64_t db_rows_int(const struct db_rows *rows, int row, int column)
{
    int64_t value = 0;
    const char *text = db_rows_text(rows, row, column);
    return text && text_to_int64(text, &value) ? value : 0;
}

#define ESCAPED "\"\\"

static size_t quoted_length(const char *item)
{
    size_t length = 2 + strlen(item);
    for (item += strcspn(item, ESCAPED); *item; item += 1 + strcspn(item + 1, ESCAPED)) length++;
    return length;
}

static char *quote(char *out, const char *item)
{
    *out++ = '"';
    for (size_t plain; *item; item += plain) {
        if (*item == '"' || *item == '\\') *out++ = '\\';
        plain = 1 + strcspn(item + 1, ESCAPED);
        out = mempcpy(out, item, plain);
    }
    *out++ = '"';
    return out;
}

char *db_array(struct arena *arena, const char *const *items, size_t count)
{
    size_t length = 3; // the braces and the end
    for (size_t i = 0; i < count; i++) length += 1 + (items[i] ? quoted_length(items[i]) : 4);
    char *array = arena_alloc(arena, length), *out = array;
    if (!array) return NULL;
    *out++ = '{';
    for (size_t i = 0; i < count; i++) {
        if (i) *out++ = ',';
        out = items[i] ? quote(out, items[i]) : stpcpy(out, "NULL");
    }
    *out++ = '}';
    *out = '\0';
    return array;
}
