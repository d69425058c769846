// SPDX-License-Identifier: MIT
// What a single value may be.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "field_private.h"
#include "id.h"

int64_t field_limit(const struct field *field)
{
    if (field->max) return field->max;
    switch (field->type) {
        case FIELD_TEXT: return TEXT_MAX_DEFAULT;
        case FIELD_TEXT_LIST: return LIST_MAX_DEFAULT;
        default: return INTEGER_MAX;
    }
}

static bool has_control(const char *text, const char *allowed)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && !strchr(allowed, *text)) || *text == 0x7F) return true;
    return false;
}

static const char *check_choice(const struct field *field, const char *text, struct arena *arena)
{
    struct text_buffer expected = text_buffer(arena);
    text_add(&expected, "must be one of ");
    for (const char *const *choice = field->choices; *choice; choice++) {
        if (strcmp(*choice, text) == 0) return NULL;
        text_printf(&expected, "%s%s", choice == field->choices ? "" : ", ", *choice);
    }
    return text_take(&expected);
}

static const char *check_url(const char *text)
{
    const char *rest = text_starts_with(text, "https://") ? text + 8 : text_starts_with(text, "http://") ? text + 7 : NULL;
    return rest && *rest && *rest != '/' && !has_control(text, "") && !text_unseen(text) && !strpbrk(text, " \"<>\\^`{|}") ? NULL : "must be an address that begins with https:// or http://";
}

// Normalises by format; the error text, or NULL.
static const char *check_format(const struct field *field, const char *text, struct arena *arena, const char **ret)
{
    char phone[14];
    int64_t time_ms;
    *ret = arena_strdup(arena, text);
    switch (field->format) {
        case FORMAT_EXACT: return NULL;
        case FORMAT_PROSE:
            *ret = text_without_unseen(arena, text);
            return has_control(text, "\n\r\t") ? "must not hold control characters" : NULL;
        case FORMAT_ID: return id_is_valid(text) ? NULL : "must be an id: 1 to 64 letters, digits, '_' or '-'";
        case FORMAT_EMAIL:
            *ret = text_squeeze(arena, text);
            return !*ret || email_is_valid(*ret) ? NULL : "must be an e-mail address such as jane@example.com";
        case FORMAT_PHONE:
            if (!phone_normalise(text, phone)) return "must be a Kenyan mobile number such as 0722 000 111 or +254722000111";
            *ret = arena_strdup(arena, phone);
            return NULL;
        case FORMAT_DATE: return clock_is_date(text) ? NULL : "must be a date such as 2026-01-31";
        case FORMAT_TIME: return clock_parse(text, &time_ms) ? NULL : "must be a time such as 2026-01-31T08:00:00Z";
        case FORMAT_URL: return check_url(text);
        case FORMAT_NAME:
            errno = 0;
            const bool found = contact_is_inside(text);
            if (errno == ENOMEM) return arena_fail(arena), NULL; // told at the end
            if (found) return "must not hold a phone number or e-mail address";
            break;
        default: break;
    }
    if (has_control(text, "\n\r\t")) return "must not hold control characters";
    const uint32_t unseen = text_unseen(text);
    *ret = text_squeeze(arena, text);
    return unseen ? arena_printf(arena, "must not hold the invisible character U+%04X", (unsigned)unseen) : NULL;
}

const char *field_check_text(const struct field *field, const char *text, struct arena *arena, const char **ret)
{
    // a bound before the work, so that long input costs little; phones and e-mails are bounded by their format
    size_t length = strlen(text);
    if (length > (size_t)field_limit(field) + 4096) return arena_printf(arena, "must be at most %ld bytes long", (long)field_limit(field));
    const char *wrong = check_format(field, text, arena, ret);
    if (wrong || !*ret) return wrong;
    if (field->choices) return check_choice(field, *ret, arena);
    length = strlen(*ret);
    if (length == 0 && (field->min == 1 || (field->required && field->min == 0))) return "must not be empty";
    if ((int64_t)length < field->min) return arena_printf(arena, "must be at least %ld bytes long", (long)field->min);
    if ((int64_t)length > field_limit(field)) return arena_printf(arena, "must be at most %ld bytes long", (long)field_limit(field));
    return NULL;
}

const char *field_check_integer(const struct field *field, int64_t value, struct arena *arena)
{
    int64_t least = field->min || field->max ? field->min : -INTEGER_MAX, most = field_limit(field);
    if (value >= least && value <= most) return NULL;
    if (field->format == FORMAT_MONEY) return arena_printf(arena, "must be between %.2f and %.2f", (double)least / 100, (double)most / 100);
    if (!field->max && value < least) return arena_printf(arena, "must be at least %ld", (long)least);
    return arena_printf(arena, "must be between %ld and %ld", (long)least, (long)most);
}
