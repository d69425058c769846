// SPDX-License-Identifier: MIT
// A stand-in for Safaricom's Daraja on this machine: tokens, STK pushes and queries, reversals, B2C, and their callbacks, with
// Daraja's quirks and some bad days on demand. Everything is kept in memory and bounded. Facts: reference/mpesa-firebase-kenya.md.
//
// The last three digits of the payer's phone choose how a push ends: any number pays, except
//   001 balance too low (1)      017 same payment again (17)     032 cancelled (1032)     037 unreachable (1037)
//   101 wrong PIN (2001)         199 prompt not shown (9999)     099 paid, no callback    098 cancelled, no callback
// A B2C payment to a phone ending in 032 fails (2001).
//
// Control, for tests; every member of POST /control may be left out, and stays as set until POST /control/reset:
//   duplicate: n                each callback n times more          delay_ms: {min, max}   callbacks come so much later
//   slow_ms: n                  answers are held back               malformed: n           the next n callbacks are no callback
//   payer_ms: n                 how long the payer takes
//   reorder, drop, wrong_amount, wrong_checkout, early, string_codes: a probability, or true; of each callback (early: push)
//   broken: {as: html|error|closed|garbage, count, on: push|query|refund|token|any, taken: false}
//                               the next answers are lost; what was asked happens all the same unless taken is false
//   refuse: {code, message, count}, or the code     the next pushes are refused
//   expire_token: true          the token is forgotten              seed: n                of all that is random
// GET /control/transactions, /control/refunds, /control/counts: what there is. POST /control/callback {checkout_request_id, url,
// as_checkout_request_id, merchant_request_id, result_code, result_desc, amount, receipt, phone}: one callback now. POST
// /control/forge {url, body}: anything to any address. Both answer with the status and body they got.
#pragma once

#include "error.h"

// Texts are borrowed and must live as long as the simulator.
struct simulator_settings {
    const char *host;
    int port; // 0: any free one
    const char *consumer_key, *consumer_secret, *shortcode, *passkey;
    int callback_delay_ms; // how long the payer takes
    int senders;           // threads that send callbacks
};

struct simulator;

MUST_USE struct simulator *simulator_start(const struct simulator_settings *settings, struct error *err);
int simulator_port(const struct simulator *simulator);
// Within two seconds, whoever still waits for an answer. Accepts NULL.
void simulator_stop(struct simulator *simulator);
