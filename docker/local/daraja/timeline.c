// SPDX-License-Identifier: MIT
// A heap of tasks. Of the threads without work one waits for the time of the first task, the others to be needed: a time that
// comes wakes one thread, not all.
#include "timeline.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "condition.h"

#define THREADS_MAX 256
#define TASK_BYTES_MAX (4 << 20)

struct timeline {
    struct timeline_config config;
    pthread_t threads[THREADS_MAX];
    int started;
    pthread_mutex_t lock;   // of all below
    pthread_cond_t earlier; // for the thread that waits for a time
    pthread_cond_t needed;  // for the others
    bool timed, ending;
    uint64_t order;
    size_t count;
    struct task tasks[]; // a heap: none is due before its parent
};

static void *thread_run(void *argument);
static bool task_next(struct timeline *timeline, struct task *ret);
static void heap_up(struct timeline *timeline, size_t at);
static struct task heap_take(struct timeline *timeline);

struct timeline *timeline_start(const struct timeline_config *config)
{
    struct timeline *timeline = calloc(1, sizeof *timeline + config->capacity * sizeof(struct task));
    if (!timeline) return NULL;
    condition_init(&timeline->earlier);
    pthread_cond_init(&timeline->needed, NULL);
    pthread_mutex_init(&timeline->lock, NULL);
    timeline->config = *config;
    const int threads = config->threads < THREADS_MAX ? config->threads : THREADS_MAX;
    while (timeline->started < threads && pthread_create(&timeline->threads[timeline->started], NULL, thread_run, timeline) == 0) timeline->started++;
    if (timeline->started == threads) return timeline;
    timeline_stop(timeline);
    return NULL;
}

void timeline_stop(struct timeline *timeline)
{
    if (!timeline) return;
    pthread_mutex_lock(&timeline->lock);
    timeline->ending = true;
    pthread_cond_broadcast(&timeline->earlier);
    pthread_cond_broadcast(&timeline->needed);
    pthread_mutex_unlock(&timeline->lock);
    for (int i = 0; i < timeline->started; i++) pthread_join(timeline->threads[i], NULL);
    for (size_t i = 0; i < timeline->count; i++) timeline->config.release(timeline->tasks[i].callback);
    pthread_cond_destroy(&timeline->earlier);
    pthread_cond_destroy(&timeline->needed);
    pthread_mutex_destroy(&timeline->lock);
    free(timeline);
}

bool timeline_add(struct timeline *timeline, int64_t due_ms, uint64_t number, struct callback *callback)
{
    pthread_mutex_lock(&timeline->lock);
    const bool added = !timeline->ending && timeline->count < timeline->config.capacity;
    if (added) {
        const uint64_t order = ++timeline->order;
        timeline->tasks[timeline->count] = (struct task){due_ms, order, number, callback};
        heap_up(timeline, timeline->count++);
        const bool is_first = timeline->tasks[0].order == order;
        if (is_first) pthread_cond_signal(timeline->timed ? &timeline->earlier : &timeline->needed);
    }
    pthread_mutex_unlock(&timeline->lock);
    return added;
}

static void *thread_run(void *argument)
{
    struct timeline *timeline = argument;
    struct task task;
    struct arena *arena = arena_new(TASK_BYTES_MAX);
    pthread_setname_np(pthread_self(), timeline->config.name);
    while (task_next(timeline, &task)) {
        timeline->config.run(timeline->config.state, &task, arena);
        if (arena && !arena_failed(arena)) {
            arena_reset(arena);
            continue;
        }
        arena_free(arena);
        arena = arena_new(TASK_BYTES_MAX);
    }
    arena_free(arena);
    return NULL;
}

// Waits for a task that is due. False when the timeline ends.
static bool task_next(struct timeline *timeline, struct task *ret)
{
    pthread_mutex_lock(&timeline->lock);
    while (!timeline->ending && (timeline->count == 0 || timeline->tasks[0].due_ms > clock_monotonic_ms())) {
        if (timeline->count == 0 || timeline->timed) {
            pthread_cond_wait(&timeline->needed, &timeline->lock);
            continue;
        }
        const int64_t due_ms = timeline->tasks[0].due_ms;
        timeline->timed = true;
        condition_wait_until(&timeline->earlier, &timeline->lock, due_ms * 1000);
        timeline->timed = false;
    }
    const bool found = !timeline->ending;
    if (found) *ret = heap_take(timeline);
    if (found && timeline->count > 0 && !timeline->timed) pthread_cond_signal(&timeline->needed); // somebody for the next one
    pthread_mutex_unlock(&timeline->lock);
    return found;
}

// --- The heap ------------------------------------------------------------------------------------

static bool is_before(const struct task *left, const struct task *right)
{
    return left->due_ms != right->due_ms ? left->due_ms < right->due_ms : left->order < right->order;
}

static void swap(struct task *left, struct task *right)
{
    const struct task kept = *left;
    *left = *right;
    *right = kept;
}

static void heap_up(struct timeline *timeline, size_t at)
{
    struct task *tasks = timeline->tasks;
    for (; at > 0 && is_before(&tasks[at], &tasks[(at - 1) / 2]); at = (at - 1) / 2) swap(&tasks[at], &tasks[(at - 1) / 2]);
}

static struct task heap_take(struct timeline *timeline)
{
    struct task *tasks = timeline->tasks;
    const struct task first = tasks[0];
    tasks[0] = tasks[--timeline->count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < timeline->count; child++)
            if (is_before(&tasks[child], &tasks[least])) least = child;
        if (least == at) return first;
        swap(&tasks[at], &tasks[least]);
        at = least;
    }
}
