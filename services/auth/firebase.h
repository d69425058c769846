// SPDX-License-Identifier: MIT
// Exchanging a Firebase ID token for a session of ours.
#pragma once

#include "auth.h"

// What an ID token says of a person.
struct firebase_person {
    const char *uid;
    const char *email;         // NULL where absent or malformed
    bool email_verified;
    const char *name;          // NULL where absent
    const char *phone_number;  // as Firebase has it; NULL where absent
    int64_t signed_in_s;       // auth_time
};
// Judges the claims of a token whose signature holds: issuer, audience, times (60 s of skew), subject,
// no tenant, not anonymous. problem_bad_id_token with the reason as cause.
MUST_USE bool firebase_judge(const json_t *claims, const char *project, int64_t now_s, struct arena *arena,
                             struct firebase_person *ret, struct error *err);

bool firebase_sign_in(struct request *rq, struct response *rs, struct error *err);
