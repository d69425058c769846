// SPDX-License-Identifier: MIT
// The server over real sockets, spoken to byte by byte, as an attacker would.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "http_server.h"

#define BODY_LIMIT 100000
#define ANSWER_MAX (1 << 20)

static char file_path[] = "/tmp/http_server_test.XXXXXX";
static char big_body[300000];

// Says what it was asked; a few paths do something special.
static void echo(void *state, const struct http_request *request, struct http_response *response)
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
    } else if (strcmp(request->path, "/slow") == 0) {
        usleep(300000);
    } else if (strcmp(request->path, "/file") == 0) {
        response->file = file_path;
    } else if (strcmp(request->path, "/no-file") == 0) {
        response->file = "/nonexistent/file";
    } else if (strcmp(request->path, "/big") == 0) {
        response->body = big_body;
        response->body_length = sizeof(big_body);
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

struct fixture {
    struct http_server *server;
    atomic_int calls;
};

static const struct http_server_config defaults = {.host = "127.0.0.1",
                                                   .threads = 8,
                                                   .workers = 4,
                                                   .queue_timeout_ms = 1000,
                                                   .body_limit_bytes = BODY_LIMIT,
                                                   .head_timeout_ms = 1500,
                                                   .body_timeout_ms = 1000,
                                                   .idle_timeout_ms = 5000};

static struct http_server *start(const struct http_server_config *config, atomic_int *calls)
{
    struct error err = {0};
    struct http_server *server = http_server_start(config, echo, calls, &err);
    if (server == NULL) {
        fail_msg("%s", err.cause);
    }
    return server;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->server = start(&defaults, &fixture->calls);
    int file = mkstemp(file_path);
    assert_true(file >= 0);
    for (size_t i = 0; i < sizeof(big_body); i++) {
        big_body[i] = (char)('a' + i % 26);
    }
    assert_int_equal(write(file, big_body, sizeof(big_body)), sizeof(big_body));
    close(file);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    http_server_stop(fixture->server, 1000);
    unlink(file_path);
    free(fixture);
    return 0;
}

static int dial(const struct http_server *server)
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

static void say(int client, const char *bytes, size_t length)
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

struct answer {
    int status;
    char *head;
    char *body;
    size_t body_length;
    char buffer[ANSWER_MAX];
};

static long header_number(const char *head, const char *name)
{
    const char *line = strcasestr(head, name);
    return line == NULL ? -1 : strtol(line + strlen(name), NULL, 10);
}

// Reads one answer; status 0: the connection was closed without one.
static struct answer *hear(int client, bool head_alone)
{
    static struct answer answer;
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
                        : header_number(answer.head, "Content-Length: ");
    while ((long)answer.body_length < expected) {
        ssize_t got =
            recv(client, answer.body + answer.body_length, (size_t)expected - answer.body_length, 0);
        assert_true(got > 0);
        answer.body_length += (size_t)got;
    }
    answer.body[answer.body_length] = '\0';
    return &answer;
}

static bool is_closed(int client)
{
    char byte;
    ssize_t got = recv(client, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

static struct answer *ask(int client, const char *request)
{
    say(client, request, strlen(request));
    return hear(client, strncmp(request, "HEAD", 4) == 0);
}

#define HOST "Host: x\r\n"

static void a_connection_serves_many_requests(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    for (int i = 0; i < 20; i++) {
        struct answer *answer =
            ask(client, "GET /a%20b/../c?x=1&y HTTP/1.1\r\n" HOST "X-Tag:  one  \r\n\r\n");
        assert_int_equal(answer->status, 200);
        assert_string_equal(answer->body, "GET /a%20b/../c ?x=1&y headers=2 tag=one body=0:");
        assert_non_null(strstr(answer->head, "Connection: keep-alive"));
        assert_non_null(strstr(answer->head, "Date: "));
    }
    assert_int_equal(http_server_connections(fixture->server), 1);
    close(client);
}

static void head_and_204_have_no_body(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    struct answer *answer = ask(client, "HEAD /x HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->status, 200);
    assert_int_equal(header_number(answer->head, "Content-Length: "),
                     strlen("HEAD /x ? headers=1 tag=- body=0:"));
    answer = ask(client, "GET /nothing HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->status, 204);
    assert_null(strcasestr(answer->head, "Content-Length"));
    answer = ask(client, "GET /after HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(answer->body, "GET /after ? headers=1 tag=- body=0:");
    close(client);
}

static void bodies_arrive_whole(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    struct answer *answer = ask(client, "POST /b HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    assert_string_equal(answer->body, "POST /b ? headers=2 tag=- body=5:hello");
    const char *half = "PUT /b HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n01234";
    say(client, half, strlen(half));
    usleep(50000);
    answer = ask(client, "56789");
    assert_string_equal(answer->body, "PUT /b ? headers=2 tag=- body=10:0123456789");
    answer = ask(client, "POST /c HTTP/1.1\r\n" HOST
                         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
    assert_string_equal(answer->body, "POST /c ? headers=2 tag=- body=13:abc0123456789");
    close(client);
}

static void a_large_body_fits_up_to_the_limit(void **state)
{
    struct fixture *fixture = *state;
    char head[128];
    for (int over = 0; over < 2; over++) {
        int client = dial(fixture->server);
        int length = snprintf(head, sizeof(head), "POST /b HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
                              BODY_LIMIT + over);
        say(client, head, (size_t)length);
        say(client, big_body, BODY_LIMIT + (size_t)over);
        struct answer *answer = hear(client, false);
        assert_int_equal(answer->status, over ? 413 : 200);
        assert_string_equal(over ? answer->body : "", over ? "too-large" : "");
        assert_true(over ? is_closed(client) : answer->body_length > BODY_LIMIT);
        close(client);
    }
}

static void a_413_reaches_a_peer_that_keeps_sending(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    const char *head = "POST /b HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    say(client, head, strlen(head));
    for (int i = 0; i < 2; i++) { // 600 kB, more than is taken
        say(client, "493e0\r\n", 7);
        say(client, big_body, sizeof(big_body));
        say(client, "\r\n", 2);
    }
    struct answer *answer = hear(client, false);
    assert_int_equal(answer->status, 413);
    assert_non_null(strstr(answer->head, "Connection: close"));
    assert_true(is_closed(client));
    close(client);
}

// Each is refused with this status by our handler, then the connection ends: what follows is never
// taken for a request.
static void ambiguous_requests_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int status;
        const char *request;
    } cases[] = {
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5a\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\nhello"},
        {413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 999999999999999\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST
              "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"},
        {408, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "X: y\r\n Content-Length: 5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n Content-Length: 5\r\n" HOST "\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "\x80: y\r\nContent-Length: 5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST ": y\r\nContent-Length: 5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\n" HOST "X(: y\r\nContent-Length: 5\r\n\r\nhello"},
        {400, "GET / HTTP/1.1\n" HOST "\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\nHost: x\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\n\n"},
        {400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "X: a\tb\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "X: a\x01"
              "b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n"},
        {400, "GET /\x01 HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET / HTTP/2.0\r\n" HOST "\r\n"},
        {400, "GET / SMTP/1.1\r\n" HOST "\r\n"},
        {400, "GET nothing HTTP/1.1\r\n" HOST "\r\n"},
        {400, "BREW / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET http://x/ HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET http://evil.example:80/a?b HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET ftp://x/ HTTP/1.1\r\n" HOST "\r\n"},
        {400, "CONNECT x:80 HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET  / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /  HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /a?b  HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /a b HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /#a HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /a?b#c HTTP/1.1\r\n" HOST "\r\n"},
        {400, "hello\r\n\r\n"},
    };
    int client = dial(fixture->server); // so that a thread's first request is a good one
    assert_int_equal(ask(client, "GET / HTTP/1.1\r\n" HOST "\r\n")->status, 200);
    close(client);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        client = dial(fixture->server);
        say(client, cases[i].request, strlen(cases[i].request));
        say(client, "GET /smuggled HTTP/1.1\r\n" HOST "\r\n", 35);
        struct answer *answer = hear(client, false);
        if (answer->status != cases[i].status || strstr(answer->body, "smuggled") != NULL) {
            fail_msg("case %zu: %d %s\n%s", i, answer->status, answer->body, cases[i].request);
        }
        assert_non_null(strstr(answer->head, "application/problem+json"));
        assert_non_null(strstr(answer->head, "Connection: close"));
        assert_true(is_closed(client));
        close(client);
    }
}

static void a_nul_in_the_head_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char request[] = "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n";
    int client = dial(fixture->server);
    say(client, request, sizeof(request) - 1);
    assert_int_equal(hear(client, false)->status, 400);
    close(client);
}

static void one_can_have_63_headers_not_64(void **state)
{
    struct fixture *fixture = *state;
    for (int headers = 63; headers <= 65; headers++) {
        char request[4096] = "GET /h HTTP/1.1\r\n" HOST;
        for (int i = 1; i < headers; i++) {
            strncat(request, "X: y\r\n", sizeof(request) - strlen(request) - 1);
        }
        strncat(request, "\r\n", sizeof(request) - strlen(request) - 1);
        int client = dial(fixture->server);
        struct answer *answer = ask(client, request);
        assert_int_equal(answer->status, headers == 63 ? 200 : 431);
        assert_string_equal(answer->body,
                            headers == 63 ? "GET /h ? headers=63 tag=- body=0:" : "head-too-large");
        assert_true(headers == 63 || is_closed(client));
        close(client);
    }
}

static void a_head_over_16_kib_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static char request[40000];
    static const int lengths[][2] = {{16383, 200}, {16384, 200}, {16385, 431}, {20000, 431},
                                     {32767, 431}, {32768, 431}, {32769, 400}, {40000, 400}};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        size_t length = (size_t)lengths[i][0];
        int used = snprintf(request, sizeof(request), "GET / HTTP/1.1\r\n" HOST "X: ");
        memset(request + used, 'y', sizeof(request) - (size_t)used);
        memcpy(request + length - 4, "\r\n\r\n", 4);
        int client = dial(fixture->server);
        say(client, request, length);
        struct answer *answer = hear(client, false);
        assert_int_equal(answer->status, lengths[i][1]);
        assert_true(answer->status == 200 || is_closed(client));
        close(client);
    }
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    static const char three[] =
        "POST /1 HTTP/1.1\r\n" HOST "Content-Length: 34\r\n\r\nGET /inside HTTP/1.1\r\n" HOST "\r\nx"
        "GET /2 HTTP/1.1\r\n" HOST "\r\nGET /3 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    say(client, three, sizeof(three) - 1);
    assert_memory_equal(hear(client, false)->body, "POST /1 ? headers=2 tag=- body=34:GET /inside", 45);
    assert_memory_equal(hear(client, false)->body, "GET /2 ", 7);
    struct answer *last = hear(client, false);
    assert_memory_equal(last->body, "GET /3 ", 7);
    assert_non_null(strstr(last->head, "Connection: close"));
    assert_true(is_closed(client));
    close(client);
}

static void http_1_0_closes_unless_asked(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    struct answer *answer = ask(client, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_non_null(strstr(answer->head, "Connection: keep-alive"));
    answer = ask(client, "GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(answer->status, 200);
    assert_non_null(strstr(answer->head, "Connection: close"));
    assert_true(is_closed(client));
    close(client);
}

static void a_handler_can_end_the_connection(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    assert_non_null(strstr(ask(client, "GET /bye HTTP/1.1\r\n" HOST "\r\n")->head, "Connection: close"));
    assert_true(is_closed(client));
    close(client);
}

static void a_handler_can_leave_a_request_unanswered(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    int before = atomic_load(&fixture->calls);
    assert_int_equal(ask(client, "POST /die HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nok")->status, 0);
    assert_int_equal(atomic_load(&fixture->calls), before + 1);
    assert_true(is_closed(client));
    close(client);
}

static void expect_100_is_met(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    struct answer *answer =
        ask(client, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(answer->status, 100);
    assert_int_equal(ask(client, "hello")->status, 200);
    // too large is said before the body is sent
    answer =
        ask(client, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(answer->status, 413);
    close(client);
}

static void a_trickling_body_meets_the_total_deadline(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    const char *head = "POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n";
    say(client, head, strlen(head));
    int64_t start_ms = clock_monotonic_ms();
    struct pollfd readable = {.fd = client, .events = POLLIN};
    while (poll(&readable, 1, 50) == 0 && clock_monotonic_ms() - start_ms < 8000) {
        say(client, "x", 1);
    }
    struct answer *answer = hear(client, false);
    assert_int_equal(answer->status, 408);
    assert_string_equal(answer->body, "request-timeout");
    assert_in_range(clock_monotonic_ms() - start_ms, 900, 2500);
    close(client);
}

static void a_trickling_head_meets_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    int64_t start_ms = clock_monotonic_ms();
    struct pollfd readable = {.fd = client, .events = POLLIN};
    while (poll(&readable, 1, 50) == 0 && clock_monotonic_ms() - start_ms < 8000) {
        say(client, "G", 1);
    }
    assert_int_equal(hear(client, false)->status, 400);
    assert_in_range(clock_monotonic_ms() - start_ms, 1400, 4000);
    close(client);
}

static void a_body_cut_off_never_reaches_the_handler_as_whole(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    const char *part = "POST /part HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nhello";
    say(client, part, strlen(part));
    shutdown(client, SHUT_WR);
    struct answer *answer = hear(client, false);
    assert_int_equal(answer->status, 400);
    assert_string_equal(answer->body, "malformed");
    close(client);
}

static void files_are_streamed(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    struct answer *answer = ask(client, "GET /file HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->body_length, sizeof(big_body));
    assert_memory_equal(answer->body, big_body, sizeof(big_body));
    answer = ask(client, "HEAD /file HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(header_number(answer->head, "Content-Length: "), sizeof(big_body));
    answer = ask(client, "GET /no-file HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->status, 404);
    assert_string_equal(answer->body, "not-found");
    answer = ask(client, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    assert_memory_equal(answer->body, big_body, sizeof(big_body));
    close(client);
}

static void header_values_cannot_end_their_line(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    struct answer *answer = ask(client, "GET /split HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(answer->head, "X-Evil: a  Set-Cookie: b=c  body\r\n"));
    close(client);
}

static void a_request_that_wants_too_much_memory_fails_alone(void **state)
{
    struct fixture *fixture = *state;
    int client = dial(fixture->server);
    assert_int_equal(ask(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n")->status, 503);
    assert_int_equal(ask(client, "GET /next HTTP/1.1\r\n" HOST "\r\n")->status, 200);
    close(client);
}

static void work_is_bounded_and_waiting_too(void **state)
{
    (void)state;
    atomic_int calls = 0;
    struct http_server_config config = defaults;
    config.workers = 1;
    config.queue_timeout_ms = 100;
    struct http_server *server = start(&config, &calls);
    int busy = dial(server);
    int late = dial(server);
    const char *slow = "GET /slow HTTP/1.1\r\n" HOST "\r\n";
    say(busy, slow, strlen(slow));
    usleep(50000);
    int64_t start_ms = clock_monotonic_ms();
    struct answer *answer = ask(late, "GET /late HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->status, 503);
    assert_string_equal(answer->body, "unavailable");
    assert_in_range(clock_monotonic_ms() - start_ms, 90, 290);
    assert_int_equal(hear(busy, false)->status, 200);
    assert_int_equal(ask(late, "GET /late HTTP/1.1\r\n" HOST "\r\n")->status, 200); // its connection went on
    close(busy);
    close(late);
    http_server_stop(server, 1000);
}

static void a_full_server_lets_connections_go(void **state)
{
    (void)state;
    atomic_int calls = 0;
    struct http_server_config config = defaults;
    config.threads = 2;
    struct http_server *server = start(&config, &calls);
    int first = dial(server);
    assert_non_null(strstr(ask(first, "GET / HTTP/1.1\r\n" HOST "\r\n")->head, "keep-alive"));
    int second = dial(server);
    assert_non_null(strstr(ask(second, "GET / HTTP/1.1\r\n" HOST "\r\n")->head, "Connection: close"));
    int third = dial(server); // would otherwise wait until one of the two goes away
    assert_int_equal(ask(third, "GET / HTTP/1.1\r\n" HOST "\r\n")->status, 200);
    close(first);
    close(second);
    close(third);
    http_server_stop(server, 1000);
}

struct stopping {
    struct http_server *server;
    int64_t took_ms;
};

static void *stop_it(void *argument)
{
    struct stopping *stopping = argument;
    int64_t start_ms = clock_monotonic_ms();
    http_server_stop(stopping->server, 3000);
    stopping->took_ms = clock_monotonic_ms() - start_ms;
    return NULL;
}

static void a_stop_lets_running_requests_finish(void **state)
{
    (void)state;
    atomic_int calls = 0;
    struct stopping stopping = {.server = start(&defaults, &calls)};
    int port = http_server_port(stopping.server);
    int idle = dial(stopping.server);
    int busy = dial(stopping.server);
    assert_int_equal(ask(idle, "GET / HTTP/1.1\r\n" HOST "\r\n")->status, 200);
    say(busy, "GET /slow HTTP/1.1\r\n" HOST "\r\n", 31);
    usleep(50000);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_it, &stopping), 0);
    usleep(50000);
    struct answer *answer = ask(idle, "GET / HTTP/1.1\r\n" HOST "\r\n"); // came too late
    assert_int_equal(answer->status, 503);
    assert_non_null(strstr(answer->head, "Connection: close"));
    assert_int_equal(hear(busy, false)->status, 200);
    pthread_join(thread, NULL);
    assert_in_range(stopping.took_ms, 100, 2900);
    print_message("stop took %d ms\n", (int)stopping.took_ms);
    close(idle);
    close(busy);
    struct http_server_config again = defaults; // the port is free again
    again.port = port;
    http_server_stop(start(&again, &calls), 0);
}

static void a_port_in_use_is_an_error_with_its_cause(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    atomic_int calls = 0;
    struct http_server_config config = defaults;
    config.port = http_server_port(fixture->server);
    assert_null(http_server_start(&config, echo, &calls, &err));
    assert_ptr_equal(err.problem, &problem_unavailable);
    assert_non_null(strstr(err.cause, "cannot listen on 127.0.0.1:"));
    http_server_stop(NULL, 0);
}

static void percent_decoding_is_strict(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 16);
    assert_string_equal(http_decode(arena, "a%20b+c%C3%A9", 13, false), "a b+c\xc3\xa9");
    assert_string_equal(http_decode(arena, "a+b%2B", 6, true), "a b+");
    assert_string_equal(http_decode(arena, "", 0, true), "");
    assert_string_equal(http_decode(arena, "abc%41", 3, false), "abc");
    static const char *const wrong[] = {"%",   "%4",  "a%",  "%zz",       "%00",
                                        "%c3", "%ff", "%-1", "%ed%a0%80", "%c0%af"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_null(http_decode(arena, wrong[i], strlen(wrong[i]), false));
    }
    assert_string_equal(http_encode(arena, "a b/\xc3\xa9~-._%"), "a%20b%2F%C3%A9~-._%25");
    assert_string_equal(http_encode(arena, ""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_serves_many_requests),
        cmocka_unit_test(head_and_204_have_no_body),
        cmocka_unit_test(bodies_arrive_whole),
        cmocka_unit_test(a_large_body_fits_up_to_the_limit),
        cmocka_unit_test(a_413_reaches_a_peer_that_keeps_sending),
        cmocka_unit_test(ambiguous_requests_are_refused),
        cmocka_unit_test(a_nul_in_the_head_is_refused),
        cmocka_unit_test(one_can_have_63_headers_not_64),
        cmocka_unit_test(a_head_over_16_kib_is_refused),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(http_1_0_closes_unless_asked),
        cmocka_unit_test(a_handler_can_end_the_connection),
        cmocka_unit_test(a_handler_can_leave_a_request_unanswered),
        cmocka_unit_test(expect_100_is_met),
        cmocka_unit_test(a_trickling_body_meets_the_total_deadline),
        cmocka_unit_test(a_trickling_head_meets_the_deadline),
        cmocka_unit_test(a_body_cut_off_never_reaches_the_handler_as_whole),
        cmocka_unit_test(files_are_streamed),
        cmocka_unit_test(header_values_cannot_end_their_line),
        cmocka_unit_test(a_request_that_wants_too_much_memory_fails_alone),
        cmocka_unit_test(work_is_bounded_and_waiting_too),
        cmocka_unit_test(a_full_server_lets_connections_go),
        cmocka_unit_test(a_stop_lets_running_requests_finish),
        cmocka_unit_test(a_port_in_use_is_an_error_with_its_cause),
        cmocka_unit_test(percent_decoding_is_strict),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
