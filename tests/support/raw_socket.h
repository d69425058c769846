// SPDX-License-Identifier: MIT
// The gateway spoken to byte by byte, for what no decent client sends.
//
//   int socket = raw_connect(0);
//   raw_say(socket, "GET / HTTP/1.1\r\n\r\n");
//   struct raw_answer answer = raw_hear(socket);
#pragma once

#include "story.h"

#define RAW_HOST "Host: story.example\r\n"

struct raw_answer {
    int status;        // 0: the connection ended, or nothing came for long
    const char *head;  // status line and headers
    const char *body;
    size_t body_length;
    bool ended;        // the connection is closed
};

// To the gateway, with a small receive buffer where slow readers want one (bytes, 0: the default).
int raw_connect(int receive_buffer);
// False when the other side has closed.
bool raw_say(int socket, const char *text);
// The next answer; waits for it up to RAW_PATIENCE_MS, which only a test that fails uses up.
struct raw_answer raw_hear(int socket);
// Whether the other side closes the connection, sending nothing more, within the same time.
bool raw_is_closed(int socket);
// One header's value of the answer, or NULL.
const char *raw_header(const struct raw_answer *answer, const char *name);
// Says it on a connection of its own, hears one answer, and whether another follows before the end.
struct raw_answer raw_ask(const char *bytes, size_t length, bool *ret_more);
