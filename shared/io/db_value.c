// SPDX-License-Identifier: MIT
// Values on their way into and out of PostgreSQL's text form.
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

char *db_array(struct arena *arena, const char *const *items, size_t count)
{
    struct text_buffer out = text_buffer(arena);
    text_add(&out, "{");
    for (size_t i = 0; i < count; i++) {
        text_add(&out, i ? "," : "");
        text_add(&out, items[i] ? "\"" : "NULL");
        for (const char *at = items[i]; at && *at; at++) {
            if (*at == '"' || *at == '\\') text_add(&out, "\\");
            text_add_bytes(&out, at, 1);
        }
        text_add(&out, items[i] ? "\"" : "");
    }
    text_add(&out, "}");
    return text_take(&out);
}
