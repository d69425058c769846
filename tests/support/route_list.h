// SPDX-License-Identifier: MIT
// Every route of the running services, as their own binaries tell them (`routes`, `schema all`), so that a new route or
// field is met by tests that were written before it.
#pragma once

#include "story.h"

struct api_route {
    const char *service;       // "profiles"
    const char *method;
    const char *path;          // "/housegirls/{id}"
    const char *access;        // anyone, signed_in, employer, worker, agency, admin
    bool admin_too;            // an admin is taken as well
    const json_t *body;        // {name: schema} of the body's fields, NULL where there is none
    const json_t *parameters;  // [{name, in, schema}], empty where there are none
    const json_t *answers;     // {status: …} as it is described, and "default"
};

struct route_list {
    struct api_route *items;
    size_t count;
};

// All routes of auth, profiles, payments and the gateway; of a path that the gateway handles for another service, that service's.
struct route_list route_list(void);
// The path that clients use, with `value` for what stands in braces (NULL: the braces stay).
const char *route_url(const struct api_route *route, const char *value);
// "PATCH /housegirls/{id}"
const char *route_name(const struct api_route *route);
