// SPDX-License-Identifier: MIT
// Access tokens: a new one makes Daraja forget the last. They are the one thing that the seed does not choose, as another run
// must not take an old one.
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "crypto.h"
#include "simulator_private.h"

#define LIFE_MS 3600000

// True when the query has the pair.
static bool query_has(const char *query, const char *pair)
{
    const size_t length = strlen(pair);
    while (query && *query) {
        const size_t part = strcspn(query, "&");
        if (part == length && strncmp(query, pair, length) == 0) return true;
        query += query[part] == '&' ? part + 1 : part;
    }
    return false;
}

void token_answer(struct call *call)
{
    struct simulator *simulator = call->simulator;
    const char *pair = arena_printf(call->arena, "%s:%s", simulator->settings.consumer_key, simulator->settings.consumer_secret);
    const char *basic = pair ? crypto_base64(call->arena, pair, strlen(pair)) : NULL;
    const char *given = http_request_header(call->request, "Authorization");
    if (!query_has(call->request->query, "grant_type=client_credentials")) return answer_error(call, "400.008.02", "Invalid grant type passed");
    if (!given || !text_starts_with(given, "Basic ") || !crypto_equal(basic, given + strlen("Basic ")))
        return answer_error(call, "400.008.01", "Invalid Authentication passed");
    const char *token = crypto_token(call->arena);
    if (!token) return answer_json(call, 200, NULL);
    simulator_lock(simulator);
    snprintf(simulator->token, sizeof simulator->token, "%s", token);
    simulator->token_until_ms = clock_monotonic_ms() + LIFE_MS;
    simulator->counts.tokens++;
    simulator_unlock(simulator);
    answer_json(call, 200, arena_printf(call->arena, "{\"access_token\":\"%s\",\"expires_in\":\"%d\"}", token, LIFE_MS / 1000 - 1)); // text, in the wild
}

bool token_holds(struct call *call)
{
    struct simulator *simulator = call->simulator;
    const char *given = http_request_header(call->request, "Authorization");
    simulator_lock(simulator);
    const bool holds = given && text_starts_with(given, "Bearer ") && simulator->token[0] && clock_monotonic_ms() < simulator->token_until_ms &&
                       crypto_equal(simulator->token, given + strlen("Bearer "));
    simulator_unlock(simulator);
    if (!holds) answer_error(call, "404.001.03", "Invalid Access Token");
    return holds;
}
