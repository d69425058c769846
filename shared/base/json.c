// SPDX-License-Identifier: MIT
#include "json.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
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
    was_short = false;
    json_t *value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (was_short) {
        json_decref(value);
        error_set(err, &problem_unavailable, NULL);
        errno = ENOMEM; // as malloc has it: whoever asked for another reason finds it
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

// Where a text is written; without out it is only measured. jansson looks at each letter three times.
struct writer {
    char *out;
    size_t length;
};

static void write_bytes(struct writer *writer, const char *bytes, size_t length)
{
    if (writer->out) memcpy(writer->out + writer->length, bytes, length);
    writer->length += length;
}

static void write_escape(struct writer *writer, char letter)
{
    static const char letters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *known = strchr(letters, letter);
    char escape[8];
    const int length = known ? snprintf(escape, sizeof escape, "\\%c", names[known - letters])
                             : snprintf(escape, sizeof escape, "\\u%04X", (unsigned)(unsigned char)letter);
    write_bytes(writer, escape, (size_t)length);
}

static void write_string(struct writer *writer, const char *at)
{
    write_bytes(writer, "\"", 1);
    while (*at) {
        size_t plain = 0;
        while ((unsigned char)at[plain] >= 0x20 && at[plain] != '"' && at[plain] != '\\') plain++;
        write_bytes(writer, at, plain);
        at += plain;
        if (*at) write_escape(writer, *at++);
    }
    write_bytes(writer, "\"", 1);
}

// All digits of a double, and so that it stays one.
static void write_real(struct writer *writer, double value)
{
    char number[64];
    const int length = snprintf(number, sizeof number, "%.17g", value);
    write_bytes(writer, number, (size_t)length);
    if (!strpbrk(number, ".e")) write_bytes(writer, ".0", 2);
}

static void write_value(struct writer *writer, const json_t *value);

static void write_object(struct writer *writer, const json_t *object)
{
    const char *name, *separator = "{";
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) { // the macro wants a mutable object, and does not change it
        write_bytes(writer, separator, 1);
        write_string(writer, name);
        write_bytes(writer, ":", 1);
        write_value(writer, value);
        separator = ",";
    }
    write_bytes(writer, "{}" + (*separator == ','), *separator == ',' ? 1 : 2);
}

static void write_array(struct writer *writer, const json_t *array)
{
    write_bytes(writer, "[", 1);
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i) write_bytes(writer, ",", 1);
        write_value(writer, json_array_get(array, i));
    }
    write_bytes(writer, "]", 1);
}

static void write_value(struct writer *writer, const json_t *value)
{
    char number[64];
    switch (json_typeof(value)) {
    case JSON_OBJECT: write_object(writer, value); break;
    case JSON_ARRAY: write_array(writer, value); break;
    case JSON_STRING: write_string(writer, json_string_value(value)); break;
    case JSON_INTEGER: write_bytes(writer, number, (size_t)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value))); break;
    case JSON_REAL: write_real(writer, json_real_value(value)); break;
    case JSON_TRUE: write_bytes(writer, "true", 4); break;
    case JSON_FALSE: write_bytes(writer, "false", 5); break;
    case JSON_NULL: write_bytes(writer, "null", 4); break;
    }
}

char *json_text(struct arena *arena, const json_t *value)
{
    struct writer measured = {0}, writer = {0};
    if (value) write_value(&measured, value);
    writer.out = value ? arena_alloc(arena, measured.length + 1) : NULL;
    if (writer.out) write_value(&writer, value);
    const bool whole = writer.out && !was_short;
    if (was_short) arena_fail(arena);
    was_short = false;
    return whole ? writer.out : NULL;
}

const char *json_member_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}
