// SPDX-License-Identifier: MIT
#include "gateway.h"
#include "unlock.h"

const struct service gateway_service = {
    .name = "gateway",
    .summary = "The one door: routes, verifies, limits, caches and puts answers together.",
    .routes = gateway_routes,
    .settings = gateway_settings,
    .settings_size = sizeof(struct gateway_settings),
    .broadcasts = gateway_broadcasts,
    .start = gateway_start,
    .stop = gateway_stop,
    .before = gateway_before,
    .fallback = unlock_or_forward,
    .after = gateway_after,
    .body_limit_bytes = UPSTREAM_BODY_MAX,
};

int main(int argc, char **argv)
{
    return service_main(&gateway_service, argc, argv);
}
