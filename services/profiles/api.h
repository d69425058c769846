// SPDX-License-Identifier: MIT
// Every body, query and answer of profiles: its struct and its field table. Answers are built by PostgreSQL: see worker_json
// and its like in sql/0001_profiles.sql.
#pragma once

#include "answer.h"
#include "county.h"
#include "profiles.h"

extern const char *const education_choices[], *const experience_choices[], *const accommodation_choices[], *const verification_choices[];
extern const char *const worker_sort_choices[];

// --- Bodies and queries ----------------------------------------------------------------------------

struct employer_input {
    struct given given;
    const char *company_name, *location, *description;
};
FIELDS(employer_input, FIELD(employer_input, company_name, .nullable = true, .max = 200, .format = FORMAT_NAME, .doc = "Name of the household or company."),
       FIELD(employer_input, location, .nullable = true, .max = 200, .format = FORMAT_NAME, .doc = "Where the family lives."),
       FIELD(employer_input, description, .nullable = true, .max = 2000, .format = FORMAT_NAME, .doc = "About the household; no phone numbers or e-mails."))

struct agency_profile_input {
    struct given given;
    const char *agency_name, *location, *description, *license_number;
};
FIELDS(agency_profile_input,
       FIELD(agency_profile_input, agency_name, .nullable = true, .max = 200, .format = FORMAT_NAME, .doc = "Name of the company."),
       FIELD(agency_profile_input, location, .nullable = true, .max = 200, .format = FORMAT_NAME, .doc = "Where it sits."),
       FIELD(agency_profile_input, description, .nullable = true, .max = 2000, .format = FORMAT_NAME, .doc = "About the company; no phone numbers or e-mails."),
       FIELD(agency_profile_input, license_number, .nullable = true, .max = 100, .doc = "Number of the registration certificate."))

struct worker_input {
    struct given given;
    int64_t age, expected_salary;
    const char *bio, *current_location, *location, *county, *education, *experience, *accommodation_type, *role, *tribe;
    struct text_list skills, languages;
    bool is_available, tribe_consent;
};
FIELDS(worker_input, FIELD(worker_input, age, .nullable = true, .min = 18, .max = 75, .doc = "Years; domestic work is for adults."),
       FIELD(worker_input, bio, .nullable = true, .max = 2000, .format = FORMAT_PROSE, .doc = "About herself. Contact details in it are masked for strangers."),
       FIELD(worker_input, current_location, .nullable = true, .max = 200, .format = FORMAT_NAME, .doc = "Where she is."),
       FIELD(worker_input, location, .nullable = true, .max = 200, .format = FORMAT_NAME, .doc = "Where she wants to work."),
       FIELD(worker_input, county, .nullable = true, .choices = county_names, .doc = "County; found from the locations where not given."),
       FIELD(worker_input, education, .nullable = true, .choices = education_choices, .doc = "Highest education."),
       FIELD(worker_input, experience, .nullable = true, .choices = experience_choices, .doc = "Years in domestic work."),
       FIELD(worker_input, expected_salary, .nullable = true, .min = 1, .max = 100000000, .format = FORMAT_MONEY, .doc = "KES a month."),
       FIELD(worker_input, accommodation_type, .nullable = true, .choices = accommodation_choices, .doc = "Lives with the family or not."),
       FIELD(worker_input, skills, .max = 50, .format = FORMAT_NAME, .doc = "What she does."),
       FIELD(worker_input, languages, .max = 20, .format = FORMAT_NAME, .doc = "What she speaks."),
       FIELD(worker_input, role, .nullable = true, .max = 100, .format = FORMAT_NAME, .doc = "Kind of work she looks for."),
       FIELD(worker_input, is_available, .doc = "Looks for work now."),
       FIELD(worker_input, tribe, .nullable = true, .max = 60, .secret = true, .doc = "Sensitive, optional, never shown to others; needs tribe_consent. Null removes it."),
       FIELD(worker_input, tribe_consent, .doc = "She consents to her tribe being kept (Data Protection Act 2019)."))

struct verify_input {
    struct given given;
    const char *status, *reason;
};
FIELDS(verify_input, FIELD(verify_input, status, .required = true, .choices = verification_choices, .doc = "What the check found."),
       FIELD(verify_input, reason, .nullable = true, .max = 500, .format = FORMAT_PROSE, .doc = "Why; shown to her."))

struct worker_query {
    struct given given;
    const char *q, *location, *county, *education, *experience, *accommodation_type, *role, *profile_id, *sort;
    struct text_list skills, languages;
    int64_t min_salary, max_salary, min_age, max_age;
    bool is_available, verified;
    PAGE_MEMBERS
};
FIELDS(worker_query, FIELD(worker_query, q, .max = 200, .doc = "Words in bio, skills, locations and role; all must be there."),
       FIELD(worker_query, location, .max = 200, .doc = "Words of her locations; all must be there."),
       FIELD(worker_query, county, .choices = county_names, .doc = "County."),
       FIELD(worker_query, education, .choices = education_choices, .doc = "Education."),
       FIELD(worker_query, experience, .choices = experience_choices, .doc = "Experience."),
       FIELD(worker_query, accommodation_type, .choices = accommodation_choices, .doc = "live_in and live_out also find those who take both."),
       FIELD(worker_query, skills, .max = 10, .doc = "Comma-separated; all must be there."),
       FIELD(worker_query, languages, .max = 10, .doc = "Comma-separated; all must be there."),
       FIELD(worker_query, role, .max = 100, .doc = "Kind of work."),
       FIELD(worker_query, min_salary, .min = 0, .max = 100000000000, .format = FORMAT_MONEY, .doc = "KES a month, from."),
       FIELD(worker_query, max_salary, .min = 0, .max = 100000000000, .format = FORMAT_MONEY, .doc = "KES a month, to."),
       FIELD(worker_query, min_age, .min = 0, .max = 200, .doc = "Years, from."),
       FIELD(worker_query, max_age, .min = 0, .max = 200, .doc = "Years, to."),
       FIELD(worker_query, is_available, .doc = "Looks for work now."),
       FIELD(worker_query, verified, .doc = "An admin has verified her."),
       FIELD(worker_query, profile_id, .max = 64, .format = FORMAT_ID, .doc = "The worker of this base profile."),
       FIELD(worker_query, sort, .choices = worker_sort_choices, .doc = "newest when absent."),
       PAGE_FIELDS(worker_query))

struct profile_input {
    struct given given;
    json_t *employer, *housegirl, *agency;
};
FIELDS(profile_input, FIELD(profile_input, employer, .doc = "The family's part, as in POST /employers/."),
       FIELD(profile_input, housegirl, .doc = "The worker's part, as in POST /housegirls/."),
       FIELD(profile_input, agency, .doc = "The agency user's part, as in POST /agency-profiles/."))

// --- Answers ---------------------------------------------------------------------------------------

FIELDS_OUT(contact, FIELD_OUT("unlocked", FIELD_BOOLEAN, .doc = "False: the other two are absent."),
           MAYBE("phone_number", "E.164."), MAYBE("email", "E-mail address."))
FIELDS_OUT(photo, TEXT("id", "Photo."), TEXT("profile_id", "Whose."), TEXT("photo_url", "Address."), FIELD_OUT("variants", FIELD_JSON),
           FIELD_OUT("is_primary", FIELD_BOOLEAN), FIELD_OUT("upload_date", FIELD_TEXT, .format = FORMAT_TIME))
FIELDS_OUT(worker, TEXT("id", "Worker."), TEXT("profile_id", "Base profile."), FIELD_OUT("age", FIELD_INTEGER, .nullable = true),
           TEXT("bio", "Contact details are masked unless unlocked."), TEXT("current_location", "Where she is."),
           TEXT("location", "Where she wants to work."), FIELD_OUT("county", FIELD_TEXT, .nullable = true, .choices = county_names),
           FIELD_OUT("education", FIELD_TEXT, .nullable = true, .choices = education_choices),
           FIELD_OUT("experience", FIELD_TEXT, .nullable = true, .choices = experience_choices),
           FIELD_OUT("expected_salary", FIELD_NUMBER, .nullable = true, .doc = "KES a month."),
           FIELD_OUT("accommodation_type", FIELD_TEXT, .nullable = true, .choices = accommodation_choices),
           FIELD_OUT("skills", FIELD_TEXT_LIST), FIELD_OUT("languages", FIELD_TEXT_LIST), TEXT("role", "Kind of work."),
           FIELD_OUT("is_available", FIELD_BOOLEAN), TEXT("verification_status", "unverified, pending, verified or rejected."),
           TEXT("profile_photo_url", "Address of her picture."), FIELD_OUT("photos", FIELD_LIST, .of = &photo_fields),
           TEXT("first_name", "Given name."), TEXT("last_name", "An initial for anonymous callers."), FIELD_OUT("agencies", FIELD_JSON),
           FIELD_OUT("contact", FIELD_OBJECT, .of = &contact_fields), TIMES)
FIELDS_OUT(employer, TEXT("id", "Employer."), TEXT("profile_id", "Base profile."), TEXT("company_name", "Household or company."),
           TEXT("location", "Where."), TEXT("description", "About it."), TEXT("first_name", "Given name."), TEXT("last_name", "Family name."), TIMES)
FIELDS_OUT(agency_profile, TEXT("id", "Agency profile."), TEXT("profile_id", "Base profile."), TEXT("agency_name", "Company."),
           TEXT("location", "Where."), TEXT("description", "About it."), TEXT("license_number", "Certificate."), TIMES)
FIELDS_OUT(profile, TEXT("id", "Base profile."), TEXT("user_id", "User."), TEXT("user_type", "employer, housegirl or agency."),
           TEXT("first_name", "Given name; changed at PATCH /auth/me."), TEXT("last_name", "Family name; changed at PATCH /auth/me."),
           MAYBE("email", "E-mail address."), MAYBE("phone_number", "E.164."), FIELD_OUT("is_active", FIELD_BOOLEAN),
           FIELD_OUT("employer", FIELD_JSON, .nullable = true), FIELD_OUT("housegirl", FIELD_JSON, .nullable = true),
           FIELD_OUT("agency", FIELD_JSON, .nullable = true), TIMES)
PAGE_ANSWER(workers, "housegirls", worker, "As sorted.")
PAGE_ANSWER(employers, "employers", employer, "Newest first.")
PAGE_ANSWER(agency_profiles, "agency_profiles", agency_profile, "Newest first.")
PAGE_ANSWER(profiles, "profiles", profile, "Newest first.")
