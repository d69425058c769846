// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "call.h"
#include "callbacks.h"
#include "condition.h"
#include "simulator_private.h"

#define WAITING_MAX 131072 // decisions and callbacks, each
#define BODY_BYTES_MAX (2 << 20)
#define ANSWER_BYTES_MAX ((int64_t)256 << 20) // a list of all transactions

static bool parts_start(struct simulator *simulator, struct error *err);

struct simulator *simulator_start(const struct simulator_settings *settings, struct error *err)
{
    struct simulator *simulator = calloc(1, sizeof *simulator);
    if (!simulator) return error_set(err, &problem_unavailable, NULL), NULL;
    condition_init(&simulator->ended);
    pthread_mutex_init(&simulator->lock, NULL);
    simulator->settings = *settings;
    if (parts_start(simulator, err)) return simulator;
    simulator_stop(simulator);
    return NULL;
}

static bool parts_start(struct simulator *simulator, struct error *err)
{
    const struct simulator_settings *settings = &simulator->settings;
    const struct http_server_config config = {
        .host = settings->host, .port = settings->port, .threads = 256, .workers = 256, .queue_timeout_ms = 5000, .body_limit_bytes = BODY_BYTES_MAX,
        .request_memory_bytes = ANSWER_BYTES_MAX, .head_timeout_ms = 10000, .body_timeout_ms = 10000, .idle_timeout_ms = 60000};
    // decisions have a thread of their own: they come in time even while every sender waits for somebody
    const struct timeline_config decisions = {"decisions", 1, WAITING_MAX, decision_run, callback_free, simulator};
    const struct timeline_config callbacks = {"callbacks", settings->senders, WAITING_MAX, callback_run, callback_free, simulator};
    if (!transactions_start(&simulator->transactions) || !(simulator->peers = peers_new(settings->senders)) ||
        !(simulator->decisions = timeline_start(&decisions)) || !(simulator->callbacks = timeline_start(&callbacks))) {
        error_set(err, &problem_unavailable, NULL);
        return error_cause(err, "no memory or threads for the simulator");
    }
    simulator->server = http_server_start(&config, simulator_handle, simulator, err);
    return simulator->server != NULL;
}

int simulator_port(const struct simulator *simulator)
{
    return http_server_port(simulator->server);
}

// Whatever waits is woken first, so that each part ends at once when its turn comes.
void simulator_stop(struct simulator *simulator)
{
    if (!simulator) return;
    simulator_lock(simulator);
    simulator->ending = true;
    pthread_cond_broadcast(&simulator->ended);
    simulator_unlock(simulator);
    peers_stop(simulator->peers);
    http_server_stop(simulator->server, 1300);
    timeline_stop(simulator->decisions);
    timeline_stop(simulator->callbacks);
    peers_free(simulator->peers);
    transactions_end(&simulator->transactions);
    pthread_cond_destroy(&simulator->ended);
    pthread_mutex_destroy(&simulator->lock);
    free(simulator);
}

void simulator_lock(struct simulator *simulator)
{
    pthread_mutex_lock(&simulator->lock);
}

void simulator_unlock(struct simulator *simulator)
{
    pthread_mutex_unlock(&simulator->lock);
}

void simulator_pause(struct simulator *simulator, int64_t milliseconds)
{
    const int64_t until_us = clock_monotonic_us() + milliseconds * 1000;
    if (milliseconds <= 0) return;
    simulator_lock(simulator);
    while (!simulator->ending && condition_wait_until(&simulator->ended, &simulator->lock, until_us)) continue;
    simulator_unlock(simulator);
}
