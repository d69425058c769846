// SPDX-License-Identifier: MIT
#include "fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http_client.h"

struct fetched fetch(int port, const char *method, const char *path)
{
    char url[64];
    struct fetched got = {0};
    struct error err = {0};
    struct http_answer answer = {0};
    struct arena *arena = arena_new(1 << 20);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    struct http_client *client = http_client_new(
        &(struct http_client_config){.base_url = url, .connections = 1, .connect_timeout_ms = 2000, .answer_limit_bytes = sizeof got.body - 1}, &err);
    assert_non_null(client);
    const struct http_call call = {.method = method, .path = path, .timeout_ms = 10000};
    if (http_client_call(client, &call, arena, &answer, NULL, &err)) {
        const char *type = http_answer_header(&answer, "Content-Type");
        got.status = answer.status;
        snprintf(got.content_type, sizeof got.content_type, "%s", type ? type : "");
        snprintf(got.body, sizeof got.body, "%.*s", (int)answer.body_length, answer.body ? answer.body : "");
    }
    http_client_free(client);
    arena_free(arena);
    return got;
}
