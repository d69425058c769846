// SPDX-License-Identifier: MIT
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text_buffer text_buffer(struct arena *arena)
{
    return (struct text_buffer){.arena = arena};
}

static bool grow(struct text_buffer *buffer, size_t more)
{
    if (buffer->failed) return false;
    if (buffer->length + more < buffer->capacity) return true;
    size_t capacity = (buffer->length + more + 1) * 2;
    if (capacity < 256) capacity = 256;
    char *data = arena_alloc(buffer->arena, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    if (buffer->length) memcpy(data, buffer->data, buffer->length);
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void text_add_bytes(struct text_buffer *buffer, const void *bytes, size_t length)
{
    if (!grow(buffer, length)) return;
    if (length) memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
}

void text_add(struct text_buffer *buffer, const char *string)
{
    if (string) text_add_bytes(buffer, string, strlen(string));
    else buffer->failed = true;
}

void text_printf(struct text_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_add(buffer, arena_vprintf(buffer->arena, format, arguments));
    va_end(arguments);
}

void text_add_json(struct text_buffer *buffer, const char *string)
{
    if (!string) {
        text_add(buffer, "null");
        return;
    }
    text_add_bytes(buffer, "\"", 1);
    for (const char *at = string; *at;) {
        size_t plain = 0;
        while ((unsigned char)at[plain] >= 0x20 && at[plain] != '"' && at[plain] != '\\') plain++;
        text_add_bytes(buffer, at, plain);
        at += plain;
        if (!*at) break;
        char escape[8];
        if (*at == '"' || *at == '\\') snprintf(escape, sizeof escape, "\\%c", *at);
        else snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*at);
        text_add(buffer, escape);
        at++;
    }
    text_add_bytes(buffer, "\"", 1);
}

char *text_take(struct text_buffer *buffer)
{
    if (!grow(buffer, 1)) return NULL;
    buffer->data[buffer->length] = '\0';
    return buffer->data;
}

bool text_equal(const char *left, const char *right)
{
    return left == right || (left && right && strcmp(left, right) == 0);
}

bool text_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_to_int64(const char *text, int64_t *ret)
{
    const char *digits = text && *text == '-' ? text + 1 : text;
    if (!digits || !isdigit((unsigned char)*digits)) return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end) return false;
    *ret = value;
    return true;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool text_is_utf8(const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
    while (at < end) {
        unsigned char lead = *at++;
        if (lead == 0) return false;
        if (lead < 0x80) continue;
        int more = lead >= 0xC2 && lead <= 0xDF ? 1 : (lead & 0xF0) == 0xE0 ? 2 : lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
        if (!more || end - at < more) return false;
        if ((lead == 0xE0 && at[0] < 0xA0) || (lead == 0xED && at[0] > 0x9F) || (lead == 0xF0 && at[0] < 0x90) ||
            (lead == 0xF4 && at[0] > 0x8F))
            return false;
        for (; more; more--)
            if ((*at++ & 0xC0) != 0x80) return false;
    }
    return true;
}

uint64_t text_hash(uint64_t seed, const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ seed;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash;
}

void text_drop_half_character(char *text)
{
    size_t length = strlen(text), following = 0;
    while (following < 3 && following < length && ((unsigned char)text[length - 1 - following] & 0xC0) == 0x80) following++;
    if (following == length) return;
    unsigned char lead = (unsigned char)text[length - 1 - following];
    size_t wanted = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (following < wanted) text[length - 1 - following] = '\0';
}

// How many bytes of a blank stand here: ASCII's, or one of Unicode's (category Zs, and the empty braille pattern), as pages and phones
// write them.
static size_t blank_length(const char *text)
{
    static const char *const wide[] = {"\u00a0", "\u1680", "\u202f", "\u205f", "\u2800", "\u3000"};
    if ((unsigned char)*text < 0x80) return isspace((unsigned char)*text) != 0;
    for (size_t i = 0; i < COUNT_OF(wide); i++)
        if (text_starts_with(text, wide[i])) return strlen(wide[i]);
    return text_starts_with(text, "\xe2\x80") && (unsigned char)text[2] >= 0x80 && (unsigned char)text[2] <= 0x8a ? 3 : 0; // U+2000 to U+200A
}

char *text_squeeze(struct arena *arena, const char *text)
{
    char *out = text ? arena_alloc(arena, strlen(text) + 1) : NULL;
    if (!out) return NULL;
    size_t length = 0;
    for (size_t blank = 0; *text; text += blank ? blank : 1) {
        blank = blank_length(text);
        if (blank && (length == 0 || out[length - 1] == ' ')) continue;
        out[length++] = blank ? ' ' : *text;
    }
    while (length && out[length - 1] == ' ') length--;
    out[length] = '\0';
    return out;
}
