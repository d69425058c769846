// SPDX-License-Identifier: MIT
#include "callbacks.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "simulator_private.h"
#include "text.h"

#define HELD_BACK_MIN_MS 500 // so that later callbacks overtake it
#define HELD_BACK_MAX_MS 1500

// Waits before a callback that was not answered with 200 is sent once more.
static const int pauses_ms[] = {500, 1000, 2000, 4000, 8000};

// One callback on its way: what is said to whom, in one piece of memory.
struct callback {
    uint64_t number; // of the transaction
    size_t tries;
    const char *body;
    char url[];
};

// What one decision leads to.
struct planned {
    struct callback *callback;
    int64_t wait_ms;
};
struct plan {
    struct planned *items;
    size_t count;
};

static void decide(struct simulator *simulator, uint64_t number, struct arena *arena, struct plan *ret);
static struct callback *callback_new(const struct transaction *transaction, const char *body);
static int64_t wait_for(struct simulator *simulator);
static void send_later(struct simulator *simulator, struct callback *callback, int64_t wait_ms);
static void send_now(struct simulator *simulator, struct callback *callback, struct arena *arena);

void decision_run(void *state, const struct task *task, struct arena *arena)
{
    struct simulator *simulator = state;
    struct plan plan = {0};
    decide(simulator, task->number, arena, &plan);
    for (size_t i = 0; i < plan.count; i++) send_later(simulator, plan.items[i].callback, plan.items[i].wait_ms);
}

void decide_early(struct simulator *simulator, uint64_t number, struct arena *arena)
{
    struct plan plan = {0};
    decide(simulator, number, arena, &plan);
    for (size_t i = 0; i < plan.count; i++) {
        if (plan.items[i].wait_ms > 0) send_later(simulator, plan.items[i].callback, plan.items[i].wait_ms);
        else send_now(simulator, plan.items[i].callback, arena);
    }
}

void callback_run(void *simulator, const struct task *task, struct arena *arena)
{
    send_now(simulator, task->callback, arena);
}

static void decide(struct simulator *simulator, uint64_t number, struct arena *arena, struct plan *ret)
{
    simulator_lock(simulator);
    struct transaction *transaction = transaction_find(simulator, number);
    const size_t copies = (size_t)simulator->quirks.duplicate + 1;
    ret->items = arena_alloc(arena, copies * sizeof *ret->items);
    if (transaction) transaction_decide(simulator, transaction);
    for (size_t i = 0; transaction && !transaction->silent && ret->items && i < copies; i++) {
        if (chance_of(simulator, CHANCE_DROP)) {
            simulator->counts.callbacks_dropped++;
            continue;
        }
        struct planned *planned = &ret->items[ret->count];
        planned->wait_ms = wait_for(simulator);
        planned->callback = callback_new(transaction, callback_text(simulator, transaction, arena));
        ret->count += planned->callback != NULL;
    }
    simulator->counts.callbacks_planned += (int64_t)ret->count;
    simulator_unlock(simulator);
}

static int64_t wait_for(struct simulator *simulator)
{
    const struct range *delay_ms = &simulator->quirks.delay_ms;
    const int64_t wait_ms = random_between(simulator, delay_ms->min, delay_ms->max);
    return wait_ms + (chance_of(simulator, CHANCE_REORDER) ? random_between(simulator, HELD_BACK_MIN_MS, HELD_BACK_MAX_MS) : 0);
}

static struct callback *callback_new(const struct transaction *transaction, const char *body)
{
    const size_t url_size = strlen(transaction->url) + 1, body_size = body ? strlen(body) + 1 : 0;
    struct callback *callback = body ? malloc(sizeof *callback + url_size + body_size) : NULL;
    if (!callback) return NULL;
    *callback = (struct callback){.number = transaction->number, .body = callback->url + url_size};
    memcpy(callback->url, transaction->url, url_size);
    memcpy(callback->url + url_size, body, body_size);
    return callback;
}

void callback_free(struct callback *callback)
{
    free(callback);
}

// --- Sending -------------------------------------------------------------------------------------

static void give_up(struct simulator *simulator, struct callback *callback)
{
    simulator_lock(simulator);
    simulator->counts.callbacks_given_up++;
    simulator_unlock(simulator);
    log_warning("callback_given_up", LOG_INT("number", callback->number), LOG_INT("tries", callback->tries));
    callback_free(callback);
}

static void send_later(struct simulator *simulator, struct callback *callback, int64_t wait_ms)
{
    if (!timeline_add(simulator->callbacks, clock_monotonic_ms() + wait_ms, callback->number, callback)) give_up(simulator, callback);
}

static void count_sent(struct simulator *simulator, uint64_t number, bool answered)
{
    simulator_lock(simulator);
    struct transaction *transaction = transaction_find(simulator, number);
    simulator->counts.callbacks_sent++;
    simulator->counts.callbacks_answered += answered;
    if (transaction) {
        transaction->callbacks_sent++;
        transaction->callbacks_answered += answered;
    }
    simulator_unlock(simulator);
}

static void send_now(struct simulator *simulator, struct callback *callback, struct arena *arena)
{
    struct http_answer answer = {0};
    struct error err = {0};
    const int64_t start_ms = clock_monotonic_ms();
    const bool heard = peers_post(simulator->peers, callback->url, callback->body, strlen(callback->body), arena, &answer, &err);
    const bool answered = heard && answer.status == 200;
    count_sent(simulator, callback->number, answered);
    log_info("callback_sent", LOG_INT("number", callback->number), LOG_INT("status", heard ? answer.status : 0),
             LOG_INT("duration_ms", clock_monotonic_ms() - start_ms));
    if (answered) callback_free(callback);
    else if (callback->tries >= COUNT_OF(pauses_ms)) give_up(simulator, callback);
    else send_later(simulator, callback, pauses_ms[callback->tries++]);
}
