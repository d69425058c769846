// SPDX-License-Identifier: MIT
// Sends what waits in mail_outbox. A mail is leased, not locked, while it is sent; a crash in between
// sends it again with a new code. Codes exist in clear only in the mail itself.
#pragma once

#include "auth.h"

bool mail_job(struct app *app, struct db *db, struct error *err);

// The text of a mail. code may be NULL for a kind without one; false for an unknown kind.
struct mail_text {
    const char *subject;
    const char *text;
};
MUST_USE bool mail_text_of(struct arena *arena, const char *kind, const char *first_name, const char *public_url, const char *code,
                           struct mail_text *ret);
