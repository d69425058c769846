// SPDX-License-Identifier: MIT
// The states of a push and all that can change them: one table, from which `payments states` prints the diagram.
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum push_state { PUSH_CREATED, PUSH_PUSHING, PUSH_PUSHED, PUSH_UNKNOWN, PUSH_COMPLETED, PUSH_FAILED, PUSH_EXPIRED };
enum push_event {
    EVENT_ACCEPTED,   // M-Pesa took the push
    EVENT_REFUSED,    // M-Pesa refused it
    EVENT_NOT_SENT,   // it surely never reached M-Pesa
    EVENT_LOST,       // no answer: it may have
    EVENT_SILENT,     // no callback for a while
    EVENT_PAID,       // a callback or query says paid
    EVENT_NOT_PAID,   // … says not paid
    EVENT_TIMED_OUT,  // … says that nobody answered the prompt
    EVENT_GIVEN_UP,   // nobody ever said anything
    EVENT_CANCELLED,  // it is not to be sent any more
};

const char *push_state_name(enum push_state state);
bool push_state_parse(const char *name, enum push_state *ret);

// Where event leads from state; false: nowhere, the state stands.
bool push_state_next(enum push_state state, enum push_event event, enum push_state *ret);

// A Mermaid state diagram of the table.
void push_states_print(FILE *out);
