// SPDX-License-Identifier: MIT
// The tables of all services, so that a route, event or setting that is added is fuzzed as well.
#pragma once

#include "service.h"

struct fuzz_service {
    const char *name;
    const struct route *routes;
    const struct subscription *subscriptions;
    const struct broadcast_subscription *broadcasts;
    const struct setting *settings;
    size_t settings_size;
};
extern const struct fuzz_service fuzz_services[]; // ends with {0}

// The route that a line such as "POST /auth/login" names, among those that fit; any other line leads to one of them as well,
// always the same.
const struct route *fuzz_route(const char *line, bool (*fits)(const struct route *route));

// Which of `count` things a text that names none of them stands for.
size_t fuzz_pick(const char *text, size_t count);
