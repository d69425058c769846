// SPDX-License-Identifier: MIT
#include "import.h"

#include <string.h>

#include "api.h"
#include "clock.h"
#include "id.h"

static bool import_profiles(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err);

const struct importer auth_importers[] = {
    {"profiles", import_profiles},
    {0},
};

static void note(json_t *notes, const char *text);
static void take_name(struct text_buffer *out, const json_t *row, const char *member, struct arena *arena, json_t *notes);
static void take_email(struct text_buffer *out, const json_t *row, struct arena *arena, json_t *notes);
static void take_phone(struct text_buffer *out, const json_t *row, struct arena *arena, json_t *notes);
static void take_times(struct text_buffer *out, const json_t *row, json_t *notes);
static bool add_result(json_t *results, const json_t *row, json_t *notes);
static bool tell(const struct db_rows *outcomes, json_t *results);

static bool import_profiles(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err)
{
    (void)app;
    struct text_buffer cleaned = text_buffer(db->arena);
    struct db_rows outcomes;
    size_t place;
    json_t *row;
    text_add(&cleaned, "[");
    json_array_foreach((json_t *)(uintptr_t)rows, place, row) { // the macro wants a mutable array, and does not change it
        json_t *notes = json_array();
        if (!import_clean(row, (int)place, db->arena, &cleaned, notes) && !json_array_size(notes)) note(notes, "is no object");
        if (!add_result(results, row, notes)) return error_set(err, &problem_unavailable, "No memory.");
    }
    text_add(&cleaned, "]");
    if (!db_exec(db, &SQL_import_plans, DB_NOTHING, NULL, err)) return false;
    if (!db_rows(db, &SQL_import_users, DB_IN(DB_TEXT(text_take(&cleaned))), &outcomes, err)) {
        if (err->problem == &problem_email_taken) err->retry = true; // somebody registered it just now
        return false;
    }
    return tell(&outcomes, results) || error_set(err, &problem_unavailable, "No memory.");
}

bool import_clean(const json_t *row, int place, struct arena *arena, struct text_buffer *out, json_t *notes)
{
    const char *id = json_member_text(row, "user_id"), *type = json_member_text(row, "user_type");
    if (!id || !id_is_valid(id)) {
        note(notes, id && *id ? "user_id is no id: 1 to 64 letters, digits, '_' or '-'" : "user_id is missing");
        return false;
    }
    if (user_type_parse(type) == USER_NONE) {
        note(notes, type && *type ? "user_type is none of employer, housegirl, agency" : "user_type is missing");
        return false;
    }
    text_printf(out, "%s{\"place\":%d,\"id\":\"%s\",\"user_type\":\"%s\"", out->length > 1 ? "," : "", place, id, type);
    take_name(out, row, "first_name", arena, notes);
    take_name(out, row, "last_name", arena, notes);
    take_email(out, row, arena, notes);
    take_phone(out, row, arena, notes);
    take_times(out, row, notes);
    text_add(out, "}");
    return true;
}

static void add_member(struct text_buffer *out, const char *member, const char *value)
{
    text_add(out, ",\"");
    text_add(out, member);
    text_add(out, "\":");
    text_add_json(out, value);
}

static void note(json_t *notes, const char *text)
{
    json_array_append_new(notes, json_string(text));
}

static void note_member(json_t *notes, const char *member, const char *what)
{
    char text[120];
    snprintf(text, sizeof text, "%s %s", member, what);
    note(notes, text);
}

// A name is never refused: the person stays reachable by her own account.
static void take_name(struct text_buffer *out, const json_t *row, const char *member, struct arena *arena, json_t *notes)
{
    const char *given = json_member_text(row, member);
    const char *name = given ? text_squeeze(arena, given) : NULL;
    const char *trouble = NULL;
    if (!name || !*name) {
        trouble = "is missing, left empty";
        name = "";
    } else if (strlen(name) > NAME_BYTES) {
        trouble = "is over 100 bytes long, left empty";
        name = "";
    } else if (contact_is_inside(name)) {
        trouble = "held contact details, which were masked";
        name = contact_mask(arena, name);
    } else if (strcmp(name, given) != 0) {
        trouble = "had stray blanks";
    }
    if (trouble) note_member(notes, member, trouble);
    add_member(out, member, name ? name : "");
}

// Whether something stands there that is neither text nor null.
static bool is_no_text(const json_t *row, const char *member)
{
    const json_t *value = json_object_get(row, member);
    return value && !json_is_string(value) && !json_is_null(value);
}

static void take_email(struct text_buffer *out, const json_t *row, struct arena *arena, json_t *notes)
{
    const char *given = json_member_text(row, "email");
    const char *email = given ? text_squeeze(arena, given) : NULL;
    if (email && email_is_valid(email)) add_member(out, "email", email);
    else if ((email && *email) || is_no_text(row, "email")) note(notes, "email is no e-mail address, left out");
}

// Also where it stands there without quotes.
static void take_phone(struct text_buffer *out, const json_t *row, struct arena *arena, json_t *notes)
{
    const json_t *value = json_object_get(row, "phone_number");
    const char *given = json_is_integer(value) ? arena_printf(arena, "%lld", (long long)json_integer_value(value)) : json_string_value(value);
    char phone[14];
    if (given && phone_normalise(given, phone)) {
        add_member(out, "phone_number", phone);
        if (json_is_integer(value)) note(notes, "phone_number was a number, taken as text");
    } else if ((given && *given) || is_no_text(row, "phone_number")) {
        note(notes, "phone_number is no Kenyan mobile number, left out");
    }
}

static bool take_time(struct text_buffer *out, const json_t *row, const char *member, int64_t *ret_ms, json_t *notes)
{
    const char *given = json_member_text(row, member);
    char text[CLOCK_RFC3339_SIZE];
    if (!given || !clock_parse(given, ret_ms)) {
        note_member(notes, member, given && *given ? "is no time, the time of the import was taken" : "is missing, the time of the import was taken");
        return false;
    }
    clock_format(*ret_ms, text, sizeof text);
    add_member(out, member, text);
    return true;
}

// The statement takes the later of the two for the second.
static void take_times(struct text_buffer *out, const json_t *row, json_t *notes)
{
    int64_t created_ms = 0, updated_ms = 0;
    const bool created = take_time(out, row, "created_at", &created_ms, notes);
    const bool updated = take_time(out, row, "updated_at", &updated_ms, notes);
    if (created && updated && updated_ms < created_ms) note(notes, "updated_at is before created_at, set to it");
}

// Quarantined, until the statement says otherwise. Takes notes over.
static bool add_result(json_t *results, const json_t *row, json_t *notes)
{
    json_t *result = json_object();
    const char *id = json_member_text(row, "user_id");
    if (id) json_object_set_new(result, "id", json_string(id));
    const bool whole = json_object_set_new(result, "outcome", json_string("quarantined")) == 0 &&
                       json_object_set_new(result, "notes", notes) == 0;
    return json_array_append_new(results, result) == 0 && whole;
}

// Merges what the statement says (place, outcome, e-mail taken) into the results.
static bool tell(const struct db_rows *outcomes, json_t *results)
{
    for (int i = 0; i < outcomes->count; i++) {
        json_t *result = json_array_get(results, (size_t)db_rows_int(outcomes, i, 0));
        json_t *notes = json_object_get(result, "notes");
        const char *outcome = db_rows_text(outcomes, i, 1);
        if (!result || !outcome) return false;
        if (text_equal(db_rows_text(outcomes, i, 2), "t")) note(notes, "email belongs to somebody else, left out");
        if (text_equal(outcome, "erased")) note(notes, "this person was erased and does not come back");
        if (text_equal(outcome, "imported")) outcome = json_array_size(notes) ? "repaired" : "imported";
        else if (!text_equal(outcome, "unchanged")) outcome = "quarantined";
        if (json_object_set_new(result, "outcome", json_string(outcome)) != 0) return false;
    }
    return true;
}
