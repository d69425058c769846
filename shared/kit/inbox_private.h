// SPDX-License-Identifier: MIT
// What the parts of the inbox share: applying (inbox_apply.c), parking and redriving (inbox_park.c),
// the consumer thread (inbox.c). Private to inbox*.c and replay.c.
#pragma once

#include "inbox.h"

#define INBOX_GROUP "dc-%s" // the consumer group of a service: replicas share it

#define INBOX_TOPICS_MAX 63
// The topics that a service subscribes to, each once; NULL behind the last.
void inbox_topics(const struct service *service, const char *ret[INBOX_TOPICS_MAX + 1]);

// One message on its way: decoded, matched with its subscription.
struct arrival {
    const struct kafka_message *message;
    const struct subscription *subscription; // NULL: nothing for us
    struct event event;
    struct error decode_error;               // problem set: it could not be decoded
};

// Finds subscription and event of a message; data and strings live in the arena.
void arrival_read(struct app *app, const struct kafka_message *message, struct arena *arena, struct arrival *ret);

// Which arrivals are new, by a row in the inbox for each, and which keys of theirs are parked, unless they are known to be worked off:
// the rows of SQL_inbox_claim.
MUST_USE bool arrivals_claim(struct db *db, const struct arrival *arrivals, int count, bool may_be_parked, struct db_rows *ret, struct error *err);

// Applies arrivals in order inside the session's transaction: skips what was applied before, appends what belongs to a
// parked key. False: nothing may be committed; *ret_failed is the arrival at fault, NULL when it was the database.
// *ret_applied counts effects.
MUST_USE bool arrivals_apply(struct app *app, struct db *db, struct arrival *arrivals, int count, int *ret_applied,
                             const struct arrival **ret_failed, struct error *err);

// Has its effect, by the subscription's handler or statement, once what was posted has run.
MUST_USE bool arrival_apply(struct app *app, struct db *db, const struct arrival *arrival, struct error *err);

// The key under which a message is parked: as it is, "" for none; "\x" and hexadecimal digits where it is no text, those of its
// digest where it is longer than EVENT_NAME_MAX.
const char *parked_key(const struct kafka_message *message, struct arena *arena);
// Its headers as the JSON object that is parked, and read back from there.
char *parked_headers(const struct kafka_message *message, struct arena *arena);
void parked_headers_read(json_t *headers, struct kafka_message *message);

// Parks the message's key with the message as its first event, in a transaction of its own.
MUST_USE bool park(struct app *app, const struct kafka_message *message, const struct error *why, struct arena *arena, struct error *err);
// Appends the message to its parked key, inside the session's transaction.
MUST_USE bool park_append(struct db *db, const struct kafka_message *message, struct error *err);

// Applies the next event of a key that is being redriven; *ret_worked false when there is none.
MUST_USE bool redrive_once(struct app *app, struct arena *arena, bool *ret_worked, struct error *err);
