// SPDX-License-Identifier: MIT
// One table per request body, query, response and event. The same rows decode, validate (every
// bad field is reported at once, unknown ones are refused), encode, print JSON Schema for OpenAPI
// and AsyncAPI, and say what a log must hide.
//
//   struct login_input { struct given given; const char *email; const char *password; };
//   FIELDS(login_input,
//       FIELD(login_input, email, .required = true, .max = 254, .format = FORMAT_EMAIL,
//             .doc = "E-mail address."),
//       FIELD(login_input, password, .required = true, .max = 72, .secret = true,
//             .doc = "Password."))
//   → const struct fields login_input_fields
//
// The C type of the member chooses the JSON type: `const char *` text, `int64_t` integer, `bool`
// boolean, `struct text_list` list of texts, `json_t *` any JSON. FORMAT_MONEY makes an `int64_t`
// cents inside and a number with at most two decimals outside. A table that only describes what
// PostgreSQL builds has no struct: use FIELD_OUT rows in FIELDS_OUT.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "text.h"

// Which fields were present in the input, and which of them were null: bit i is row i. First member of
// every input struct.
struct given {
    uint64_t bits;
    uint64_t nulls;
};

struct text_list {
    const char *const *items;
    size_t count;
};

enum field_type {
    FIELD_TEXT,
    FIELD_INTEGER,
    FIELD_BOOLEAN,
    FIELD_TEXT_LIST,
    FIELD_JSON,   // any value, bounded by JSON_DEPTH_MAX
    FIELD_OBJECT, // .of; in FIELDS_OUT tables only
    FIELD_LIST,   // list of .of; in FIELDS_OUT tables only
    FIELD_NUMBER, // in FIELDS_OUT tables only
};

enum field_format {
    FORMAT_PLAIN,     // text: squeezed (outer and repeated blanks dropped), no control characters, nothing invisible
    FORMAT_PROSE,     // text with line breaks: what is invisible in it comes along from where it was copied, and is dropped
    FORMAT_EXACT,     // text taken byte by byte: passwords, tokens
    FORMAT_ID,        // id_is_valid
    FORMAT_EMAIL,     // addr-spec of the usual kind, at most 254 bytes; lower-cased domain kept as given
    FORMAT_PHONE,     // Kenyan mobile in any spelling → E.164 "+2547…" / "+2541…"
    FORMAT_DATE,      // YYYY-MM-DD
    FORMAT_TIME,      // RFC 3339
    FORMAT_URL,       // http or https
    FORMAT_MONEY,     // int64_t cents ↔ JSON number with at most two decimals
    FORMAT_NAME,      // a person's or place's name: FORMAT_PLAIN, and no contact details inside
};

struct fields;

struct field {
    const char *name;
    enum field_type type;
    enum field_format format;
    size_t offset;
    bool required;  // must be present (a partial decode, for PATCH, drops this)
    bool nullable;  // null is accepted and clears the value
    bool secret;    // never logged, writeOnly in schemas
    bool many;      // query parameters only: comma-separated values
    int64_t min;    // text: bytes; integer, money: value (cents); list: items
    int64_t max;    // 0: the default limit (text 200 bytes, list 50 items, item 100 bytes, integer 2^53)
    const char *const *choices; // NULL-terminated enum
    const struct fields *of;    // FIELD_OBJECT, FIELD_LIST
    const char *doc;
};

struct fields {
    const char *name;  // schema name: "login_input"
    const struct field *rows;
    int count;
    size_t size;       // of the struct; 0 for FIELDS_OUT tables
};

#define FIELD_TYPE_OF(member_)                                                                     \
    _Generic((member_), const char *: FIELD_TEXT, int64_t: FIELD_INTEGER, bool: FIELD_BOOLEAN,     \
             struct text_list: FIELD_TEXT_LIST, json_t *: FIELD_JSON)

#define FIELD(struct_, member_, ...)                                                               \
    {.name = #member_, .type = FIELD_TYPE_OF(((struct struct_ *)0)->member_),                      \
     .offset = offsetof(struct struct_, member_), __VA_ARGS__}
#define FIELDS(struct_, ...)                                                                       \
    static const struct field struct_##_rows[] = {__VA_ARGS__};                                    \
    static const struct fields struct_##_fields = {#struct_, struct_##_rows,                       \
                                                   (int)COUNT_OF(struct_##_rows), sizeof(struct struct_)};
#define FIELD_OUT(name_, type_, ...) {.name = (name_), .type = (type_), __VA_ARGS__}
#define FIELDS_OUT(name_, ...)                                                                     \
    static const struct field name_##_rows[] = {__VA_ARGS__};                                      \
    static const struct fields name_##_fields = {#name_, name_##_rows, (int)COUNT_OF(name_##_rows), 0};

enum field_mode {
    FIELD_WHOLE,    // required fields must be there
    FIELD_PARTIAL,  // PUT and PATCH: only what is given is checked; at least one field must be given
    FIELD_TOLERANT, // events: unknown fields are ignored
};

// Decodes object into out (fields->size bytes, zeroed by the callee); strings live in the arena of
// err. Reports every bad field as a violation (problem_invalid_fields) and returns false.
MUST_USE bool field_decode(const struct fields *fields, const json_t *object, enum field_mode mode,
                           void *out, struct arena *arena, struct error *err);

// The same for query parameters, whose values are text. `pairs` are decoded name, value pairs.
struct text_pair {
    const char *name;
    const char *value;
};
MUST_USE bool field_decode_query(const struct fields *fields, const struct text_pair *pairs,
                                 size_t count, void *out, struct arena *arena, struct error *err);

// True when the row `member` was present in the decoded input.
bool field_given(const struct fields *fields, const void *input, const char *member);

// JSON object of the given fields alone, normalised, as PostgreSQL's jsonb_populate_record wants
// it: money as integer cents under the same name, null as null. NULL when the arena failed.
char *field_encode(const struct fields *fields, const void *input, struct arena *arena);

// JSON Schema (2020-12) object of a table; nested tables become $ref "#/components/schemas/NAME".
// The caller owns the result. `partial` drops "required".
json_t *field_schema(const struct fields *fields, bool partial);

// Normalises a Kenyan mobile number in any common spelling (07…, 01…, 254…, +254…, with blanks,
// dashes, dots, brackets) to E.164. False when it is none. out holds 14 bytes.
bool phone_normalise(const char *text, char out[14]);
bool email_is_valid(const char *text);

// True when text holds something that reads as a phone number or an e-mail address, also spelled
// out ("jane at gmail dot com", "0722-000 111"). Rules: contact.c.
bool contact_is_inside(const char *text);
// A copy in which each such part is replaced by "•••". NULL when the arena failed.
char *contact_mask(struct arena *arena, const char *text);
