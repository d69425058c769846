// SPDX-License-Identifier: MIT
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

void bench_start(struct bench *bench)
{
    const struct http_client_config config = {.base_url = getenv("GATEWAY_URL"), .connections = 4, .connect_timeout_ms = 2000,
                                              .answer_limit_bytes = 1 << 20};
    struct error err = {0};
    if (!config.base_url) bench_fail("GATEWAY_URL is not set: run it by 'make bench'");
    bench->arena = arena_new(1 << 22);
    bench->client = http_client_new(&config, &err);
    if (!bench->arena || !bench->client) bench_fail("no memory");
}

void bench_end(struct bench *bench)
{
    http_client_free(bench->client);
    arena_free(bench->arena);
}

int bench_call(struct bench *bench, const char *method, const char *path, const char *token, const char *body, const char **ret_body)
{
    struct http_answer answer;
    struct error err = {0};
    arena_reset(bench->arena);
    const struct http_header headers[] = {{"Content-Type", "application/json"}, {"Authorization", arena_printf(bench->arena, "Bearer %s", token ? token : "")}};
    const struct http_call call = {.method = method, .path = path, .headers = headers, .header_count = token ? 2 : 1, .body = body,
                                   .body_length = body ? strlen(body) : 0, .timeout_ms = 10000};
    if (!http_client_call(bench->client, &call, bench->arena, &answer, NULL, &err)) bench_fail("the gateway does not answer");
    if (ret_body) *ret_body = answer.body;
    return answer.status;
}

char *bench_text(const char *body, const char *path)
{
    json_t *json = json_loads(body, 0, NULL), *found = json;
    char *copy = strdup(path), *rest = copy;
    for (const char *member = strtok_r(copy, "/", &rest); member; member = strtok_r(NULL, "/", &rest)) found = json_object_get(found, member);
    if (!json_is_string(found)) bench_fail(body);
    char *text = strdup(json_string_value(found));
    free(copy);
    json_decref(json);
    return text;
}

void samples_add(struct samples *samples, double value)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? samples->capacity * 2 : 256;
        samples->items = realloc(samples->items, samples->capacity * sizeof *samples->items);
        if (!samples->items) bench_fail("no memory");
    }
    samples->items[samples->count++] = value;
}

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double samples_percentile(struct samples *samples, double share)
{
    if (!samples->count) bench_fail("nothing was measured");
    qsort(samples->items, samples->count, sizeof *samples->items, by_value);
    const size_t index = (size_t)(share * (double)samples->count);
    return samples->items[index < samples->count ? index : samples->count - 1];
}

void samples_free(struct samples *samples)
{
    free(samples->items);
    *samples = (struct samples){0};
}

void bench_fail(const char *sentence)
{
    fprintf(stderr, "bench: %s\n", sentence);
    exit(1);
}
