// SPDX-License-Identifier: MIT
// Phone numbers and e-mail addresses: normalised where they are asked for, found where they are not.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "field.h"

// An address, also with its signs spelled out: "jane at gmail dot com", "jane [at] gmail (dot) com", or as wide as ideographs.
#define AT "[@\\x{fe6b}\\x{ff20}]"
#define DOT "[.\\x{3002}\\x{ff0e}]"
#define AT_SIGN "(?:\\s*" AT "\\s*|\\s*[\\[({]\\s*at\\s*[\\])}]\\s*|\\s+at\\s+)"
#define DOT_SIGN "(?:\\s*" DOT "\\s*|\\s*[\\[({]\\s*dot\\s*[\\])}]\\s*|\\s+dot\\s+)"
// after a spelled-out "at" a full stop counts only inside a word: "good at cooking. Dot" is a sentence
#define DOT_TIGHT "(?:" DOT "|\\s*[\\[({]\\s*dot\\s*[\\])}]\\s*|\\s+dot\\s+)"
#define EMAIL_PATTERN                                                                              \
    "(?:[a-z0-9.!#$%&'*+/=?^_`{|}~-]+\\s*" AT "\\s*[a-z0-9-]+(?:" DOT_SIGN "[a-z0-9-]+)+"                   \
    "|[a-z0-9._%+-]+" AT_SIGN "[a-z0-9-]+(?:" DOT_TIGHT "[a-z]{2,})+"                                \
    "|[a-z0-9._%+-]+" AT_SIGN "(?:gmail|yahoo|hotmail|outlook|icloud|protonmail)\\b)"
// Nine to fifteen digits with blanks, dashes, dots, slashes or brackets between them, beginning as Kenyan or
// international numbers do; o and l stand in for 0 and 1. Years, ages and salaries do not begin so, or are shorter. Between
// them there is also what cannot be seen (\p{Cf}: phones copy numbers with it) and what makes a keycap of a digit (\p{M}).
// Digits of other scripts or shapes are in no ordinary text here: so many of them are a number however they begin.
#define SEPARATORS "[\\s\\p{Z}\\p{Pd}\\p{Cf}\\p{M}().\\-/_*]{0,3}"
#define DIGIT "[0-9ol]"
#define PHONE_PATTERN                                                                              \
    "(?<![0-9a-z])(?:(?:\\+|00)" SEPARATORS "[1-9](?:" SEPARATORS "[0-9]){7,14}"                     \
    "|2" SEPARATORS "5" SEPARATORS "4(?:" SEPARATORS DIGIT "){9}"                                     \
    "|[0o]" SEPARATORS "[17l](?:" SEPARATORS DIGIT "){8}"                                           \
    "|[17](?:" SEPARATORS "[0-9]){8})(?![0-9])"                                                     \
    "|(?=(?:[0-9]" SEPARATORS "){0,14}(?![0-9])\\p{N})\\p{N}(?:" SEPARATORS "\\p{N}){8,14}"
// Spelled out, in English or Swahili, or in part: "zero seven two two triple zero …", "sifuri saba 22 000 111", "0722 zero zero …"; also
// digit by digit with commas. A number word or two beside a salary is no number, nor are the ages of seven children.
#define NUMBER_WORD                                                                                \
    "(?:zero|one|two|three|four|five|six|seven|eight|nine|double|triple|sifuri|moja|mbili|tatu|nne|tano|sita|saba|nane|tisa)"
#define GAP "[\\s\\p{Z}\\p{Pd},;./_*]{1,3}"
#define SPOKEN_PATTERN                                                                             \
    "(?=[0-9dzotfsenm])(?<![0-9a-z])(?:(?:(?:" NUMBER_WORD "|[0-9])" GAP "){7,14}(?:" NUMBER_WORD "|[0-9])\\b" \
    "|(?:" NUMBER_WORD GAP "){2,}[0-9](?:" SEPARATORS "[0-9]){4,}"                                  \
    "|[0-9](?:" SEPARATORS "[0-9]){2,}(?:" GAP NUMBER_WORD "){4,}\\b)"
#define CONTACT_PATTERN EMAIL_PATTERN "|" PHONE_PATTERN "|" SPOKEN_PATTERN

static pcre2_code *contact_code;
static pthread_once_t contact_once = PTHREAD_ONCE_INIT;

// Compiled once per process: immutable afterwards, so shared by all threads.
static void contact_compile(void)
{
    int code;
    PCRE2_SIZE offset;
    contact_code = pcre2_compile((PCRE2_SPTR)CONTACT_PATTERN, PCRE2_ZERO_TERMINATED, PCRE2_CASELESS | PCRE2_UTF | PCRE2_NO_UTF_CHECK,
                                 &code, &offset, NULL);
    if (contact_code) pcre2_jit_compile(contact_code, PCRE2_JIT_COMPLETE);
}

// The next contact at or after *start; false when there is none. A text that cannot be searched counts as one.
static bool contact_next(const char *text, size_t length, size_t *start, size_t *end)
{
    pthread_once(&contact_once, contact_compile);
    pcre2_match_data *match = contact_code ? pcre2_match_data_create(1, NULL) : NULL;
    int found = match && text_is_utf8(text, length) ? pcre2_match(contact_code, (PCRE2_SPTR)text, length, *start, PCRE2_NO_UTF_CHECK, match, NULL)
                                                    : PCRE2_ERROR_NOMEMORY;
    if (found >= 0) {
        *start = pcre2_get_ovector_pointer(match)[0];
        *end = pcre2_get_ovector_pointer(match)[1];
    } else if (found != PCRE2_ERROR_NOMATCH) {
        *end = length;
    }
    pcre2_match_data_free(match);
    return found != PCRE2_ERROR_NOMATCH && *end > *start;
}

bool contact_is_inside(const char *text)
{
    size_t start = 0, end = 0;
    return contact_next(text, strlen(text), &start, &end);
}

static char *mask_once(struct arena *arena, const char *text)
{
    struct text_buffer out = text_buffer(arena);
    size_t length = strlen(text), done = 0, start = 0, end = 0;
    while (done < length && contact_next(text, length, &start, &end)) {
        text_add_bytes(&out, text + done, start - done);
        text_add(&out, "•••");
        done = start = end;
    }
    text_add_bytes(&out, text + done, length - done);
    return text_take(&out);
}

// Again, until nothing is found: what stood beside a part that is masked now may have been no contact only because of it.
char *contact_mask(struct arena *arena, const char *text)
{
    char *masked = mask_once(arena, text);
    while (masked && contact_is_inside(masked)) masked = mask_once(arena, masked);
    return masked;
}

// What people write between digits, and what comes along when a number is copied from a phone: blanks and hyphens that keep it together,
// marks of direction around it.
static size_t separator_length(const char *at)
{
    static const char *const separators[] = {" ", "-", ".", "(", ")", "/", "\u00a0", "\u202f", "\u2010", "\u2011", "\u2013",
                                             "\u200e", "\u200f", "\u202a", "\u202c", "\u2066", "\u2068", "\u2069"};
    for (size_t i = 0; i < COUNT_OF(separators); i++)
        if (text_starts_with(at, separators[i])) return strlen(separators[i]);
    return 0;
}

bool phone_normalise(const char *text, char out[14])
{
    char digits[16];
    size_t count = 0, skipped = 0;
    for (const char *at = text; *at; at += skipped ? skipped : 1) {
        skipped = separator_length(at);
        if (skipped || (*at == '+' && count == 0)) continue;
        if (!isdigit((unsigned char)*at) || count >= sizeof digits - 1) return false;
        digits[count++] = *at;
    }
    digits[count] = '\0';
    const char *national = strncmp(digits, "254", 3) == 0 && count == 12 ? digits + 3
                           : digits[0] == '0' && count == 10             ? digits + 1
                           : count == 9                                  ? digits
                                                                         : "";
    if (*national != '7' && *national != '1') return false;
    snprintf(out, 14, "+254%.9s", national);
    return true;
}

// addr-spec without quoted strings and comments: what mail services hand out.
bool email_is_valid(const char *text)
{
    static const char local_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+/=?^_`{|}~-";
    size_t length = strlen(text), local = strspn(text, local_chars);
    if (length > 254 || local < 1 || local > 64 || text[local] != '@' || text[0] == '.' || text[local - 1] == '.' || strstr(text, "..")) return false;
    const char *domain = text + local + 1;
    size_t label = 0;
    int dots = 0;
    for (const char *at = domain;; at++) {
        if (isalnum((unsigned char)*at) || (*at == '-' && label > 0)) {
            label++;
            continue;
        }
        if (label < 1 || label > 63 || at[-1] == '-') return false;
        if (!*at) return dots > 0;
        if (*at != '.') return false;
        dots++;
        label = 0;
    }
}
