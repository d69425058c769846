// SPDX-License-Identifier: MIT
// One HTTP call: what server.c hands to the handlers, and what they use to answer.
#pragma once

#include "http_server.h"
#include "json.h"

struct simulator;

struct call {
    struct simulator *simulator;
    const struct http_request *request;
    struct http_response *response;
    struct arena *arena;
    const json_t *body; // of a POST
};
void simulator_handle(void *simulator, const struct http_request *request, struct http_response *response);
void answer_json(struct call *call, int status, const char *json); // NULL: 500
// Daraja's error; the first three digits of its code are the HTTP status.
void answer_error(struct call *call, const char *code, const char *format, ...) PRINTF_LIKE(3, 4);
// A member that is text or a whole number, as text; NULL when absent or anything else.
const char *call_text(const struct call *call, const char *name);

// token.c
void token_answer(struct call *call);
bool token_holds(struct call *call); // answers where it doesn't

// rules.c: tables of members; the first that is wrong is answered with 400.002.02.
bool push_is_fine(struct call *call);
bool query_is_fine(struct call *call);
bool reversal_is_fine(struct call *call);
bool payout_is_fine(struct call *call);

// requests.c
void push_answer(struct call *call);
void query_answer(struct call *call);
void reversal_answer(struct call *call);
void payout_answer(struct call *call);

// control.c
void control_set(struct call *call);
void control_reset(struct call *call);
void control_transactions(struct call *call);
void control_refunds(struct call *call);
void control_counts(struct call *call);
void control_callback(struct call *call);
void control_forge(struct call *call);
