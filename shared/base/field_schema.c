// SPDX-License-Identifier: MIT
// JSON Schema 2020-12 of a field table.
#include <stdio.h>

#include "field_private.h"

static json_t *schema_of_field(const struct field *field);

json_t *field_schema(const struct fields *fields, bool partial)
{
    json_t *properties = json_object(), *required = json_array();
    for (int i = 0; i < fields->count; i++) {
        const struct field *field = &fields->rows[i];
        json_object_set_new(properties, field->name, schema_of_field(field));
        if (field->required && !partial) json_array_append_new(required, json_string(field->name));
    }
    json_t *schema = json_pack("{s:s, s:o}", "type", "object", "properties", properties);
    if (json_array_size(required)) json_object_set(schema, "required", required);
    if (fields->size) json_object_set_new(schema, "additionalProperties", json_false());
    json_decref(required);
    return schema;
}

static const char *type_name(const struct field *field)
{
    if (field->format == FORMAT_MONEY) return "number";
    switch (field->type) {
        case FIELD_TEXT: return "string";
        case FIELD_INTEGER: return "integer";
        case FIELD_BOOLEAN: return "boolean";
        case FIELD_NUMBER: return "number";
        case FIELD_TEXT_LIST:
        case FIELD_LIST: return "array";
        case FIELD_OBJECT: return "object";
        default: return NULL; // any
    }
}

static const char *format_name(const struct field *field)
{
    switch (field->format) {
        case FORMAT_EMAIL: return "email";
        case FORMAT_DATE: return "date";
        case FORMAT_TIME: return "date-time";
        case FORMAT_URL: return "uri";
        default: return field->secret ? "password" : NULL;
    }
}

static json_t *reference(const struct field *field)
{
    char path[128];
    snprintf(path, sizeof path, "#/components/schemas/%s", field->of->name);
    return json_pack("{s:s}", "$ref", path);
}

static json_t *choices(const struct field *field)
{
    json_t *list = json_array();
    for (const char *const *choice = field->choices; choice && *choice; choice++) json_array_append_new(list, json_string(*choice));
    if (field->nullable && field->type != FIELD_TEXT_LIST) json_array_append_new(list, json_null()); // the list may be null, not its items
    return list;
}

// Money is counted in cents and told in shillings.
static json_t *bound(const struct field *field, int64_t value)
{
    bool whole = field->format != FORMAT_MONEY || value % 100 == 0;
    return whole ? json_integer(field->format == FORMAT_MONEY ? value / 100 : value) : json_real((double)value / 100);
}

static bool is_bounded(const struct field *field)
{
    const bool is_input = field->offset != 0, is_counted = field->type == FIELD_TEXT || field->type == FIELD_TEXT_LIST || field->type == FIELD_INTEGER;
    return is_input && is_counted && !(field->choices && field->type == FIELD_TEXT);
}

// A bound on bytes as one on characters, of which JSON Schema knows alone: so many may be one character (UTF-8), and none is less than one.
static int64_t least_characters(const struct field *field)
{
    return (field->min + 3) / 4;
}

// What a client must know that counts characters, where there may be others than ASCII.
static json_t *description(const struct field *field)
{
    const bool is_ascii = field->format == FORMAT_ID || field->format == FORMAT_EMAIL || field->format == FORMAT_PHONE ||
                          field->format == FORMAT_DATE || field->format == FORMAT_TIME;
    if (field->type != FIELD_TEXT || !is_bounded(field) || is_ascii) return field->doc ? json_string(field->doc) : NULL;
    const char *doc = field->doc ? field->doc : "", *blank = field->doc ? " " : "";
    const long least = (long)field->min, most = (long)field_limit(field);
    return least > 1 ? json_sprintf("%s%s%ld to %ld bytes of UTF-8.", doc, blank, least, most) : json_sprintf("%s%sAt most %ld bytes of UTF-8.", doc, blank, most);
}

static void add_bounds(json_t *schema, const struct field *field)
{
    const char *least = field->type == FIELD_TEXT ? "minLength" : field->type == FIELD_TEXT_LIST ? "minItems" : "minimum";
    const char *most = field->type == FIELD_TEXT ? "maxLength" : field->type == FIELD_TEXT_LIST ? "maxItems" : "maximum";
    if (field->min) json_object_set_new(schema, least, bound(field, field->type == FIELD_TEXT ? least_characters(field) : field->min));
    if (field->max || field->type != FIELD_INTEGER) json_object_set_new(schema, most, bound(field, field_limit(field)));
}

static json_t *schema_of_field(const struct field *field)
{
    if (field->type == FIELD_OBJECT && field->of) return reference(field);
    json_t *schema = json_object();
    const char *type = type_name(field), *format = format_name(field);
    if (type && field->nullable) json_object_set_new(schema, "type", json_pack("[ss]", type, "null"));
    else if (type) json_object_set_new(schema, "type", json_string(type));
    if (format) json_object_set_new(schema, "format", json_string(format));
    if (field->type == FIELD_TEXT_LIST) json_object_set_new(schema, "items", json_pack("{s:s}", "type", "string"));
    if (field->type == FIELD_LIST && field->of) json_object_set_new(schema, "items", reference(field));
    if (field->choices) {
        json_t *holder = field->type == FIELD_TEXT_LIST ? json_object_get(schema, "items") : schema;
        json_object_set_new(holder, "enum", choices(field));
    }
    if (field->format == FORMAT_MONEY) json_object_set_new(schema, "multipleOf", json_real(0.01));
    if (field->secret) json_object_set_new(schema, "writeOnly", json_true());
    json_t *said = description(field);
    if (said) json_object_set_new(schema, "description", said);
    if (is_bounded(field)) add_bounds(schema, field);
    return schema;
}
