// SPDX-License-Identifier: MIT
// Parked keys, for operators. Redrive only marks the key; the service's own inbox works it off in
// order, so a tool killed half-way loses nothing. Discard drops the first event of a key, which from
// then on counts as applied, and leaves an audit row; the key then redrives.
#pragma once

#include "db.h"

// JSON array of {topic,key,state,reason,parked_at,events,first_type}.
MUST_USE bool parked_list(struct db *db, const char **ret_json, struct error *err);
// key NULL: all keys of topic; topic NULL: all. *ret_keys: how many were marked.
MUST_USE bool parked_redrive(struct db *db, const char *topic, const char *key, const char *actor, int64_t *ret_keys,
                             struct error *err);
MUST_USE bool parked_discard(struct db *db, const char *topic, const char *key, const char *actor, struct error *err);
