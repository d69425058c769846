// SPDX-License-Identifier: MIT
// Signing in, staying in, signing out.
#pragma once

#include "auth.h"

// What the database knows of a refresh token.
struct refresh_state {
    bool active;        // the user may sign in
    bool revoked;       // the session ended
    bool expired;
    int64_t used_ms_ago; // since its first use; -1: fresh
};
enum refresh_verdict {
    REFRESH_ROTATE, // give the next one
    REFRESH_REFUSE, // it no longer counts
    REFRESH_REUSED, // somebody has a copy: end the family
};
// A token counts once, and for grace_s after that: two tabs, or an answer that got lost.
enum refresh_verdict refresh_judge(const struct refresh_state *state, int64_t grace_s);

bool session_login(struct request *rq, struct response *rs, struct error *err);
bool session_refresh(struct request *rq, struct response *rs, struct error *err);
bool session_logout(struct request *rq, struct response *rs, struct error *err);
bool session_check(struct request *rq, struct response *rs, struct error *err);
bool sessions_list(struct request *rq, struct response *rs, struct error *err);
bool session_delete(struct request *rq, struct response *rs, struct error *err);
