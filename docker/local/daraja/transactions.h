// SPDX-License-Identifier: MIT
// Pushes, reversals and payouts in one ring: a new one takes the place of the oldest. "Locked": under the simulator's lock.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "cleanup.h"

#define URL_MAX 500

struct simulator;

enum transaction_kind { TRANSACTION_PUSH, TRANSACTION_REVERSAL, TRANSACTION_PAYOUT };

struct transaction {
    uint64_t number; // 1 and up; 0: a free place
    uint64_t older;  // the one before it with the same hash of its key
    enum transaction_kind kind;
    char id[40];         // CheckoutRequestID; ConversationID
    char partner_id[64]; // MerchantRequestID; OriginatorConversationID
    char phone[13];      // who pays, or is paid
    char reverses[16];   // receipt of what is to be reversed
    char url[URL_MAX + 1];
    int64_t amount; // KES
    bool decided, reversed;
    bool silent; // nobody is told
    const char *code, *words;
    char receipt[11]; // of money that moved
    int64_t decided_at_ms;
    int64_t callbacks_sent, callbacks_answered;
};

struct transactions {
    struct transaction *places;
    uint64_t *newest; // by hash of the key
    uint64_t last;
    int64_t start_s; // so that another run's receipts are others
};

// What GET /control/counts tells.
struct counts {
    int64_t tokens, queries, pushes, pushes_refused, paid, not_paid, money_paid, reversals, payouts, refunds_done, refunds_failed, money_refunded;
    int64_t callbacks_planned, callbacks_sent, callbacks_answered, callbacks_dropped, callbacks_given_up; // of one planned, sent may be many
};

MUST_USE bool transactions_start(struct transactions *transactions);
void transactions_end(struct transactions *transactions);
uint64_t transactions_first(uint64_t last); // the oldest number that may still be there
// Locked. A copy of draft with its ids; NULL while the oldest is not decided, which means too many at once.
struct transaction *transaction_add(struct simulator *simulator, const struct transaction *draft);
struct transaction *transaction_find(struct simulator *simulator, uint64_t number);
struct transaction *transaction_by_id(struct simulator *simulator, const char *id);
// The newest of a payer (push) or of an OriginatorConversationID (payout).
struct transaction *transaction_newest(struct simulator *simulator, enum transaction_kind kind, const char *key);
void transaction_decide(struct simulator *simulator, struct transaction *transaction);
void transaction_receipt(const struct simulator *simulator, uint64_t number, char out[11]);
bool transaction_paid(const struct transaction *transaction);
struct tm eat_time(int64_t time_ms); // East Africa Time
