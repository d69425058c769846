// SPDX-License-Identifier: MIT
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// jansson 2.14 does not look whether its buffer for a text grew: without memory the text lacks a letter, and the value is taken
// for whole; and json_dumpb writes less than it counted. So its allocations are watched, from one parse to the next text.
static _Thread_local bool was_short;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (!memory) was_short = true;
    return memory;
}

__attribute__((constructor)) static void watch(void)
{
    json_set_alloc_funcs(allocate, free);
}

void json_watch(void)
{
    was_short = false;
}

bool json_was_short(void)
{
    const bool was = was_short;
    was_short = false;
    if (was) errno = ENOMEM; // as malloc has it: whoever asks for the reason finds it
    return was;
}

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
    json_watch();
    json_t *value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (json_was_short()) {
        json_decref(value);
        error_set(err, &problem_unavailable, NULL);
        return NULL;
    }
    if (value && memchr(bytes, '\0', length)) { // jansson passes over one behind a number
        json_decref(value);
        error_set(err, &problem_malformed, "The JSON holds a NUL byte.");
        return NULL;
    }
    if (!value) {
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
    const bool whole = text && json_dumpb(value, text, length, flags) == length, is_short = json_was_short();
    if (is_short) arena_fail(arena);
    return whole && !is_short ? text : NULL;
}

static void release_json(void *value)
{
    json_decref(value);
}

json_t *json_keep(struct arena *arena, json_t *value)
{
    return value && arena_defer(arena, release_json, value) ? value : NULL;
}

const char *json_member_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}
