// SPDX-License-Identifier: MIT
// What happens in a run, all of it from one seed: whom the killer takes down and when, and M-Pesa's moods. Nothing here knows
// a clock or a process, so the same seed is the same plan.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

enum manner {
    MANNER_PART,          // its process
    MANNER_RELAY,         // the same, at the moment when the broker has an event and its row is not marked yet
    MANNER_BACKEND,       // one process of PostgreSQL, which takes all others down with it
    MANNER_WITH_CHILDREN, // PostgreSQL with all its processes at once, as a power cut does
    MANNER_WITNESS,       // our own subscriber, which supervisor knows nothing of
};

struct target {
    const char *name;
    const char *part;     // of the stack
    enum manner manner;
    int weight;           // how often, beside the others
};
extern const struct target targets[];
extern const int target_count;
#define TARGETS_MAX 16

// A mood is what POST /control of the simulator takes.
extern const char *const moods[];
extern const int mood_count;

struct step {
    int64_t at_ms;
    int target;           // -1: M-Pesa's mood changes
    uint64_t chance;      // for what else is left to it: which process, which moods
};

struct plan {
    uint64_t seed;
    int purchases, kills;
    int64_t duration_ms;  // until the last kill, or the last purchase
    struct step *steps;
    int step_count;
};

// Kills come every gap_ms on average, some two at a time; each target at least once where there are enough.
bool plan_make(struct plan *ret, uint64_t seed, int purchases, int kills, int64_t gap_ms, struct arena *arena);

// A number that depends on these three alone, so that nobody's turn changes another's luck.
enum matter { ABOUT_GAP, ABOUT_TARGET, ABOUT_MOOD, ABOUT_STEP, ABOUT_PHONE, ABOUT_HURRY, ABOUT_PAUSE, ABOUT_AGAIN };
uint64_t chance(uint64_t seed, enum matter matter, uint64_t number);
int64_t chance_between(uint64_t seed, enum matter matter, uint64_t number, int64_t min, int64_t max);
