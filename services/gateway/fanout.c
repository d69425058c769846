// SPDX-License-Identifier: MIT
#include "fanout.h"

#include <pthread.h>

#include "headers.h"

#define PART_BYTES (2 * 1024 * 1024)

// An arena serves one thread, so each call has its own.
struct task {
    struct upstreams *upstreams;
    struct fanout_call *call;
    struct http_call http;
    struct arena *arena;
    pthread_t thread;
    bool started;
};

static void *task_run(void *argument);
static void release_arena(void *arena);

void fanout(struct request *rq, struct fanout_call *calls, int count, int timeout_ms)
{
    struct http_header headers[FORWARDED_MAX];
    const size_t header_count = headers_forward(rq, rq->caller.signed_in, false, headers);
    struct task tasks[FANOUT_MAX] = {0};
    for (int i = 0; i < count; i++) {
        struct task *task = &tasks[i];
        *task = (struct task){
            .upstreams = gateway_of(rq)->upstreams, .call = &calls[i], .arena = arena_new(PART_BYTES)};
        task->http = (struct http_call){.method = "GET",
                                        .path = calls[i].path,
                                        .headers = headers,
                                        .header_count = header_count,
                                        .timeout_ms = timeout_ms};
        calls[i].err.arena = NULL;
        if (!task->arena || !arena_defer(rq->arena, release_arena, task->arena)) {
            error_set(&calls[i].err, &problem_unavailable, NULL);
            task->call = NULL;
        } else if (i < count - 1) { // the last is ours
            task->started = pthread_create(&task->thread, NULL, task_run, task) == 0;
        }
    }
    for (int i = count - 1; i >= 0; i--) {
        if (tasks[i].started)
            pthread_join(tasks[i].thread, NULL);
        else if (tasks[i].call)
            task_run(&tasks[i]);
    }
}

static void *task_run(void *argument)
{
    struct task *task = argument;
    struct fanout_call *call = task->call;
    call->answered =
        upstream_call(task->upstreams, call->service, &task->http, task->arena, &call->answer, &call->err);
    return NULL;
}

static void release_arena(void *arena)
{
    arena_free(arena);
}
