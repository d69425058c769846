// SPDX-License-Identifier: MIT
// What every answer to a hostile request must be, and how an attack reaches each route.
#pragma once

#include "database_image.h"
#include "route_rows.h"

// One route with somebody it admits and a thing that is hers, so that nothing but the attack can be refused.
struct target {
    const struct api_route *route;
    const struct route_row *row;  // of an empty row where nobody has written one
    const struct person *who;     // NULL: a visitor
    const char *url;
    const char *body;             // the row's, filled once; "{}" where it has none
};
struct target target_of(const struct cast *cast, const struct api_route *route);

// Fails unless the answer is no fault of ours and, where it refuses, the contract's problem+json that tells nothing of our insides.
void expect_civil(const struct answer *answer, const char *attack);
// Whether the refusal names this member ("/email", "?page").
bool names_member(const struct answer *answer, const char *pointer);

// The files, in RUN_DIR/log, where the services write, as the shell takes them: "auth.log* profiles.log* …".
const char *service_logs(void);
// The last test of a program whose setup notes how often all services have been started so far: as often means that none has died.
void note_service_starts(void);
void nobody_has_died_of_it(void **state);
