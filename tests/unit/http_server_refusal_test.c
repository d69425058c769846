// SPDX-License-Identifier: MIT
// What the server refuses, spoken to byte by byte, as an attacker would: too large, ambiguous, too slow.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo_server.h"

static void a_large_body_fits_up_to_the_limit(void **state)
{
    struct echo_server *echo = *state;
    char head[128];
    for (int over = 0; over < 2; over++) {
        int client = echo_dial(echo->server);
        int length = snprintf(head, sizeof(head), "POST /b HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
                              ECHO_BODY_LIMIT + over);
        echo_say(client, head, (size_t)length);
        echo_say(client, echo_big_body, ECHO_BODY_LIMIT + (size_t)over);
        struct echo_answer *answer = echo_hear(client, false);
        assert_int_equal(answer->status, over ? 413 : 200);
        assert_string_equal(over ? answer->body : "", over ? "too-large" : "");
        assert_true(over ? echo_is_closed(client) : answer->body_length > ECHO_BODY_LIMIT);
        close(client);
    }
}

static void a_413_reaches_a_peer_that_keeps_sending(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    const char *head = "POST /b HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    echo_say(client, head, strlen(head));
    for (int i = 0; i < 2; i++) { // 600 kB, more than is taken
        echo_say(client, "493e0\r\n", 7);
        echo_say(client, echo_big_body, sizeof(echo_big_body));
        echo_say(client, "\r\n", 2);
    }
    struct echo_answer *answer = echo_hear(client, false);
    assert_int_equal(answer->status, 413);
    assert_non_null(strstr(answer->head, "Connection: close"));
    assert_true(echo_is_closed(client));
    close(client);
}

// Each is refused with this status by our handler, then the connection ends: what follows is never
// taken for a request.
static void ambiguous_requests_are_refused(void **state)
{
    struct echo_server *echo = *state;
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
        {405, "BREW / HTTP/1.1\r\n" HOST "\r\n"},
        {405, "TRACE / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"},
        {405, "get / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GE(T / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "TRACE\r\n\r\n"},
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
    int client = echo_dial(echo->server); // so that a thread's first request is a good one
    assert_int_equal(echo_ask(client, "GET / HTTP/1.1\r\n" HOST "\r\n")->status, 200);
    close(client);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        client = echo_dial(echo->server);
        echo_say(client, cases[i].request, strlen(cases[i].request));
        echo_say(client, "GET /smuggled HTTP/1.1\r\n" HOST "\r\n", 35);
        struct echo_answer *answer = echo_hear(client, false);
        if (answer->status != cases[i].status || strstr(answer->body, "smuggled") != NULL) {
            fail_msg("case %zu: %d %s\n%s", i, answer->status, answer->body, cases[i].request);
        }
        assert_non_null(strstr(answer->head, "application/problem+json"));
        assert_non_null(strstr(answer->head, "Connection: close"));
        assert_true(echo_is_closed(client));
        close(client);
    }
}

static void a_nul_in_the_head_is_refused(void **state)
{
    struct echo_server *echo = *state;
    static const char request[] = "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n";
    int client = echo_dial(echo->server);
    echo_say(client, request, sizeof(request) - 1);
    assert_int_equal(echo_hear(client, false)->status, 400);
    close(client);
}

static void one_can_have_63_headers_not_64(void **state)
{
    struct echo_server *echo = *state;
    for (int headers = 63; headers <= 65; headers++) {
        char request[4096] = "GET /h HTTP/1.1\r\n" HOST;
        for (int i = 1; i < headers; i++) {
            strncat(request, "X: y\r\n", sizeof(request) - strlen(request) - 1);
        }
        strncat(request, "\r\n", sizeof(request) - strlen(request) - 1);
        int client = echo_dial(echo->server);
        struct echo_answer *answer = echo_ask(client, request);
        assert_int_equal(answer->status, headers == 63 ? 200 : 431);
        assert_string_equal(answer->body,
                            headers == 63 ? "GET /h ? headers=63 tag=- body=0:" : "head-too-large");
        assert_true(headers == 63 || echo_is_closed(client));
        close(client);
    }
}

static void a_head_over_16_kib_is_refused(void **state)
{
    struct echo_server *echo = *state;
    static char request[40000];
    static const int lengths[][2] = {{16383, 200}, {16384, 200}, {16385, 431}, {20000, 431},
                                     {32767, 431}, {32768, 431}, {32769, 400}, {40000, 400}};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        size_t length = (size_t)lengths[i][0];
        int used = snprintf(request, sizeof(request), "GET / HTTP/1.1\r\n" HOST "X: ");
        memset(request + used, 'y', sizeof(request) - (size_t)used);
        memcpy(request + length - 4, "\r\n\r\n", 4);
        int client = echo_dial(echo->server);
        echo_say(client, request, length);
        struct echo_answer *answer = echo_hear(client, false);
        assert_int_equal(answer->status, lengths[i][1]);
        assert_true(answer->status == 200 || echo_is_closed(client));
        close(client);
    }
}

// Says the byte again and again, never long apart, until there is an answer, or it has been said so often. A server that gave each
// byte its own time would take them all.
static void trickle(int client, const char *byte, int times)
{
    struct pollfd readable = {.fd = client, .events = POLLIN};
    while (times-- > 0 && poll(&readable, 1, 50) == 0) {
        echo_say(client, byte, 1);
    }
}

static void a_trickling_body_meets_the_total_deadline(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    const char *head = "POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n";
    echo_say(client, head, strlen(head));
    trickle(client, "x", 1000);
    struct echo_answer *answer = echo_hear(client, false);
    assert_int_equal(answer->status, 408);
    assert_string_equal(answer->body, "request-timeout");
    close(client);
}

static void a_trickling_head_meets_the_deadline(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    trickle(client, "G", 1000);
    assert_int_equal(echo_hear(client, false)->status, 400);
    close(client);
}

static void a_body_cut_off_never_reaches_the_handler_as_whole(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    const char *part = "POST /part HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nhello";
    echo_say(client, part, strlen(part));
    shutdown(client, SHUT_WR);
    struct echo_answer *answer = echo_hear(client, false);
    assert_int_equal(answer->status, 400);
    assert_string_equal(answer->body, "malformed");
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_body_fits_up_to_the_limit),
        cmocka_unit_test(a_413_reaches_a_peer_that_keeps_sending),
        cmocka_unit_test(ambiguous_requests_are_refused),
        cmocka_unit_test(a_nul_in_the_head_is_refused),
        cmocka_unit_test(one_can_have_63_headers_not_64),
        cmocka_unit_test(a_head_over_16_kib_is_refused),
        cmocka_unit_test(a_trickling_body_meets_the_total_deadline),
        cmocka_unit_test(a_trickling_head_meets_the_deadline),
        cmocka_unit_test(a_body_cut_off_never_reaches_the_handler_as_whole),
    };
    return cmocka_run_group_tests(tests, echo_setup, echo_teardown);
}
