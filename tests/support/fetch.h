// SPDX-License-Identifier: MIT
// One request to a port of this machine, on a connection of its own.
//
//   struct fetched got = fetch(port, "GET", "/health/readiness");
//   assert_int_equal(got.status, 200);
#pragma once

struct fetched {
    int status; // 0: nobody answered
    char content_type[64];
    char body[16384];
};

struct fetched fetch(int port, const char *method, const char *path);
