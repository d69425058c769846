// SPDX-License-Identifier: MIT
// The server over real sockets: what it takes and answers, how connections go on and end, and how it is
// bounded and stopped.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "echo_server.h"
#include "eventually.h"

static void a_connection_serves_many_requests(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    for (int i = 0; i < 20; i++) {
        struct echo_answer *answer =
            echo_ask(client, "GET /a%20b/../c?x=1&y HTTP/1.1\r\n" HOST "X-Tag:  one  \r\n\r\n");
        assert_int_equal(answer->status, 200);
        assert_string_equal(answer->body, "GET /a%20b/../c ?x=1&y headers=2 tag=one body=0:");
        assert_non_null(strstr(answer->head, "Connection: keep-alive"));
        assert_non_null(strstr(answer->head, "Date: "));
    }
    assert_int_equal(http_server_connections(echo->server), 1);
    close(client);
}

static void head_and_204_have_no_body(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    struct echo_answer *answer = echo_ask(client, "HEAD /x HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->status, 200);
    assert_int_equal(echo_header_number(answer->head, "Content-Length: "),
                     strlen("HEAD /x ? headers=1 tag=- body=0:"));
    answer = echo_ask(client, "GET /nothing HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->status, 204);
    assert_null(strcasestr(answer->head, "Content-Length"));
    answer = echo_ask(client, "GET /after HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(answer->body, "GET /after ? headers=1 tag=- body=0:");
    close(client);
}

static void bodies_arrive_whole(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    struct echo_answer *answer = echo_ask(client, "POST /b HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    assert_string_equal(answer->body, "POST /b ? headers=2 tag=- body=5:hello");
    const char *half = "PUT /b HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n01234";
    echo_say(client, half, strlen(half));
    usleep(50000);
    answer = echo_ask(client, "56789");
    assert_string_equal(answer->body, "PUT /b ? headers=2 tag=- body=10:0123456789");
    answer = echo_ask(client, "POST /c HTTP/1.1\r\n" HOST
                              "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
    assert_string_equal(answer->body, "POST /c ? headers=2 tag=- body=13:abc0123456789");
    close(client);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    static const char three[] =
        "POST /1 HTTP/1.1\r\n" HOST "Content-Length: 34\r\n\r\nGET /inside HTTP/1.1\r\n" HOST "\r\nx"
        "GET /2 HTTP/1.1\r\n" HOST "\r\nGET /3 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    echo_say(client, three, sizeof(three) - 1);
    assert_memory_equal(echo_hear(client, false)->body, "POST /1 ? headers=2 tag=- body=34:GET /inside", 45);
    assert_memory_equal(echo_hear(client, false)->body, "GET /2 ", 7);
    struct echo_answer *last = echo_hear(client, false);
    assert_memory_equal(last->body, "GET /3 ", 7);
    assert_non_null(strstr(last->head, "Connection: close"));
    assert_true(echo_is_closed(client));
    close(client);
}

static void http_1_0_closes_unless_asked(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    struct echo_answer *answer = echo_ask(client, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_non_null(strstr(answer->head, "Connection: keep-alive"));
    answer = echo_ask(client, "GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(answer->status, 200);
    assert_non_null(strstr(answer->head, "Connection: close"));
    assert_true(echo_is_closed(client));
    close(client);
}

static void a_handler_can_end_the_connection(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    assert_non_null(strstr(echo_ask(client, "GET /bye HTTP/1.1\r\n" HOST "\r\n")->head, "Connection: close"));
    assert_true(echo_is_closed(client));
    close(client);
}

static void a_handler_can_leave_a_request_unanswered(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    int before = atomic_load(&echo->calls);
    assert_int_equal(echo_ask(client, "POST /die HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nok")->status, 0);
    assert_int_equal(atomic_load(&echo->calls), before + 1);
    assert_true(echo_is_closed(client));
    close(client);
}

static void expect_100_is_met(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    struct echo_answer *answer =
        echo_ask(client, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(answer->status, 100);
    assert_int_equal(echo_ask(client, "hello")->status, 200);
    // too large is said before the body is sent
    answer = echo_ask(client, "POST / HTTP/1.1\r\n" HOST
                              "Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(answer->status, 413);
    close(client);
}

static void files_are_streamed(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    struct echo_answer *answer = echo_ask(client, "GET /file HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->body_length, sizeof(echo_big_body));
    assert_memory_equal(answer->body, echo_big_body, sizeof(echo_big_body));
    answer = echo_ask(client, "HEAD /file HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(echo_header_number(answer->head, "Content-Length: "), sizeof(echo_big_body));
    answer = echo_ask(client, "GET /no-file HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->status, 404);
    assert_string_equal(answer->body, "not-found");
    answer = echo_ask(client, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    assert_memory_equal(answer->body, echo_big_body, sizeof(echo_big_body));
    close(client);
}

static void header_values_cannot_end_their_line(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    struct echo_answer *answer = echo_ask(client, "GET /split HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(answer->head, "X-Evil: a  Set-Cookie: b=c  body\r\n"));
    close(client);
}

static void a_request_that_wants_too_much_memory_fails_alone(void **state)
{
    struct echo_server *echo = *state;
    int client = echo_dial(echo->server);
    assert_int_equal(echo_ask(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n")->status, 503);
    assert_int_equal(echo_ask(client, "GET /next HTTP/1.1\r\n" HOST "\r\n")->status, 200);
    close(client);
}

static const char waiting_request[] = "GET /wait HTTP/1.1\r\n" HOST "\r\n";

static void work_is_bounded_and_waiting_too(void **state)
{
    (void)state;
    atomic_int calls = 0;
    struct http_server_config config = echo_defaults;
    config.workers = 1;
    config.queue_timeout_ms = 100;
    struct http_server *server = echo_start(&config, &calls);
    int busy = echo_dial(server);
    int late = echo_dial(server);
    atomic_store(&echo_waits, true);
    echo_say(busy, waiting_request, strlen(waiting_request));
    eventually(calls == 1);
    struct echo_answer *answer = echo_ask(late, "GET /late HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer->status, 503);
    assert_string_equal(answer->body, "unavailable");
    atomic_store(&echo_waits, false);
    assert_int_equal(echo_hear(busy, false)->status, 200);
    assert_int_equal(echo_ask(late, "GET /late HTTP/1.1\r\n" HOST "\r\n")->status, 200); // its connection went on
    close(busy);
    close(late);
    http_server_stop(server, 1000);
}

static void a_full_server_lets_connections_go(void **state)
{
    (void)state;
    atomic_int calls = 0;
    struct http_server_config config = echo_defaults;
    config.threads = 2;
    struct http_server *server = echo_start(&config, &calls);
    int first = echo_dial(server);
    assert_non_null(strstr(echo_ask(first, "GET / HTTP/1.1\r\n" HOST "\r\n")->head, "keep-alive"));
    int second = echo_dial(server);
    assert_non_null(strstr(echo_ask(second, "GET / HTTP/1.1\r\n" HOST "\r\n")->head, "Connection: close"));
    int third = echo_dial(server); // would otherwise wait until one of the two goes away
    assert_int_equal(echo_ask(third, "GET / HTTP/1.1\r\n" HOST "\r\n")->status, 200);
    close(first);
    close(second);
    close(third);
    http_server_stop(server, 1000);
}

static void *stop_it(void *server)
{
    http_server_stop(server, 3600000); // is over when the last request is
    return NULL;
}

static void a_stop_lets_running_requests_finish(void **state)
{
    (void)state;
    atomic_int calls = 0;
    struct http_server *server = echo_start(&echo_defaults, &calls);
    struct echo_answer *answer = NULL;
    int port = http_server_port(server);
    int idle = echo_dial(server);
    int busy = echo_dial(server);
    atomic_store(&echo_waits, true);
    echo_say(busy, waiting_request, strlen(waiting_request));
    eventually(calls == 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_it, server), 0);
    eventually((answer = echo_ask(idle, "GET / HTTP/1.1\r\n" HOST "\r\n"))->status != 200); // one comes too late
    assert_int_equal(answer->status, 503);
    assert_non_null(strstr(answer->head, "Connection: close"));
    atomic_store(&echo_waits, false);
    assert_int_equal(echo_hear(busy, false)->status, 200);
    pthread_join(thread, NULL);
    close(idle);
    close(busy);
    struct http_server_config again = echo_defaults; // the port is free again
    again.port = port;
    http_server_stop(echo_start(&again, &calls), 0);
}

static void a_port_in_use_is_an_error_with_its_cause(void **state)
{
    struct echo_server *echo = *state;
    struct error err = {0};
    atomic_int calls = 0;
    struct http_server_config config = echo_defaults;
    config.port = http_server_port(echo->server);
    assert_null(http_server_start(&config, echo_handle, &calls, &err));
    assert_false(error_passes(&err));
    assert_non_null(strstr(err.cause, "cannot listen on 127.0.0.1:"));
    assert_non_null(strstr(err.cause, "Address already in use"));
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
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(http_1_0_closes_unless_asked),
        cmocka_unit_test(a_handler_can_end_the_connection),
        cmocka_unit_test(a_handler_can_leave_a_request_unanswered),
        cmocka_unit_test(expect_100_is_met),
        cmocka_unit_test(files_are_streamed),
        cmocka_unit_test(header_values_cannot_end_their_line),
        cmocka_unit_test(a_request_that_wants_too_much_memory_fails_alone),
        cmocka_unit_test(work_is_bounded_and_waiting_too),
        cmocka_unit_test(a_full_server_lets_connections_go),
        cmocka_unit_test(a_stop_lets_running_requests_finish),
        cmocka_unit_test(a_port_in_use_is_an_error_with_its_cause),
        cmocka_unit_test(percent_decoding_is_strict),
    };
    return cmocka_run_group_tests(tests, echo_setup, echo_teardown);
}
