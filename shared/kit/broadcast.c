// SPDX-License-Identifier: MIT
// Two readers, each a thread: one of what must be known whole before we are ready (keys, revocations),
// one of what is only news (cache invalidation).
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "inbox.h"
#include "log.h"

#define POLL_MS 200
#define BATCH 500
#define RETRY_MS 100
#define ARENA_BYTES ((size_t)64 << 20)

struct reader {
    struct app *app;
    bool from_end, running;
    const char *topics[32];
    size_t topic_count;
    struct kafka_consumer *consumer;
    struct arena *arena;
    struct kafka_message *messages;
    pthread_t thread;
    _Atomic bool stopping, caught_up;
};

struct broadcast {
    struct reader whole, news;
};

static void collect(struct reader *reader)
{
    for (const struct broadcast_subscription *row = reader->app->service->broadcasts; row && row->topic; row++) {
        bool known = row->from_end != reader->from_end;
        for (size_t i = 0; i < reader->topic_count && !known; i++) known = strcmp(reader->topics[i], row->topic->name) == 0;
        if (!known && reader->topic_count + 1 < COUNT_OF(reader->topics)) reader->topics[reader->topic_count++] = row->topic->name;
    }
}

static bool deliver(struct reader *reader, const struct kafka_message *message, struct error *err)
{
    struct event event;
    CLEANUP(json_release) json_t *data = NULL;
    if (!event_decode(message, reader->arena, &event, &data, err)) return false;
    for (const struct broadcast_subscription *row = reader->app->service->broadcasts; row && row->topic; row++) {
        if (row->from_end != reader->from_end || strcmp(row->topic->name, message->topic) != 0) continue;
        if (!row->handler(reader->app, &event, err)) return false;
    }
    return true;
}

// A key or a revocation is told once: for want of memory none is passed over.
static void take(struct reader *reader, const struct kafka_message *message)
{
    struct error err = {.arena = reader->arena};
    if (deliver(reader, message, &err)) return;
    const bool passes = error_passes(&err) || arena_failed(reader->arena);
    log_failure(LOG_LEVEL_WARNING, passes ? "broadcast_delayed" : "broadcast_ignored", &err);
    if (passes) kafka_consumer_retry_from(reader->consumer, message, RETRY_MS);
}

// Keys and revocations are among what must be known whole; whoever is told that we are ready finds them.
static void note_caught_up(struct reader *reader)
{
    if (atomic_load(&reader->caught_up) || !kafka_consumer_caught_up(reader->consumer)) return;
    if (!reader->from_end && reader->app->identity) identity_filled(reader->app->identity);
    atomic_store(&reader->caught_up, true);
}

static void *reader_main(void *argument)
{
    struct reader *reader = argument;
    pthread_setname_np(pthread_self(), "broadcast");
    while (!atomic_load(&reader->stopping)) {
        int count = kafka_consumer_poll(reader->consumer, reader->arena, reader->messages, BATCH, POLL_MS);
        for (int i = 0; i < count; i++) take(reader, &reader->messages[i]);
        note_caught_up(reader);
        arena_reset(reader->arena);
    }
    return NULL;
}

static bool reader_start(struct reader *reader, struct app *app, bool from_end, struct error *err)
{
    reader->app = app;
    reader->from_end = from_end;
    collect(reader);
    if (reader->topic_count == 0) {
        atomic_store(&reader->caught_up, true);
        return true;
    }
    const struct kafka_consumer_config config = {.brokers = app->config.kafka_brokers, .client_id = app->service->name, .topics = reader->topics,
                                                 .from_end = from_end};
    reader->arena = arena_new(ARENA_BYTES);
    reader->messages = calloc(BATCH, sizeof *reader->messages);
    if (!reader->arena || !reader->messages) return error_set(err, &problem_unavailable, NULL);
    reader->consumer = kafka_consumer_new(&config, err);
    if (!reader->consumer) return false;
    reader->running = pthread_create(&reader->thread, NULL, reader_main, reader) == 0;
    return reader->running || error_set(err, &problem_unavailable, NULL);
}

static void reader_stop(struct reader *reader)
{
    atomic_store(&reader->stopping, true);
    if (reader->running) pthread_join(reader->thread, NULL);
    kafka_consumer_free(reader->consumer);
    free(reader->messages);
    arena_free(reader->arena);
}

struct broadcast *broadcast_start(struct app *app, struct error *err)
{
    struct broadcast *broadcast = calloc(1, sizeof *broadcast);
    if (!broadcast) return error_set(err, &problem_unavailable, NULL), NULL;
    if (reader_start(&broadcast->whole, app, false, err) && reader_start(&broadcast->news, app, true, err)) return broadcast;
    broadcast_stop(broadcast);
    return NULL;
}

bool broadcast_caught_up(struct broadcast *broadcast)
{
    return broadcast && atomic_load(&broadcast->whole.caught_up) && atomic_load(&broadcast->news.caught_up);
}

void broadcast_stop(struct broadcast *broadcast)
{
    if (!broadcast) return;
    atomic_store(&broadcast->whole.stopping, true);
    reader_stop(&broadcast->news);
    reader_stop(&broadcast->whole);
    free(broadcast);
}
