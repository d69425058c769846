// SPDX-License-Identifier: MIT
#include "field_private.h"

static void add_value(struct text_buffer *out, const struct field *field, const void *member, struct arena *arena)
{
    switch (field->type) {
        case FIELD_TEXT: text_add_json(out, *(const char *const *)member); break;
        case FIELD_INTEGER: text_printf(out, "%ld", (long)*(const int64_t *)member); break;
        case FIELD_BOOLEAN: text_add(out, *(const bool *)member ? "true" : "false"); break;
        case FIELD_TEXT_LIST: {
            const struct text_list *list = member;
            text_add(out, "[");
            for (size_t i = 0; i < list->count; i++) {
                if (i) text_add(out, ",");
                text_add_json(out, list->items[i]);
            }
            text_add(out, "]");
            break;
        }
        case FIELD_JSON: {
            const json_t *value = *(json_t *const *)member;
            text_add(out, value ? json_text(arena, value) : "null");
            break;
        }
        default: text_add(out, "null");
    }
}

char *field_encode(const struct fields *fields, const void *input, struct arena *arena)
{
    struct text_buffer out = text_buffer(arena);
    const struct given *given = input;
    const char *separator = "{";
    for (int i = 0; i < fields->count; i++) {
        if (!(given->bits & (uint64_t)1 << i)) continue;
        text_add(&out, separator);
        separator = ",";
        text_add_json(&out, fields->rows[i].name);
        text_add(&out, ":");
        if (given->nulls & (uint64_t)1 << i) text_add(&out, "null");
        else add_value(&out, &fields->rows[i], (const char *)input + fields->rows[i].offset, arena);
    }
    text_add(&out, separator[0] == '{' ? "{}" : "}");
    return text_take(&out);
}
