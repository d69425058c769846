// SPDX-License-Identifier: MIT
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// jansson allows 2,048 levels, each a recursion: ours is checked before it starts.
static bool depth_is_fine(const char *bytes, size_t length)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (in_string) {
            if (c == '\\') i++;
            else if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX) return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

json_t *json_parse(const char *bytes, size_t length, struct error *err)
{
    if (!depth_is_fine(bytes, length)) {
        error_set(err, &problem_malformed, "The JSON is nested more than %d levels deep; flatten it.", JSON_DEPTH_MAX);
        return NULL;
    }
    json_error_t where;
    errno = 0;
    json_t *value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!value && problem_unless_memory(NULL)) {
        error_set(err, &problem_unavailable, NULL);
    } else if (!value) {
        const enum json_error_code code = json_error_code(&where);
        error_set(err, &problem_malformed, "The JSON is not well-formed at line %d, column %d%s.", where.line, where.column,
                  code == json_error_duplicate_key      ? ": a member stands there twice"
                  : code == json_error_numeric_overflow ? ": a number is out of range"
                                                        : "");
    }
    return value;
}

char *json_text(struct arena *arena, const json_t *value)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    size_t length = json_dumpb(value, NULL, 0, flags);
    char *text = length ? arena_alloc(arena, length + 1) : NULL;
    if (text) json_dumpb(value, text, length, flags);
    return text;
}

const char *json_member_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}
