// SPDX-License-Identifier: MIT
// An HTTP server that answers what it was asked, and its clients, which speak to it byte by byte.
//
//   struct echo_server *echo = *state;   // of echo_setup
//   int client = echo_dial(echo->server);
//   struct echo_answer *answer = echo_ask(client, "GET /x HTTP/1.1\r\n" HOST "\r\n");
//   assert_string_equal(answer->body, "GET /x ? headers=1 tag=- body=0:");
//   close(client);
#pragma once

#include <stdatomic.h>

#include "http_server.h"

#define ECHO_BODY_LIMIT 100000
#define ECHO_ANSWER_MAX (1 << 20)
#define HOST "Host: x\r\n"

struct echo_server {
    struct http_server *server;
    atomic_int calls; // requests that reached the handler
};

// One server with the settings below for a test program, as cmocka wants it of a group's setup and teardown.
int echo_setup(void **state);
int echo_teardown(void **state);
extern const struct http_server_config echo_defaults;
// Another with settings of a test's own; fails the test when it does not start.
struct http_server *echo_start(const struct http_server_config *config, atomic_int *calls);

// Says what it was asked, as "METHOD path ?query headers=N tag=X-TAG body=LENGTH:BODY", and counts its calls in the
// state. What the server refuses it answers with the problem's slug. A few paths do something special: /nothing,
// /wait, /file, /no-file, /big, /split, /hold, /bye, /die.
void echo_handle(void *state, const struct http_request *request, struct http_response *response);
extern atomic_bool echo_waits; // while it is true, /wait is not answered
extern char echo_big_body[300000]; // what /big and /file answer

struct echo_answer {
    int status; // 0: the connection was closed without one
    char *head;
    char *body;
    size_t body_length;
    char buffer[ECHO_ANSWER_MAX];
};

int echo_dial(const struct http_server *server);
void echo_say(int client, const char *bytes, size_t length);
// Reads one answer, valid until the next call. head_alone: to a HEAD, whose answer tells a length it does not send.
struct echo_answer *echo_hear(int client, bool head_alone);
// Says a whole request and reads the answer.
struct echo_answer *echo_ask(int client, const char *request);
bool echo_is_closed(int client);
// The number after the name and what parts it from that ("Content-Length: "); -1: there is none.
long echo_header_number(const char *head, const char *name);
