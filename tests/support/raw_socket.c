// SPDX-License-Identifier: MIT
#include "raw_socket.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "text.h"

#define RAW_PATIENCE_MS 20000

int raw_connect(int receive_buffer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)atoi(setting("PORT")))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive_buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) fail_msg("the gateway takes no connection");
    return fd;
}

static bool say_bytes(int socket, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

bool raw_say(int socket, const char *text)
{
    return say_bytes(socket, text, strlen(text));
}

// One more piece into the buffer; false at the end or when patience is over.
static bool take_more(int socket, struct text_buffer *heard, size_t most)
{
    char piece[16384];
    struct pollfd readable = {.fd = socket, .events = POLLIN};
    if (poll(&readable, 1, RAW_PATIENCE_MS) <= 0) return false;
    ssize_t got = recv(socket, piece, most < sizeof piece ? most : sizeof piece, 0);
    if (got > 0) text_add_bytes(heard, piece, (size_t)got);
    return got > 0;
}

// Byte by byte up to the empty line, so that what follows stays in the socket for the next call.
static bool hear_head(int socket, struct text_buffer *head)
{
    while (head->length < 4 || memcmp(head->data + head->length - 4, "\r\n\r\n", 4) != 0)
        if (!take_more(socket, head, 1)) return false;
    return true;
}

struct raw_answer raw_hear(int socket)
{
    struct raw_answer answer = {0};
    struct text_buffer head = text_buffer(story_arena()), body = text_buffer(story_arena());
    if (!hear_head(socket, &head)) return (struct raw_answer){.ended = true};
    answer.head = text_take(&head);
    if (strncmp(answer.head, "HTTP/1.1 ", 9) != 0) fail_msg("no HTTP/1.1: %s", answer.head);
    answer.status = atoi(answer.head + 9);
    const char *length = raw_header(&answer, "Content-Length");
    const size_t expected = length ? (size_t)atol(length) : 0;
    while (body.length < expected && !answer.ended) answer.ended = !take_more(socket, &body, expected - body.length);
    answer.body_length = body.length;
    answer.body = text_take(&body);
    return answer;
}

bool raw_is_closed(int socket)
{
    char byte;
    struct pollfd readable = {.fd = socket, .events = POLLIN};
    return poll(&readable, 1, RAW_PATIENCE_MS) > 0 && recv(socket, &byte, 1, 0) <= 0;
}

const char *raw_header(const struct raw_answer *answer, const char *name)
{
    const size_t length = strlen(name);
    for (const char *line = strstr(answer->head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) != 0 || line[2 + length] != ':') continue;
        const char *value = line + 2 + length + 1 + strspn(line + 2 + length + 1, " ");
        return arena_memdup(story_arena(), value, strcspn(value, "\r"));
    }
    return NULL;
}

struct raw_answer raw_ask(const char *bytes, size_t length, bool *ret_more)
{
    const int socket = raw_connect(0);
    say_bytes(socket, bytes, length);
    struct raw_answer answer = raw_hear(socket);
    *ret_more = false;
    if (answer.status && !answer.ended && text_equal(raw_header(&answer, "Connection"), "close")) *ret_more = !raw_is_closed(socket);
    close(socket);
    return answer;
}
