// SPDX-License-Identifier: MIT
// What the files of the HTTP server share among themselves.
#pragma once

#include <civetweb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "crypto.h"
#include "http_server.h"

// A longer head is answered with 431; with 400 if it does not even fit civetweb's buffer, which
// cannot tell it from a malformed one.
#define HTTP_HEAD_MAX 16384
#define HTTP_HEAD_BUFFER 32768

// A socket that must be done with its work by at_ms; the watcher shuts it down otherwise, which
// ends the read or write that civetweb is stuck in. In a list of the server, under its mutex.
struct http_deadline {
    int socket;
    int how; // SHUT_RD, SHUT_RDWR
    int64_t at_ms;
    bool expired;
    struct http_deadline *next;
    struct http_deadline **link; // what points here; NULL: not in the list
};

struct http_watcher {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t end;
    bool ending;
    struct http_deadline *first;
};

// What a request is worked on in. It is lent to one at a time and not to each thread: most wait on an idle connection.
struct http_space {
    struct http_space *next;
    struct arena *arena;
    struct http_header headers[MG_MAX_HEADERS];
    char out[16384];         // head and start of the answer; also the piece size for bodies
};

// Those that nobody uses, last used first.
struct http_spaces {
    pthread_mutex_t mutex;
    struct http_space *first;
    int count;
};

struct http_server {
    struct http_server_config config;
    http_handler handler;
    void *state;
    struct mg_context *context;
    int port;
    struct semaphore *workers;
    struct http_spaces spaces;
    struct http_watcher watcher;
    atomic_int connections;
    atomic_int running;
    atomic_bool stopping;
    atomic_bool listens;     // there is a thread that takes connections in
    char start_message[200]; // civetweb's first complaint while starting: those after it are of its consequences
    int start_errno;         // of that
};

// One per thread.
struct http_worker {
    struct http_server *server;
    const char *buffer;      // start of civetweb's buffer of this thread, learned from requests
    int socket;              // of the connection; -1 unknown
    bool socket_known;       // looked for already
    bool refused;            // the connection's last head was, and it is about to close
    struct http_deadline deadline;
    time_t date_s;
    char date[32];
};

// One request and its answer.
struct http_exchange {
    struct http_worker *worker;
    struct http_space *space;
    struct mg_connection *connection;
    const struct mg_request_info *info;
    struct http_request request;
    struct http_response response;
    int64_t content_length;
    bool chunked;
    bool close;      // no further request on this connection
    bool unread;     // the body, or part of it, is still in the socket
};

// http_server_request.c: NULL, or what is wrong with the request. Fills exchange->request.
const struct problem *http_head_check(struct http_exchange *exchange);
const struct problem *http_body_read(struct http_exchange *exchange);
// Of a head that civetweb made no sense of: only the method was wrong, as TRACE, which it does not take.
bool http_method_is_unknown(const struct mg_request_info *info);

// http_server_space.c: a space for one request, NULL when there is no memory; and its return.
struct http_space *http_space_take(struct http_server *server);
void http_space_give(struct http_server *server, struct http_space *space);
void http_spaces_free(struct http_spaces *spaces);

// http_server_answer.c: writes exchange->response.
void http_answer_write(struct http_exchange *exchange);

// http_server_socket.c
MUST_USE bool http_watcher_start(struct http_watcher *watcher);
void http_watcher_stop(struct http_watcher *watcher);
// Between the two calls the connection's socket is shut down once timeout_ms have passed.
void http_deadline_begin(struct http_exchange *exchange, int how, int64_t timeout_ms);
bool http_deadline_end(struct http_exchange *exchange); // true: it had passed
// Takes in what the peer still sends for a moment, so that closing with unread data does not
// reset the connection before the answer has been read.
void http_socket_linger(struct http_exchange *exchange);
// Wakes every thread that waits on a socket of this server.
void http_sockets_wake(struct http_server *server);
