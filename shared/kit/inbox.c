// SPDX-License-Identifier: MIT
// The consumer thread: batches where all goes well, one by one where something does not.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "condition.h"
#include "inbox_private.h"
#include "kit_sql.h"
#include "log.h"
#include "outbox.h"

#define POLL_MS 200
#define REDRIVE_EVERY_MS 1000
#define PAUSE_FIRST_MS 100
#define PAUSE_MOST_MS 10000
#define OUTAGE_FAILURES 20 // so many parked in a row mean an outage of ours, not poison
#define ARENA_BYTES ((size_t)256 << 20)

struct inbox {
    struct app *app;
    pthread_t thread;
    struct kafka_consumer *consumer;
    struct kafka_message *messages;
    struct arena *arena;
    const char *topics[INBOX_TOPICS_MAX + 1];
    char group[64];
    int pause_ms;              // grows while the database stays away
    int failures_in_a_row;
    int64_t redrive_due_ms;
    _Atomic bool stopping;
    pthread_mutex_t progress_lock;
    pthread_cond_t progressed;
    uint64_t progress;         // batches committed
    struct metric *applied_metric, *seen_metric, *parked_metric, *parked_keys_metric, *lag_metric, *paused_metric, *rebalances_metric;
};

static void *inbox_main(void *argument);
static void tell_progress(struct inbox *inbox);
static void work_batch(struct inbox *inbox, int count);
static bool try_together(struct inbox *inbox, struct arrival *arrivals, int count);
static void one_by_one(struct inbox *inbox, struct arrival *arrivals, int count);
static void look_after_parked(struct inbox *inbox);

void inbox_topics(const struct service *service, const char *ret[INBOX_TOPICS_MAX + 1])
{
    size_t count = 0;
    for (const struct subscription *row = service->subscriptions; row && row->topic; row++) {
        bool known = false;
        for (size_t i = 0; i < count; i++) known |= strcmp(ret[i], row->topic->name) == 0;
        if (!known && count < INBOX_TOPICS_MAX) ret[count++] = row->topic->name;
    }
    ret[count] = NULL;
}

static void make_metrics(struct inbox *inbox)
{
    struct metrics *metrics = inbox->app->metrics;
    inbox->seen_metric = metrics_counter(metrics, "inbox_messages_total", "Messages delivered by the broker.", NULL);
    inbox->applied_metric = metrics_counter(metrics, "inbox_applied_total", "Events whose effect was committed.", NULL);
    inbox->parked_metric = metrics_counter(metrics, "inbox_parked_total", "Events that could not be applied and parked their key.", NULL);
    inbox->parked_keys_metric = metrics_gauge(metrics, "inbox_parked_keys", "Keys that wait for an operator.", NULL);
    inbox->lag_metric = metrics_gauge(metrics, "inbox_lag", "Messages behind the end of our partitions; -1 unknown.", NULL);
    inbox->rebalances_metric = metrics_counter(metrics, "inbox_rebalances_total", "Times that the group shared out its partitions anew.", NULL);
    inbox->paused_metric = metrics_counter(metrics, "inbox_pauses_total", "Partitions paused because of trouble that passes.", NULL);
}

static bool make_consumer(struct inbox *inbox, struct error *err)
{
    const struct kit_settings *config = &inbox->app->config;
    snprintf(inbox->group, sizeof inbox->group, INBOX_GROUP, inbox->app->service->name);
    const struct kafka_consumer_config consumer = {.brokers = config->kafka_brokers, .client_id = inbox->app->service->name, .group = inbox->group,
                                                   .topics = inbox->topics, .session_timeout_ms = (int)config->kafka_session_timeout_ms};
    inbox->consumer = kafka_consumer_new(&consumer, err);
    return inbox->consumer != NULL;
}

static void inbox_free(struct inbox *inbox)
{
    pthread_cond_destroy(&inbox->progressed);
    pthread_mutex_destroy(&inbox->progress_lock);
    kafka_consumer_free(inbox->consumer);
    arena_free(inbox->arena);
    free(inbox->messages);
    free(inbox);
}

struct inbox *inbox_start(struct app *app, struct error *err)
{
    struct inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox) return error_set(err, &problem_unavailable, NULL), NULL;
    inbox->app = app;
    inbox->pause_ms = PAUSE_FIRST_MS;
    pthread_mutex_init(&inbox->progress_lock, NULL);
    condition_init(&inbox->progressed);
    inbox->messages = calloc((size_t)app->config.inbox_batch, sizeof *inbox->messages);
    inbox->arena = arena_new(ARENA_BYTES);
    inbox_topics(app->service, inbox->topics);
    make_metrics(inbox);
    if (inbox->messages && inbox->arena && make_consumer(inbox, err) && pthread_create(&inbox->thread, NULL, inbox_main, inbox) == 0) return inbox;
    if (!err->problem) error_set(err, &problem_unavailable, NULL);
    inbox_free(inbox);
    return NULL;
}

void inbox_stop(struct inbox *inbox)
{
    if (!inbox) return;
    atomic_store(&inbox->stopping, true);
    pthread_join(inbox->thread, NULL);
    inbox_free(inbox);
}

int64_t inbox_lag(struct inbox *inbox)
{
    return inbox ? kafka_consumer_lag(inbox->consumer) : -1;
}

uint64_t inbox_progress(struct inbox *inbox)
{
    if (!inbox) return 0;
    pthread_mutex_lock(&inbox->progress_lock);
    const uint64_t progress = inbox->progress;
    pthread_mutex_unlock(&inbox->progress_lock);
    return progress;
}

void inbox_await(struct inbox *inbox, uint64_t seen, int timeout_ms)
{
    if (!inbox) return;
    const int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    pthread_mutex_lock(&inbox->progress_lock);
    while (inbox->progress == seen && condition_wait_until(&inbox->progressed, &inbox->progress_lock, until_us)) continue;
    pthread_mutex_unlock(&inbox->progress_lock);
}

static void tell_progress(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->progress_lock);
    inbox->progress++;
    pthread_mutex_unlock(&inbox->progress_lock);
    pthread_cond_broadcast(&inbox->progressed);
}

static void *inbox_main(void *argument)
{
    struct inbox *inbox = argument;
    pthread_setname_np(pthread_self(), "inbox");
    while (!atomic_load(&inbox->stopping)) {
        int count = kafka_consumer_poll(inbox->consumer, inbox->arena, inbox->messages, (int)inbox->app->config.inbox_batch, POLL_MS);
        metric_add(inbox->seen_metric, count);
        if (count > 0) work_batch(inbox, count);
        if (clock_monotonic_ms() >= inbox->redrive_due_ms) look_after_parked(inbox);
        arena_reset(inbox->arena);
    }
    return NULL;
}

static void work_batch(struct inbox *inbox, int count)
{
    struct arrival *arrivals = arena_alloc(inbox->arena, (size_t)count * sizeof *arrivals);
    if (!arrivals) {
        for (int i = 0; i < count; i++) kafka_consumer_retry_from(inbox->consumer, &inbox->messages[i], inbox->pause_ms);
        return;
    }
    for (int i = 0; i < count; i++) arrival_read(inbox->app, &inbox->messages[i], inbox->arena, &arrivals[i]);
    if (try_together(inbox, arrivals, count)) {
        for (int i = 0; i < count; i++) kafka_consumer_done(inbox->consumer, &inbox->messages[i]);
        inbox->pause_ms = PAUSE_FIRST_MS;
    } else {
        one_by_one(inbox, arrivals, count);
    }
    relay_wake(inbox->app->relay); // handlers may have told something
}

// One transaction for arrivals; false when it was rolled back, with the reason in *ret_failed and err.
static bool attempt(struct inbox *inbox, struct arrival *arrivals, int count, const struct arrival **ret_failed, struct error *err)
{
    struct db db;
    int applied = 0;
    db_begin(&db, inbox->app->pool, DB_WRITE, inbox->arena);
    bool ok = arrivals_apply(inbox->app, &db, arrivals, count, &applied, ret_failed, err);
    if (ok && !db_commit(&db, err)) { // which is where a posted effect fails
        *ret_failed = applied > 0 ? arrivals : NULL;
        ok = false;
    }
    db_end(&db);
    if (!ok) return false;
    metric_add(inbox->applied_metric, applied);
    tell_progress(inbox);
    return true;
}

static bool try_together(struct inbox *inbox, struct arrival *arrivals, int count)
{
    struct error err = {.arena = inbox->arena};
    const struct arrival *failed = NULL;
    return attempt(inbox, arrivals, count, &failed, &err);
}

static bool is_same_partition(const struct kafka_message *left, const struct kafka_message *right)
{
    return left->partition == right->partition && strcmp(left->topic, right->topic) == 0;
}

// Pauses the partition from this message on; those behind it in the batch come again with it.
static void pause_from(struct inbox *inbox, const struct arrival *arrival, const struct error *err)
{
    log_failure(LOG_LEVEL_WARNING, "inbox_paused", err);
    metric_add(inbox->paused_metric, 1);
    kafka_consumer_retry_from(inbox->consumer, arrival->message, inbox->pause_ms);
    inbox->pause_ms = inbox->pause_ms * 2 < PAUSE_MOST_MS ? inbox->pause_ms * 2 : PAUSE_MOST_MS;
}

// Settles one arrival: applied or parked (true), or its partition must wait (false).
static bool settle(struct inbox *inbox, struct arrival *arrival)
{
    struct error err = {.arena = inbox->arena};
    const struct arrival *failed = NULL;
    for (int tries = 0; tries < 3; tries++) { // a deadlock is over at once
        err = (struct error){.arena = inbox->arena};
        if (attempt(inbox, arrival, 1, &failed, &err)) {
            inbox->failures_in_a_row = 0;
            inbox->pause_ms = PAUSE_FIRST_MS;
            return true;
        }
        if (!err.retry) break;
    }
    struct error parking = {.arena = inbox->arena};
    bool poison = failed && !error_passes(&err) && inbox->failures_in_a_row < OUTAGE_FAILURES;
    if (poison && park(inbox->app, arrival->message, &err, inbox->arena, &parking)) {
        inbox->failures_in_a_row++;
        metric_add(inbox->parked_metric, 1);
        return true;
    }
    if (inbox->failures_in_a_row >= OUTAGE_FAILURES) inbox->failures_in_a_row = OUTAGE_FAILURES - 1; // one more may try after the pause
    pause_from(inbox, arrival, &err);
    return false;
}

static void one_by_one(struct inbox *inbox, struct arrival *arrivals, int count)
{
    bool *waits = arena_alloc(inbox->arena, (size_t)count * sizeof *waits);
    for (int i = 0; i < count; i++) {
        bool behind = !waits;
        for (int before = 0; before < i && !behind; before++) behind = waits[before] && is_same_partition(arrivals[before].message, arrivals[i].message);
        if (!behind && settle(inbox, &arrivals[i])) kafka_consumer_done(inbox->consumer, arrivals[i].message);
        else if (waits && !behind) waits[i] = true; // the first of its partition that waits stands for those behind it
        else if (!waits) kafka_consumer_retry_from(inbox->consumer, arrivals[i].message, inbox->pause_ms);
    }
}

// Works off what an operator has asked for, and counts what waits.
static void look_after_parked(struct inbox *inbox)
{
    struct error err = {.arena = inbox->arena};
    bool worked = true;
    inbox->redrive_due_ms = clock_monotonic_ms() + REDRIVE_EVERY_MS;
    for (int i = 0; worked && i < 1000 && !atomic_load(&inbox->stopping); i++)
        if (!redrive_once(inbox->app, inbox->arena, &worked, &err)) worked = false;
    int64_t keys = 0, redriving = 0;
    if (db_row_alone(inbox->app->pool, inbox->arena, &SQL_parked_count, DB_NOTHING, DB_OUT(DB_GET_INT(&keys), DB_GET_INT(&redriving)), &err) == DB_FOUND)
        metric_set(inbox->parked_keys_metric, keys);
    metric_set(inbox->lag_metric, kafka_consumer_lag(inbox->consumer));
    metric_set(inbox->rebalances_metric, kafka_consumer_rebalances(inbox->consumer));
}
