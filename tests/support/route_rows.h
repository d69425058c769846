// SPDX-License-Identifier: MIT
// For every route: whose thing its path names, a body it takes, and what the owner, a stranger of the same role and an
// administrator are told. Who is let in at all stands in the route tables of the services, not here.
#pragma once

#include "cast.h"
#include "route_list.h"

struct route_row {
    const char *route;    // "PATCH /housegirls/{id}"
    enum thing thing;     // what stands in the braces
    const char *side;     // whose: employer (also where NULL), housegirl, agency
    const char *body;     // with @words@ (cast.h)
    int ok;               // told to those who are let in; of an owned thing, to its owner
    int other;            // to somebody else with the role; 0: as ok
    int admin;            // to an administrator; 0: as ok
    bool destroys;        // takes the thing or the caller's session with it, or ends what the next caller needs
};

// NULL: nobody has thought about this route yet.
const struct route_row *route_row(const struct api_route *route);
// All rows, ended by one without a route.
extern const struct route_row route_rows[];
