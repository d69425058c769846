// SPDX-License-Identifier: MIT
// Keys whose next row the broker does not take: left out for a while, so that however many rows lie
// behind it no other key waits. Private to relay*.c.
#pragma once

#include <stdint.h>

#include "arena.h"

#define STUCK_MAX 256 // more than these are tried with every batch

struct relay_stuck {
    struct {
        char *name; // "topic key"
        int64_t due_ms;
    } rows[STUCK_MAX];
    int count;
};

// Leaves the key out until due_ms (monotonic).
void relay_stuck_add(struct relay_stuck *stuck, const char *topic, const char *key, int64_t due_ms);
// Those that are not due yet, as a text array for relay_unpublished; forgets the others.
char *relay_stuck_array(struct relay_stuck *stuck, int64_t now_ms, struct arena *arena);
void relay_stuck_clear(struct relay_stuck *stuck);
