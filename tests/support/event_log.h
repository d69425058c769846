// SPDX-License-Identifier: MIT
// What stands in the topics of the stack under test, as a story looks at it: every event from the beginning, as JSON
//
//   {"topic": …, "key": …, "type": …, "data": {…} or null, "headers": {"ce_id": …, "traceparent": …}}
#pragma once

#include "story.h"

struct event_log;
struct event_log *event_log_open(void);
void event_log_close(struct event_log *log); // accepts NULL

// All events up to now, in the order of arrival: per key that is the order in which they came true. Borrowed.
json_t *event_log_all(struct event_log *log);
// The last event of the type ("user.registered") about the key; waits for it, and fails the test when it does not come.
json_t *event_of(struct event_log *log, const char *type, const char *key);

const char *event_text(const json_t *event, const char *member);    // of its data
const char *event_header(const json_t *event, const char *name);    // NULL when absent

// What of the event is not as its schema in schemas/events, or the envelope of the design, has it; NULL when all is.
const char *event_fault(struct event_log *log, const json_t *event);
