// SPDX-License-Identifier: MIT
#include "states.h"

#include <string.h>

#include "cleanup.h"

const char *const push_state_choices[] = {"created", "pushing", "pushed", "unknown", "completed", "failed", "expired", NULL};

// Paid is final and wins over everything; a timeout is unknown and never a second push.
static const struct transition {
    enum push_state from;
    enum push_event event;
    enum push_state to;
    const char *why;
} transitions[] = {
    {PUSH_CREATED, EVENT_LOST, PUSH_UNKNOWN, "M-Pesa speaks of it all the same"},
    {PUSH_CREATED, EVENT_CANCELLED, PUSH_FAILED, "its person is erased"},
    {PUSH_PUSHING, EVENT_ACCEPTED, PUSH_PUSHED, "M-Pesa took it"},
    {PUSH_PUSHING, EVENT_NOT_SENT, PUSH_CREATED, "surely never sent"},
    {PUSH_PUSHING, EVENT_REFUSED, PUSH_FAILED, "M-Pesa refused it"},
    {PUSH_PUSHING, EVENT_LOST, PUSH_UNKNOWN, "no answer"},
    {PUSH_PUSHING, EVENT_PAID, PUSH_COMPLETED, "paid, faster than the answer"},
    {PUSH_PUSHING, EVENT_NOT_PAID, PUSH_FAILED, "not paid, faster than the answer"},
    {PUSH_PUSHING, EVENT_TIMED_OUT, PUSH_EXPIRED, "nobody answered the prompt"},
    {PUSH_PUSHED, EVENT_PAID, PUSH_COMPLETED, "paid"},
    {PUSH_PUSHED, EVENT_NOT_PAID, PUSH_FAILED, "cancelled, no money, wrong PIN …"},
    {PUSH_PUSHED, EVENT_TIMED_OUT, PUSH_EXPIRED, "nobody answered the prompt"},
    {PUSH_PUSHED, EVENT_SILENT, PUSH_UNKNOWN, "no callback for minutes"},
    {PUSH_UNKNOWN, EVENT_ACCEPTED, PUSH_UNKNOWN, "the answer came late, its phone may have another prompt by now"},
    {PUSH_UNKNOWN, EVENT_REFUSED, PUSH_FAILED, "the refusal came late"},
    {PUSH_UNKNOWN, EVENT_NOT_SENT, PUSH_FAILED, "surely never sent, and late by now"},
    {PUSH_UNKNOWN, EVENT_PAID, PUSH_COMPLETED, "paid"},
    {PUSH_UNKNOWN, EVENT_NOT_PAID, PUSH_FAILED, "not paid"},
    {PUSH_UNKNOWN, EVENT_TIMED_OUT, PUSH_EXPIRED, "nobody answered the prompt"},
    {PUSH_UNKNOWN, EVENT_GIVEN_UP, PUSH_EXPIRED, "nobody ever said"},
    {PUSH_FAILED, EVENT_PAID, PUSH_COMPLETED, "paid after all: flagged"},
    {PUSH_EXPIRED, EVENT_PAID, PUSH_COMPLETED, "paid after all: flagged"},
};

const char *push_state_name(enum push_state state)
{
    return push_state_choices[state];
}

bool push_state_parse(const char *name, enum push_state *ret)
{
    for (int i = 0; push_state_choices[i]; i++) {
        if (!name || strcmp(push_state_choices[i], name) != 0) continue;
        *ret = (enum push_state)i;
        return true;
    }
    return false;
}

bool push_state_next(enum push_state state, enum push_event event, enum push_state *ret)
{
    for (size_t i = 0; i < COUNT_OF(transitions); i++) {
        if (transitions[i].from != state || transitions[i].event != event) continue;
        *ret = transitions[i].to;
        return true;
    }
    return false;
}

void push_states_print(FILE *out)
{
    fputs("stateDiagram-v2\n    [*] --> created : asked for\n    created --> pushing : a worker takes it\n", out);
    for (size_t i = 0; i < COUNT_OF(transitions); i++)
        fprintf(out, "    %s --> %s : %s\n", push_state_name(transitions[i].from), push_state_name(transitions[i].to), transitions[i].why);
    fputs("    completed --> [*]\n", out);
}
