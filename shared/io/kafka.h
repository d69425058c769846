// SPDX-License-Identifier: MIT
// librdkafka with the settings of reference/events.md: idempotent producer, manual offset store,
// range assignor, no topic made by accident. One producer or consumer belongs to one thread,
// except where noted. Sources: librdkafka 2.0.2 INTRODUCTION.md and CONFIGURATION.md.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "error.h"

struct kafka_header {
    const char *name;
    const char *value;
};

#define KAFKA_HEADERS_MAX 24
struct kafka_message {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *key;      // NUL-terminated copy; NULL when absent
    const char *value;    // NULL is a tombstone
    size_t value_length;
    struct kafka_header headers[KAFKA_HEADERS_MAX];
    size_t header_count;
};
const char *kafka_message_header(const struct kafka_message *message, const char *name);

// Producer ---------------------------------------------------------------------------------------
struct kafka_producer;
// Called from kafka_producer_poll for each message: `delivered` only when the broker acknowledged.
typedef void (*kafka_delivered)(void *state, void *message_tag, bool delivered);

// Connects in the background, whether or not a broker answers; `state` is what `delivered` is called with. NULL: no memory or thread, or a
// setting that librdkafka refuses.
MUST_USE struct kafka_producer *kafka_producer_new(const char *brokers, const char *client_id,
                                                   kafka_delivered delivered, void *state, struct error *err);
// Finds out where these topics stand before there is something to say: otherwise the first message of each waits for it. Waits
// two seconds at most; what was not found by then is found later.
void kafka_producer_prepare(struct kafka_producer *producer, const char *const *topics, size_t count);
// Copies key, value and headers. Waits while the local queue is full.
MUST_USE bool kafka_produce(struct kafka_producer *producer, const struct kafka_message *message, void *tag,
                            struct error *err);
void kafka_producer_poll(struct kafka_producer *producer, int timeout_ms);
// Until all has been reported, delivered or not, or time is up.
void kafka_producer_flush(struct kafka_producer *producer, int timeout_ms);
int kafka_producer_pending(struct kafka_producer *producer);
// True after librdkafka's fatal error (routine on 2.0.2 after a broker outage): make a new one.
bool kafka_producer_is_fatal(const struct kafka_producer *producer);
// True once no broker at all could be reached, be it for a moment: what answers next may be another cluster, and gets what waits
// without being asked for its name. To keep order, make a new one.
bool kafka_producer_is_cut_off(const struct kafka_producer *producer);
void kafka_producer_free(struct kafka_producer *producer, int flush_timeout_ms);

// Consumer ---------------------------------------------------------------------------------------
struct kafka_consumer;
struct kafka_consumer_config {
    const char *brokers;
    const char *client_id;
    const char *group;             // NULL: reads all partitions itself, commits nothing (broadcast)
    const char *const *topics;     // NULL-terminated
    int session_timeout_ms;
    bool from_end;                 // broadcast only: start at the end instead of the beginning
};
MUST_USE struct kafka_consumer *kafka_consumer_new(const struct kafka_consumer_config *config, struct error *err);

// Up to `most` messages, waiting at most timeout_ms for the first and not at all for more. Keys are
// copied to the arena; topic, value and headers stay until the next poll. Errors that librdkafka
// recovers from by itself are passed over.
int kafka_consumer_poll(struct kafka_consumer *consumer, struct arena *arena, struct kafka_message *out, int most,
                        int timeout_ms);
// The message is done: its offset may be committed (happens in the background).
void kafka_consumer_done(struct kafka_consumer *consumer, const struct kafka_message *message);
// Delivers from this message again after delay_ms; until then its partition is paused.
void kafka_consumer_retry_from(struct kafka_consumer *consumer, const struct kafka_message *message, int delay_ms);
// Broadcast: true once everything that was there at the start has been delivered.
bool kafka_consumer_caught_up(struct kafka_consumer *consumer);
int64_t kafka_consumer_lag(struct kafka_consumer *consumer); // -1 unknown
int64_t kafka_consumer_rebalances(const struct kafka_consumer *consumer);
void kafka_consumer_free(struct kafka_consumer *consumer);

// Administration ---------------------------------------------------------------------------------
struct kafka_topic_spec {
    const char *name;
    int partitions;
    int replication;
    bool compacted;
    int64_t retention_ms;     // -1: for ever
};
// Creates the topic, or leaves an existing one alone. *ret_created may be NULL.
MUST_USE bool kafka_topic_ensure(const char *brokers, const struct kafka_topic_spec *spec, bool *ret_created,
                                 struct error *err);
// Calls tell with each fault of a topic as it stands on the broker, a clause such as "has 3 partition(s), not 6"; NULL: it is missing.
// False where the broker does not answer.
typedef void (*kafka_topic_fault)(void *state, const char *topic, const char *fault);
MUST_USE bool kafka_topics_compare(const char *brokers, const struct kafka_topic_spec *specs, size_t count, kafka_topic_fault tell,
                                   void *state, struct error *err);
// The group starts at the topic's oldest event when it reads it next. Refused (problem_conflict) while a member reads it.
MUST_USE bool kafka_group_forget(const char *brokers, const char *group, const char *topic, int partitions, struct error *err);
// The broker's cluster id, in the arena: another one means another (empty) cluster.
MUST_USE bool kafka_cluster_id(const char *brokers, struct arena *arena, char **ret, int timeout_ms,
                               struct error *err);
