// SPDX-License-Identifier: MIT
// Prints what the tables say: OpenAPI 3.1 of the routes, JSON Schema of each event, AsyncAPI 3.0.
// Output is stable (sorted, two-space indent, final newline), so that a diff means a change.
#pragma once

#include "service.h"

// hidden_too: aliases for existing clients as well, marked x-hidden; for tests that must miss no route.
json_t *schema_openapi(const struct service *service, bool hidden_too);
// {"<event name>.json": schema, …}: one schema per published event.
json_t *schema_events(const struct service *service);
// The routes as lines "METHOD path access", for the authorization matrix.
void schema_routes(const struct service *service, FILE *out);
