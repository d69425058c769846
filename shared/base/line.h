// SPDX-License-Identifier: MIT
// A line of threads that wait for things which are handed out one at a time: first come, first served. It has no lock: its owner holds a
// mutex through every call, and while waiting (condition_wait_until).
//
//   struct line_place place;
//   line_join(&line, &place);
//   while (!place.handed && condition_wait_until(&place.called, &mutex, until_us)) continue;
//   line_leave(&line, &place);
//   return place.handed;
#pragma once

#include "condition.h"

struct line_place {
    struct line_place *next;
    void *handed; // NULL until it is her turn
    pthread_cond_t called;
};

struct line { // all zero: empty
    struct line_place *first;
    int waiting; // for whom nothing has been handed out
};

// Takes the last place, which is the caller's until line_leave.
void line_join(struct line *line, struct line_place *place);
// Ends the wait, with or without a thing.
void line_leave(struct line *line, struct line_place *place);
// Hands the thing to the first of the line and wakes her; false: nobody waits.
bool line_hand(struct line *line, void *thing);
// Wakes all, to look whether waiting has any sense.
void line_call_all(const struct line *line);
