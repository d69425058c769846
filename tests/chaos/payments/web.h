// SPDX-License-Identifier: MIT
// The web app of one family at a time: it asks again until it has an answer, with the same Idempotency-Key, waits as long as it
// is told to, and signs in again when it must. It may give an answer up that takes too long, and ask while the first is worked on.
#pragma once

#include <jansson.h>

#include "account.h"
#include "http_client.h"

struct web {
    struct http_client *client;
    struct account *account;
    struct arena *arena;     // of one request
    uint64_t seed, number;   // of this client's own chances
    json_t *body;            // of the last answer
    const char *key;         // Idempotency-Key of the next request, or NULL
};

bool web_open(struct web *ret, struct http_client *client, struct account *account, uint64_t seed, int number);
void web_close(struct web *web);

// The status of the answer that counts, its body in web->body; 0 when none came in two minutes, which is a surprise.
int web_ask(struct web *web, const struct family *family, const char *method, const char *path, const char *body);
// The same as the family; signed in again where its token has run out.
int web_ask_signed_in(struct web *web, struct family *family, const char *method, const char *path, const char *body);
bool web_sign_up(struct web *web, struct family *family);

// A text at "a/b" of the last answer, "" for none.
const char *web_text(const struct web *web, const char *path);
// Adds what was not expected, with the last answer.
void web_surprise(struct web *web, const char *what, int status);
void web_wait(int64_t milliseconds);
