// SPDX-License-Identifier: MIT
// Topics of a test's own on the broker of TEST_KAFKA_BROKERS: what one test sends another never sees.
//
//   const struct topic topic = broker_topic(2, false);   // a random name, made on the broker
//   broker_send(topic.name, "key", "value");             // returns when the broker has it
//   int count = broker_read(topic.name, 1, arena, messages, COUNT_OF(messages));
//
// Whatever the broker refuses fails the test. broker_close belongs into the teardown of the group.
#pragma once

#include "event.h"

// The setting; the test fails and says what to set where it is missing.
const char *broker_address(void);

// "dc.test.<random>", which needs no broker.
const char *broker_name(void);
struct topic broker_topic(int partitions, bool compacted);
void broker_make_topic(const char *name, int partitions, bool compacted);

void broker_send(const char *topic, const char *key, const char *value);
// An event in binary mode from /services/test; data NULL is a tombstone.
void broker_send_event(const char *topic, const char *id, const char *type, const char *key, const char *data);
void broker_send_message(const struct kafka_message *message);

// Reads the topic from its beginning to its end, once at least `expected` messages are there. Returns how
// many there were; out, and what it points to, lives in the arena.
int broker_read(const char *topic, int expected, struct arena *arena, struct kafka_message *out, int most);

void broker_close(void);
