// SPDX-License-Identifier: MIT
#include "judge.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "field.h"
#include "id.h"

PRINTF_LIKE(3, 0)
static void add_text(json_t *list, struct arena *arena, const char *format, va_list arguments)
{
    const char *text = arena_vprintf(arena, format, arguments);
    json_array_append_new(list, json_string(text ? text : "repaired or refused"));
}

void judge_note(struct judging *judging, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(judging->notes, judging->arena, format, arguments);
    va_end(arguments);
}

void judge_refuse(struct judging *judging, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(judging->refusals, judging->arena, format, arguments);
    va_end(arguments);
}

// What a note quotes: a few whole letters.
static const char *quoted(struct judging *judging, const char *text)
{
    enum { MOST = 40 };
    size_t length = strlen(text);
    if (length <= MOST) return text;
    for (length = MOST; length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80;) length--;
    return arena_memdup(judging->arena, text, length);
}

// --- Members -------------------------------------------------------------------------------------

void judge_id(struct judging *judging, const json_t *row, json_t *clean, const char *member)
{
    const char *id = json_member_text(row, member);
    if (id_is_valid(id)) json_object_set_new(clean, member, json_string(id));
    else judge_refuse(judging, "%s is missing or no id", member);
}

const char *judge_text_of(struct judging *judging, const json_t *row, const char *member)
{
    const json_t *given = json_object_get(row, member);
    if (given && !json_is_string(given) && !json_is_null(given)) judge_note(judging, "%s was no text, left out", member);
    return json_string_value(given);
}

void judge_text(struct judging *judging, const json_t *row, json_t *clean, const char *member, size_t most)
{
    const char *given = judge_text_of(judging, row, member);
    const char *text = given ? text_squeeze(judging->arena, given) : "";
    if (text && contact_is_inside(text)) {
        text = contact_mask(judging->arena, text);
        judge_note(judging, "%s held contact details, which were masked", member);
    }
    if (text && strlen(text) > most) {
        judge_note(judging, "%s was longer than %zu bytes, left out", member, most);
        text = "";
    }
    json_object_set_new(clean, member, json_string(text ? text : ""));
}

bool judge_time_of(const json_t *row, const char *member, char *out)
{
    const char *given = json_member_text(row, member);
    int64_t time_ms;
    if (!given || !clock_parse(given, &time_ms)) return false;
    clock_format(time_ms, out, CLOCK_RFC3339_SIZE);
    return true;
}

void judge_time(struct judging *judging, const json_t *row, json_t *clean, const char *member)
{
    char text[CLOCK_RFC3339_SIZE];
    if (judge_time_of(row, member, text)) json_object_set_new(clean, member, json_string(text));
    else judge_note(judging, "%s is missing or no time, set to now", member);
}

void judge_times(struct judging *judging, const json_t *row, json_t *clean)
{
    char created[CLOCK_RFC3339_SIZE] = "", updated[CLOCK_RFC3339_SIZE];
    const char *given = json_member_text(row, "updated_at");
    judge_time(judging, row, clean, "created_at");
    (void)judge_time_of(row, "created_at", created);
    if (judge_time_of(row, "updated_at", updated)) {
        json_object_set_new(clean, "updated_at", json_string(updated));
        if (strcmp(updated, created) < 0) judge_note(judging, "updated_at is before created_at, set to it"); // UTC sorts as text
    } else if (given && *given) {
        judge_note(judging, "updated_at is no time, set to created_at");
    }
}

static const char *folded(struct arena *arena, const char *text)
{
    char *copy = text_squeeze(arena, text);
    for (char *at = copy; at && *at; at++) *at = *at == '_' ? ' ' : (char)tolower((unsigned char)*at);
    return copy ? copy : "";
}

static const char *choice_named(const char *const *choices, const char *name)
{
    for (; *choices; choices++)
        if (strcmp(*choices, name) == 0) return *choices;
    return NULL;
}

static const char *meant_by(struct arena *arena, const char *text, const char *const *choices, const struct spelling *spellings)
{
    const char *spelled = folded(arena, text);
    for (const char *const *choice = choices; *choice; choice++)
        if (strcmp(folded(arena, *choice), spelled) == 0) return *choice;
    for (; spellings && spellings->spelled; spellings++) {
        const char *meant = strcmp(spellings->spelled, spelled) == 0 ? choice_named(choices, spellings->meant) : NULL;
        if (meant) return meant;
    }
    return NULL;
}

void judge_choice(struct judging *judging, const json_t *row, json_t *clean, const char *member, const char *const *choices,
                  const struct spelling *spellings)
{
    const char *given = judge_text_of(judging, row, member);
    if (!given || !*given) return;
    const char *meant = meant_by(judging->arena, given, choices, spellings);
    if (!meant) judge_note(judging, "%s '%s' is none of the known ones, left empty", member, quoted(judging, given));
    else if (strcmp(meant, given) != 0) judge_note(judging, "%s '%s' taken as %s", member, quoted(judging, given), meant);
    if (meant) json_object_set_new(clean, member, json_string(meant));
}

void judge_flag(struct judging *judging, const json_t *row, json_t *clean, const char *member, bool fallback)
{
    const json_t *given = json_object_get(row, member);
    const char *text = json_string_value(given);
    const bool yes = (text && strcasecmp(text, "true") == 0) || (json_is_integer(given) && json_integer_value(given) == 1);
    const bool no = (text && strcasecmp(text, "false") == 0) || (json_is_integer(given) && json_integer_value(given) == 0);
    const bool is_boolean = json_is_boolean(given), taken = is_boolean ? json_is_true(given) : yes || (!no && fallback);
    if (yes || no) judge_note(judging, "%s was no boolean, taken as %s", member, taken ? "true" : "false");
    else if (given && !is_boolean && !json_is_null(given))
        judge_note(judging, "%s is neither true nor false, taken as %s", member, taken ? "true" : "false");
    json_object_set_new(clean, member, json_boolean(taken));
}

bool judge_number(const json_t *value, double *ret)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    if (json_is_number(value)) *ret = json_number_value(value);
    if (!text) return json_is_number(value);
    if (!*text || strspn(text, "0123456789.") != strlen(text)) return false; // no sign, exponent or name of one
    *ret = strtod(text, &end);
    return *end == '\0';
}

bool judge_money(struct judging *judging, const json_t *row, json_t *clean, const char *member, int64_t least, int64_t most, bool must)
{
    void (*say)(struct judging *, const char *, ...) = must ? judge_refuse : judge_note;
    const json_t *given = json_object_get(row, member);
    double kes = 0;
    if (!judge_number(given, &kes)) {
        if (must || (given && !json_is_null(given))) say(judging, must ? "%s is no number" : "%s is no number, left empty", member);
        return false;
    }
    const double cents = kes * 100;
    if (!(cents >= (double)least && cents <= (double)most)) {
        say(judging, must ? "%s %.20g is outside %.2f to %.2f" : "%s %.20g is outside %.2f to %.2f, left empty", member, kes, (double)least / 100,
            (double)most / 100);
        return false;
    }
    if (json_is_string(given)) judge_note(judging, "%s was text, taken as a number", member);
    json_object_set_new(clean, member, json_integer((json_int_t)(cents + 0.5)));
    return true;
}

// --- Batches -------------------------------------------------------------------------------------

static void note_unknown(struct judging *judging, const json_t *row, const struct judge_kind *kind)
{
    static const char *const common[] = {"id", "created_at", "updated_at"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, name, value) { // the macro wants a mutable object, and does not change it
        bool known = json_is_null(value);
        for (size_t i = 0; !known && i < COUNT_OF(common); i++) known = strcmp(common[i], name) == 0;
        for (size_t i = 0; !known && i < COUNT_OF(kind->members) && kind->members[i]; i++) known = strcmp(kind->members[i], name) == 0;
        if (!known) judge_note(judging, "%s is no known member, left out", quoted(judging, name));
    }
}

static bool judge_one(struct arena *arena, const json_t *row, size_t place, const struct judge_kind *kind, json_t *cleaned, json_t *results)
{
    CLEANUP(json_release) json_t *notes = json_array(), *refusals = json_array();
    CLEANUP(json_release) json_t *clean = json_pack("{s:i}", "place", (int)place);
    struct judging judging = {.arena = arena, .notes = notes, .refusals = refusals};
    judge_id(&judging, row, clean, "id");
    kind->judge(&judging, row, clean);
    note_unknown(&judging, row, kind);
    const bool refused = json_array_size(refusals) > 0;
    json_t *result = json_pack("{s:s*, s:s, s:O}", "id", json_member_text(row, "id"), "outcome", refused ? "quarantined" : "", "notes",
                               refused ? refusals : notes);
    if (!refused) json_array_append(cleaned, clean);
    return json_array_append_new(results, result) == 0;
}

// The database's word on each row that was sent. A row that it refused says why; false where it has none for a row.
static bool settle(const struct db_rows *outcomes, json_t *results)
{
    CLEANUP(json_release) json_t *by_id = json_object();
    for (int i = 0; i < outcomes->count; i++) json_object_set_new(by_id, db_rows_text(outcomes, i, 0), json_string(db_rows_text(outcomes, i, 1)));
    size_t place;
    json_t *result;
    json_array_foreach(results, place, result) {
        if (json_member_text(result, "outcome")[0]) continue;
        const char *said = json_member_text(by_id, json_member_text(result, "id"));
        json_t *notes = json_object_get(result, "notes");
        if (!said) return false;
        const bool imported = strcmp(said, "imported") == 0, unchanged = strcmp(said, "unchanged") == 0;
        if (!imported && !unchanged) {
            json_array_clear(notes);
            json_array_append_new(notes, json_string(said));
        }
        json_object_set_new(result, "outcome", json_string(unchanged ? "unchanged" : !imported ? "quarantined" : json_array_size(notes) ? "repaired" : "imported"));
    }
    return true;
}

bool judge_batch(struct db *db, const json_t *rows, json_t *results, const struct judge_kind *kind, struct error *err)
{
    CLEANUP(json_release) json_t *cleaned = json_array();
    size_t place;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, place, row) { // the macro wants a mutable array, and does not change it
        if (!judge_one(db->arena, row, place, kind, cleaned, results)) return error_set(err, &problem_unavailable, "No memory.");
    }
    struct db_rows outcomes;
    if (json_array_size(cleaned) == 0) return true;
    if (!db_rows(db, kind->insert, DB_IN(DB_TEXT(json_text(db->arena, cleaned))), &outcomes, err)) return false;
    if (settle(&outcomes, results)) return true;
    err->retry = true; // the end of an import that was killed wrote one of them just now
    return error_set(err, &problem_conflict, "Somebody else writes these rows.");
}
