// SPDX-License-Identifier: MIT
#include "api.h"
#include "housegirl.h"
#include "part.h"
#include "profile.h"

#define MERGE(body_) .body = &body_##_fields, .partial = true
#define MAKE(body_) .body = &body_##_fields, .status = 201, .idempotent = true

const struct route profiles_routes[] = {
    {"GET", "/profiles", ACCESS_SIGNED_IN, "Own profile; all of them for admins", .query = &page_query_fields, .answer = &profiles_fields,
     .handler = profile_list, .private_answer = true},
    {"GET", "/profiles/me", ACCESS_SIGNED_IN, "Own profile with its part", .answer = &profile_fields, .handler = profile_me, .private_answer = true},
    {"GET", "/profiles/{id}", ACCESS_SIGNED_IN, "One profile: own, or any for admins", .answer = &profile_fields, .handler = profile_read, .private_answer = true},
    {"POST", "/profiles", ACCESS_SIGNED_IN, "Make the role part of the own profile", MAKE(profile_input), .answer = &profile_fields, .handler = profile_create},
    {"PATCH", "/profiles/{id}", ACCESS_SIGNED_IN, "Change the role part", MERGE(profile_input), .answer = &profile_fields, .handler = profile_update},
    {"PUT", "/profiles/{id}", ACCESS_SIGNED_IN, "Change the role part", MERGE(profile_input), .answer = &profile_fields, .handler = profile_update},
    {"DELETE", "/profiles/{id}", ACCESS_SIGNED_IN, "Remove a profile with its part", .answer = &message_fields, .handler = profile_delete},

    {"GET", "/housegirls", ACCESS_ANYONE, "Browse and filter workers", .query = &worker_query_fields, .answer = &workers_fields, .handler = housegirl_list},
    {"GET", "/housegirls/{id}", ACCESS_ANYONE, "One worker", .answer = &worker_fields, .handler = housegirl_read},
    {"POST", "/housegirls", ACCESS_WORKER, "Make the own worker profile", MAKE(worker_input), .answer = &worker_fields, .handler = part_create},
    {"PATCH", "/housegirls/{id}", ACCESS_WORKER, "Change a worker profile", MERGE(worker_input), .answer = &worker_fields, .handler = part_update, .admin_too = true},
    {"PUT", "/housegirls/{id}", ACCESS_WORKER, "Change a worker profile", MERGE(worker_input), .answer = &worker_fields, .handler = part_update, .admin_too = true},
    {"DELETE", "/housegirls/{id}", ACCESS_WORKER, "Remove a worker profile", .answer = &message_fields, .handler = part_delete, .admin_too = true},
    {"PUT", "/admin/housegirls/{id}/verify", ACCESS_ADMIN, "Say what the check of a worker found", .body = &verify_input_fields, .answer = &worker_fields,
     .handler = housegirl_verify},

    {"GET", "/employers", ACCESS_SIGNED_IN, "Browse families", .query = &page_query_fields, .answer = &employers_fields, .handler = part_list},
    {"GET", "/employers/{id}", ACCESS_SIGNED_IN, "One family", .answer = &employer_fields, .handler = part_read},
    {"POST", "/employers", ACCESS_EMPLOYER, "Make the own employer profile", MAKE(employer_input), .answer = &employer_fields, .handler = part_create},
    {"PATCH", "/employers/{id}", ACCESS_EMPLOYER, "Change an employer profile", MERGE(employer_input), .answer = &employer_fields, .handler = part_update, .admin_too = true},
    {"PUT", "/employers/{id}", ACCESS_EMPLOYER, "Change an employer profile", MERGE(employer_input), .answer = &employer_fields, .handler = part_update, .admin_too = true},
    {"DELETE", "/employers/{id}", ACCESS_EMPLOYER, "Remove an employer profile", .answer = &message_fields, .handler = part_delete, .admin_too = true},

    {"GET", "/agency-profiles", ACCESS_SIGNED_IN, "Browse agency users' companies", .query = &page_query_fields, .answer = &agency_profiles_fields, .handler = part_list},
    {"GET", "/agency-profiles/{id}", ACCESS_SIGNED_IN, "One company", .answer = &agency_profile_fields, .handler = part_read},
    {"POST", "/agency-profiles", ACCESS_AGENCY, "Make the own agency profile", MAKE(agency_profile_input), .answer = &agency_profile_fields, .handler = part_create},
    {"PATCH", "/agency-profiles/{id}", ACCESS_AGENCY, "Change an agency profile", MERGE(agency_profile_input), .answer = &agency_profile_fields, .handler = part_update, .admin_too = true},
    {"PUT", "/agency-profiles/{id}", ACCESS_AGENCY, "Change an agency profile", MERGE(agency_profile_input), .answer = &agency_profile_fields, .handler = part_update, .admin_too = true},
    {"DELETE", "/agency-profiles/{id}", ACCESS_AGENCY, "Remove an agency profile", .answer = &message_fields, .handler = part_delete, .admin_too = true},
    {0},
};
