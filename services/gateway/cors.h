// SPDX-License-Identifier: MIT
// Cross-origin access for the exact origins of DC_CORS_ORIGINS, with credentials. Never "*".
#pragma once

#include "route.h"

struct cors;
// list: "https://app.example.com,http://localhost:5173". NULL with a cause where one is no origin.
MUST_USE struct cors *cors_new(const char *list, struct error *err);
void cors_free(struct cors *cors);

bool cors_allows(const struct cors *cors, const char *origin);
// True when the request is a preflight; rs then holds its answer (204).
bool cors_preflight(const struct cors *cors, const struct http_request *http, struct response *rs);
// Adds what lets a listed origin read the answer.
void cors_answer(const struct cors *cors, const struct http_request *http, struct response *rs);
