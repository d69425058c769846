// SPDX-License-Identifier: MIT
// What all databases of the stack hold, table by table, so that a test can say: this has written nothing.
//
//   struct database_image before = database_image_settled();
//   …calls that must all be refused…
//   database_image_expect(&before);
#pragma once

#include "story.h"

struct database_image {
    const char *tables; // "auth.users 12:<md5>\n…"
};

// Once nothing moves any more: events applied, mails sent.
struct database_image database_image_settled(void);
// Fails and names the tables that differ.
void database_image_expect(const struct database_image *before);
