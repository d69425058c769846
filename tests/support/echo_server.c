// SPDX-License-Identifier: MIT
#include "echo_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char file_path[] = "/tmp/echo_server.XXXXXX";
char echo_big_body[300000];
atomic_bool echo_waits;

void echo_handle(void *state, const struct http_request *request, struct http_response *response)
{
    atomic_int *calls = state;
    atomic_fetch_add(calls, 1);
    if (request->refusal != NULL) {
        response->status = request->refusal->status;
        response->body = request->refusal->slug;
        response->body_length = strlen(response->body);
        http_response_header(response, "Content-Type", "application/problem+json");
        return;
    }
    response->status = 200;
    const char *tag = http_request_header(request, "x-tag");
    response->body =
        arena_printf(request->arena, "%s %s ?%s headers=%zu tag=%s body=%zu:%.*s", request->method,
                     request->path, request->query ? request->query : "", request->header_count,
                     tag ? tag : "-", request->body_length, (int)request->body_length, request->body);
    response->body_length = response->body ? strlen(response->body) : 0;
    if (strcmp(request->path, "/nothing") == 0) {
        response->status = 204;
    } else if (strcmp(request->path, "/wait") == 0) {
        while (atomic_load(&echo_waits)) {
            usleep(1000);
        }
    } else if (strcmp(request->path, "/file") == 0) {
        response->file = file_path;
    } else if (strcmp(request->path, "/no-file") == 0) {
        response->file = "/nonexistent/file";
    } else if (strcmp(request->path, "/big") == 0) {
        response->body = echo_big_body;
        response->body_length = sizeof(echo_big_body);
    } else if (strcmp(request->path, "/split") == 0) {
        http_response_header(response, "X-Evil", "a\r\nSet-Cookie: b=c\n\nbody");
    } else if (strcmp(request->path, "/hold") == 0) {
        response->body = NULL;
        response->body_length = arena_alloc(request->arena, (size_t)64 << 20) == NULL ? 0 : 1;
        response->status = arena_failed(request->arena) ? 503 : 200;
    } else if (strcmp(request->path, "/bye") == 0) {
        response->close = true;
    } else if (strcmp(request->path, "/die") == 0) {
        response->unanswered = true;
    }
}

const struct http_server_config echo_defaults = {.host = "127.0.0.1",
                                                 .threads = 8,
                                                 .workers = 4,
                                                 .queue_timeout_ms = 1000,
                                                 .body_limit_bytes = ECHO_BODY_LIMIT,
                                                 .head_timeout_ms = 1500,
                                                 .body_timeout_ms = 1000,
                                                 .idle_timeout_ms = 5000};

struct http_server *echo_start(const struct http_server_config *config, atomic_int *calls)
{
    struct error err = {0};
    struct http_server *server = http_server_start(config, echo_handle, calls, &err);
    if (server == NULL) {
        fail_msg("%s", err.cause);
    }
    return server;
}

int echo_setup(void **state)
{
    struct echo_server *echo = calloc(1, sizeof(*echo));
    echo->server = echo_start(&echo_defaults, &echo->calls);
    int file = mkstemp(file_path);
    assert_true(file >= 0);
    for (size_t i = 0; i < sizeof(echo_big_body); i++) {
        echo_big_body[i] = (char)('a' + i % 26);
    }
    assert_int_equal(write(file, echo_big_body, sizeof(echo_big_body)), sizeof(echo_big_body));
    close(file);
    *state = echo;
    return 0;
}

int echo_teardown(void **state)
{
    struct echo_server *echo = *state;
    http_server_stop(echo->server, 1000);
    unlink(file_path);
    free(echo);
    return 0;
}

int echo_dial(const struct http_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return client;
}

void echo_say(int client, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(client, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; // closed on us; the answer tells why
        }
        bytes += sent;
        length -= (size_t)sent;
    }
}

long echo_header_number(const char *head, const char *name)
{
    const char *line = strcasestr(head, name);
    return line == NULL ? -1 : strtol(line + strlen(name), NULL, 10);
}

struct echo_answer *echo_hear(int client, bool head_alone)
{
    static struct echo_answer answer;
    size_t length = 0;
    char *end = NULL;
    memset(&answer, 0, sizeof(answer));
    while (end == NULL && recv(client, answer.buffer + length, 1, 0) == 1) {
        length++;
        end = strstr(answer.buffer, "\r\n\r\n");
    }
    if (end == NULL) {
        return &answer;
    }
    end[2] = '\0';
    answer.head = answer.buffer;
    answer.body = end + 4;
    answer.status = (int)strtol(answer.buffer + strlen("HTTP/1.1 "), NULL, 10);
    long expected = head_alone || answer.status == 204 || answer.status == 100
                        ? 0
                        : echo_header_number(answer.head, "Content-Length: ");
    while ((long)answer.body_length < expected) {
        ssize_t got =
            recv(client, answer.body + answer.body_length, (size_t)expected - answer.body_length, 0);
        assert_true(got > 0);
        answer.body_length += (size_t)got;
    }
    answer.body[answer.body_length] = '\0';
    return &answer;
}

bool echo_is_closed(int client)
{
    char byte;
    ssize_t got = recv(client, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

struct echo_answer *echo_ask(int client, const char *request)
{
    echo_say(client, request, strlen(request));
    return echo_hear(client, strncmp(request, "HEAD", 4) == 0);
}
