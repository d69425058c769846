// SPDX-License-Identifier: MIT
// /metrics and /health on a port of their own, so that they answer while requests queue.
#include "running.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inbox.h"
#include "kit_sql.h"

struct health {
    struct app *app;
    struct http_server *server;
    pthread_rwlock_t lock; // held while the parts of app are looked at, so that they stay
    bool open;
};

static void handle(void *state, const struct http_request *request, struct http_response *response);
static const char *readiness(struct app *app, struct arena *arena, int *ret_status);
static bool hold_parts(struct app *app);
static const char *database_trouble(struct app *app, struct arena *arena);
static const char *broadcast_trouble(struct app *app);
static bool add_part(struct text_buffer *out, const char *name, const char *trouble);
static const char *metrics_text(struct app *app, struct arena *arena, size_t *ret_length);
static void sample(struct app *app);
static int64_t resident_bytes(void);

struct health *health_start(struct app *app, struct error *err)
{
    struct health *health = calloc(1, sizeof *health);
    if (!health) {
        error_set(err, &problem_unavailable, NULL);
        return NULL;
    }
    health->app = app;
    pthread_rwlock_init(&health->lock, NULL);
    const struct http_server_config config = {
        .host = app->config.metrics_host,
        .port = (int)app->config.metrics_port,
        .threads = 8,
        .workers = 8,
        .queue_timeout_ms = 1000,
        .body_limit_bytes = 1024,
        .head_timeout_ms = 5000,
        .body_timeout_ms = 5000,
        .idle_timeout_ms = 5000,
    };
    health->server = http_server_start(&config, handle, health, err);
    if (health->server) return health;
    health_stop(health);
    return NULL;
}

void health_open(struct health *health, bool open)
{
    pthread_rwlock_wrlock(&health->lock);
    health->open = open;
    pthread_rwlock_unlock(&health->lock);
}

int health_port(const struct health *health)
{
    return http_server_port(health->server);
}

void health_stop(struct health *health)
{
    if (!health) return;
    http_server_stop(health->server, 500);
    pthread_rwlock_destroy(&health->lock);
    free(health);
}

bool health_answer(struct app *app, const char *path, struct arena *arena, int *ret_status,
                   const char **ret_json)
{
    *ret_status = 200;
    if (strcmp(path, "/health/liveness") == 0) *ret_json = "{\"status\":\"alive\"}";
    else if (strcmp(path, "/health/readiness") == 0 || strcmp(path, "/health") == 0)
        *ret_json = readiness(app, arena, ret_status);
    else *ret_status = 0;
    return *ret_status != 0;
}

static void handle(void *state, const struct http_request *request, struct http_response *response)
{
    struct health *health = state;
    const char *type = "application/json", *body = NULL;
    size_t length = 0;
    if (request->refusal) {
        response->status = request->refusal->status;
    } else if (strcmp(request->path, "/metrics") == 0) {
        response->status = 200;
        type = "text/plain; version=0.0.4; charset=utf-8";
        body = metrics_text(health->app, request->arena, &length);
    } else if (!health_answer(health->app, request->path, request->arena, &response->status, &body)) {
        response->status = 404;
    }
    if (body && !length) length = strlen(body);
    if (response->status == 200 && !body) response->status = 503;
    http_response_header(response, "Content-Type", type);
    http_response_header(response, "Cache-Control", "no-store");
    response->body = body;
    response->body_length = length;
}

static const char *readiness(struct app *app, struct arena *arena, int *ret_status)
{
    struct text_buffer out = text_buffer(arena);
    bool ready = true;
    if (!hold_parts(app)) {
        const bool stopping = atomic_load(&app->stopping);
        ready = add_part(&out, stopping ? "stop" : "start",
                         stopping ? "The service is stopping." : "The service is still starting.");
    } else {
        struct error err = {.arena = arena};
        const struct service *service = app->service;
        if (app->pool) ready &= add_part(&out, "database", database_trouble(app, arena));
        if (app->broadcast) ready &= add_part(&out, "broadcast", broadcast_trouble(app));
        if (service->ready)
            ready &= add_part(&out, "service", service->ready(app, &err) ? NULL : err.detail);
        pthread_rwlock_unlock(&app->health->lock);
    }
    const char *parts = text_take(&out);
    *ret_status = ready ? 200 : 503;
    return arena_printf(arena, "{\"status\":\"%s\",\"parts\":{%s}}", ready ? "ready" : "not_ready",
                        parts ? parts : "");
}

// On the first start of all, the topic of keys is empty, and then read whole before auth has told its first.
static const char *broadcast_trouble(struct app *app)
{
    if (!broadcast_caught_up(app->broadcast)) return "Keys and revocations are still being read.";
    const bool answers = app->service->routes || app->service->fallback;
    if (answers && !identity_has_key(app->identity)) return "Auth has told of no key yet that access tokens are verified with.";
    return NULL;
}

// True with the lock held while the service runs.
static bool hold_parts(struct app *app)
{
    struct health *health = app->health;
    if (!health) return false;
    pthread_rwlock_rdlock(&health->lock);
    if (health->open) return true;
    pthread_rwlock_unlock(&health->lock);
    return false;
}

static bool add_part(struct text_buffer *out, const char *name, const char *trouble)
{
    text_printf(out, "%s\"%s\":", out->length ? "," : "", name);
    text_add_json(out, trouble ? trouble : "ok");
    return !trouble;
}

static const char *database_trouble(struct app *app, struct arena *arena)
{
    struct error err = {.arena = arena};
    int64_t one = 0;
    const bool ok = db_row_alone(app->pool, arena, &SQL_health_check, DB_NOTHING, DB_OUT(DB_GET_INT(&one)), &err) == DB_FOUND;
    return ok ? NULL : "The database does not answer.";
}

static const char *metrics_text(struct app *app, struct arena *arena, size_t *ret_length)
{
    if (hold_parts(app)) {
        sample(app);
        pthread_rwlock_unlock(&app->health->lock);
    }
    struct text_buffer out = text_buffer(arena);
    metrics_print(app->metrics, &out);
    *ret_length = out.length;
    return text_take(&out);
}

static void set(struct app *app, const char *name, const char *help, int64_t value)
{
    metric_set(metrics_gauge(app->metrics, name, help, NULL), value);
}

// What others count is read when it is asked for; relay and inbox keep their own gauges.
static void sample(struct app *app)
{
    set(app, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
    if (app->server) set(app, "http_connections", "Open connections.", http_server_connections(app->server));
    if (app->pool) {
        struct db_pool_stats stats;
        db_pool_stats(app->pool, &stats);
        set(app, "db_connections", "Connections in the pool.", stats.size);
        set(app, "db_connections_idle", "Connections nobody uses.", stats.idle);
        set(app, "db_waiting", "Sessions that wait for a connection.", stats.waiting);
        set(app, "db_acquired", "Connections taken since start.", stats.acquired_total);
        set(app, "db_acquire_timeouts", "Sessions that got no connection since start.", stats.timeouts_total);
        set(app, "db_reconnects", "Connections opened anew since start.", stats.reconnects_total);
    }
}

static int64_t resident_bytes(void)
{
    long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    const bool read = file && fscanf(file, "%lld %lld", &total, &resident) == 2;
    if (file) fclose(file);
    return read ? resident * sysconf(_SC_PAGESIZE) : 0;
}
