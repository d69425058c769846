// SPDX-License-Identifier: MIT
// Legacy profiles, employers, workers, agency profiles and photos.
#include <string.h>

#include "api.h"
#include "judge.h"

// Only what is written there is taken: "2 Years" is 2_years, "3+" means at least three.
static const struct spelling experience_spellings[] = {
    {"0-2 years", "1_year"}, {"1 year", "1_year"}, {"2 years", "2_years"}, {"3 years", "3_years"}, {"3+ years", "3_years"},
    {"4 years", "4_years"}, {"5 years", "5_plus_years"}, {"5+ years", "5_plus_years"}, {"5 plus years", "5_plus_years"},
    {"no experience", "no_experience"}, {"none", "no_experience"}, {0},
};
static const struct spelling education_spellings[] = {
    {"form 4", "form_4"}, {"form 4+", "form_4"}, {"form 4 and above", "form_4"}, {"form 2", "form_2"}, {"form 2+", "form_2"},
    {"class 8", "primary"}, {"class 8+", "primary"}, {"class 8 and above", "primary"}, {0},
};
static const struct spelling accommodation_spellings[] = {
    {"live in", "live_in"}, {"live out", "live_out"}, {"live-in", "live_in"}, {"live-out", "live_out"}, {0},
};

static void judge_profile(struct judging *judging)
{
    const char *type = json_member_text(judging->row, "user_type");
    judge_id(judging, "id");
    judge_id(judging, "user_id");
    if (user_type_parse(type) == USER_NONE) judge_refuse(judging, "user_type is none of employer, housegirl, agency");
    else judge_set(judging, "user_type", type);
    static const char *const names[] = {"first_name", "last_name"};
    for (size_t i = 0; i < COUNT_OF(names); i++) { // auth notes what is wrong with them and the time; here they are a copy
        const char *name = text_squeeze(judging->arena, text_without_unseen(judging->arena, json_member_text(judging->row, names[i])));
        bool fine = name && strlen(name) <= 100 && !contact_is_inside(name);
        judge_set(judging, names[i], fine ? name : "");
    }
    judge_set(judging, "created_at", judge_time_of(judging, "created_at"));
}

static void judge_employer(struct judging *judging)
{
    judge_id(judging, "id");
    judge_id(judging, "profile_id");
    judge_text(judging, "company_name", 200);
    judge_text(judging, "location", 200);
    judge_text(judging, "description", 2000);
    judge_times(judging);
}

static void judge_agency_profile(struct judging *judging)
{
    judge_id(judging, "id");
    judge_id(judging, "profile_id");
    judge_text(judging, "agency_name", 200);
    judge_text(judging, "location", 200);
    judge_text(judging, "description", 2000);
    judge_text(judging, "license_number", 100);
    judge_times(judging);
}

static void take_age(struct judging *judging)
{
    double age = 0;
    const json_t *given = json_object_get(judging->row, "age");
    if (!judge_number(given, &age)) {
        if (given && !json_is_null(given)) judge_note(judging, "age is no number, left empty");
    } else if (age < 18 || age > 75) {
        judge_refuse(judging, "age %g is outside 18 to 75", age);
    } else {
        if (json_is_string(given)) judge_note(judging, "age was text, taken as a number");
        if (age != (double)(int)age) judge_note(judging, "age %g taken as %d", age, (int)age);
        judge_set_integer(judging, "age", (int)age);
    }
}

// The bio is kept as given, as in the API; strangers get the masked one.
static void take_bio(struct judging *judging)
{
    const char *bio = judge_text_of(judging, "bio");
    if (!bio) bio = "";
    if (strlen(bio) > 2000) {
        judge_note(judging, "bio was longer than 2000 bytes, left out");
        bio = "";
    }
    const char *masked = contact_mask(judging->arena, bio);
    if (masked && strcmp(masked, bio) != 0) judge_note(judging, "bio holds contact details, which strangers see masked");
    judge_set(judging, "bio", bio);
    judge_set(judging, "bio_public", masked ? masked : "");
}

static void judge_worker(struct judging *judging)
{
    judge_id(judging, "id");
    judge_id(judging, "profile_id");
    take_age(judging);
    (void)judge_money(judging, "expected_salary", "expected_salary", 1, 100000000, false);
    take_bio(judging);
    judge_text(judging, "current_location", 200);
    judge_text(judging, "location", 200);
    judge_text(judging, "profile_photo_url", 500);
    judge_choice(judging, "education", education_choices, education_spellings);
    judge_choice(judging, "experience", experience_choices, experience_spellings);
    judge_choice(judging, "accommodation_type", accommodation_choices, accommodation_spellings);
    const char *county = county_of_place(judge_value(judging, "location"));
    judge_set(judging, "county", county ? county : county_of_place(judge_value(judging, "current_location")));
    judge_flag(judging, "is_available", true);
    const char *tribe = judge_text_of(judging, "tribe");
    if (tribe && *tribe) judge_note(judging, "tribe left out: sensitive data needs her recorded consent");
    judge_times(judging);
}

static void judge_photo(struct judging *judging)
{
    const char *url = json_member_text(judging->row, "photo_url");
    judge_id(judging, "id");
    judge_id(judging, "profile_id");
    if (!url || !*url || strlen(url) > 500) judge_refuse(judging, "photo_url is missing or longer than 500 bytes");
    else judge_set(judging, "photo_url", url);
    judge_time(judging, "upload_date");
}

static const struct judge_kind profiles = {
    .judge = judge_profile, .insert = &SQL_import_profiles,
    .columns = {"id", "user_id", "user_type", "first_name", "last_name", "created_at"},
    .members = {"user_id", "first_name", "last_name", "email", "phone_number", "user_type"}};
static const struct judge_kind employers = {
    .judge = judge_employer, .insert = &SQL_import_employers,
    .columns = {"id", "profile_id", "company_name", "location", "description", "created_at", "updated_at"},
    .members = {"profile_id", "company_name", "location", "description"}};
static const struct judge_kind workers = {
    .judge = judge_worker, .insert = &SQL_import_workers,
    .columns = {"id", "profile_id", "age", "bio", "bio_public", "current_location", "location", "county", "education", "experience",
                "expected_salary", "accommodation_type", "is_available", "profile_photo_url", "created_at", "updated_at"},
    .members = {"profile_id", "age", "bio", "current_location", "location", "education", "experience", "expected_salary",
                "accommodation_type", "tribe", "is_available", "profile_photo_url"}};
static const struct judge_kind agency_profiles = {
    .judge = judge_agency_profile, .insert = &SQL_import_agency_profiles,
    .columns = {"id", "profile_id", "agency_name", "location", "description", "license_number", "created_at", "updated_at"},
    .members = {"profile_id", "agency_name", "location", "description", "license_number"}};
static const struct judge_kind photos = {
    .judge = judge_photo, .insert = &SQL_import_photos,
    .columns = {"id", "profile_id", "photo_url", "upload_date"},
    .members = {"profile_id", "photo_url", "upload_date"}};

#define IMPORT(kind_)                                                                                                     \
    static bool import_##kind_(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err)    \
    {                                                                                                                     \
        (void)app;                                                                                                        \
        return judge_batch(db, rows, results, &kind_, err);                                                               \
    }
static bool import_profiles(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err)
{
    (void)app;
    return db_post(db, &SQL_erasures_wait, DB_NOTHING, err) && judge_batch(db, rows, results, &profiles, err);
}
IMPORT(employers)
IMPORT(workers)
IMPORT(agency_profiles)
IMPORT(photos)

const struct importer profiles_importers[] = {
    {"profiles", import_profiles}, {"employer_profiles", import_employers}, {"housegirl_profiles", import_workers},
    {"agency_profiles", import_agency_profiles}, {"photos", import_photos}, {0},
};
