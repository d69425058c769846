// SPDX-License-Identifier: MIT
#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "http_server.h"

#define KEPT_MAX 20000

struct receiver {
    struct http_server *server;
    char url[200];
    pthread_mutex_t lock; // of all below
    int status, delay_ms;
    size_t count;
    struct received received[KEPT_MAX];
};

static void sleep_for(int milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}

static void take(void *state, const struct http_request *request, struct http_response *response)
{
    struct receiver *receiver = state;
    struct received received = {.path = strdup(request->path), .body = calloc(1, request->body_length + 1)};
    if (received.body) memcpy(received.body, request->body, request->body_length);
    pthread_mutex_lock(&receiver->lock);
    const int status = receiver->status, delay_ms = receiver->delay_ms;
    const bool kept = receiver->count < KEPT_MAX && received.path && received.body;
    if (kept) receiver->received[receiver->count++] = received;
    pthread_mutex_unlock(&receiver->lock);
    if (!kept) {
        free(received.path);
        free(received.body);
    }
    sleep_for(delay_ms);
    response->unanswered = status == 0;
    response->status = status;
    response->body = "{\"ResultCode\":0,\"ResultDesc\":\"Accepted\"}";
    response->body_length = strlen(response->body);
    http_response_header(response, "Content-Type", "application/json");
}

struct receiver *receiver_start(void)
{
    const struct http_server_config config = {.host = "127.0.0.1", .threads = 64, .workers = 64, .queue_timeout_ms = 5000, .body_limit_bytes = 1 << 20,
                                              .head_timeout_ms = 5000, .body_timeout_ms = 5000, .idle_timeout_ms = 60000};
    struct error err = {0};
    struct receiver *receiver = calloc(1, sizeof *receiver);
    assert_non_null(receiver);
    receiver->status = 200;
    pthread_mutex_init(&receiver->lock, NULL);
    receiver->server = http_server_start(&config, take, receiver, &err);
    if (!receiver->server) fail_msg("%s", err.cause);
    return receiver;
}

void receiver_stop(struct receiver *receiver)
{
    http_server_stop(receiver->server, 2000);
    receiver_forget(receiver);
    pthread_mutex_destroy(&receiver->lock);
    free(receiver);
}

const char *receiver_url(struct receiver *receiver, const char *path)
{
    snprintf(receiver->url, sizeof receiver->url, "http://127.0.0.1:%d%s", http_server_port(receiver->server), path);
    return receiver->url;
}

void receiver_answer(struct receiver *receiver, int status, int delay_ms)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->status = status;
    receiver->delay_ms = delay_ms;
    pthread_mutex_unlock(&receiver->lock);
}

size_t receiver_count(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    const size_t count = receiver->count;
    pthread_mutex_unlock(&receiver->lock);
    return count;
}

bool receiver_wait(struct receiver *receiver, size_t count, int timeout_ms)
{
    const int64_t until_ms = clock_monotonic_ms() + timeout_ms;
    while (receiver_count(receiver) < count && clock_monotonic_ms() < until_ms) sleep_for(2);
    return receiver_count(receiver) >= count;
}

const struct received *receiver_at(struct receiver *receiver, size_t index)
{
    return index < receiver_count(receiver) ? &receiver->received[index] : NULL; // written once
}

void receiver_forget(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    for (size_t i = 0; i < receiver->count; i++) {
        free(receiver->received[i].path);
        free(receiver->received[i].body);
    }
    receiver->count = 0;
    pthread_mutex_unlock(&receiver->lock);
}

int receiver_connections(const struct receiver *receiver)
{
    return http_server_connections(receiver->server);
}
