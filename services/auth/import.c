// SPDX-License-Identifier: MIT
#include "import.h"

#include <string.h>

#include "api.h"
#include "clock.h"
#include "id.h"

static bool import_profiles(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err);
static void judge_user(struct judging *judging);
static void take_name(struct judging *judging, const char *member);
static void take_email(struct judging *judging);
static void take_phone(struct judging *judging);
static void take_times(struct judging *judging);

const struct importer auth_importers[] = {
    {"profiles", import_profiles},
    {0},
};

const struct judge_kind legacy_users = {
    .judge = judge_user, .insert = &SQL_import_users,
    .columns = {"id", "email", "phone_number", "first_name", "last_name", "user_type", "created_at", "updated_at"},
    .says_more = true};

static bool import_profiles(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err)
{
    (void)app;
    if (!db_exec(db, &SQL_import_plans, DB_NOTHING, NULL, err)) return false;
    if (judge_batch(db, rows, results, &legacy_users, err)) return true;
    if (err->problem == &problem_email_taken) err->retry = true; // somebody registered it just now
    return false;
}

static void judge_user(struct judging *judging)
{
    const char *id = json_member_text(judging->row, "user_id"), *type = json_member_text(judging->row, "user_type");
    if (!id || !id_is_valid(id)) {
        judge_refuse(judging, id && *id ? "user_id is no id: 1 to 64 letters, digits, '_' or '-'" : "user_id is missing");
        return;
    }
    if (user_type_parse(type) == USER_NONE) {
        judge_refuse(judging, type && *type ? "user_type is none of employer, housegirl, agency" : "user_type is missing");
        return;
    }
    judge_set(judging, "id", id);
    judge_set(judging, "user_type", type);
    take_name(judging, "first_name");
    take_name(judging, "last_name");
    take_email(judging);
    take_phone(judging);
    take_times(judging);
}

// A name is never refused: the person stays reachable by her own account.
static void take_name(struct judging *judging, const char *member)
{
    const char *given = json_member_text(judging->row, member);
    const char *seen = text_without_unseen(judging->arena, given), *name = text_squeeze(judging->arena, seen);
    const char *trouble = NULL;
    if (!name || !*name) {
        trouble = "is missing, left empty";
        name = "";
    } else if (strlen(name) > NAME_BYTES) {
        trouble = "is over 100 bytes long, left empty";
        name = "";
    } else if (contact_is_inside(name)) {
        trouble = "held contact details, which were masked";
        name = contact_mask(judging->arena, name);
    } else if (strcmp(name, given) != 0) {
        trouble = strcmp(seen, given) != 0 ? "held invisible characters, which were taken out" : "had stray blanks";
    }
    if (trouble) judge_note(judging, "%s %s", member, trouble);
    judge_set(judging, member, name ? name : "");
}

// Whether something stands there that is neither text nor null.
static bool is_no_text(const json_t *row, const char *member)
{
    const json_t *value = json_object_get(row, member);
    return value && !json_is_string(value) && !json_is_null(value);
}

static void take_email(struct judging *judging)
{
    const char *given = json_member_text(judging->row, "email");
    const char *email = given ? text_squeeze(judging->arena, given) : NULL;
    if (email && email_is_valid(email)) judge_set(judging, "email", email);
    else if ((email && *email) || is_no_text(judging->row, "email")) judge_note(judging, "email is no e-mail address, left out");
}

// Also where it stands there without quotes.
static void take_phone(struct judging *judging)
{
    const json_t *value = json_object_get(judging->row, "phone_number");
    const char *given = json_is_integer(value) ? arena_printf(judging->arena, "%lld", (long long)json_integer_value(value)) : json_string_value(value);
    char phone[14];
    if (given && phone_normalise(given, phone)) {
        judge_set(judging, "phone_number", arena_strdup(judging->arena, phone));
        if (json_is_integer(value)) judge_note(judging, "phone_number was a number, taken as text");
    } else if ((given && *given) || is_no_text(judging->row, "phone_number")) {
        judge_note(judging, "phone_number is no Kenyan mobile number, left out");
    }
}

static const char *take_time(struct judging *judging, const char *member)
{
    const char *given = json_member_text(judging->row, member), *time = judge_time_of(judging, member);
    if (!time)
        judge_note(judging, "%s %s, the time of the import was taken", member, given && *given ? "is no time" : "is missing");
    judge_set(judging, member, time);
    return time;
}

// The statement takes the later of the two for the second.
static void take_times(struct judging *judging)
{
    const char *created = take_time(judging, "created_at"), *updated = take_time(judging, "updated_at");
    if (created && updated && strcmp(updated, created) < 0) judge_note(judging, "updated_at is before created_at, set to it"); // UTC sorts as text
}
