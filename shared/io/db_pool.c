// SPDX-License-Identifier: MIT
#include "db_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "condition.h"

#define BACKOFF_MS_MIN 20
#define BACKOFF_MS_MAX 500

static void *keep_connected(void *argument);
static struct db_connection *wait_for_idle(struct db_pool *pool, int64_t deadline_ms);
static void hand_on(struct db_pool *pool, struct db_connection *connection);
static bool is_down(const struct db_pool *pool);
static bool refuse(struct db_pool *pool, struct error *err);
static void push(struct db_connection **list, int *count, struct db_connection *connection);
static struct db_connection *pop(struct db_connection **list, int *count);

static struct db_pool *pool_new(const struct db_pool_config *config)
{
    struct db_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    condition_init(&pool->work);
    pthread_mutex_init(&pool->mutex, NULL);
    pool->config = *config;
    if (pool->config.connections < 1) pool->config.connections = 1;
    pool->config.url = strdup(config->url ? config->url : "");
    pool->config.application_name =
        strdup(config->application_name ? config->application_name : "domestic-connect");
    pool->connections = calloc((size_t)pool->config.connections, sizeof *pool->connections);
    if (pool->config.url && pool->config.application_name && pool->connections) return pool;
    db_pool_close(pool);
    return NULL;
}

struct db_pool *db_pool_open(const struct db_pool_config *config, struct error *err)
{
    struct db_pool *pool = pool_new(config);
    if (!pool) {
        error_set(err, &problem_unavailable, NULL);
        return NULL;
    }
    for (int i = 0; i < pool->config.connections; i++) {
        if (!wire_connect(&pool->connections[i], &pool->config, err)) {
            db_pool_close(pool);
            return NULL;
        }
        push(&pool->idle, &pool->idle_count, &pool->connections[i]);
    }
    pool->keeper_runs = pthread_create(&pool->keeper, NULL, keep_connected, pool) == 0;
    if (pool->keeper_runs) return pool;
    db_pool_close(pool);
    error_set(err, &problem_unavailable, NULL);
    return NULL;
}

void db_pool_close(struct db_pool *pool)
{
    if (!pool) return;
    if (pool->keeper_runs) {
        pthread_mutex_lock(&pool->mutex);
        pool->closing = true;
        pthread_cond_broadcast(&pool->work);
        line_call_all(&pool->line);
        pthread_mutex_unlock(&pool->mutex);
        pthread_join(pool->keeper, NULL);
    }
    for (int i = 0; pool->connections && i < pool->config.connections; i++) wire_close(&pool->connections[i]);
    free(pool->connections);
    free((void *)(uintptr_t)pool->config.url);
    free((void *)(uintptr_t)pool->config.application_name);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

void db_pool_stats(struct db_pool *pool, struct db_pool_stats *ret)
{
    pthread_mutex_lock(&pool->mutex);
    *ret = (struct db_pool_stats){.size = pool->config.connections,
                                  .idle = pool->idle_count,
                                  .waiting = pool->line.waiting,
                                  .acquired_total = pool->acquired_total,
                                  .timeouts_total = pool->timeouts_total,
                                  .reconnects_total = pool->reconnects_total};
    pthread_mutex_unlock(&pool->mutex);
}

bool db_pool_take(struct db_pool *pool, int64_t deadline_ms, struct db_connection **ret, struct error *err)
{
    pthread_mutex_lock(&pool->mutex);
    struct db_connection *connection = wait_for_idle(pool, deadline_ms);
    // A restart of the server is seen here, before a statement is spent on a dead connection.
    while (connection && wire_is_dead(connection->pg)) {
        push(&pool->broken, &pool->broken_count, connection);
        pthread_cond_signal(&pool->work);
        connection = wait_for_idle(pool, deadline_ms);
    }
    if (connection) pool->acquired_total++;
    bool taken = connection || refuse(pool, err);
    pthread_mutex_unlock(&pool->mutex);
    if (taken) *ret = connection;
    return taken;
}

void db_pool_give(struct db_pool *pool, struct db_connection *connection)
{
    bool usable = !connection->broken && !connection->listening &&
                  PQstatus(connection->pg) == CONNECTION_OK &&
                  PQtransactionStatus(connection->pg) == PQTRANS_IDLE;
    pthread_mutex_lock(&pool->mutex);
    // who waits would come back with a dead one, and have lost her place
    if (usable && (pool->line.waiting == 0 || !wire_is_dead(connection->pg))) {
        hand_on(pool, connection);
    } else {
        push(&pool->broken, &pool->broken_count, connection);
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->mutex);
}

static struct db_connection *wait_for_idle(struct db_pool *pool, int64_t deadline_ms)
{
    if (pool->idle && !pool->closing) return pop(&pool->idle, &pool->idle_count);
    struct line_place own;
    line_join(&pool->line, &own);
    while (!own.handed && !pool->closing && !is_down(pool) && clock_monotonic_ms() < deadline_ms)
        condition_wait_until(&own.called, &pool->mutex, deadline_ms * 1000);
    line_leave(&pool->line, &own);
    return pool->closing ? NULL : own.handed;
}

// To the first who waits; without any it is idle.
static void hand_on(struct db_pool *pool, struct db_connection *connection)
{
    if (!line_hand(&pool->line, connection)) push(&pool->idle, &pool->idle_count, connection);
}

// True once the server has been away for longer than a request may wait: the next ones needn't.
static bool is_down(const struct db_pool *pool)
{
    return pool->down_since_ms && pool->broken_count + pool->keeper_connects == pool->config.connections &&
           clock_monotonic_ms() - pool->down_since_ms > pool->config.acquire_timeout_ms;
}

static bool refuse(struct db_pool *pool, struct error *err)
{
    int64_t down_s = pool->down_since_ms ? (clock_monotonic_ms() - pool->down_since_ms) / 1000 + 1 : 0;
    pool->timeouts_total++;
    error_set(err, &problem_unavailable, NULL);
    err->retry_after_s = down_s < 1 ? 1 : down_s > 5 ? 5 : (int)down_s;
    if (down_s) return error_cause(err, "database is away: %s", pool->failure);
    return error_cause(err, "all %d database connections are in use", pool->config.connections);
}

// Replaces one broken connection; on failure it stays broken. Called with the mutex held.
static bool reconnect_one(struct db_pool *pool)
{
    struct db_connection *connection = pop(&pool->broken, &pool->broken_count);
    pool->keeper_connects = true;
    pthread_mutex_unlock(&pool->mutex);
    struct error err = {0};
    wire_close(connection);
    const bool connected = wire_connect(connection, &pool->config, &err);
    pthread_mutex_lock(&pool->mutex);
    pool->keeper_connects = false;
    if (!connected) {
        snprintf(pool->failure, sizeof pool->failure, "%s", err.cause);
        if (!pool->down_since_ms) pool->down_since_ms = clock_monotonic_ms();
        push(&pool->broken, &pool->broken_count, connection);
        if (is_down(pool)) line_call_all(&pool->line);
        return false;
    }
    pool->down_since_ms = 0;
    pool->reconnects_total++;
    hand_on(pool, connection);
    return true;
}

static void *keep_connected(void *argument)
{
    struct db_pool *pool = argument;
    int64_t backoff_ms = BACKOFF_MS_MIN;
    pthread_setname_np(pthread_self(), "db-keeper");
    pthread_mutex_lock(&pool->mutex);
    while (!pool->closing) {
        if (!pool->broken) {
            pthread_cond_wait(&pool->work, &pool->mutex);
        } else if (reconnect_one(pool)) {
            backoff_ms = BACKOFF_MS_MIN;
        } else {
            int64_t wait_ms = backoff_ms / 2 + wire_jitter(backoff_ms);
            int64_t until_ms = clock_monotonic_ms() + wait_ms;
            while (!pool->closing && clock_monotonic_ms() < until_ms)
                condition_wait_until(&pool->work, &pool->mutex, until_ms * 1000);
            if (backoff_ms < BACKOFF_MS_MAX) backoff_ms *= 2;
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static void push(struct db_connection **list, int *count, struct db_connection *connection)
{
    connection->next = *list;
    *list = connection;
    ++*count;
}

static struct db_connection *pop(struct db_connection **list, int *count)
{
    struct db_connection *connection = *list;
    if (!connection) return NULL;
    *list = connection->next;
    connection->next = NULL;
    --*count;
    return connection;
}

