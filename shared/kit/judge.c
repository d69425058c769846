// SPDX-License-Identifier: MIT
#include "judge.h"

#include <ctype.h>
#include <string.h>

#include "clock.h"
#include "field.h"
#include "id.h"

static void add_note(struct judging *judging, const char *format, va_list arguments)
{
    const char *text = arena_vprintf(judging->arena, format, arguments);
    json_array_append_new(judging->notes, json_string(text ? text : "repaired or refused"));
}

void judge_note(struct judging *judging, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_note(judging, format, arguments);
    va_end(arguments);
}

void judge_refuse(struct judging *judging, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_note(judging, format, arguments);
    va_end(arguments);
    judging->refused = true;
}

// --- Members -------------------------------------------------------------------------------------

void judge_id(struct judging *judging, const json_t *row, json_t *clean, const char *member)
{
    const char *id = json_member_text(row, member);
    if (id_is_valid(id)) json_object_set_new(clean, member, json_string(id));
    else judge_refuse(judging, "%s is missing or no id", member);
}

void judge_text(struct judging *judging, const json_t *row, json_t *clean, const char *member, size_t most)
{
    const json_t *given = json_object_get(row, member);
    const char *text = json_string_value(given) ? text_squeeze(judging->arena, json_string_value(given)) : "";
    if (given && !json_is_string(given) && !json_is_null(given)) judge_note(judging, "%s was no text, left out", member);
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

void judge_time(struct judging *judging, const json_t *row, json_t *clean, const char *member)
{
    const char *given = json_member_text(row, member);
    int64_t time_ms;
    char text[CLOCK_RFC3339_SIZE];
    if (!given || !clock_parse(given, &time_ms)) {
        judge_note(judging, "%s is missing or no time, set to now", member);
        return;
    }
    clock_format(time_ms, text, sizeof text);
    json_object_set_new(clean, member, json_string(text));
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
    const char *given = json_member_text(row, member);
    if (!given || !*given) return;
    const char *meant = meant_by(judging->arena, given, choices, spellings);
    if (!meant) judge_note(judging, "%s '%.40s' is none of the known ones, left empty", member, given);
    else if (strcmp(meant, given) != 0) judge_note(judging, "%s '%.40s' taken as %s", member, given, meant);
    if (meant) json_object_set_new(clean, member, json_string(meant));
}

void judge_flag(struct judging *judging, const json_t *row, json_t *clean, const char *member, bool fallback)
{
    const json_t *given = json_object_get(row, member);
    if (given && !json_is_boolean(given)) judge_note(judging, "%s is neither true nor false, taken as %s", member, fallback ? "true" : "false");
    json_object_set_new(clean, member, json_boolean(json_is_boolean(given) ? json_is_true(given) : fallback));
}

bool judge_number(const json_t *value, double *ret)
{
    int64_t whole;
    if (json_is_number(value)) *ret = json_number_value(value);
    else if (json_is_string(value) && text_to_int64(json_string_value(value), &whole)) *ret = (double)whole;
    else return false;
    return true;
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

static bool judge_one(struct arena *arena, const json_t *row, judge_row judge, json_t *cleaned, json_t *results)
{
    struct judging judging = {.arena = arena, .notes = json_array()};
    CLEANUP(json_release) json_t *clean = json_object();
    judge_id(&judging, row, clean, "id");
    judge(&judging, row, clean);
    json_t *result = json_pack("{s:s*, s:s, s:o}", "id", json_member_text(row, "id"), "outcome", judging.refused ? "quarantined" : "", "notes", judging.notes);
    if (!judging.refused) json_array_append(cleaned, clean);
    return json_array_append_new(results, result) == 0;
}

// The database's word on each row that was sent. A row that it refused says why.
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
        if (!imported && !unchanged) json_array_append_new(notes, json_string(said));
        if (unchanged) json_array_clear(notes); // told when it was imported
        json_object_set_new(result, "outcome", json_string(unchanged ? "unchanged" : !imported ? "quarantined" : json_array_size(notes) ? "repaired" : "imported"));
    }
    return true;
}

bool judge_batch(struct db *db, const json_t *rows, json_t *results, judge_row judge, const struct sql *insert, struct error *err)
{
    CLEANUP(json_release) json_t *cleaned = json_array();
    size_t place;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, place, row) { // the macro wants a mutable array, and does not change it
        if (!judge_one(db->arena, row, judge, cleaned, results)) return error_set(err, &problem_unavailable, "No memory.");
    }
    struct db_rows outcomes;
    if (json_array_size(cleaned) == 0) return true;
    if (!db_rows(db, insert, DB_IN(DB_TEXT(json_text(db->arena, cleaned))), &outcomes, err)) return false;
    return settle(&outcomes, results) || error_set(err, &problem_internal, "The import lost count of its rows.");
}
