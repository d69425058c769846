// SPDX-License-Identifier: MIT
// The stories of which every call is made to fail: a request, what comes before it, and what must be so after it.
#pragma once

#include "stack.h"

// What one round of a story works on.
struct round {
    struct person who;
    const char *id;       // of what is changed
    const char *phone;
    const char *name;     // used by this round alone
    struct answer answer; // the last one that was right
};

struct story {
    const char *service, *name, *method, *path; // {id} stands for round.id
    const char *body;                           // %s stands for round.name, everywhere; {email}, {password}, {refresh}, {phone}
    int status;                                 // what is right
    int lesser;                                 // what the contract has where it was done, but not all could be told
    int repeated;                               // what the same request once more may be told besides
    bool keyed;
    bool once;                                  // whatever was done right is not repeated: it must have done all by itself
    void (*begin)(struct round *round);         // once
    void (*renew)(struct round *round);         // before each round
    void (*check)(const struct round *round);   // after it
};

extern const struct story stories[];
extern const size_t story_count;

void a_worker_with_a_profile(struct round *round);
void an_employer(struct round *round);
