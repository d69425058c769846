// SPDX-License-Identifier: MIT
// Several services asked at once on behalf of one request.
#pragma once

#include "gateway.h"

#define FANOUT_MAX 8

struct fanout_call {
    enum upstream_service service;
    const char *path;
    // Answers:
    bool answered;               // else err says why
    struct http_answer answer;
    struct error err;
};

// Returns when all have answered or timeout_ms has passed; the answers live as long as the request.
void fanout(struct request *rq, struct fanout_call *calls, int count, int timeout_ms);
