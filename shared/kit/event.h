// SPDX-License-Identifier: MIT
// Events: CloudEvents 1.0 in binary mode on Kafka. ce_id is the outbox id, ce_source
// "/services/<name>", ce_sequence the zero-padded outbox id (grows per key in commit order), key =
// aggregate id. A tombstone (no data) clears a compacted topic.
#pragma once

#include "db.h"
#include "field.h"
#include "kafka.h"

struct app;

// Every topic of the system, one extern per row of topics.def.
struct topic {
    const char *name;
    int partitions;
    bool compacted;         // entity topic: each event carries the whole public state
    int64_t retention_ms;   // -1: for ever
    const char *doc;
    const char *key;        // member of the data that holds the record key
};
#define X(symbol, name, key, partitions, compacted, retention_ms, doc) extern const struct topic topic_##symbol;
#include "topics.def"
#undef X
extern const struct topic *const topics_all[]; // NULL-terminated

// The type of an event of ours by its short name: EVENT_TYPE("user.registered").
#define EVENT_TYPE(name_) "ke.domesticconnect." name_ ".v1"

// What a service publishes.
struct event_type {
    const char *type;            // "ke.domesticconnect.user.registered.v1"
    const struct topic *topic;
    const struct fields *data;   // NULL: a tombstone
    const char *doc;
};

// Rows of a service's list: EVENT("user.updated", users, user_event, "Names changed.") is on topic_users, with user_event_fields.
#define EVENT(name_, carrier_, data_, doc_) &(const struct event_type){EVENT_TYPE(name_), &topic_##carrier_, &data_##_fields, doc_}
#define TOMBSTONE(name_, carrier_, doc_) &(const struct event_type){EVENT_TYPE(name_), &topic_##carrier_, NULL, doc_}

// Longest key, id and source of an event: they stand in indexes of the inbox, which hold no more than 2,700 bytes.
#define EVENT_NAME_MAX 512

// One event that arrived.
struct event {
    const char *id;
    const char *source;
    const char *type;
    const char *topic;
    const char *key;
    const char *sequence;
    const char *time;
    const char *traceparent;
    const char *correlation_id;
    const json_t *data;          // NULL for a tombstone
    const void *input;           // struct of subscription->data, or NULL
};

// Applies one event inside the inbox's transaction. False: err->retry or a database problem means
// "later"; anything else parks the event's key. New outbox rows go into the same transaction.
typedef bool (*event_handler)(struct app *app, struct db *db, const struct event *event, struct error *err);

// What a service consumes. The field table names only what this reader needs; unknown members are
// ignored, so that a producer may add some.
//
//   {&topic_workers, EVENT_TYPE("worker.updated"), &worker_input_fields, .statement = &SQL_worker_apply, .doc = "Her name follows."},
//   {&topic_workers, NULL, .statement = &SQL_worker_forget, .doc = "She is gone."},
struct subscription {
    const struct topic *topic;
    const char *type;            // exact type; NULL: every tombstone of the topic
    const struct fields *data;
    event_handler handler;       // NULL: the statement below is all there is to do
    const char *doc;
    const struct sql *statement; // takes the key, what the table above read of the data as JSON, and the sequence ("" where there is
                                 // none), or the first of these three
};

// Turns a message into an event (structured mode is understood too). False: it is no CloudEvent.
MUST_USE bool event_decode(const struct kafka_message *message, struct arena *arena, struct event *ret,
                           json_t **ret_data, struct error *err);

// Adds an event to the outbox in the session's transaction. The caller must hold the lock of the
// aggregate's row (it has inserted or updated it), so that per-key order is commit order. data is
// JSON text, NULL for a tombstone. Most events are added by SQL itself (see outbox_insert in
// sql/kit.sql); this is for those that C builds.
MUST_USE bool outbox_add(struct db *db, const struct event_type *type, const char *key, const char *data,
                         const char *traceparent, struct error *err);
