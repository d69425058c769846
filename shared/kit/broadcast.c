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

struct reader {
    struct app *app;
    bool from_end, running;
    const char *topics[32];
    size_t topic_count;
    struct kafka_consumer *consumer;
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

static void deliver(struct reader *reader, const struct kafka_message *message, struct arena *arena)
{
    struct error err = {.arena = arena};
    struct event event;
    CLEANUP(json_release) json_t *data = NULL;
    if (!event_decode(message, arena, &event, &data, &err)) {
        log_failure(LOG_LEVEL_WARNING, "broadcast_ignored", &err);
        return;
    }
    for (const struct broadcast_subscription *row = reader->app->service->broadcasts; row && row->topic; row++)
        if (row->from_end == reader->from_end && strcmp(row->topic->name, message->topic) == 0) row->handler(reader->app, &event);
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
    struct arena *arena = arena_new((size_t)64 << 20);
    struct kafka_message *messages = calloc(BATCH, sizeof *messages);
    while (arena && messages && !atomic_load(&reader->stopping)) {
        int count = kafka_consumer_poll(reader->consumer, arena, messages, BATCH, POLL_MS);
        for (int i = 0; i < count; i++) deliver(reader, &messages[i], arena);
        note_caught_up(reader);
        arena_reset(arena);
    }
    free(messages);
    arena_free(arena);
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
