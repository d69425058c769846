// SPDX-License-Identifier: MIT
#include "services.h"

#include <string.h>

#define X(name) extern const struct service name##_service;
#include "services.def"
X(gateway)
#undef X

const struct service *const fuzz_services[] = {
#define X(name) &name##_service,
#include "services.def"
    X(gateway)
#undef X
    NULL,
};

size_t fuzz_pick(const char *text, size_t count)
{
    uint32_t sum = 2166136261U; // FNV-1a
    for (; *text; text++) sum = (sum ^ (uint8_t)*text) * 16777619U;
    return sum % count;
}

static bool is_named(const struct route *route, const char *line)
{
    const size_t method = strlen(route->method);
    return strncmp(line, route->method, method) == 0 && line[method] == ' ' && strcmp(line + method + 1, route->path) == 0;
}

const struct route *fuzz_route(const char *line, bool (*fits)(const struct route *route))
{
    const struct route *found[256];
    size_t count = 0;
    for (const struct service *const *service = fuzz_services; *service; service++)
        for (const struct route *route = (*service)->routes; route->method && count < COUNT_OF(found); route++) {
            if (!fits(route)) continue;
            if (is_named(route, line)) return route;
            found[count++] = route;
        }
    return found[fuzz_pick(line, count)];
}
