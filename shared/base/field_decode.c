// SPDX-License-Identifier: MIT
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "field_private.h"

#define NAME_SHOWN_MAX 100 // bytes of a name that nobody knows

struct decoding {
    const struct fields *fields;
    void *out;
    struct arena *arena;
    struct error *err;
    char prefix; // '/' for bodies, '?' for queries
};

static const struct field *find_row(const struct fields *fields, const char *name, int *ret_index);
static const char *decode_value(struct decoding *decoding, const struct field *field, const json_t *value);
static const char *decode_list(struct decoding *decoding, const struct field *field, const json_t *value);
static const char *decode_money(const struct field *field, const json_t *value, struct arena *arena, int64_t *ret);
static void check_required(struct decoding *decoding, enum field_mode mode, uint64_t given);
static const char *decode_parameter(struct decoding *decoding, const struct field *field, const char *text);

static void *member_of(struct decoding *decoding, const struct field *field)
{
    return (char *)decoding->out + field->offset;
}

static void wrong(struct decoding *decoding, const char *name, const char *message)
{
    char pointer[2 * NAME_SHOWN_MAX + 2];
    size_t used = 0, length = strnlen(name, NAME_SHOWN_MAX);
    pointer[used++] = decoding->prefix;
    for (size_t i = 0; i < length; i++) { // a JSON Pointer spells '~' and '/' as "~0" and "~1"
        const bool special = decoding->prefix == '/' && (name[i] == '~' || name[i] == '/');
        pointer[used++] = special ? '~' : name[i];
        if (special) pointer[used++] = name[i] == '~' ? '0' : '1';
    }
    pointer[used] = '\0';
    error_violation(decoding->err, pointer, "%s", message);
}

static bool finished(struct decoding *decoding)
{
    if (arena_failed(decoding->arena)) return error_set(decoding->err, &problem_unavailable, NULL);
    return decoding->err->problem == NULL;
}

bool field_decode(const struct fields *fields, const json_t *object, enum field_mode mode, void *out, struct arena *arena,
                  struct error *err)
{
    memset(out, 0, fields->size);
    if (!err->arena) err->arena = arena;
    if (!json_is_object(object)) return error_set(err, &problem_malformed, "The body must be a JSON object.");
    struct decoding decoding = {fields, out, arena, err, '/'};
    uint64_t given = 0, nulls = 0;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) { // the macro wants a mutable object, and does not change it
        int index;
        const struct field *field = find_row(fields, name, &index);
        if (!field) {
            if (mode != FIELD_TOLERANT) wrong(&decoding, name, "is not a known field");
            continue;
        }
        given |= (uint64_t)1 << index;
        nulls |= (uint64_t)json_is_null(value) << index;
        const char *message = decode_value(&decoding, field, value);
        if (message) wrong(&decoding, name, message);
    }
    check_required(&decoding, mode, given);
    *(struct given *)out = (struct given){given, nulls};
    return finished(&decoding);
}

static const struct field *find_row(const struct fields *fields, const char *name, int *ret_index)
{
    for (int i = 0; i < fields->count; i++) {
        if (strcmp(fields->rows[i].name, name) != 0) continue;
        *ret_index = i;
        return &fields->rows[i];
    }
    return NULL;
}

static void check_required(struct decoding *decoding, enum field_mode mode, uint64_t given)
{
    if (mode == FIELD_PARTIAL) {
        if (!given && !decoding->err->problem)
            error_set(decoding->err, &problem_invalid_fields, "Nothing to change: give at least one field.");
        return;
    }
    for (int i = 0; i < decoding->fields->count; i++)
        if (decoding->fields->rows[i].required && !(given & (uint64_t)1 << i)) wrong(decoding, decoding->fields->rows[i].name, "is required");
}

// Stores value; returns what is expected instead, or NULL.
static const char *decode_value(struct decoding *decoding, const struct field *field, const json_t *value)
{
    void *member = member_of(decoding, field);
    if (json_is_null(value)) return field->nullable ? NULL : "must not be null";
    switch (field->type) {
        case FIELD_TEXT:
            if (!json_is_string(value)) return "must be text";
            return field_check_text(field, json_string_value(value), decoding->arena, member);
        case FIELD_INTEGER:
            if (field->format == FORMAT_MONEY) return decode_money(field, value, decoding->arena, member);
            if (!json_is_integer(value)) return "must be a whole number";
            *(int64_t *)member = json_integer_value(value);
            return field_check_integer(field, json_integer_value(value), decoding->arena);
        case FIELD_BOOLEAN:
            if (!json_is_boolean(value)) return "must be true or false";
            *(bool *)member = json_is_true(value);
            return NULL;
        case FIELD_TEXT_LIST: return decode_list(decoding, field, value);
        case FIELD_JSON:
            *(const json_t **)member = value; // borrowed from the body, which lives as long as the request
            return NULL;
        default: return "is not expected here";
    }
}

static const char *check_items(const struct field *field, size_t count, struct arena *arena)
{
    if ((int64_t)count < field->min) return arena_printf(arena, "must have at least %ld entries", (long)field->min);
    if ((int64_t)count > field_limit(field)) return arena_printf(arena, "must have at most %ld entries", (long)field_limit(field));
    return NULL;
}

static const char *decode_list(struct decoding *decoding, const struct field *field, const json_t *value)
{
    if (!json_is_array(value)) return "must be a list of texts";
    size_t count = json_array_size(value);
    const char *message = check_items(field, count, decoding->arena);
    if (message) return message;
    const char **items = arena_alloc(decoding->arena, (count + 1) * sizeof *items);
    if (!items) return NULL; // the failed arena is reported at the end
    struct field item = {.name = field->name, .type = FIELD_TEXT, .format = field->format, .min = 1, .max = ITEM_MAX, .choices = field->choices};
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        message = text ? field_check_text(&item, text, decoding->arena, &items[i]) : "must be text";
        if (message) return arena_printf(decoding->arena, "entry %zu %s", i + 1, message);
    }
    *(struct text_list *)member_of(decoding, field) = (struct text_list){items, count};
    return NULL;
}

// At most two decimals: the nearest cent, divided again, is the number given. (No tolerance: one that grows with the amount
// took 1000000.005.)
static const char *decode_money(const struct field *field, const json_t *value, struct arena *arena, int64_t *ret)
{
    if (!json_is_number(value)) return "must be a number";
    double amount = json_number_value(value), cents = round(amount * 100);
    if (!(fabs(cents) <= (double)INTEGER_MAX)) return "is out of range";
    if (cents / 100 != amount) return "must have at most two decimals";
    *ret = (int64_t)cents;
    return field_check_integer(field, *ret, arena);
}

bool field_decode_query(const struct fields *fields, const struct text_pair *pairs, size_t count, void *out, struct arena *arena,
                        struct error *err)
{
    memset(out, 0, fields->size);
    if (!err->arena) err->arena = arena;
    struct decoding decoding = {fields, out, arena, err, '?'};
    uint64_t given = 0;
    for (size_t i = 0; i < count; i++) {
        int index;
        const struct field *field = find_row(fields, pairs[i].name, &index);
        if (!field) {
            wrong(&decoding, pairs[i].name, "is not a known parameter");
            continue;
        }
        bool again = given & (uint64_t)1 << index;
        given |= (uint64_t)1 << index;
        const char *message = again ? "must be given once" : decode_parameter(&decoding, field, pairs[i].value);
        if (message) wrong(&decoding, pairs[i].name, message);
    }
    check_required(&decoding, FIELD_WHOLE, given);
    ((struct given *)out)->bits = given;
    return finished(&decoding);
}

// The JSON value that a parameter's text stands for, decoded as a body's would be.
static const char *decode_parameter(struct decoding *decoding, const struct field *field, const char *text)
{
    CLEANUP(json_release) json_t *value = NULL;
    errno = 0;
    if (field->type == FIELD_BOOLEAN) {
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) return "must be true or false";
        value = json_boolean(text[0] == 't');
    } else if (field->type == FIELD_INTEGER) {
        value = json_loads(text, JSON_DECODE_ANY, NULL);
        if (errno != ENOMEM && !json_is_number(value)) return field->format == FORMAT_MONEY ? "must be a number" : "must be a whole number";
    } else if (field->type == FIELD_TEXT_LIST) {
        value = json_array();
        for (const char *at = text; value && *at;) {
            size_t length = strcspn(at, ",");
            json_array_append_new(value, json_stringn(at, length));
            at += length + (at[length] == ',');
        }
    } else {
        value = json_string(text);
    }
    if (errno == ENOMEM) return arena_fail(decoding->arena), NULL; // jansson says no more of it than of bytes it does not take
    return value ? decode_value(decoding, field, value) : "must be text in UTF-8";
}

bool field_given(const struct fields *fields, const void *input, const char *member)
{
    int index;
    return find_row(fields, member, &index) && ((const struct given *)input)->bits & (uint64_t)1 << index;
}
