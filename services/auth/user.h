// SPDX-License-Identifier: MIT
// Users: registering, and what a person may change of herself.
#pragma once

#include "auth.h"
#include "id.h"

struct new_user {
    char id[UUID_SIZE];
    const char *email;         // may be NULL
    const char *phone_number;  // may be NULL
    const char *first_name;
    const char *last_name;
    const char *user_type;
    const char *password_hash; // may be NULL
    const char *firebase_uid;  // may be NULL
    bool email_verified;
};
// Inserts the user with her events, and the mail that asks to confirm the address.
MUST_USE bool user_insert(struct db *db, const struct new_user *user, struct error *err);

bool user_register(struct request *rq, struct response *rs, struct error *err);
bool user_me(struct request *rq, struct response *rs, struct error *err);
bool user_update(struct request *rq, struct response *rs, struct error *err);
