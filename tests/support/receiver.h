// SPDX-License-Identifier: MIT
// Whoever is called back: an HTTP server that keeps what it is sent, in order, and answers as it is told. Thread-safe.
//
//   struct receiver *receiver = receiver_start();
//   … receiver_url(receiver, "/stk/1") …
//   assert_true(receiver_wait(receiver, 1, 2000));
//   const struct received *first = receiver_at(receiver, 0);
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct received {
    char *path, *body; // the body with a NUL after it
};

struct receiver;
struct receiver *receiver_start(void); // fails the test when it cannot
void receiver_stop(struct receiver *receiver);
// Valid until the next call.
const char *receiver_url(struct receiver *receiver, const char *path);
// How it answers from now on: 200 at once where nothing else is said. Status 0: not at all.
void receiver_answer(struct receiver *receiver, int status, int delay_ms);

size_t receiver_count(struct receiver *receiver);
// Whether so many came, waiting for them.
bool receiver_wait(struct receiver *receiver, size_t count, int timeout_ms);
// Valid until receiver_forget. NULL where so many did not come.
const struct received *receiver_at(struct receiver *receiver, size_t index);
// Forgets what came.
void receiver_forget(struct receiver *receiver);
int receiver_connections(const struct receiver *receiver);
