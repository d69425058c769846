// SPDX-License-Identifier: MIT
#include "route_rows.h"

#include <string.h>

#define NEW_USER "{\"email\":\"@email@\",\"password\":\"msafiri-wa-mbali\",\"user_type\":\"employer\",\"first_name\":\"Amani\",\"last_name\":\"Row\"," \
                 "\"phone_number\":\"@phone@\"}"
#define NAME "{\"first_name\":\"Amani\"}"
#define A_CODE "\"token\":\"never-was-in-any-mail\""
#define ID_TOKEN "{\"id_token\":\"e30.e30.e30\"}"
#define PURCHASE "{\"package_id\":\"@package@\",\"phone_number\":\"@phone@\"}"
#define STK "{\"Body\":{\"stkCallback\":{\"CheckoutRequestID\":\"ws_CO_1\",\"ResultCode\":0}}}"

// clang-format off
const struct route_row route_rows[] = {
    // auth
    {"POST /auth/register", .body = NEW_USER, .ok = 201},
    {"POST /auth/signup", .body = NEW_USER, .ok = 201},
    {"POST /auth/login", .body = "{\"email\":\"@email@\",\"password\":\"hakuna-mtu\"}", .ok = 401},
    {"POST /auth/refresh", .body = "{\"refresh_token\":\"@refresh@\"}", .ok = 200},
    {"POST /auth/logout", .body = "{}", .ok = 200, .destroys = true},
    {"DELETE /auth/logout", .body = "{}", .ok = 200, .destroys = true},
    {"GET /auth/check_session", .ok = 200},
    {"GET /auth/sessions", .ok = 200},
    {"DELETE /auth/sessions/{id}", THING_SESSION, .ok = 200, .other = 404, .admin = 404, .destroys = true},
    {"GET /auth/me", .ok = 200},
    {"PATCH /auth/me", .body = NAME, .ok = 200},
    {"PUT /auth/me", .body = NAME, .ok = 200},
    {"PUT /auth/update-profile", .body = NAME, .ok = 200},
    {"DELETE /auth/me", .body = "{\"password\":\"@password@\"}", .ok = 202, .destroys = true},
    {"GET /me/erasure/{id}", THING_ERASURE, .ok = 200},
    {"POST /auth/password", .body = "{\"current_password\":\"@password@\",\"new_password\":\"kesho-ni-siku-nyingine\"}", .ok = 200, .destroys = true},
    {"POST /auth/password-reset", .body = "{\"email\":\"@email@\"}", .ok = 202},
    {"POST /auth/password-reset/confirm", .body = "{" A_CODE ",\"new_password\":\"kesho-ni-siku-nyingine\"}", .ok = 422},
    {"POST /auth/verify-email", .body = "{" A_CODE "}", .ok = 422},
    {"POST /auth/verify-email/resend", .ok = 202},
    {"POST /auth/email", .body = "{\"email\":\"@email@\",\"password\":\"@password@\"}", .ok = 202},
    {"POST /auth/firebase", .body = ID_TOKEN, .ok = 401},
    {"POST /auth/firebase_user", .body = ID_TOKEN, .ok = 401},
    {"POST /auth/firebase_signup", .body = ID_TOKEN, .ok = 401},
    {"GET /.well-known/jwks.json", .ok = 200},
    {"GET /admin/users", .ok = 200},
    {"GET /admin/users/{id}", THING_USER, .ok = 200},
    {"PUT /admin/users/{id}/status", THING_USER, .body = "{\"is_active\":true}", .ok = 200},
    {"PUT /admin/users/{id}/toggle-status", THING_USER, .ok = 200, .destroys = true},
    {"DELETE /admin/users/{id}", THING_USER, .ok = 202, .destroys = true},
    {"GET /admin/audit", .ok = 200},

    // profiles
    {"GET /profiles", .ok = 200},
    {"GET /profiles/me", .ok = 200},
    {"GET /profiles/{id}", THING_PROFILE, .ok = 200, .other = 404},
    {"POST /profiles", .body = "{}", .ok = 409},
    {"PATCH /profiles/{id}", THING_PROFILE, .body = "{\"employer\":{\"location\":\"Karen\"}}", .ok = 200, .other = 404},
    {"PUT /profiles/{id}", THING_PROFILE, .body = "{\"employer\":{\"location\":\"Karen\"}}", .ok = 200, .other = 404},
    {"DELETE /profiles/{id}", THING_PROFILE, .ok = 200, .other = 404, .destroys = true},
    {"GET /housegirls", .ok = 200},
    {"GET /housegirls/{id}", THING_PART, "housegirl", .ok = 200},
    {"POST /housegirls", .side = "housegirl", .body = "{\"age\":30}", .ok = 409},
    {"PATCH /housegirls/{id}", THING_PART, "housegirl", "{\"age\":31}", .ok = 200, .other = 403},
    {"PUT /housegirls/{id}", THING_PART, "housegirl", "{\"age\":31}", .ok = 200, .other = 403},
    {"DELETE /housegirls/{id}", THING_PART, "housegirl", .ok = 200, .other = 403, .destroys = true},
    {"PUT /admin/housegirls/{id}/verify", THING_PART, "housegirl", "{\"status\":\"pending\"}", .ok = 200},
    {"GET /employers", .ok = 200},
    {"GET /employers/{id}", THING_PART, .ok = 200},
    {"POST /employers", .body = "{\"location\":\"Karen\"}", .ok = 409, .admin = 201, .destroys = true},
    {"PATCH /employers/{id}", THING_PART, .body = "{\"location\":\"Karen\"}", .ok = 200, .other = 403},
    {"PUT /employers/{id}", THING_PART, .body = "{\"location\":\"Karen\"}", .ok = 200, .other = 403},
    {"DELETE /employers/{id}", THING_PART, .ok = 200, .other = 403, .destroys = true},
    {"GET /agency-profiles", .ok = 200},
    {"GET /agency-profiles/{id}", THING_PART, "agency", .ok = 200},
    {"POST /agency-profiles", .side = "agency", .body = "{\"location\":\"Karen\"}", .ok = 409},
    {"PATCH /agency-profiles/{id}", THING_PART, "agency", "{\"location\":\"Karen\"}", .ok = 200, .other = 403},
    {"PUT /agency-profiles/{id}", THING_PART, "agency", "{\"location\":\"Karen\"}", .ok = 200, .other = 403},
    {"DELETE /agency-profiles/{id}", THING_PART, "agency", .ok = 200, .other = 403, .destroys = true},

    // payments
    {"GET /payments/packages", .ok = 200},
    {"GET /payments/packages/{id}", THING_PACKAGE, .ok = 200},
    {"POST /payments/packages", .body = "{\"name\":\"Row\",\"price\":900,\"contacts_included\":3,\"is_active\":false}", .ok = 201},
    {"PATCH /payments/packages/{id}", THING_PACKAGE, .body = "{\"description\":\"Three contacts.\"}", .ok = 200},
    {"POST /payments/purchases", .body = PURCHASE, .ok = 202},
    {"POST /payments/purchase", .body = PURCHASE, .ok = 202},
    {"GET /payments/purchases", .ok = 200},
    {"GET /payments/my-purchases", .ok = 200},
    {"GET /payments/purchases/{id}", THING_PURCHASE, .ok = 200, .other = 404},
    {"GET /payments/purchase-status/{id}", THING_PURCHASE, .ok = 200, .other = 404},
    {"POST /payments/contact-access", .body = "{\"target_profile_id\":\"@worker@\"}", .ok = 402},
    {"GET /payments/contact-access", .ok = 200},
    {"GET /payments/contact-credits", .ok = 200},
    {"GET /payments/agency-payments", .ok = 200},
    {"GET /admin/payments", .ok = 200},
    {"POST /admin/payments/{id}/refund", THING_PURCHASE, .body = "{\"reason\":\"Asked for.\"}", .ok = 409},
    {"GET /admin/reconciliation", .ok = 200},
    {"POST /payments/stk/{secret}", THING_FORGERY, .body = STK, .ok = 404},
    {"POST /payments/timeout/{secret}", THING_FORGERY, .body = STK, .ok = 404},
    {"POST /payments/result/{secret}", THING_FORGERY, .body = STK, .ok = 404},

    // gateway
    {"GET /me", .ok = 200},
    {"GET /dashboard", .ok = 200},
    {"GET /cross-entity/dashboard-data", .ok = 200},
    {"GET /health", .ok = 200},
    {"GET /health/liveness", .ok = 200},
    {"GET /health/readiness", .ok = 200},
    {"GET /openapi.json", .ok = 200},
    {"GET /asyncapi.json", .ok = 200},
    {"GET /docs", .ok = 200},
    {"GET /docs/{file}", THING_FILE, .ok = 200},
    {0},
};
// clang-format on

const struct route_row *route_row(const struct api_route *route)
{
    const char *name = route_name(route);
    for (const struct route_row *row = route_rows; row->route; row++)
        if (strcmp(row->route, name) == 0) return row;
    return NULL;
}
