// SPDX-License-Identifier: MIT
// One thread. Outer loop: connect, wait for leadership, lead until the connection is lost.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kit_sql.h"
#include "log.h"
#include "relay_private.h"

#define LEADER_RETRY_MS 1000
#define FAILURE_PAUSE_MS 500
#define STOP_DRAIN_MS 2000
#define NOTIFY_MIN_MS 2

static void *relay_main(void *argument);
static bool relay_connect(struct relay *relay, struct error *err);
static void relay_disconnect(struct relay *relay);
static bool try_to_lead(struct relay *relay, struct error *err);
static bool lead_once(struct relay *relay, struct error *err);
static bool follow_once(struct relay *relay, struct error *err);
static void forget_unmarked(struct relay *relay);
static int rest_ms(const struct relay *relay);
static void wait_for_work(struct relay *relay, int timeout_ms);

struct relay *relay_start(struct app *app, struct error *err)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay) return error_set(err, &problem_unavailable, NULL), NULL;
    relay->app = app;
    relay->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    relay->arena = arena_new((size_t)256 << 20);
    relay->delivered = calloc((size_t)app->config.relay_batch, sizeof *relay->delivered);
    relay->published_metric = metrics_counter(app->metrics, "outbox_published_total", "Events acknowledged by the broker.", NULL);
    relay->backlog_metric = metrics_gauge(app->metrics, "outbox_backlog", "Events that wait to be published (at most 1000 are counted).", NULL);
    relay->age_metric = metrics_gauge(app->metrics, "outbox_oldest_age_ms", "Age of the oldest event that waits, ms.", NULL);
    relay->leader_metric = metrics_gauge(app->metrics, "outbox_relay_leader", "1 where this replica publishes.", NULL);
    relay->producers_metric = metrics_counter(app->metrics, "outbox_producers_total", "Producers made; more than one means fatal errors or outages.", NULL);
    if (relay->wake_fd >= 0 && relay->arena && relay->delivered && pthread_create(&relay->thread, NULL, relay_main, relay) == 0) return relay;
    if (relay->wake_fd >= 0) close(relay->wake_fd);
    arena_free(relay->arena);
    free(relay->delivered);
    free(relay);
    return error_set(err, &problem_unavailable, NULL), NULL;
}

void relay_wake(struct relay *relay)
{
    if (relay && write(relay->wake_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0) return; // the counter is full: it is awake
}

void relay_stats(struct relay *relay, struct relay_stats *ret)
{
    *ret = (struct relay_stats){.leader = atomic_load(&relay->leader), .published_total = atomic_load(&relay->published_total),
                                .producers_total = atomic_load(&relay->producers_total), .backlog = atomic_load(&relay->backlog),
                                .oldest_age_ms = atomic_load(&relay->oldest_age_ms)};
}

void relay_stop(struct relay *relay)
{
    if (!relay) return;
    atomic_store(&relay->stopping, true);
    relay_wake(relay);
    pthread_join(relay->thread, NULL);
    close(relay->wake_fd);
    arena_free(relay->arena);
    relay_stuck_clear(&relay->stuck);
    free(relay->delivered);
    free(relay->unmarked);
    free(relay);
}

static void *relay_main(void *argument)
{
    struct relay *relay = argument;
    pthread_setname_np(pthread_self(), "relay");
    while (!atomic_load(&relay->stopping)) {
        struct error err = {0};
        bool ok = relay->pool || relay_connect(relay, &err);
        if (ok) ok = atomic_load(&relay->leader) ? lead_once(relay, &err) : follow_once(relay, &err);
        arena_reset(relay->arena);
        if (ok) continue;
        log_failure(LOG_LEVEL_WARNING, "relay_interrupted", &err);
        relay_disconnect(relay);
        wait_for_work(relay, FAILURE_PAUSE_MS);
    }
    // what is committed already goes out, within reason
    int64_t deadline_ms = clock_monotonic_ms() + STOP_DRAIN_MS, count = 1;
    struct error err = {0};
    while (atomic_load(&relay->leader) && count > 0 && clock_monotonic_ms() < deadline_ms && relay_mark(relay, &err) &&
           relay_publish(relay, &count, &err))
        arena_reset(relay->arena);
    relay_disconnect(relay);
    return NULL;
}

// --- Leadership ----------------------------------------------------------------------------------

static bool relay_connect(struct relay *relay, struct error *err)
{
    static const struct sql *const *const statements[] = {kit_statements, NULL};
    const struct db_pool_config config = {.url = relay->app->config.database_url, .application_name = "relay", .connections = 1,
                                          .acquire_timeout_ms = 2000, .statement_timeout_ms = 60000, .connect_timeout_s = 3,
                                          .prefers_indexes = true,
                                          .statements = statements};
    relay->pool = db_pool_open(&config, err);
    if (!relay->pool) return false;
    db_begin(&relay->db, relay->pool, DB_READ, relay->arena);
    return db_exec(&relay->db, &SQL_relay_plans, DB_NOTHING, NULL, err);
}

// Closing the connection gives the advisory lock back. What the producer still holds is not sent: another replica may lead by now.
static void relay_disconnect(struct relay *relay)
{
    kafka_producer_free(relay->producer, 0);
    relay->producer = NULL;
    arena_reset(relay->arena);
    if (relay->pool) {
        db_end(&relay->db);
        db_pool_close(relay->pool);
    }
    relay->pool = NULL;
    atomic_store(&relay->leader, false);
    metric_set(relay->leader_metric, 0);
}

static bool try_to_lead(struct relay *relay, struct error *err)
{
    bool leader = false;
    if (db_row(&relay->db, &SQL_relay_lead, DB_NOTHING, DB_OUT(DB_GET_BOOL(&leader)), err) != DB_FOUND) return false;
    if (leader && !db_listen(&relay->db, "outbox", err)) return false;
    atomic_store(&relay->leader, leader);
    metric_set(relay->leader_metric, leader);
    if (leader) log_info("relay_leads");
    else forget_unmarked(relay);
    relay->cluster_due_ms = relay->purge_due_ms = relay->stats_due_ms = 0;
    return true;
}

// Whoever leads now has sent it again.
static void forget_unmarked(struct relay *relay)
{
    free(relay->unmarked);
    relay->unmarked = NULL;
}

// Another replica publishes: hand on wake-ups, a few at a time, and stand by.
static bool follow_once(struct relay *relay, struct error *err)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms >= relay->lead_due_ms) {
        relay->lead_due_ms = now_ms + LEADER_RETRY_MS;
        if (!try_to_lead(relay, err)) return false;
        if (atomic_load(&relay->leader)) return true;
    }
    if (!relay_count_backlog(relay, err)) return false; // a leader that hangs is seen by those who stand by
    uint64_t woken = 0;
    wait_for_work(relay, LEADER_RETRY_MS);
    if (read(relay->wake_fd, &woken, sizeof woken) < 0) return true;
    if (clock_monotonic_ms() - relay->notified_ms < NOTIFY_MIN_MS) usleep(NOTIFY_MIN_MS * 1000);
    relay->notified_ms = clock_monotonic_ms();
    return db_exec(&relay->db, &SQL_relay_notify, DB_NOTHING, NULL, err);
}

static bool lead_once(struct relay *relay, struct error *err)
{
    uint64_t woken;
    if (read(relay->wake_fd, &woken, sizeof woken) < 0 && errno != EAGAIN) return error_set(err, &problem_internal, NULL);
    int64_t count = 0;
    bool ready = false;
    if (!relay_mark(relay, err) || !relay_ready(relay, &ready, err)) return false;
    if (ready && !relay_publish(relay, &count, err)) return false;
    if (!relay_keep_house(relay, err)) return false;
    if (!ready || relay->undelivered_count > 0) wait_for_work(relay, FAILURE_PAUSE_MS);
    else if (count < relay->app->config.relay_batch) wait_for_work(relay, rest_ms(relay));
    bool notified;
    return db_socket(&relay->db) < 0 || db_wait_notification(&relay->db, 0, &notified, err);
}

// As long as it rests although nobody wakes it: where old rows are left to purge, not at all.
static int rest_ms(const struct relay *relay)
{
    const int64_t left_ms = relay->purge_due_ms - clock_monotonic_ms(), poll_ms = relay->app->config.relay_poll_ms;
    return (int)(left_ms < 0 ? 0 : left_ms < poll_ms ? left_ms : poll_ms);
}

// Until somebody commits here, another replica says so, or time is up.
static void wait_for_work(struct relay *relay, int timeout_ms)
{
    struct pollfd sockets[] = {{.fd = relay->wake_fd, .events = POLLIN},
                               {.fd = relay->pool ? db_socket(&relay->db) : -1, .events = POLLIN}};
    if (atomic_load(&relay->stopping)) return;
    if (poll(sockets, COUNT_OF(sockets), timeout_ms) < 0) return; // EINTR: the loop looks again
}
