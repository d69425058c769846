// SPDX-License-Identifier: MIT
// Puts the OpenAPI documents of the services together to one. Paths and components are merged; a
// component that two services define differently is kept under "<service>_<name>", and the
// references to it follow.
#pragma once

#include "json.h"

json_t *bundle_new(void);
// Adds a document; its contents are borrowed and may be changed.
void bundle_add(json_t *bundle, const char *service, json_t *document);
