// SPDX-License-Identifier: MIT
// What goes ahead of a statement in the same round trip: the start of its transaction, what was posted, the trace.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "db_wire.h"
#include "text.h"

static const char *const no_trace[] = {""};

void wire_values_fill(struct db_values in, struct wire_values *ret)
{
    for (int i = 0; i < in.count; i++) {
        const struct db_value *value = &in.items[i];
        ret->texts[i] = value->text;
        if (value->type == DB_VALUE_BOOL) ret->texts[i] = value->integer ? "t" : "f";
        if (value->type != DB_VALUE_INT) continue;
        snprintf(ret->numbers[i], sizeof ret->numbers[i], "%" PRId64, value->integer);
        ret->texts[i] = ret->numbers[i];
    }
}

// Copies of texts, in the arena.
static const char *const *copy(struct arena *arena, const char *const *texts, int count)
{
    const char **copies = arena_alloc(arena, (size_t)(count + 1) * sizeof *copies);
    for (int i = 0; copies && i < count; i++) copies[i] = texts[i] ? arena_strdup(arena, texts[i]) : NULL;
    return copies;
}

bool wire_post(struct db *db, const struct sql *sql, struct db_values in)
{
    struct wire_values values;
    if (!db->posted) db->posted = arena_alloc(db->arena, POSTED_MOST * sizeof *db->posted);
    if (!db->posted) return false;
    if (db->traceparent != db->traced) {
        const char *const *trace = db->traceparent ? copy(db->arena, &db->traceparent, 1) : no_trace;
        db->posted[db->posted_count++] = (struct wire_statement){&wire_trace, trace};
        db->traced = db->traceparent;
    }
    wire_values_fill(in, &values);
    db->posted[db->posted_count++] = (struct wire_statement){sql, copy(db->arena, values.texts, in.count)};
    return !arena_failed(db->arena);
}

int wire_ahead(const struct db *db, const struct wire_statement *own, struct wire_statement *out)
{
    int count = 0;
    const bool leaves = own && own->sql == &wire_commit;
    if (db->mode != DB_READ && !db->in_transaction) out[count++] = (struct wire_statement){db->mode == DB_WRITE ? &wire_begin : &wire_begin_repeatable, NULL};
    for (int i = 0; i < db->posted_count; i++) out[count++] = db->posted[i];
    if (db->mode != DB_READ && !leaves && db->traceparent != db->traced)
        out[count++] = (struct wire_statement){&wire_trace, db->traceparent ? &db->traceparent : no_trace};
    return count;
}

bool wire_is_repeatable(const struct db *db, const struct wire_statement *own)
{
    static const char *const writing[] = {"INSERT ",   "UPDATE ", "DELETE ", "MERGE ",
                                          "pg_notify", "lock(",   "nextval"};
    if (db->mode != DB_READ) return !own || own->sql != &wire_commit;
    for (size_t i = 0; own && i < COUNT_OF(writing); i++)
        if (strcasestr(own->sql->text, writing[i])) return false;
    return true;
}
