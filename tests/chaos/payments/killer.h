// SPDX-License-Identifier: MIT
// Carries a plan out: kill -9 at its times, and M-Pesa's moods. Whoever is down already is waited for. Runs in the main thread.
#pragma once

#include "account.h"
#include "program.h"

struct killer {
    const struct plan *plan;
    const struct account *account; // for the lines on how far it is
    struct program witness;
    int kills[TARGETS_MAX], missed;
    int relay_moments;             // kills between publish and mark
    int witness_ends;              // by itself: the database went away while it started
    int last_pid[TARGETS_MAX];
};

// Makes the database of the verdict and of the witness, lets the relays be held, and starts the witness.
void killer_open(struct killer *ret, const struct plan *plan, const struct account *account);
void killer_run(struct killer *killer);
// What supervisor does for the others: starts the witness again if it has ended.
void killer_keep_witness(struct killer *killer);
void killer_print(const struct killer *killer);
// The witness ends.
void killer_close(struct killer *killer);
