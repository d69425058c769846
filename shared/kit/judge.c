// SPDX-License-Identifier: MIT
#include "judge.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "field.h"
#include "id.h"

// Most rows have nothing to be said of.
PRINTF_LIKE(3, 0)
static void add_text(json_t **list, struct arena *arena, const char *format, va_list arguments)
{
    const char *text = arena_vprintf(arena, format, arguments);
    if (!*list) *list = json_keep(arena, json_array());
    json_array_append_new(*list, json_string(text ? text : "repaired or refused"));
}

void judge_note(struct judging *judging, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(&judging->notes, judging->arena, format, arguments);
    va_end(arguments);
}

void judge_refuse(struct judging *judging, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(&judging->refusals, judging->arena, format, arguments);
    judging->is_refused = true; // also where there is no memory for the reason
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

// --- Columns -------------------------------------------------------------------------------------

static int column_place(const struct judge_kind *kind, const char *column)
{
    for (int i = 0; i < JUDGE_COLUMNS && kind->columns[i]; i++)
        if (strcmp(kind->columns[i], column) == 0) return i;
    return -1;
}

void judge_set(struct judging *judging, const char *column, const char *value)
{
    const int place = column_place(judging->kind, column);
    if (place >= 0) judging->values[place] = value;
    else judge_refuse(judging, "%s has no column", column); // a mistake of ours
}

void judge_set_integer(struct judging *judging, const char *column, int64_t value)
{
    judge_set(judging, column, arena_printf(judging->arena, "%" PRId64, value));
}

const char *judge_value(const struct judging *judging, const char *column)
{
    const int place = column_place(judging->kind, column);
    return place >= 0 ? judging->values[place] : NULL;
}

// --- Members -------------------------------------------------------------------------------------

void judge_id(struct judging *judging, const char *member)
{
    const char *id = json_member_text(judging->row, member);
    if (id_is_valid(id)) judge_set(judging, member, id);
    else judge_refuse(judging, "%s is missing or no id", member);
}

const char *judge_text_of(struct judging *judging, const char *member)
{
    const json_t *given = json_object_get(judging->row, member);
    if (given && !json_is_string(given) && !json_is_null(given)) judge_note(judging, "%s was no text, left out", member);
    const char *text = json_string_value(given);
    if (!text || !text_unseen(text)) return text;
    judge_note(judging, "%s held invisible characters, which were taken out", member);
    return text_without_unseen(judging->arena, text);
}

void judge_text(struct judging *judging, const char *member, size_t most)
{
    const char *given = judge_text_of(judging, member);
    const char *text = given ? text_squeeze(judging->arena, given) : "";
    if (text && contact_is_inside(text)) {
        text = contact_mask(judging->arena, text);
        judge_note(judging, "%s held contact details, which were masked", member);
    }
    if (text && strlen(text) > most) {
        judge_note(judging, "%s was longer than %zu bytes, left out", member, most);
        text = "";
    }
    judge_set(judging, member, text ? text : "");
}

const char *judge_time_of(struct judging *judging, const char *member)
{
    const char *given = json_member_text(judging->row, member);
    char text[CLOCK_RFC3339_SIZE];
    int64_t time_ms;
    if (!given || !clock_parse(given, &time_ms)) return NULL;
    clock_format(time_ms, text, sizeof text);
    return arena_strdup(judging->arena, text);
}

void judge_time(struct judging *judging, const char *member)
{
    const char *text = judge_time_of(judging, member);
    judge_set(judging, member, text);
    if (!text) judge_note(judging, "%s is missing or no time, set to now", member);
}

void judge_times(struct judging *judging)
{
    const char *given = json_member_text(judging->row, "updated_at"), *updated = judge_time_of(judging, "updated_at");
    judge_time(judging, "created_at");
    judge_set(judging, "updated_at", updated);
    const char *created = judge_value(judging, "created_at");
    if (updated && created && strcmp(updated, created) < 0) judge_note(judging, "updated_at is before created_at, set to it"); // UTC sorts as text
    else if (!updated && given && *given) judge_note(judging, "updated_at is no time, set to created_at");
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

void judge_choice(struct judging *judging, const char *member, const char *const *choices, const struct spelling *spellings)
{
    const char *given = judge_text_of(judging, member);
    if (!given || !*given) return;
    const char *meant = meant_by(judging->arena, given, choices, spellings);
    if (!meant) judge_note(judging, "%s '%s' is none of the known ones, left empty", member, quoted(judging, given));
    else if (strcmp(meant, given) != 0) judge_note(judging, "%s '%s' taken as %s", member, quoted(judging, given), meant);
    if (meant) judge_set(judging, member, meant);
}

void judge_flag(struct judging *judging, const char *member, bool fallback)
{
    const json_t *given = json_object_get(judging->row, member);
    const char *text = json_string_value(given);
    const bool yes = (text && strcasecmp(text, "true") == 0) || (json_is_integer(given) && json_integer_value(given) == 1);
    const bool no = (text && strcasecmp(text, "false") == 0) || (json_is_integer(given) && json_integer_value(given) == 0);
    const bool is_boolean = json_is_boolean(given), taken = is_boolean ? json_is_true(given) : yes || (!no && fallback);
    if (yes || no) judge_note(judging, "%s was no boolean, taken as %s", member, taken ? "true" : "false");
    else if (given && !is_boolean && !json_is_null(given))
        judge_note(judging, "%s is neither true nor false, taken as %s", member, taken ? "true" : "false");
    judge_set(judging, member, taken ? "true" : "false");
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

bool judge_money(struct judging *judging, const char *member, const char *column, int64_t least, int64_t most, bool must)
{
    void (*say)(struct judging *, const char *, ...) = must ? judge_refuse : judge_note;
    const json_t *given = json_object_get(judging->row, member);
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
    judge_set_integer(judging, column, (int64_t)(cents + 0.5));
    return true;
}

// --- Batches -------------------------------------------------------------------------------------

// What is said of a row.
struct verdict {
    const char *outcome; // NULL until the database has spoken
    json_t *notes;
};

struct batch {
    struct arena *arena;
    const struct judge_kind *kind;
    size_t count, good;
    int width;                // columns of the kind
    struct verdict *verdicts; // of all rows
    size_t *places;           // of the good ones among all
    const char **values;      // of the good ones, column after column, each as long as all rows
};

static bool batch_open(struct batch *batch);
static void batch_judge(struct batch *batch, const json_t *row, size_t place);
static bool batch_write(struct batch *batch, struct db *db, struct error *err);
static bool batch_settle(struct batch *batch, const struct db_rows *said, struct error *err);
static bool batch_tell(const struct batch *batch, json_t *results);
static void note_unknown(struct judging *judging);

bool judge_batch(struct db *db, const json_t *rows, json_t *results, const struct judge_kind *kind, struct error *err)
{
    struct batch batch = {.arena = db->arena, .kind = kind, .count = json_array_size(rows)};
    if (!batch_open(&batch)) return error_set(err, &problem_unavailable, "No memory.");
    for (size_t place = 0; place < batch.count; place++) batch_judge(&batch, json_array_get(rows, place), place);
    if (batch.good && !batch_write(&batch, db, err)) return false;
    return batch_tell(&batch, results) || error_set(err, &problem_unavailable, "No memory.");
}

static bool batch_open(struct batch *batch)
{
    while (batch->width < JUDGE_COLUMNS && batch->kind->columns[batch->width]) batch->width++;
    batch->verdicts = arena_alloc(batch->arena, (batch->count + 1) * sizeof *batch->verdicts);
    batch->places = arena_alloc(batch->arena, (batch->count + 1) * sizeof *batch->places);
    batch->values = arena_alloc(batch->arena, (batch->count + 1) * (size_t)batch->width * sizeof(const char *));
    return batch->verdicts && batch->places && batch->values;
}

static void batch_judge(struct batch *batch, const json_t *row, size_t place)
{
    struct judging judging = {.arena = batch->arena, .kind = batch->kind};
    if (!judge_row(&judging, row)) {
        batch->verdicts[place] = (struct verdict){"quarantined", judging.refusals};
        return;
    }
    batch->verdicts[place].notes = judging.notes;
    for (int i = 0; i < batch->width; i++) batch->values[(size_t)i * batch->count + batch->good] = judging.values[i];
    batch->places[batch->good++] = place;
}

bool judge_row(struct judging *judging, const json_t *row)
{
    judging->row = row;
    judging->kind->judge(judging);
    if (judging->kind->members[0]) note_unknown(judging);
    return !judging->is_refused;
}

static void note_unknown(struct judging *judging)
{
    static const char *const common[] = {"id", "created_at", "updated_at"};
    const struct judge_kind *kind = judging->kind;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)judging->row, name, value) { // the macro wants a mutable object, and does not change it
        bool known = json_is_null(value);
        for (size_t i = 0; !known && i < COUNT_OF(common); i++) known = strcmp(common[i], name) == 0;
        for (size_t i = 0; !known && i < COUNT_OF(kind->members) && kind->members[i]; i++) known = strcmp(kind->members[i], name) == 0;
        if (!known) judge_note(judging, "%s is no known member, left out", quoted(judging, name));
    }
}

static bool batch_write(struct batch *batch, struct db *db, struct error *err)
{
    struct db_value columns[JUDGE_COLUMNS];
    struct db_rows said;
    for (int i = 0; i < batch->width; i++) columns[i] = DB_TEXT(db_array(db->arena, batch->values + (size_t)i * batch->count, batch->good));
    return db_rows(db, batch->kind->insert, (struct db_values){columns, batch->width}, &said, err) && batch_settle(batch, &said, err);
}

// The database's word on each row that was sent. A row that it refused says why.
static bool batch_settle(struct batch *batch, const struct db_rows *said, struct error *err)
{
    size_t settled = 0;
    for (int i = 0; i < said->count; i++) {
        const int64_t place = db_rows_int(said, i, 0);
        const char *outcome = db_rows_text(said, i, 1), *more = batch->kind->says_more ? db_rows_text(said, i, 2) : NULL;
        struct verdict *verdict = place >= 1 && (size_t)place <= batch->good ? &batch->verdicts[batch->places[place - 1]] : NULL;
        if (!verdict || !outcome || verdict->outcome) continue;
        const bool imported = strcmp(outcome, "imported") == 0, unchanged = strcmp(outcome, "unchanged") == 0;
        struct judging judging = {.arena = batch->arena, .notes = imported || unchanged ? verdict->notes : NULL};
        if (!imported && !unchanged) judge_note(&judging, "%s", outcome);
        if (more) judge_note(&judging, "%s", more);
        verdict->notes = judging.notes;
        verdict->outcome = unchanged ? "unchanged" : !imported ? "quarantined" : verdict->notes ? "repaired" : "imported";
        settled++;
    }
    if (settled == batch->good) return true;
    err->retry = true; // the end of an import that was killed wrote one of them just now
    return error_set(err, &problem_conflict, "Somebody else writes these rows.");
}

static bool batch_tell(const struct batch *batch, json_t *results)
{
    CLEANUP(json_release) json_t *imported = json_string("imported"), *unchanged = json_string("unchanged");
    bool whole = true;
    for (size_t i = 0; i < batch->count; i++) {
        const struct verdict *verdict = &batch->verdicts[i];
        json_t *plain = strcmp(verdict->outcome, "imported") == 0 ? imported : strcmp(verdict->outcome, "unchanged") == 0 ? unchanged : NULL;
        if (verdict->notes) whole = json_array_append_new(results, json_pack("{s:s, s:O}", "outcome", verdict->outcome, "notes", verdict->notes)) == 0 && whole;
        else whole = json_array_append(results, plain) == 0 && whole;
    }
    return whole;
}
