// SPDX-License-Identifier: MIT
// What callbacks say (messages.c), and when and how they are sent (callbacks.c).
#pragma once

#include "timeline.h"
#include "transactions.h"

// --- messages.c ----------------------------------------------------------------------------------

struct push_message {
    const char *merchant_request_id, *checkout_request_id, *code, *words, *receipt, *phone;
    int64_t amount;
    int64_t time_ms;
    uint64_t style;  // which of the ways to write it
    bool texts;      // numbers as text
};
struct push_message push_message_of(const struct transaction *transaction);
const char *push_message_text(const struct push_message *message, struct arena *arena);
// Locked. What the next callback of a transaction says, quirks and all; NULL when the arena failed.
const char *callback_text(struct simulator *simulator, const struct transaction *transaction, struct arena *arena);

// --- callbacks.c ---------------------------------------------------------------------------------

void callback_free(struct callback *callback); // accepts NULL
// What the two timelines run.
void decision_run(void *simulator, const struct task *task, struct arena *arena);
void callback_run(void *simulator, const struct task *task, struct arena *arena);
// Decides and calls back here and now.
void decide_early(struct simulator *simulator, uint64_t number, struct arena *arena);
