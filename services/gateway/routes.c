// SPDX-License-Identifier: MIT
// The gateway's own routes. Everything else is in the prefix table of upstreams.c.
#include "aggregate.h"
#include "gateway.h"
#include "health.h"

FIELDS_OUT(me_answer,
    FIELD_OUT("user", FIELD_JSON, .nullable = true, .doc = "The user, as GET /auth/me; null when auth did not answer."),
    FIELD_OUT("profile", FIELD_JSON, .nullable = true, .doc = "The profile, as GET /profiles/me; null when there is none yet."),
    FIELD_OUT("credits", FIELD_JSON, .nullable = true, .doc = "An employer's credits; absent for others."),
    FIELD_OUT("partial", FIELD_TEXT_LIST, .doc = "Services that did not answer in time; absent when all did."))

FIELDS_OUT(activity,
    FIELD_OUT("type", FIELD_TEXT, .doc = "account_created, profile_updated or worker_joined."),
    FIELD_OUT("id", FIELD_TEXT, .doc = "Whom it is about."),
    FIELD_OUT("at", FIELD_TEXT, .format = FORMAT_TIME, .doc = "When."))

FIELDS_OUT(dashboard_answer,
    FIELD_OUT("user", FIELD_JSON, .nullable = true, .doc = "The user, as GET /auth/me."),
    FIELD_OUT("stats", FIELD_JSON, .doc = "has_profile; by role available_workers, employers, credits, is_available, verification_status."),
    FIELD_OUT("recent_activity", FIELD_LIST, .of = &activity_fields, .doc = "At most ten, newest first."),
    FIELD_OUT("available_data", FIELD_JSON, .doc = "By role housegirls or employers, at most five of each."),
    FIELD_OUT("partial", FIELD_TEXT_LIST, .doc = "Services that did not answer in time; absent when all did."))

FIELDS_OUT(health_answer,
    FIELD_OUT("status", FIELD_TEXT, .doc = "ready or not_ready."),
    FIELD_OUT("service", FIELD_TEXT, .doc = "gateway."),
    FIELD_OUT("parts", FIELD_JSON, .doc = "Each part: ready, not_ready, too_slow, busy, unreachable, not_configured or not_asked_yet."))

FIELDS_OUT(liveness_answer, FIELD_OUT("status", FIELD_TEXT, .doc = "alive."))

const struct route gateway_routes[] = {
    {"GET", "/me", ACCESS_SIGNED_IN, "Who am I: user, profile and more in one call", .answer = &me_answer_fields,
     .handler = me_read, .private_answer = true},
    {"GET", "/dashboard", ACCESS_SIGNED_IN, "What a first page shows, by role", .answer = &dashboard_answer_fields,
     .handler = dashboard_read, .private_answer = true},
    {"GET", "/cross-entity/dashboard-data", ACCESS_SIGNED_IN, "The dashboard under its former address",
     .answer = &dashboard_answer_fields, .handler = dashboard_read, .private_answer = true, .hidden = true},
    {"GET", "/health", ACCESS_ANYONE, "State of all parts", .answer = &health_answer_fields, .handler = health_read,
     .private_answer = true},
    {"GET", "/health/liveness", ACCESS_ANYONE, "The process runs", .answer = &liveness_answer_fields,
     .handler = liveness_read, .private_answer = true},
    {"GET", "/health/readiness", ACCESS_ANYONE, "All parts are ready; says which is not", .answer = &health_answer_fields,
     .also = {503}, .handler = readiness_read, .private_answer = true},
    {"GET", "/openapi.json", ACCESS_ANYONE, "This description of all services", .handler = openapi_read},
    {"GET", "/asyncapi.json", ACCESS_ANYONE, "Description of the events", .handler = asyncapi_read},
    {"GET", "/docs", ACCESS_ANYONE, "The description as a page", .handler = docs_page, .hidden = true},
    {"GET", "/docs/{file}", ACCESS_ANYONE, "Files of that page", .handler = docs_file, .hidden = true},
    {0},
};
