// SPDX-License-Identifier: MIT
// Safaricom's Daraja, by libcurl: STK push and query, reversal, B2C. Every call ends in one of four ways; what may have reached
// M-Pesa is never sent again by itself. Field rules and codes: reference/mpesa-firebase-kenya.md. Thread-safe.
#pragma once

#include "payments.h"

enum daraja_outcome {
    DARAJA_DONE,     // taken, or answered
    DARAJA_REFUSED,  // refused for good: code and detail say why
    DARAJA_NOT_SENT, // surely not taken: may be tried again after wait_s
    DARAJA_LOST,     // it may have been taken
};

struct daraja_answer {
    enum daraja_outcome outcome;
    const char *code, *detail;       // M-Pesa's, for administrators; in the arena
    const char *reason;              // for the buyer, where refused
    int64_t wait_s;
    const char *merchant_request_id, *checkout_request_id; // push
    const char *conversation_id;                           // reversal, b2c
};

struct daraja_push {
    const char *push_id;
    const char *phone_number; // E.164
    int64_t amount;           // cents, whole shillings
    const char *reference;    // at most 12 characters reach the phone
};

struct daraja_refund {
    const char *refund_id;
    int64_t amount;
    const char *receipt;      // reversal
    const char *phone_number; // b2c
    const char *originator_conversation_id;
};

// What a query says of a push.
enum daraja_state { DARAJA_PENDING, DARAJA_ANSWERED, DARAJA_NOT_KNOWN, DARAJA_TROUBLE };

struct daraja_query {
    enum daraja_state state;
    const char *code, *detail; // DARAJA_ANSWERED: the result code as text
};

// How long what is sent is its sender's: longer than a call takes, even with a token that must be fetched, and once more.
int64_t daraja_lease_s(const struct app *app);

MUST_USE struct daraja *daraja_new(const struct payments_settings *settings, struct error *err);
void daraja_free(struct daraja *daraja);

void daraja_push(struct app *app, const struct daraja_push *push, struct arena *arena, struct daraja_answer *ret);
void daraja_query(struct app *app, const char *checkout_request_id, struct arena *arena, struct daraja_query *ret);
void daraja_reverse(struct app *app, const struct daraja_refund *refund, struct arena *arena, struct daraja_answer *ret);
void daraja_pay(struct app *app, const struct daraja_refund *refund, struct arena *arena, struct daraja_answer *ret); // B2C

// The address that M-Pesa calls back for one push or refund: it holds the id and a signature, so nobody can make one up and
// an answer that was lost is still matched with its push. kind: "stk" or "result".
const char *daraja_callback_url(const struct payments_settings *settings, const char *kind, const char *id, struct arena *arena);
// The id in the last segment of such an address; false when its signature does not hold.
bool daraja_callback_id(const struct payments_settings *settings, const char *kind, const char *segment, struct arena *arena, const char **ret);

// Bodies, pure: what is sent. EAT is UTC+3 without summer time.
void daraja_timestamp(int64_t now_ms, char out[15]); // YYYYMMDDHHmmss, EAT
const char *daraja_password(const struct payments_settings *settings, const char *timestamp, struct arena *arena);
const char *daraja_push_body(const struct payments_settings *settings, const struct daraja_push *push, int64_t now_ms, struct arena *arena);

// --- Between daraja.c and daraja_token.c -------------------------------------------------------------
struct http_client;
struct daraja_token;
struct daraja {
    struct http_client *client;
    struct daraja_token *token;
};
struct daraja_token *daraja_token_new(void);
void daraja_token_free(struct daraja_token *token);
// The access token of all replicas, fetched by one of them when it is due.
MUST_USE bool daraja_token_get(struct app *app, struct arena *arena, const char **ret, struct error *err);
// M-Pesa no longer takes this one.
void daraja_token_drop(struct app *app, struct arena *arena, const char *token);
