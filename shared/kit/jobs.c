// SPDX-License-Identifier: MIT
// Recurring work: one thread; each run is one transaction under the job's advisory lock, so that of
// several replicas one does it.
#include "running.h"

#include <pthread.h>
#include <stdlib.h>

#include "condition.h"
#include "idempotency.h"
#include "kit_sql.h"
#include "log.h"
#include "outbox.h"

#define JOBS_MAX 32
#define MEMORY_BYTES ((size_t)32 << 20)

struct jobs {
    struct app *app;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    int count;
    struct {
        const struct job *job;
        int64_t due_ms;
    } rows[JOBS_MAX];
};

static bool forget_idempotency_keys(struct app *app, struct db *db, struct error *err);
static void add_all(struct jobs *jobs, const struct job *rows);
static void *loop(void *argument);
static void run(struct app *app, const struct job *job);
static int64_t next_due_ms(const struct jobs *jobs);

static const struct job kit_jobs[] = {
    {"idempotency_keys", 600000, forget_idempotency_keys},
    {0},
};

struct jobs *jobs_start(struct app *app, struct error *err)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs) {
        error_set(err, &problem_unavailable, NULL);
        return NULL;
    }
    jobs->app = app;
    condition_init(&jobs->wake);
    pthread_mutex_init(&jobs->lock, NULL);
    add_all(jobs, kit_jobs);
    add_all(jobs, app->service->jobs);
    if (pthread_create(&jobs->thread, NULL, loop, jobs) == 0) return jobs;
    free(jobs);
    error_set(err, &problem_unavailable, NULL);
    return NULL;
}

void jobs_stop(struct jobs *jobs)
{
    if (!jobs) return;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_signal(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
    pthread_join(jobs->thread, NULL);
    pthread_cond_destroy(&jobs->wake);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

static bool forget_idempotency_keys(struct app *app, struct db *db, struct error *err)
{
    return idempotency_purge(db, app->config.idempotency_retention_h, err);
}

static void add_all(struct jobs *jobs, const struct job *rows)
{
    for (; rows && rows->name && jobs->count < JOBS_MAX; rows++) jobs->rows[jobs->count++].job = rows;
}

static void *loop(void *argument)
{
    struct jobs *jobs = argument;
    pthread_setname_np(pthread_self(), "jobs");
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->stopping) {
        const int64_t now_ms = clock_monotonic_ms();
        for (int i = 0; i < jobs->count && !jobs->stopping; i++) {
            if (jobs->rows[i].due_ms > now_ms) continue;
            pthread_mutex_unlock(&jobs->lock);
            run(jobs->app, jobs->rows[i].job);
            pthread_mutex_lock(&jobs->lock);
            jobs->rows[i].due_ms = clock_monotonic_ms() + jobs->rows[i].job->interval_ms;
        }
        const int64_t due_ms = next_due_ms(jobs);
        if (!jobs->stopping && due_ms > clock_monotonic_ms())
            condition_wait_until(&jobs->wake, &jobs->lock, due_ms * 1000);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

static void run(struct app *app, const struct job *job)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(MEMORY_BYTES);
    struct error err = {.arena = arena};
    struct db db;
    bool locked = false;
    if (!arena) return;
    db_begin(&db, app->pool, DB_WRITE, arena);
    bool ok =
        db_row(&db, &SQL_job_lock, DB_IN(DB_TEXT(job->name)), DB_OUT(DB_GET_BOOL(&locked)), &err) == DB_FOUND;
    if (ok && locked) {
        ok = job->run(app, &db, &err) && db_commit(&db, &err);
        if (ok) relay_wake(app->relay);
    }
    db_end(&db);
    if (ok) return;
    log_warning("job_failed", LOG_TEXT("job", job->name), LOG_TEXT("detail", err.detail),
                LOG_TEXT("cause", err.cause));
}

static int64_t next_due_ms(const struct jobs *jobs)
{
    int64_t due_ms = clock_monotonic_ms() + 60000;
    for (int i = 0; i < jobs->count; i++) {
        if (jobs->rows[i].due_ms < due_ms) due_ms = jobs->rows[i].due_ms;
    }
    return due_ms;
}
