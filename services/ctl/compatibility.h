// SPDX-License-Identifier: MIT
// What a change of a released event does to those who consume it. Two kinds of reader must not break: one built for the
// released schema, when new events arrive, and one built for the new schema, when it replays events that were kept. So a
// released event changes in its words alone, and by members that are added and may be missing; events may be added, too.
#pragma once

#include <stdbool.h>

#include <jansson.h>

// Told of each difference in a sentence that names event and member, why it breaks, and what to do.
typedef void (*compatibility_report)(void *state, bool breaks, const char *sentence);

// Both are objects of schemas by the name of the event ("purchase.completed.v1").
void compatibility_compare(json_t *released, json_t *printed, compatibility_report report, void *state);
