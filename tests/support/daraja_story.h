// SPDX-License-Identifier: MIT
// The Daraja simulator in this process, a merchant that calls it, and a receiver that it calls back. Works on story.h.
//
//   struct daraja *daraja = *state;
//   struct answer answer = push(daraja, "254700000111", 100);
//   json_t *told = callback(daraja, 0);
#pragma once

#include "receiver.h"
#include "simulator.h"
#include "story.h"

#define DARAJA_DELAY_MS 60

struct daraja {
    struct simulator *simulator;
    struct receiver *receiver;
    struct person merchant; // with a token
};

// One simulator per test program, whose behaviour is reset before each test.
int daraja_group_setup(void **state);
int daraja_group_teardown(void **state);
int daraja_setup(void **state);

// Takes a new token for the merchant.
void sign_in(struct daraja *daraja);
// A body that is fine, for tests to spoil; freed by send_body. For a refund, receipt NULL means B2C.
json_t *push_body(struct daraja *daraja, const char *phone, int amount);
json_t *query_body(const char *checkout_request_id);
json_t *refund_body(struct daraja *daraja, const char *receipt, const char *phone, int amount);
// Posts and frees body.
struct answer send_body(struct daraja *daraja, const char *path, json_t *body);

#define PUSH_PATH "/mpesa/stkpush/v1/processrequest"
#define QUERY_PATH "/mpesa/stkpushquery/v1/query"
#define REVERSAL_PATH "/mpesa/reversal/v1/request"
#define PAYOUT_PATH "/mpesa/b2c/v3/paymentrequest"

struct answer push(struct daraja *daraja, const char *phone, int amount);
// A push that is taken: its CheckoutRequestID.
const char *pushed(struct daraja *daraja, const char *phone, int amount);
struct answer query(struct daraja *daraja, const char *checkout_request_id);
struct answer reverse(struct daraja *daraja, const char *receipt, int amount);

void control(const char *format, ...) __attribute__((format(printf, 1, 2)));
// One of what GET /control/transactions or refunds lists, by its id; waits until it is decided.
json_t *decided(const char *id);
int64_t count(const char *name);
// Waits until everything is decided and every callback delivered.
void wait_until_quiet(void);
// The callback of that place, waited for, as {"Body": …} or {"Result": …}; fails when it is no JSON.
json_t *callback(struct daraja *daraja, size_t index);
// The stkCallback inside.
json_t *told(struct daraja *daraja, size_t index);
// A metadata item of it: the item, or NULL.
json_t *item(const json_t *stk_callback, const char *name);

// A body with one member spoiled.
struct spoiled {
    const char *member, *value; // JSON; NULL: left out
    bool fine;                  // it is taken all the same
};
#define WRONG(member_, value_) {.member = (member_), .value = (value_)}
#define FINE(member_, value_) {.member = (member_), .value = (value_), .fine = true}
// Sends each, made by make: 200, or 400.002.02 with the member's name.
void each_is_judged(struct daraja *daraja, const char *path, json_t *(*make)(struct daraja *daraja), const struct spoiled *cases, size_t case_count);

void expect_error_(const struct answer *answer, const char *code, const char *message, const char *file, int line);
#define expect_error(answer, code, message) expect_error_((answer), (code), (message), __FILE__, __LINE__)
