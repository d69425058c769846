// SPDX-License-Identifier: MIT
// All services, so that a route, event or setting that is added is fuzzed as well.
#pragma once

#include "service.h"
#include "service_names.h"

#define FUZZ_SERVICES (SERVICE_COUNT + 1) // and the gateway
extern const struct service *const fuzz_services[]; // NULL-terminated

// The route that a line such as "POST /auth/login" names, among those that fit; any other line leads to one of them as well,
// always the same.
const struct route *fuzz_route(const char *line, bool (*fits)(const struct route *route));

// Which of `count` things a text that names none of them stands for.
size_t fuzz_pick(const char *text, size_t count);
