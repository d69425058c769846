// SPDX-License-Identifier: MIT
// A role profile: the part of a profile that only employers, workers or agencies have. The three differ in a row of a table.
#pragma once

#include "profiles.h"

struct part {
    const char *path;              // "/housegirls"
    const char *name;              // "housegirl": member of PROFILE, and user type
    const char *member;            // of a list's answer: "housegirls"
    enum user_type type;
    const struct fields *fields;
    const struct sql *insert, *update, *remove, *read, *list, *count;
    // Adds what follows from the input to the patch (masked bio, county); may refuse. NULL where nothing does.
    bool (*derive)(struct request *rq, const void *input, json_t *patch, struct error *err);
    // Keeps what does not belong into the row (tribe). NULL where nothing does.
    bool (*keep)(struct request *rq, const char *id, const void *input, struct error *err);
};
const struct part *part_of_type(enum user_type type);

// Locks the base profile of a part, by its id, before something changes the part: see part_owner in sql/queries.sql. Whose it is.
MUST_USE bool part_lock(struct request *rq, const char *name, const char *id, const char **ret_user_id, struct error *err);
// Both answer the part as JSON for the person herself. input: struct of the part's fields.
MUST_USE bool part_insert(struct request *rq, const struct part *part, const char *profile_id, const void *input, const char **ret_json, struct error *err);
MUST_USE bool part_change(struct request *rq, const struct part *part, const char *id, const void *input, const char **ret_json, struct error *err);

// The base profile of the caller, made from her token where the event of her registration is not there yet.
MUST_USE bool profile_ensure(struct request *rq, const char **ret_profile_id, struct error *err);

bool part_list(struct request *rq, struct response *rs, struct error *err);
bool part_read(struct request *rq, struct response *rs, struct error *err);
bool part_create(struct request *rq, struct response *rs, struct error *err);
bool part_update(struct request *rq, struct response *rs, struct error *err);
bool part_delete(struct request *rq, struct response *rs, struct error *err);

// A page of a list by creation; statements and member come from the caller.
MUST_USE bool list_by_creation(struct request *rq, struct response *rs, const char *member, const struct sql *list, const struct sql *count, struct error *err);
