// SPDX-License-Identifier: MIT
// A service that consumes: each event of its topic leaves a row in a table, so that a test sees what was
// applied, how often and in which order. What the event's note says chooses how it ends.
#pragma once

#include "kit_app.h"

#define EFFECT_TYPE EVENT_TYPE("effect.wanted")
#define EFFECT_KEPT_TYPE EVENT_TYPE("effect.kept")  // applied by a statement alone, as "note@sequence"

// The topic of effects_service; name it (broker_topic) before anything is read.
extern struct topic effects_topic;
extern const struct service effects_service;

// The note of an event: {"note":"…"}.
#define NOTE_POISON "poison" // can never be applied
#define NOTE_LATER "later"   // trouble that passes, until effects_trouble is false
#define NOTE_TELL "tell"     // tells an event of its own in the same transaction
#define NOTE_UNFIT "unfit"   // the table refuses it
extern _Atomic bool effects_trouble;
// While true, poison is applied as anything else: somebody has mended the handler.
extern _Atomic bool effects_mended;

// "key:note …" in the order applied, "" for none.
const char *effects_seen(struct kit_app *kit_app);
// Forgets effects, inbox, outbox and parked keys.
void effects_clear(struct kit_app *kit_app);
