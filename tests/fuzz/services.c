// SPDX-License-Identifier: MIT
#include "services.h"

#include <string.h>

// The services' own headers cannot stand together in one file, their tables can.
extern const struct route auth_routes[], profiles_routes[], payments_routes[], gateway_routes[];
extern const struct subscription auth_subscriptions[], profiles_subscriptions[], payments_subscriptions[];
extern const struct broadcast_subscription auth_broadcasts[], gateway_broadcasts[];
extern const struct setting auth_settings[], payments_settings[], gateway_settings[];

const struct fuzz_service fuzz_services[] = {
    {"auth", auth_routes, auth_subscriptions, auth_broadcasts, auth_settings},
    {"profiles", profiles_routes, profiles_subscriptions, NULL, NULL},
    {"payments", payments_routes, payments_subscriptions, NULL, payments_settings},
    {"gateway", gateway_routes, NULL, gateway_broadcasts, gateway_settings},
    {0},
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
    for (const struct fuzz_service *service = fuzz_services; service->name; service++)
        for (const struct route *route = service->routes; route->method && count < COUNT_OF(found); route++) {
            if (!fits(route)) continue;
            if (is_named(route, line)) return route;
            found[count++] = route;
        }
    return found[fuzz_pick(line, count)];
}
