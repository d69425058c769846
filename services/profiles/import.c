// SPDX-License-Identifier: MIT
// Legacy rows: judged here by the rules of the API, written set-wise by one statement a batch. What is
// repaired or kept back is said with the reason; nothing is invented and nothing dropped silently.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api.h"
#include "id.h"

struct judging {
    struct arena *arena;
    json_t *notes;        // what was repaired
    json_t *refusals;     // why the row is quarantined; empty when it is not
};

// A collection: how a row is judged and written, and the members it may have beside id, created_at and updated_at.
struct kind {
    void (*judge)(struct judging *judging, const json_t *row, json_t *clean);
    const struct sql *insert;
    const char *members[16];
};
static bool take_rows(struct db *db, const json_t *rows, json_t *results, const struct kind *kind, struct error *err);
static bool settle(const struct db_rows *outcomes, json_t *results);

static void note(struct judging *judging, const char *format, ...) PRINTF_LIKE(2, 3);
static void refuse(struct judging *judging, const char *format, ...) PRINTF_LIKE(2, 3);

static void add_text(json_t *list, struct arena *arena, const char *format, va_list arguments)
{
    const char *text = arena_vprintf(arena, format, arguments);
    json_array_append_new(list, json_string(text ? text : "repaired"));
}

static void note(struct judging *judging, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(judging->notes, judging->arena, format, arguments);
    va_end(arguments);
}

static void refuse(struct judging *judging, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(judging->refusals, judging->arena, format, arguments);
    va_end(arguments);
}

// --- Members -------------------------------------------------------------------------------------

static void take_id(struct judging *judging, const json_t *row, json_t *clean, const char *member)
{
    const char *id = json_member_text(row, member);
    if (id_is_valid(id)) json_object_set_new(clean, member, json_string(id));
    else refuse(judging, "%s is missing or no id", member);
}

// A text member; what stands there and is none is said to be left out.
static const char *text_of(struct judging *judging, const json_t *row, const char *member)
{
    const json_t *given = json_object_get(row, member);
    if (given && !json_is_string(given) && !json_is_null(given)) note(judging, "%s was no text, left out", member);
    return json_string_value(given);
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

// Free text: blanks folded, contact details masked, a bound kept. Line breaks in prose are folded, too.
static void take_text(struct judging *judging, const json_t *row, json_t *clean, const char *member, size_t most)
{
    const char *given = text_of(judging, row, member);
    const char *text = given ? text_squeeze(judging->arena, given) : "";
    if (text && contact_is_inside(text)) {
        text = contact_mask(judging->arena, text);
        note(judging, "%s held contact details, which were masked", member);
    }
    if (text && strlen(text) > most) {
        note(judging, "%s was longer than %zu bytes, left out", member, most);
        text = "";
    }
    json_object_set_new(clean, member, json_string(text ? text : ""));
}

static bool time_of(const json_t *row, const char *member, char out[CLOCK_RFC3339_SIZE])
{
    const char *given = json_member_text(row, member);
    int64_t time_ms;
    if (!given || !clock_parse(given, &time_ms)) return false;
    clock_format(time_ms, out, CLOCK_RFC3339_SIZE);
    return true;
}

static void take_time(struct judging *judging, const json_t *row, json_t *clean, const char *member)
{
    char text[CLOCK_RFC3339_SIZE];
    if (time_of(row, member, text)) json_object_set_new(clean, member, json_string(text));
    else note(judging, "%s is missing or no time, set to now", member);
}

// When it was made and changed. Without the second it counts as changed when it was made; the statement takes the later one.
static void take_times(struct judging *judging, const json_t *row, json_t *clean)
{
    char created[CLOCK_RFC3339_SIZE] = "", updated[CLOCK_RFC3339_SIZE];
    const char *given = json_member_text(row, "updated_at");
    take_time(judging, row, clean, "created_at");
    (void)time_of(row, "created_at", created);
    if (time_of(row, "updated_at", updated)) {
        json_object_set_new(clean, "updated_at", json_string(updated));
        if (strcmp(updated, created) < 0) note(judging, "updated_at is before created_at, set to it"); // UTC sorts as text
    } else if (given && *given) {
        note(judging, "updated_at is no time, set to created_at");
    }
}

// A number, also where it came as text, with its cents.
static bool number_of(const json_t *value, double *ret)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    if (json_is_number(value)) *ret = json_number_value(value);
    if (!text) return json_is_number(value);
    if (!*text || strspn(text, "0123456789.") != strlen(text)) return false; // no sign, exponent or name of one
    *ret = strtod(text, &end);
    return *end == '\0';
}

// Spellings found in real files. Only what is written there is taken: "2 Years" is 2_years, "3+" means at least three.
static const struct { const char *spelled, *meant; } spellings[] = {
    {"0-2 years", "1_year"}, {"1 year", "1_year"}, {"2 years", "2_years"}, {"3 years", "3_years"}, {"3+ years", "3_years"},
    {"4 years", "4_years"}, {"5 years", "5_plus_years"}, {"5+ years", "5_plus_years"}, {"5 plus years", "5_plus_years"},
    {"no experience", "no_experience"}, {"none", "no_experience"},
    {"form 4", "form_4"}, {"form 4+", "form_4"}, {"form 4 and above", "form_4"}, {"form 2", "form_2"}, {"form 2+", "form_2"},
    {"class 8", "primary"}, {"class 8+", "primary"}, {"class 8 and above", "primary"}, {"live in", "live_in"}, {"live out", "live_out"},
    {"live-in", "live_in"}, {"live-out", "live_out"},
};

static const char *folded(struct arena *arena, const char *text)
{
    char *copy = text_squeeze(arena, text);
    for (char *at = copy; at && *at; at++) *at = *at == '_' ? ' ' : (char)tolower((unsigned char)*at);
    return copy ? copy : "";
}

static const char *meant_by(struct arena *arena, const char *text, const char *const *choices)
{
    const char *spelled = folded(arena, text);
    for (const char *const *choice = choices; *choice; choice++)
        if (strcmp(folded(arena, *choice), spelled) == 0) return *choice;
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        if (strcmp(spellings[i].spelled, spelled) != 0) continue;
        for (const char *const *choice = choices; *choice; choice++)
            if (strcmp(*choice, spellings[i].meant) == 0) return *choice;
    }
    return NULL;
}

static void take_choice(struct judging *judging, const json_t *row, json_t *clean, const char *member, const char *const *choices)
{
    const char *given = text_of(judging, row, member);
    if (!given || !*given) return;
    const char *meant = meant_by(judging->arena, given, choices);
    if (!meant) note(judging, "%s '%s' is none of the known ones, left empty", member, quoted(judging, given));
    else if (strcmp(meant, given) != 0) note(judging, "%s '%s' taken as %s", member, quoted(judging, given), meant);
    if (meant) json_object_set_new(clean, member, json_string(meant));
}

// --- Rows ----------------------------------------------------------------------------------------

static void judge_profile(struct judging *judging, const json_t *row, json_t *clean)
{
    const char *type = json_member_text(row, "user_type");
    take_id(judging, row, clean, "user_id");
    if (user_type_parse(type) == USER_NONE) refuse(judging, "user_type is none of employer, housegirl, agency");
    else json_object_set_new(clean, "user_type", json_string(type));
    static const char *const names[] = {"first_name", "last_name"};
    for (size_t i = 0; i < COUNT_OF(names); i++) { // auth notes what is wrong with them and the time; here they are a copy
        const char *given = json_member_text(row, names[i]);
        const char *name = given ? text_squeeze(judging->arena, given) : "";
        bool fine = name && strlen(name) <= 100 && !contact_is_inside(name);
        json_object_set_new(clean, names[i], json_string(fine ? name : ""));
    }
    char created[CLOCK_RFC3339_SIZE];
    if (time_of(row, "created_at", created)) json_object_set_new(clean, "created_at", json_string(created));
}

static void judge_employer(struct judging *judging, const json_t *row, json_t *clean)
{
    take_id(judging, row, clean, "profile_id");
    take_text(judging, row, clean, "company_name", 200);
    take_text(judging, row, clean, "location", 200);
    take_text(judging, row, clean, "description", 2000);
    take_times(judging, row, clean);
}

static void judge_agency_profile(struct judging *judging, const json_t *row, json_t *clean)
{
    take_id(judging, row, clean, "profile_id");
    take_text(judging, row, clean, "agency_name", 200);
    take_text(judging, row, clean, "location", 200);
    take_text(judging, row, clean, "description", 2000);
    take_text(judging, row, clean, "license_number", 100);
    take_times(judging, row, clean);
}

static void take_age(struct judging *judging, const json_t *row, json_t *clean)
{
    double age = 0;
    const json_t *given = json_object_get(row, "age");
    if (!number_of(given, &age)) {
        if (given && !json_is_null(given)) note(judging, "age is no number, left empty");
    } else if (age < 18 || age > 75) {
        refuse(judging, "age %g is outside 18 to 75", age);
    } else {
        if (json_is_string(given)) note(judging, "age was text, taken as a number");
        if (age != (double)(json_int_t)age) note(judging, "age %g taken as %d", age, (int)age);
        json_object_set_new(clean, "age", json_integer((json_int_t)age));
    }
}

static void take_salary(struct judging *judging, const json_t *row, json_t *clean)
{
    double salary = 0;
    const json_t *given = json_object_get(row, "expected_salary");
    if (!number_of(given, &salary)) {
        if (given && !json_is_null(given)) note(judging, "expected_salary is no number, left empty");
    } else if (!(salary >= 0.01 && salary <= 1000000)) {
        note(judging, "expected_salary %.20g is outside 0.01 to 1000000, left empty", salary);
    } else {
        if (json_is_string(given)) note(judging, "expected_salary was text, taken as a number");
        json_object_set_new(clean, "expected_salary", json_integer((json_int_t)(salary * 100 + 0.5)));
    }
}

// The bio is kept as given, as in the API; strangers get the masked one.
static void take_bio(struct judging *judging, const json_t *row, json_t *clean)
{
    const char *bio = text_of(judging, row, "bio");
    if (!bio) bio = "";
    if (strlen(bio) > 2000) {
        note(judging, "bio was longer than 2000 bytes, left out");
        bio = "";
    }
    const char *masked = contact_mask(judging->arena, bio);
    if (masked && strcmp(masked, bio) != 0) note(judging, "bio holds contact details, which strangers see masked");
    json_object_set_new(clean, "bio", json_string(bio));
    json_object_set_new(clean, "bio_public", json_string(masked ? masked : ""));
}

// Only what is written there is taken: "false" is no.
static void take_availability(struct judging *judging, const json_t *row, json_t *clean)
{
    const json_t *given = json_object_get(row, "is_available");
    const char *text = json_string_value(given);
    const bool yes = (text && strcasecmp(text, "true") == 0) || (json_is_integer(given) && json_integer_value(given) == 1);
    const bool no = (text && strcasecmp(text, "false") == 0) || (json_is_integer(given) && json_integer_value(given) == 0);
    if (json_is_boolean(given)) json_object_set(clean, "is_available", (json_t *)(uintptr_t)given);
    else if (yes || no) json_object_set_new(clean, "is_available", json_boolean(yes));
    if (yes || no) note(judging, "is_available was no boolean, taken as %s", yes ? "true" : "false");
    else if (given && !json_is_boolean(given) && !json_is_null(given)) note(judging, "is_available is neither true nor false, taken as true");
}

static void judge_worker(struct judging *judging, const json_t *row, json_t *clean)
{
    take_id(judging, row, clean, "profile_id");
    take_age(judging, row, clean);
    take_salary(judging, row, clean);
    take_bio(judging, row, clean);
    take_text(judging, row, clean, "current_location", 200);
    take_text(judging, row, clean, "location", 200);
    take_text(judging, row, clean, "profile_photo_url", 500);
    take_choice(judging, row, clean, "education", education_choices);
    take_choice(judging, row, clean, "experience", experience_choices);
    take_choice(judging, row, clean, "accommodation_type", accommodation_choices);
    const char *county = county_of_place(json_member_text(clean, "location"));
    if (!county) county = county_of_place(json_member_text(clean, "current_location"));
    if (county) json_object_set_new(clean, "county", json_string(county));
    take_availability(judging, row, clean);
    const char *tribe = text_of(judging, row, "tribe");
    if (tribe && *tribe) note(judging, "tribe left out: sensitive data needs her recorded consent");
    take_times(judging, row, clean);
}

static void judge_photo(struct judging *judging, const json_t *row, json_t *clean)
{
    const char *url = json_member_text(row, "photo_url");
    take_id(judging, row, clean, "profile_id");
    if (!url || !*url || strlen(url) > 500) refuse(judging, "photo_url is missing or longer than 500 bytes");
    else json_object_set_new(clean, "photo_url", json_string(url));
    take_time(judging, row, clean, "upload_date");
}

// --- Batches -------------------------------------------------------------------------------------

static void note_unknown(struct judging *judging, const json_t *row, const struct kind *kind)
{
    static const char *const common[] = {"id", "created_at", "updated_at"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, name, value) { // the macro wants a mutable object, and does not change it
        bool known = json_is_null(value);
        for (size_t i = 0; !known && i < COUNT_OF(common); i++) known = strcmp(common[i], name) == 0;
        for (size_t i = 0; !known && kind->members[i]; i++) known = strcmp(kind->members[i], name) == 0;
        if (!known) note(judging, "%s is no known member, left out", quoted(judging, name));
    }
}

static bool take_rows(struct db *db, const json_t *rows, json_t *results, const struct kind *kind, struct error *err)
{
    CLEANUP(json_release) json_t *cleaned = json_array();
    size_t place;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, place, row) { // the macro wants a mutable array, and does not change it
        struct judging judging = {.arena = db->arena, .notes = json_array(), .refusals = json_array()};
        json_t *clean = json_pack("{s:i}", "place", (int)place);
        take_id(&judging, row, clean, "id");
        kind->judge(&judging, row, clean);
        note_unknown(&judging, row, kind);
        const bool refused = json_array_size(judging.refusals) > 0;
        json_t *result = json_pack("{s:s*, s:s, s:O}", "id", json_member_text(row, "id"), "outcome", refused ? "quarantined" : "", "notes",
                                   refused ? judging.refusals : judging.notes);
        if (!refused) json_array_append(cleaned, clean);
        json_decref(clean);
        json_decref(judging.notes);
        json_decref(judging.refusals);
        if (json_array_append_new(results, result) != 0) return error_set(err, &problem_unavailable, "No memory.");
    }
    struct db_rows outcomes;
    if (json_array_size(cleaned) == 0) return true;
    if (!db_rows(db, kind->insert, DB_IN(DB_TEXT(json_text(db->arena, cleaned))), &outcomes, err)) return false;
    if (settle(&outcomes, results)) return true;
    err->retry = true; // the end of an import that was killed wrote one of them just now
    return error_set(err, &problem_conflict, "Somebody else writes these rows.");
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
        bool imported = strcmp(said, "imported") == 0, unchanged = strcmp(said, "unchanged") == 0;
        if (!imported && !unchanged) {
            json_array_clear(notes);
            json_array_append_new(notes, json_string(said));
        }
        json_object_set_new(result, "outcome", json_string(unchanged ? "unchanged" : !imported ? "quarantined" : json_array_size(notes) ? "repaired" : "imported"));
    }
    return true;
}

static const struct kind profiles = {judge_profile, &SQL_import_profiles, {"user_id", "first_name", "last_name", "email", "phone_number", "user_type"}};
static const struct kind employers = {judge_employer, &SQL_import_employers, {"profile_id", "company_name", "location", "description"}};
static const struct kind workers = {judge_worker, &SQL_import_workers,
                                    {"profile_id", "age", "bio", "current_location", "location", "education", "experience", "expected_salary",
                                     "accommodation_type", "tribe", "is_available", "profile_photo_url"}};
static const struct kind agency_profiles = {judge_agency_profile, &SQL_import_agency_profiles,
                                            {"profile_id", "agency_name", "location", "description", "license_number"}};
static const struct kind photos = {judge_photo, &SQL_import_photos, {"profile_id", "photo_url", "upload_date"}};

#define TAKE_KIND(kind_)                                                                                                     \
    static bool import_##kind_(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err)       \
    {                                                                                                                        \
        (void)app;                                                                                                           \
        return take_rows(db, rows, results, &kind_, err);                                                                    \
    }
TAKE_KIND(profiles)
TAKE_KIND(employers)
TAKE_KIND(workers)
TAKE_KIND(agency_profiles)
TAKE_KIND(photos)

const struct importer profiles_importers[] = {
    {"profiles", import_profiles}, {"employer_profiles", import_employers}, {"housegirl_profiles", import_workers},
    {"agency_profiles", import_agency_profiles}, {"photos", import_photos}, {0},
};
