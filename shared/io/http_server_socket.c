// SPDX-License-Identifier: MIT
// Total deadlines, for which civetweb 1.15 has neither an option nor a way to its sockets: the
// socket is found by its addresses, and a thread shuts down those that take too long.
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "condition.h"
#include "http_server_internal.h"

#define TICK_MS 100
#define LINGER_MS 500
#define LINGER_BYTES (1 << 20)

static void *watcher_run(void *argument);
static int socket_of(struct http_exchange *exchange);
static bool is_socket_of(int socket, const struct mg_request_info *info);
static void each_descriptor(bool (*visit)(int descriptor, void *argument), void *argument);

bool http_watcher_start(struct http_watcher *watcher)
{
    pthread_mutex_init(&watcher->mutex, NULL);
    condition_init(&watcher->end);
    if (pthread_create(&watcher->thread, NULL, watcher_run, watcher) != 0) {
        watcher->ending = true;
        return false;
    }
    return true;
}

void http_watcher_stop(struct http_watcher *watcher)
{
    if (watcher->thread != 0 && !watcher->ending) {
        pthread_mutex_lock(&watcher->mutex);
        watcher->ending = true;
        pthread_cond_signal(&watcher->end);
        pthread_mutex_unlock(&watcher->mutex);
        pthread_join(watcher->thread, NULL);
        pthread_cond_destroy(&watcher->end);
        pthread_mutex_destroy(&watcher->mutex);
    }
}

static void *watcher_run(void *argument)
{
    struct http_watcher *watcher = argument;
    pthread_setname_np(pthread_self(), "http-deadlines");
    pthread_mutex_lock(&watcher->mutex);
    while (!watcher->ending) {
        int64_t now_ms = clock_monotonic_ms();
        for (struct http_deadline *at = watcher->first; at != NULL; at = at->next) {
            if (!at->expired && now_ms >= at->at_ms) {
                at->expired = true;
                shutdown(at->socket, at->how);
            }
        }
        condition_wait_until(&watcher->end, &watcher->mutex, (now_ms + TICK_MS) * 1000);
    }
    pthread_mutex_unlock(&watcher->mutex);
    return NULL;
}

void http_deadline_begin(struct http_exchange *exchange, int how, int64_t timeout_ms)
{
    struct http_watcher *watcher = &exchange->worker->server->watcher;
    struct http_deadline *deadline = &exchange->worker->deadline;
    *deadline = (struct http_deadline){.socket = socket_of(exchange), .how = how};
    if (deadline->socket < 0) {
        return; // the peer has gone already
    }
    deadline->at_ms = clock_monotonic_ms() + timeout_ms;
    pthread_mutex_lock(&watcher->mutex);
    deadline->next = watcher->first;
    deadline->link = &watcher->first;
    if (deadline->next != NULL) {
        deadline->next->link = &deadline->next;
    }
    watcher->first = deadline;
    pthread_mutex_unlock(&watcher->mutex);
}

bool http_deadline_end(struct http_exchange *exchange)
{
    struct http_watcher *watcher = &exchange->worker->server->watcher;
    struct http_deadline *deadline = &exchange->worker->deadline;
    pthread_mutex_lock(&watcher->mutex); // also to look: a neighbour that leaves the list changes link
    if (deadline->link != NULL) {
        *deadline->link = deadline->next;
        if (deadline->next != NULL) {
            deadline->next->link = deadline->link;
        }
        deadline->link = NULL;
    }
    bool expired = deadline->expired;
    pthread_mutex_unlock(&watcher->mutex);
    return expired;
}

void http_socket_linger(struct http_exchange *exchange)
{
    int socket = socket_of(exchange);
    if (socket < 0) {
        return;
    }
    shutdown(socket, SHUT_WR);
    int64_t until_ms = clock_monotonic_ms() + LINGER_MS;
    size_t taken = 0;
    ssize_t got = 1;
    for (int64_t left_ms = LINGER_MS; got > 0 && left_ms > 0 && taken < LINGER_BYTES;
         left_ms = until_ms - clock_monotonic_ms()) {
        struct pollfd readable = {.fd = socket, .events = POLLIN};
        if (poll(&readable, 1, (int)left_ms) <= 0) {
            return;
        }
        got = recv(socket, exchange->space->out, sizeof(exchange->space->out), MSG_DONTWAIT);
        taken += got > 0 ? (size_t)got : 0;
    }
}

struct socket_search {
    const struct mg_request_info *info;
    int found;
};

static bool search_visit(int descriptor, void *argument)
{
    struct socket_search *search = argument;
    if (is_socket_of(descriptor, search->info)) {
        search->found = descriptor;
    }
    return search->found < 0;
}

// The socket of the exchange's connection, looked for once per connection. Threads tend to get
// the same descriptor again, so the last one is tried first.
static int socket_of(struct http_exchange *exchange)
{
    struct http_worker *worker = exchange->worker;
    if (!worker->socket_known) {
        struct socket_search search = {.info = exchange->info, .found = -1};
        if (worker->socket < 0 || search_visit(worker->socket, &search)) {
            each_descriptor(search_visit, &search);
        }
        worker->socket = search.found;
        worker->socket_known = true;
    }
    return worker->socket;
}

static int port_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    }
    return address->ss_family == AF_INET6
               ? ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port)
               : -1;
}

static bool is_socket_of(int socket, const struct mg_request_info *info)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_storage own = {0};
    socklen_t peer_size = sizeof(peer);
    socklen_t own_size = sizeof(own);
    char name[NI_MAXHOST];
    return getpeername(socket, (struct sockaddr *)&peer, &peer_size) == 0 &&
           port_of(&peer) == info->remote_port &&
           getsockname(socket, (struct sockaddr *)&own, &own_size) == 0 &&
           port_of(&own) == info->server_port &&
           getnameinfo((struct sockaddr *)&peer, peer_size, name, sizeof(name), NULL, 0, NI_NUMERICHOST) ==
               0 &&
           strcmp(name, info->remote_addr) == 0;
}

static bool wake_visit(int descriptor, void *argument)
{
    const struct http_server *server = argument;
    struct sockaddr_storage own = {0};
    socklen_t own_size = sizeof(own);
    if (getsockname(descriptor, (struct sockaddr *)&own, &own_size) == 0 && port_of(&own) == server->port) {
        shutdown(descriptor, SHUT_RDWR);
    }
    return true;
}

void http_sockets_wake(struct http_server *server)
{
    if (server->port != 0) {
        each_descriptor(wake_visit, server);
    }
}

static void each_descriptor(bool (*visit)(int descriptor, void *argument), void *argument)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return;
    }
    bool more = true;
    for (struct dirent *entry = readdir(folder); more && entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            more = visit((int)strtol(entry->d_name, NULL, 10), argument);
        }
    }
    closedir(folder);
}
