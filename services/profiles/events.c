// SPDX-License-Identifier: MIT
// What profiles tells the others (by the statements of sql/), and what it listens to.
#include "answer.h"
#include "id.h"
#include "profiles.h"

#define ANY_OR_NULL(name_, type_) FIELD_OUT(name_, type_, .required = true, .nullable = true)

FIELDS_OUT(profile_event, MUST_TEXT("profile_id", "Base profile."), MUST_TEXT("user_id", "User."), MUST_TEXT("user_type", "employer, housegirl or agency."),
           FIELD_OUT("created_at", FIELD_TEXT, .required = true, .format = FORMAT_TIME))
FIELDS_OUT(worker_event, MUST_TEXT("worker_id", "Worker."), MUST_TEXT("profile_id", "Base profile."), MUST_TEXT("user_id", "User."), MUST_TEXT("first_name", "Given name."),
           MUST_TEXT("last_name", "Initial."), ANY_OR_NULL("age", FIELD_INTEGER), MUST_TEXT("bio", "Contact details masked."), MUST_TEXT("current_location", "Where she is."),
           MUST_TEXT("location", "Where she wants to work."), ANY_OR_NULL("county", FIELD_TEXT), ANY_OR_NULL("education", FIELD_TEXT), ANY_OR_NULL("experience", FIELD_TEXT),
           ANY_OR_NULL("expected_salary", FIELD_NUMBER), ANY_OR_NULL("accommodation_type", FIELD_TEXT), FIELD_OUT("skills", FIELD_TEXT_LIST, .required = true),
           FIELD_OUT("languages", FIELD_TEXT_LIST, .required = true), MUST_TEXT("role", "Kind of work."), FIELD_OUT("is_available", FIELD_BOOLEAN, .required = true),
           MUST_TEXT("verification_status", "unverified, pending, verified or rejected."), MUST_TEXT("profile_photo_url", "Address of her picture."),
           MUST("is_active", FIELD_BOOLEAN, "False: shown to nobody."), MUST_TIMES)
FIELDS_OUT(employer_event, MUST_TEXT("employer_id", "Employer."), MUST_TEXT("profile_id", "Base profile."), MUST_TEXT("user_id", "User."), MUST_TEXT("first_name", "Given name."),
           MUST_TEXT("last_name", "Family name."), MUST_TEXT("company_name", "Household or company."), MUST_TEXT("location", "Where."),
           FIELD_OUT("is_active", FIELD_BOOLEAN, .required = true), MUST_TIMES)
FIELDS_OUT(agency_profile_event, MUST_TEXT("agency_profile_id", "Agency profile."), MUST_TEXT("profile_id", "Base profile."), MUST_TEXT("user_id", "User."),
           MUST_TEXT("agency_name", "Company."), MUST_TEXT("location", "Where."), MUST_TEXT("description", "About it."), MUST_TEXT("license_number", "Certificate."),
           FIELD_OUT("is_active", FIELD_BOOLEAN, .required = true), MUST_TIMES)

const struct event_type *const profiles_events[] = {
    EVENT("profile.created", profiles, profile_event, "A user has a base profile."),
    TOMBSTONE("profile.deleted", profiles, "The base profile is gone."),
    EVENT("worker.created", workers, worker_event, "A worker shows herself."),
    EVENT("worker.updated", workers, worker_event, "Something public of a worker changed."),
    EVENT("worker.verified", workers, worker_event, "An admin has judged a worker."),
    TOMBSTONE("worker.deleted", workers, "The worker is gone."),
    EVENT("employer.created", employers, employer_event, "A family shows itself."),
    EVENT("employer.updated", employers, employer_event, "Something public of a family changed."),
    TOMBSTONE("employer.deleted", employers, "The family is gone."),
    EVENT("agency_profile.created", agency_profiles, agency_profile_event, "An agency user told of the company."),
    EVENT("agency_profile.updated", agency_profiles, agency_profile_event, "The company's details changed."),
    TOMBSTONE("agency_profile.deleted", agency_profiles, "The company's details are gone."),
    NULL,
};

// What this reader needs of a user.
struct user_input {
    struct given given;
    const char *user_id, *user_type, *first_name, *last_name, *created_at;
    bool is_active;
};
FIELDS(user_input, FIELD(user_input, user_id, .required = true, .format = FORMAT_ID), FIELD(user_input, user_type, .required = true),
       FIELD(user_input, first_name, .required = true, .min = -1, .max = 200, .format = FORMAT_EXACT),
       FIELD(user_input, last_name, .required = true, .min = -1, .max = 200, .format = FORMAT_EXACT), FIELD(user_input, created_at, .format = FORMAT_TIME),
       FIELD(user_input, is_active, .required = true))

struct contact_input {
    struct given given;
    const char *user_id, *email, *phone_number;
};
FIELDS(contact_input, FIELD(contact_input, user_id, .required = true, .format = FORMAT_ID),
       FIELD(contact_input, email, .nullable = true, .max = 254, .format = FORMAT_EXACT, .secret = true),
       FIELD(contact_input, phone_number, .nullable = true, .format = FORMAT_EXACT, .secret = true))

struct unlock_input {
    struct given given;
    const char *user_id, *worker_id, *unlocked_at;
};
FIELDS(unlock_input, FIELD(unlock_input, user_id, .required = true, .format = FORMAT_ID), FIELD(unlock_input, worker_id, .required = true, .format = FORMAT_ID),
       FIELD(unlock_input, unlocked_at, .required = true, .format = FORMAT_TIME))

// The user's profile appears or follows; then what its part tells the others holds the new name.
static bool apply_user(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    static const struct sql *const tell[] = {[USER_HOUSEGIRL] = &SQL_worker_tell_of_profile, [USER_EMPLOYER] = &SQL_employer_tell_of_profile,
                                             [USER_AGENCY] = &SQL_agency_profile_tell_of_profile};
    const struct user_input *input = event->input;
    const enum user_type type = user_type_parse(input->user_type);
    char id[UUID_SIZE];
    id_new(clock_now_ms(app->clock), id);
    return db_post(db, &SQL_user_apply,
                   DB_IN(DB_TEXT(id), DB_TEXT(input->user_id), DB_TEXT(input->user_type), DB_TEXT(input->first_name), DB_TEXT(input->last_name),
                         DB_BOOL(input->is_active), DB_TEXT(event->sequence ? event->sequence : ""), DB_TEXT(input->created_at)), err) &&
           (type == USER_NONE || db_post(db, tell[type], DB_IN(DB_TEXT(input->user_id)), err));
}

static bool erase_user(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    return db_post(db, &SQL_user_erased, DB_IN(DB_TEXT(event->key)), err) && db_post(db, &SQL_profile_delete, DB_IN(DB_TEXT(event->key)), err) &&
           db_post(db, &SQL_names_forget, DB_IN(DB_TEXT(event->key)), err) && db_post(db, &SQL_contact_forget, DB_IN(DB_TEXT(event->key)), err) &&
           db_post(db, &SQL_grants_forget, DB_IN(DB_TEXT(event->key)), err);
}

static bool grant_contact(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    const struct unlock_input *input = event->input;
    return db_post(db, &SQL_erasures_wait, DB_NOTHING, err) &&
           db_post(db, &SQL_grant_apply, DB_IN(DB_TEXT(input->user_id), DB_TEXT(input->worker_id), DB_TEXT(input->unlocked_at)), err);
}

const struct subscription profiles_subscriptions[] = {
    {&topic_users, EVENT_TYPE("user.registered"), &user_input_fields, apply_user, "Her base profile appears."},
    {&topic_users, EVENT_TYPE("user.updated"), &user_input_fields, apply_user, "Names follow."},
    {&topic_users, EVENT_TYPE("user.activated"), &user_input_fields, apply_user, "She is listed again."},
    {&topic_users, EVENT_TYPE("user.deactivated"), &user_input_fields, apply_user, "She is in no list."},
    {&topic_users, NULL, NULL, erase_user, "All of her goes."},
    {&topic_contacts, EVENT_TYPE("user.contact_changed"), &contact_input_fields, .statement = &SQL_contact_apply,
     .doc = "Contact details for those who may see them."},
    {&topic_contacts, NULL, .statement = &SQL_contact_forget, .doc = "The contact details go."},
    {&topic_unlocks, EVENT_TYPE("contact.unlocked"), &unlock_input_fields, grant_contact, "Who has paid for whose contact."},
    {0},
};
