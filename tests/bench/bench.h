// SPDX-License-Identifier: MIT
// What the programs of `make bench` share: a client of the gateway, and figures from many samples.
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "arena.h"
#include "http_client.h"

struct bench {
    struct http_client *client;
    struct arena *arena; // reset by each call
};

// Ends the program with a sentence when the gateway's address is missing ($GATEWAY_URL).
void bench_start(struct bench *bench);
void bench_end(struct bench *bench);

// One call; its status, and its body in *ret_body (NULL: not wanted), which lives until the next call. Ends the program when
// no answer comes.
int bench_call(struct bench *bench, const char *method, const char *path, const char *token, const char *body, const char **ret_body);

// The text at a member of a JSON object within a body ("user/id"), copied; ends the program when it is not there.
char *bench_text(const char *body, const char *path);

struct samples {
    double *items;
    size_t count, capacity;
};

void samples_add(struct samples *samples, double value);
// The value below which that share of the samples lies (0.5: the median); frees nothing, sorts.
double samples_percentile(struct samples *samples, double share);
void samples_free(struct samples *samples);
_Noreturn void bench_fail(const char *sentence);
