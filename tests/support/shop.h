// SPDX-License-Identifier: MIT
// What stories about money share: packages, purchases, M-Pesa's simulator. Works on story.h.
//
//   struct person ann = person_register("employer");
//   const char *purchase = buy(&ann, phone_ending("001"));
//   expect_becomes(&ann, purchase, "failed");
#pragma once

#include "story.h"

// A package of that many credits for 500 KES; made once for each number.
const char *package_of(int credits);

// A phone nobody else has; the last three digits say what the payer does: see docker/local/daraja/simulator.h.
const char *phone_ending(const char *digits);

// Buys three credits with a key of its own; the purchase's id.
const char *buy(const struct person *who, const char *phone);
struct answer try_to_buy(const struct person *who, const char *package_id, const char *phone, const char *idempotency_key);

// Waits until the purchase has that status, and answers it; fails when it gets another final one, or none within half a minute.
struct answer expect_becomes(const struct person *who, const char *purchase_id, const char *status);
int64_t credits_of(const struct person *who);

// A worker in the market, known to payments; her id.
const char *worker_for_hire(void);
// Payments hears of a worker by event: waits until somebody who has no credits is told so, and not that there is no such worker.
void await_worker(const char *worker_id, const struct person *without_credits);
struct answer unlock(const struct person *who, const char *worker_id);
// Of a worker's page: whether the reader sees her contact.
bool shows_contact(const struct answer *answer);

// What M-Pesa does from now on: POST /control. Use mpesa_reset as setup of tests.
void mpesa(const char *format, ...) __attribute__((format(printf, 1, 2)));
int mpesa_reset(void **state);
struct answer mpesa_call(const char *method, const char *path, const char *body);
// Its transaction for the purchase, by checkout id, as GET /control/transactions has it.
json_t *mpesa_transaction(const char *checkout_request_id);
