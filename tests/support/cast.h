// SPDX-License-Identifier: MIT
// The people of an attack, two of each side so that one can reach for what is the other's, and the things they own.
//
//   struct cast cast;
//   cast_make(&cast);
//   const char *id = cast_thing(&cast, &cast.worker, THING_PART);
//   struct answer answer = call(&cast.other_worker, "PATCH", …id…, "{\"age\":30}");   // not hers: 403
#pragma once

#include "story.h"

struct cast {
    struct person employer, worker, agency;
    struct person other_employer, other_worker, other_agency;
    struct person admin;
    struct person deactivated; // an employer with a token of before
    char package_id[72];       // on sale
    char worker_part_id[72];   // a worker whose contact payments can sell
};

enum thing {
    THING_NONE,
    THING_USER,
    THING_SESSION,
    THING_PROFILE,  // base profile
    THING_PART,     // employer, worker or agency profile
    THING_PURCHASE, // made when asked for, and never paid
    THING_PACKAGE,
    THING_ERASURE,  // of somebody else who has just left
    THING_FORGERY,  // an address that M-Pesa was never told
    THING_FILE,     // of the documentation page
};

void cast_make(struct cast *ret);
// A new person of the type, with a part of her own.
struct person cast_person(const char *user_type);
struct person cast_admin(void);
// The id of one of her things. Fails the test where there can be none.
const char *cast_thing(const struct cast *cast, const struct person *owner, enum thing thing);
// The text with its @words@ replaced: @email@ a fresh address, @phone@ a random number that pays nothing, @me@ and @password@ of `who` (NULL: of
// nobody), @refresh@ a refresh token of somebody new, @package@, @worker@, @user@ an employer.
const char *cast_fill(const struct cast *cast, const struct person *who, const char *text);
