// SPDX-License-Identifier: MIT
// Start and stop of a service, as one list.
#include "running.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inbox.h"
#include "jose.h"
#include "kit_sql.h"
#include "log.h"
#include "migrate.h"
#include "outbox.h"

#define DATABASE_WAIT_MS 60000
#define TOKEN_CACHE_ENTRIES 16384
#define CLOCK_SKEW_S 5

static bool start_counters(struct app *app, struct error *err);
static void stop_counters(struct app *app);
static bool start_health(struct app *app, struct error *err);
static void stop_health(struct app *app);
static bool start_identity(struct app *app, struct error *err);
static void stop_identity(struct app *app);
static bool open_database(struct app *app, struct error *err);
static void stop_database(struct app *app);
static bool start_own(struct app *app, struct error *err);
static void stop_own(struct app *app);
static bool start_broadcast(struct app *app, struct error *err);
static void stop_broadcast(struct app *app);
static bool start_relay(struct app *app, struct error *err);
static void stop_relay(struct app *app);
static bool start_inbox(struct app *app, struct error *err);
static void stop_inbox(struct app *app);
static bool start_jobs(struct app *app, struct error *err);
static void stop_jobs(struct app *app);
static bool start_workers(struct app *app, struct error *err);
static void stop_workers(struct app *app);
static bool start_http(struct app *app, struct error *err);
static void stop_http(struct app *app);

// Started from the top, stopped from the bottom.
static const struct step {
    const char *name;
    bool (*start)(struct app *app, struct error *err);
    void (*stop)(struct app *app);
} steps[] = {
    // clang-format off
    {"metrics", start_counters, stop_counters},      // everybody below counts
    {"health", start_health, stop_health},           // tells that it lives while it waits for the database
    {"identity", start_identity, stop_identity},     // filled by the broadcast
    {"database", boot_database, stop_database},      // waits for it; refuses one that lacks migrations
    {"service", start_own, stop_own},                // its own state, which handlers of all kinds use
    {"broadcast", start_broadcast, stop_broadcast},  // keys, revocations; readiness tells when they are there
    {"relay", start_relay, stop_relay},              // before and after whatever writes to the outbox
    {"inbox", start_inbox, stop_inbox},              // finishes its batch at the stop
    {"jobs", start_jobs, stop_jobs},
    {"workers", start_workers, stop_workers},
    {"http", start_http, stop_http},                 // last: a request finds everything, at the stop too
    // clang-format on
};

static void wait_for_signal(void);
static bool signal_within(int timeout_ms);
static void prepare_to_give_up(const struct app *app);
static void give_up(int signal);
static void refuse(const struct app *app, const char *step, const struct error *err);

int boot_serve(struct app *app)
{
    const int64_t began_ms = clock_monotonic_ms();
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(64 * 1024);
    struct error err = {.arena = arena};
    size_t started = 0;
    while (started < COUNT_OF(steps) && steps[started].start(app, &err)) started++;
    const bool ready = started == COUNT_OF(steps);
    if (ready) {
        health_open(app->health, true);
        log_info("ready", LOG_TEXT("host", app->config.http_host),
                 LOG_INT("port", app->server ? http_server_port(app->server) : 0),
                 LOG_INT("metrics_port", health_port(app->health)),
                 LOG_INT("duration_ms", clock_monotonic_ms() - began_ms));
        wait_for_signal();
    } else if (err.problem) {
        refuse(app, steps[started].name, &err);
    }
    const int64_t stop_ms = clock_monotonic_ms();
    log_info("stopping");
    atomic_store(&app->stopping, true);
    if (ready) health_open(app->health, false);
    prepare_to_give_up(app);
    alarm((unsigned)(app->config.stop_timeout_ms / 1000 + 1));
    while (started > 0) steps[--started].stop(app);
    alarm(0);
    log_info("stopped", LOG_INT("duration_ms", clock_monotonic_ms() - stop_ms));
    return ready || !err.problem ? 0 : 1;
}

bool boot_database(struct app *app, struct error *err)
{
    if (!app->service->migrations) return true;
    const int64_t until_ms = clock_monotonic_ms() + DATABASE_WAIT_MS;
    for (int wait_ms = 100; !open_database(app, err); wait_ms = wait_ms < 2000 ? wait_ms * 2 : wait_ms) {
        if (err->retry_after_s == 0) return false;
        if (clock_monotonic_ms() > until_ms)
            return error_set(err, &problem_unavailable,
                             "The database did not answer for %d s; check DATABASE_URL and that it runs.",
                             DATABASE_WAIT_MS / 1000);
        if (wait_ms == 100) log_failure(LOG_LEVEL_WARNING, "database_awaited", err);
        error_clear(err);
        if (signal_within(wait_ms)) return false; // asked to stop: no error
    }
    return true;
}

// Looks at the migrations through a connection that needs no table but theirs, then opens the pool, on which who serves has every
// statement prepared. The server may go away at any of it; what does not pass has no retry_after_s.
static bool open_database(struct app *app, struct error *err)
{
    static const struct sql *const check[] = {&SQL_migration_list, NULL};
    static const struct sql *const *const checks[] = {check, NULL};
    struct db_pool_config config = {
        .url = app->config.database_url,
        .application_name = app->service->name,
        .connections = 1,
        .acquire_timeout_ms = (int)app->config.database_acquire_timeout_ms,
        .statement_timeout_ms = (int)app->config.statement_timeout_ms,
        .connect_timeout_s = 5,
        .prefers_indexes = true,
        .statements = checks,
        .constraints = app->service->constraints,
    };
    struct db_pool *pool = db_pool_open(&config, err);
    if (!pool && (err->problem == &problem_unavailable || err->retry_after_s)) return false;
    if (!pool) return error_set(err, &problem_unavailable, "The database is empty; run '%s migrate' first.", app->service->name);
    const bool migrated = migrate_check(pool, app->service, err);
    db_pool_close(pool);
    if (!migrated) return false;
    app->statements[0] = kit_statements;
    app->statements[1] = app->service->statements;
    config.connections = (int)app->config.database_connections;
    config.statements = app->statements;
    config.prepares_late = app->is_tool;
    config.plans_once = app->service->plans_once && !app->is_tool;
    config.on_connect = &SQL_outbox_ids;
    app->pool = db_pool_open(&config, err);
    return app->pool != NULL;
}

static void stop_database(struct app *app)
{
    db_pool_close(app->pool);
    app->pool = NULL;
}

static bool start_counters(struct app *app, struct error *err)
{
    app->metrics = metrics_new();
    app->kit_metrics = app->metrics ? kit_metrics_new(app->service, app->metrics) : NULL;
    if (app->kit_metrics) return true;
    stop_counters(app);
    return error_set(err, &problem_unavailable, "There is not enough memory.");
}

static void stop_counters(struct app *app)
{
    kit_metrics_free(app->kit_metrics);
    metrics_free(app->metrics);
    app->kit_metrics = NULL;
    app->metrics = NULL;
}

// Where there was no memory or thread, the port is not to blame.
static bool cannot_listen(struct error *err, const char *host, int64_t port, const char *setting)
{
    if (error_passes(err)) return false;
    return error_set(err, &problem_unavailable, "Port %lld on %s cannot be used: stop the program that has it, or set %s to another.",
                     (long long)port, host, setting);
}

static bool start_health(struct app *app, struct error *err)
{
    app->health = health_start(app, err);
    return app->health || cannot_listen(err, app->config.metrics_host, app->config.metrics_port, "DC_METRICS_PORT");
}

static void stop_health(struct app *app)
{
    health_stop(app->health);
    app->health = NULL;
}

static bool start_identity(struct app *app, struct error *err)
{
    const struct identity_config config = {
        .issuer = app->config.token_issuer,
        .audience = app->config.token_audience,
        .cache_entries = TOKEN_CACHE_ENTRIES,
        .skew_s = CLOCK_SKEW_S,
        .clock = app->clock,
        .is_filled_later = true,
    };
    if (!jose_start(err)) return false;
    app->identity = identity_new(&config);
    return app->identity || error_set(err, &problem_unavailable, "There is not enough memory.");
}

static void stop_identity(struct app *app)
{
    identity_free(app->identity);
    app->identity = NULL;
}

static bool start_own(struct app *app, struct error *err)
{
    if (!app->service->start || app->service->start(app, err)) return true;
    if (app->state) stop_own(app); // half made
    return false;
}

static void stop_own(struct app *app)
{
    if (app->service->stop) app->service->stop(app);
}

static bool start_broadcast(struct app *app, struct error *err)
{
    app->broadcast = broadcast_start(app, err);
    return app->broadcast != NULL;
}

static void stop_broadcast(struct app *app)
{
    broadcast_stop(app->broadcast);
    app->broadcast = NULL;
}

static bool start_relay(struct app *app, struct error *err)
{
    if (!app->pool) return true;
    app->relay = relay_start(app, err);
    return app->relay != NULL;
}

static void stop_relay(struct app *app)
{
    relay_stop(app->relay);
    app->relay = NULL;
}

static bool start_inbox(struct app *app, struct error *err)
{
    const struct subscription *subscriptions = app->service->subscriptions;
    if (!app->pool || !subscriptions || !subscriptions[0].topic) return true;
    app->inbox = inbox_start(app, err);
    return app->inbox != NULL;
}

static void stop_inbox(struct app *app)
{
    inbox_stop(app->inbox);
    app->inbox = NULL;
}

static bool start_jobs(struct app *app, struct error *err)
{
    if (!app->pool) return true;
    app->jobs = jobs_start(app, err);
    return app->jobs != NULL;
}

static void stop_jobs(struct app *app)
{
    jobs_stop(app->jobs);
    app->jobs = NULL;
}

static bool start_workers(struct app *app, struct error *err)
{
    app->workers = workers_start(app, err);
    return app->workers != NULL;
}

static void stop_workers(struct app *app)
{
    workers_stop(app->workers);
    app->workers = NULL;
}

static void handle(void *state, const struct http_request *request, struct http_response *response)
{
    service_handle(state, request, response);
}

// Whoever answers no requests, as a mere consumer of events, listens for none.
static bool start_http(struct app *app, struct error *err)
{
    const struct kit_settings *settings = &app->config;
    if (!app->service->routes && !app->service->fallback) return true;
    struct http_server_config config = {
        .host = settings->http_host,
        .port = (int)settings->http_port,
        .threads = (int)settings->http_threads,
        .workers = (int)settings->http_workers,
        .queue_timeout_ms = (int)settings->queue_timeout_ms,
        .body_limit_bytes = settings->body_limit_bytes,
        .request_memory_bytes = settings->request_memory_bytes,
        .head_timeout_ms = (int)settings->head_timeout_ms,
        .body_timeout_ms = (int)settings->body_timeout_ms,
        .idle_timeout_ms = (int)settings->idle_timeout_ms,
    };
    // the server takes the longest body any route takes; input_read holds each to its own limit
    for (const struct route *route = app->service->routes; route && route->method; route++) {
        if (route->body_limit_bytes > config.body_limit_bytes)
            config.body_limit_bytes = route->body_limit_bytes;
    }
    if (app->service->body_limit_bytes > config.body_limit_bytes) // what the fallback takes
        config.body_limit_bytes = app->service->body_limit_bytes;
    if (config.request_memory_bytes < 4 * config.body_limit_bytes)
        config.request_memory_bytes = 4 * config.body_limit_bytes;
    app->server = http_server_start(&config, handle, app, err);
    return app->server || cannot_listen(err, settings->http_host, settings->http_port, "DC_HTTP_PORT");
}

static void stop_http(struct app *app)
{
    struct http_server *server = app->server;
    http_server_stop(server, (int)(app->config.stop_timeout_ms / 2));
    app->server = NULL;
}

static void wait_for_signal(void)
{
    while (!signal_within(3600000)) continue;
}

// The signals are blocked in all threads (service.c) and taken here alone.
static bool signal_within(int timeout_ms)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    return sigtimedwait(&set, NULL, &timeout) > 0;
}

// What a signal handler can say, for it can make no line itself.
static char last_words[256];

static void prepare_to_give_up(const struct app *app)
{
    char time[CLOCK_RFC3339_SIZE];
    clock_format(clock_now_ms(app->clock) + app->config.stop_timeout_ms, time, sizeof time);
    snprintf(last_words, sizeof last_words, "{\"time\":\"%s\",\"level\":\"error\",\"service\":\"%s\",\"event\":\"stop_timed_out\"}\n", time,
             app->service->name);
    signal(SIGALRM, give_up);
}

// The stop took longer than it may: what is not committed by now rolls back.
static void give_up(int signal)
{
    (void)signal;
    (void)!write(STDOUT_FILENO, last_words, strlen(last_words));
    _exit(1);
}

static void refuse(const struct app *app, const char *step, const struct error *err)
{
    log_error("start_refused", LOG_TEXT("step", step), LOG_TEXT("detail", err->detail),
              LOG_TEXT("cause", err->cause));
    fprintf(stderr, "%s: %s\n", app->service->name, err->detail);
}
