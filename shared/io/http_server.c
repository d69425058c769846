// SPDX-License-Identifier: MIT
// Life cycle of the server, and the way of one request through it.
#include "http_server_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define LISTEN_WAIT_MS 10000

static bool server_open(struct http_server *server, struct error *err);
static struct mg_context *context_start(struct http_server *server);
static bool listens_within(const struct http_server *server, int timeout_ms);
static int port_of(struct mg_context *context);
static void server_release(struct http_server *server);
static void *on_thread_start(const struct mg_context *context, int type);
static void on_thread_end(const struct mg_context *context, int type, void *thread);
static int on_connection(const struct mg_connection *connection, void **connection_data);
static void on_connection_close(const struct mg_connection *connection);
static void on_connection_closed(const struct mg_connection *connection);
static int on_message(const struct mg_connection *connection, const char *message);
static int on_request(struct mg_connection *connection);
static int on_error(struct mg_connection *connection, int status, const char *message);
static bool exchange_run(struct http_exchange *exchange, const struct problem *refusal);
static const struct problem *exchange_receive(struct http_exchange *exchange);

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_start(void)
{
    mg_init_library(0);
}

struct http_server *http_server_start(const struct http_server_config *config, http_handler handler,
                                      void *state, struct error *err)
{
    pthread_once(&library_once, library_start);
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        error_set(err, &problem_unavailable, NULL);
        return NULL;
    }
    pthread_mutex_init(&server->spaces.mutex, NULL);
    server->config = *config;
    server->handler = handler;
    server->state = state;
    if (server->config.request_memory_bytes <= 0) {
        server->config.request_memory_bytes = (8 << 20) + 3 * config->body_limit_bytes;
    }
    if (!server_open(server, err)) {
        server_release(server);
        return NULL;
    }
    return server;
}

static bool server_open(struct http_server *server, struct error *err)
{
    server->workers = semaphore_new(server->config.workers, server->config.threads);
    if (server->workers == NULL || !http_watcher_start(&server->watcher)) {
        error_set(err, &problem_unavailable, NULL);
        return error_cause(err, "no memory or thread for the HTTP server");
    }
    errno = 0;
    server->context = context_start(server);
    if (server->context == NULL) {
        errno = server->start_message[0] ? server->start_errno : errno;
        error_set(err, problem_unless_memory(&problem_internal), NULL);
        return error_cause(err, "cannot listen on %s:%d: %s", server->config.host, server->config.port,
                           server->start_message);
    }
    if (!listens_within(server, LISTEN_WAIT_MS)) {
        server->context = NULL; // mg_stop would wait for that thread
        error_set(err, &problem_unavailable, NULL);
        return error_cause(err, "no thread to listen on %s:%d", server->config.host, server->config.port);
    }
    server->port = port_of(server->context);
    return true;
}

// civetweb starts without the thread that takes connections in, and does not tell.
static bool listens_within(const struct http_server *server, int timeout_ms)
{
    const int64_t until_ms = clock_monotonic_ms() + timeout_ms;
    while (!atomic_load(&server->listens) && clock_monotonic_ms() < until_ms) usleep(1000);
    return atomic_load(&server->listens);
}

static struct mg_context *context_start(struct http_server *server)
{
    const struct http_server_config *config = &server->config;
    static const struct mg_callbacks callbacks = {
        .begin_request = on_request,
        .http_error = on_error,
        .log_message = on_message,
        .init_thread = on_thread_start,
        .exit_thread = on_thread_end,
        .init_connection = on_connection,
        .connection_close = on_connection_close,
        .connection_closed = on_connection_closed,
    };
    char ports[80], threads[16], head_ms[16], idle_ms[16], head_bytes[16];
    bool bracket = strchr(config->host, ':') != NULL;
    snprintf(ports, sizeof(ports), bracket ? "[%s]:%d" : "%s:%d", config->host, config->port);
    snprintf(threads, sizeof(threads), "%d", config->threads);
    snprintf(head_ms, sizeof(head_ms), "%d", config->head_timeout_ms);
    snprintf(idle_ms, sizeof(idle_ms), "%d", config->idle_timeout_ms);
    snprintf(head_bytes, sizeof(head_bytes), "%d", HTTP_HEAD_BUFFER);
    const char *options[] = {"listening_ports", ports, "num_threads", threads, "request_timeout_ms", head_ms,
                             "keep_alive_timeout_ms", idle_ms, "max_request_size", head_bytes,
                             "enable_keep_alive", "yes", "tcp_nodelay", "1", "connection_queue", "1024",
                             "listen_backlog", "4096", "decode_url", "no", "enable_directory_listing", "no",
                             "enable_auth_domain_check", "no", "access_control_allow_methods", "",
                             "access_control_allow_origin", "", "access_control_allow_headers", "", NULL};
    return mg_start(&callbacks, server, options);
}

static int port_of(struct mg_context *context)
{
    struct mg_server_port port = {0};
    return mg_get_server_ports(context, 1, &port) == 1 ? port.port : 0;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

int http_server_connections(const struct http_server *server)
{
    return atomic_load(&server->connections);
}

void http_server_stop(struct http_server *server, int timeout_ms)
{
    if (server == NULL) {
        return;
    }
    atomic_store(&server->stopping, true);
    int64_t until_ms = clock_monotonic_ms() + timeout_ms;
    while (atomic_load(&server->running) > 0 && clock_monotonic_ms() < until_ms) {
        usleep(2000);
    }
    server_release(server);
}

static void server_release(struct http_server *server)
{
    if (server->context != NULL) {
        http_sockets_wake(server);
        mg_stop(server->context);
    }
    http_watcher_stop(&server->watcher);
    semaphore_free(server->workers);
    http_spaces_free(&server->spaces);
    free(server);
}

static void *on_thread_start(const struct mg_context *context, int type)
{
    struct http_server *server = mg_get_user_data(context);
    if (type == 0) {
        atomic_store(&server->listens, true);
    }
    if (type != 1) {
        return NULL; // not a thread that serves connections
    }
    struct http_worker *worker = calloc(1, sizeof(*worker));
    if (worker != NULL) {
        worker->server = server;
        worker->socket = -1;
    }
    return worker;
}

static void on_thread_end(const struct mg_context *context, int type, void *thread)
{
    (void)context;
    if (type == 1) {
        free(thread);
    }
}

static struct http_server *server_of(const struct mg_connection *connection)
{
    return mg_get_user_data(mg_get_context(connection));
}

static int on_connection(const struct mg_connection *connection, void **connection_data)
{
    struct http_worker *worker = mg_get_thread_pointer(connection);
    *connection_data = NULL;
    atomic_fetch_add(&server_of(connection)->connections, 1);
    if (worker != NULL) {
        worker->socket_known = false;
        worker->refused = false;
    }
    return 0;
}

// civetweb closes at targets that are no path, "*" and "http://…", without a word to us. We have one.
static void on_connection_close(const struct mg_connection *connection)
{
    struct http_exchange exchange = {.worker = mg_get_thread_pointer(connection),
                                     .connection = (struct mg_connection *)(uintptr_t)connection,
                                     .info = mg_get_request_info(connection),
                                     .unread = true};
    const struct mg_request_info *info = exchange.info;
    const bool heard = info != NULL && info->request_method != NULL && info->request_uri != NULL && info->local_uri_raw == NULL;
    if (heard && exchange.worker != NULL && !exchange.worker->refused) {
        exchange_run(&exchange, &problem_malformed);
    }
}

static void on_connection_closed(const struct mg_connection *connection)
{
    atomic_fetch_sub(&server_of(connection)->connections, 1);
}

static int on_message(const struct mg_connection *connection, const char *message)
{
    struct http_server *server = server_of(connection);
    if (server != NULL && server->context == NULL && server->start_message[0] == '\0') {
        server->start_errno = errno;
        snprintf(server->start_message, sizeof(server->start_message), "%s", message);
    }
    return 1; // not to its own log; it would name what clients send
}

// Every request comes here first, before civetweb's own CORS, authorization and file handling.
static int on_request(struct mg_connection *connection)
{
    struct http_exchange exchange = {.worker = mg_get_thread_pointer(connection),
                                     .connection = connection,
                                     .info = mg_get_request_info(connection)};
    if (exchange.worker == NULL || !exchange_run(&exchange, NULL)) {
        mg_disable_connection_keep_alive(connection);
        return 503;
    }
    return exchange.response.status; // for civetweb's access log alone, which is off
}

// civetweb could not make sense of the head; it closes the connection after this.
static int on_error(struct mg_connection *connection, int status, const char *message)
{
    (void)message;
    struct http_exchange exchange = {.worker = mg_get_thread_pointer(connection),
                                     .connection = connection,
                                     .info = mg_get_request_info(connection),
                                     .unread = true};
    if (exchange.worker == NULL) {
        return 1;
    }
    exchange.worker->refused = true;
    return !exchange_run(&exchange, status == 413                            ? &problem_head_too_large
                                    : status >= 500 && status != 505         ? &problem_internal
                                    : http_method_is_unknown(exchange.info) ? &problem_method_not_allowed
                                                                             : &problem_malformed);
}

// False: no memory to answer in.
static bool exchange_run(struct http_exchange *exchange, const struct problem *refusal)
{
    struct http_server *server = exchange->worker->server;
    exchange->space = http_space_take(server);
    if (exchange->space == NULL) {
        return false;
    }
    atomic_fetch_add(&server->running, 1); // before `stopping` is read: a stop either waits or refuses
    exchange->request = (struct http_request){.method = "-",
                                              .path = "-",
                                              .headers = exchange->space->headers,
                                              .remote_address = exchange->info->remote_addr,
                                              .body = "",
                                              .arena = exchange->space->arena,
                                              .connection = exchange->connection};
    exchange->close = refusal != NULL;
    exchange->request.refusal = refusal != NULL ? refusal : exchange_receive(exchange);
    bool working = exchange->request.refusal == NULL;
    if (working && !semaphore_acquire(server->workers, server->config.queue_timeout_ms)) {
        exchange->request.refusal = &problem_unavailable;
        working = false;
    }
    server->handler(server->state, &exchange->request, &exchange->response);
    if (working) {
        semaphore_release(server->workers);
    }
    http_answer_write(exchange);
    if (exchange->close && exchange->unread) {
        http_socket_linger(exchange);
    }
    http_space_give(server, exchange->space);
    atomic_fetch_sub(&server->running, 1);
    return true;
}

static const struct problem *exchange_receive(struct http_exchange *exchange)
{
    struct http_server *server = exchange->worker->server;
    const struct problem *problem = http_head_check(exchange);
    exchange->unread = problem != NULL || exchange->chunked || exchange->content_length > 0;
    if (problem == NULL) {
        problem = atomic_load(&server->stopping) ? &problem_unavailable : http_body_read(exchange);
    }
    // With every thread taken by a connection, others may be waiting: let this one go.
    exchange->close |= problem != NULL || atomic_load(&server->connections) >= server->config.threads;
    return problem;
}
