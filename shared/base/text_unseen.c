// SPDX-License-Identifier: MIT
// Characters that nobody sees (Unicode 15: controls, format characters, fillers), by which one name passes for another, or a text
// shows what it does not say.
#include "text.h"

struct range {
    uint32_t first, last;
};

// In order. Line breaks and tabs are seen.
static const struct range unseen[] = {
    {0x01, 0x08},       {0x0B, 0x0C},     {0x0E, 0x1F},       {0x7F, 0x9F},     // controls
    {0xAD, 0xAD},       {0x34F, 0x34F},                                         // soft hyphen, grapheme joiner
    {0x61C, 0x61C},     {0x115F, 0x1160}, {0x17B4, 0x17B5},   {0x180E, 0x180E}, // marks, fillers and separators of scripts
    {0x200B, 0x200F},                                                           // of no width, joiners, marks of direction
    {0x2028, 0x202E},   {0x2060, 0x206F},                                       // separators, overrides, isolates, invisible operators
    {0x3164, 0x3164},   {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, // fillers, variation selectors, byte order mark
    {0xFFF9, 0xFFFB},   {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},                 // annotations, musical format, tags
};

static bool is_listed(uint32_t code)
{
    if (code >= 0x20 && code < 0x7F) return false;
    for (size_t i = 0; i < COUNT_OF(unseen) && code >= unseen[i].first; i++)
        if (code <= unseen[i].last) return true;
    return false;
}

static bool is_selector(uint32_t code)
{
    return code >= 0xFE00 && code <= 0xFE0F;
}

static bool is_tag(uint32_t code)
{
    return code >= 0xE0020 && code <= 0xE007F;
}

// What the letters of Latin, Greek and Cyrillic, and the punctuation of all, are never shaped with. Other scripts and emoji are written with it.
static bool takes_shape(uint32_t code)
{
    return code >= 0x600 && !(code >= 0x1E00 && code <= 0x206F) && !is_listed(code);
}

// Whether code is at home behind the character before: "👩🏾‍🍳", "1️⃣", the flag of Wales, Persian, Malayalam …
static bool is_shaping(uint32_t code, uint32_t before)
{
    static const uint32_t small_emoji[] = {'#', '*', 0xA9, 0xAE, 0x203C, 0x2049};
    if (is_tag(code)) return before == 0x1F3F4 || is_tag(before);
    if (code == 0x200C || code == 0x200D) return takes_shape(before) || is_selector(before) || is_tag(before);
    if (!is_selector(code)) return false;
    for (size_t i = 0; i < COUNT_OF(small_emoji); i++)
        if (before == small_emoji[i]) return true;
    return takes_shape(before) || (before >= '0' && before <= '9');
}

// Of well-formed UTF-8.
static uint32_t code_next(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    const int more = bytes[0] >= 0xF0 ? 3 : bytes[0] >= 0xE0 ? 2 : bytes[0] >= 0xC0 ? 1 : 0;
    uint32_t code = more ? bytes[0] & (0x3Fu >> more) : bytes[0];
    int i = 1;
    for (; i <= more && (bytes[i] & 0xC0) == 0x80; i++) code = code << 6 | (bytes[i] & 0x3Fu);
    *at += i;
    return code;
}

// The next unseen one at or behind *at, which stops before it; 0 when there is none.
static uint32_t unseen_next(const char **at, uint32_t *before)
{
    for (const char *next = *at; *next; *at = next) {
        const uint32_t code = code_next(&next);
        if (is_listed(code) && !is_shaping(code, *before)) return code;
        *before = code;
    }
    return 0;
}

uint32_t text_unseen(const char *text)
{
    uint32_t before = 0;
    return unseen_next(&text, &before);
}

char *text_without_unseen(struct arena *arena, const char *text)
{
    if (!text) return NULL;
    struct text_buffer out = text_buffer(arena);
    uint32_t before = 0, code;
    for (const char *at = text; (code = unseen_next(&at, &before)); text = at) {
        text_add_bytes(&out, text, (size_t)(at - text));
        if (code == 0x2028 || code == 0x2029) text_add(&out, "\n"); // they part lines
        code_next(&at);
    }
    text_add(&out, text);
    return text_take(&out);
}
