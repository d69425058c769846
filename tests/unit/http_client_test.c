// SPDX-License-Identifier: MIT
// The client against our own server, and against peers that misbehave.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_client.h"
#include "listener.h"

static char big_body[200000];
static atomic_bool stuck; // somebody has asked for /stuck

// Answers with everything it was sent.
static void mirror(void *state, const struct http_request *request, struct http_response *response)
{
    (void)state;
    struct text_buffer out = text_buffer(request->arena);
    text_printf(&out, "%s %s?%s\n", request->method, request->path, request->query ? request->query : "");
    for (size_t i = 0; i < request->header_count; i++) {
        text_printf(&out, "%s=%s\n", request->headers[i].name, request->headers[i].value);
    }
    text_printf(&out, "body=%zu:%.*s", request->body_length, (int)request->body_length, request->body);
    response->status = request->refusal != NULL ? request->refusal->status : 200;
    response->body_length = out.length;
    response->body = text_take(&out);
    http_response_header(response, "X-One", "1");
    http_response_header(response, "X-Many", "a");
    http_response_header(response, "X-Many", "b");
    if (strcmp(request->path, "/slow") == 0) {
        usleep(400000);
    } else if (strcmp(request->path, "/stuck") == 0) {
        atomic_store(&stuck, true);
        usleep(3000000);
    } else if (strcmp(request->path, "/moved") == 0) {
        response->status = 302;
        http_response_header(response, "Location", "/elsewhere");
    } else if (strcmp(request->path, "/big") == 0) {
        response->body = big_body;
        response->body_length = sizeof(big_body);
    }
}

struct fixture {
    struct http_server *server;
    struct http_client *client;
    struct arena *arena;
};

static struct http_client *client_for(int port)
{
    char url[64];
    struct error err = {0};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
    struct http_client *client = http_client_new(&(struct http_client_config){url, 4, 500, 250000}, &err);
    assert_non_null(client);
    return client;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error err = {0};
    const struct http_server_config config = {.host = "127.0.0.1",
                                              .threads = 16,
                                              .workers = 16,
                                              .queue_timeout_ms = 1000,
                                              .body_limit_bytes = 1 << 20,
                                              .head_timeout_ms = 5000,
                                              .body_timeout_ms = 5000,
                                              .idle_timeout_ms = 5000};
    setenv("http_proxy", "http://127.0.0.1:1", 1); // must not matter for a peer of ours
    memset(big_body, 'b', sizeof(big_body));
    fixture->server = http_server_start(&config, mirror, NULL, &err);
    assert_non_null(fixture->server);
    fixture->client = client_for(http_server_port(fixture->server));
    fixture->arena = arena_new(8 << 20);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    http_client_free(fixture->client);
    http_client_free(NULL);
    http_server_stop(fixture->server, 1000);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static struct http_answer call(struct fixture *fixture, struct http_call asked)
{
    struct http_answer answer = {0};
    struct error err = {0};
    asked.timeout_ms = 5000;
    if (!http_client_call(fixture->client, &asked, fixture->arena, &answer, NULL, &err)) {
        fail_msg("%s %s: %s", asked.method, asked.path, err.cause);
    }
    return answer;
}

static void a_call_carries_what_it_is_given_and_no_more(void **state)
{
    const struct http_header headers[] = {
        {"X-Request-Id", "r1"}, {"X-Empty", ""}, {"Content-Type", "application/json"}};
    struct http_answer answer =
        call(*state, (struct http_call){"POST", "/a%20b/../c?x=%41", headers, 3, "{}", 2, 0});
    assert_int_equal(answer.status, 200);
    const char *body = strchr(answer.body, '\n');
    assert_memory_equal(answer.body, "POST /a%20b/../c?x=%41\n", 23);
    assert_memory_equal(body, "\nHost=127.0.0.1:", 16);
    assert_non_null(strstr(
        body, "\nX-Request-Id=r1\nX-Empty=\nContent-Type=application/json\nContent-Length=2\nbody=2:{}"));
}

static void every_method_arrives(void **state)
{
    static const struct {
        const char *method, *body, *end;
    } cases[] = {{"GET", NULL, "\nbody=0:"},
                 {"DELETE", NULL, "\nbody=0:"},
                 {"DELETE", "why", "Content-Length=3\nbody=3:why"},
                 {"PATCH", "p", "Content-Length=1\nbody=1:p"},
                 {"PUT", "put", "Content-Length=3\nbody=3:put"},
                 {"POST", NULL, "Content-Length=0\nbody=0:"},
                 {"OPTIONS", NULL, "\nbody=0:"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *body = cases[i].body;
        struct http_answer answer = call(
            *state, (struct http_call){cases[i].method, "/m", NULL, 0, body, body ? strlen(body) : 0, 0});
        assert_memory_equal(answer.body, cases[i].method, strlen(cases[i].method));
        assert_string_equal(answer.body + answer.body_length - strlen(cases[i].end), cases[i].end);
        assert_null(strstr(answer.body, "Accept"));
        assert_null(strstr(answer.body, "User-Agent"));
        assert_null(strstr(answer.body, "Expect"));
        assert_null(strstr(answer.body, "Content-Type"));
    }
    struct http_answer head = call(*state, (struct http_call){"HEAD", "/m", NULL, 0, NULL, 0, 0});
    assert_int_equal(head.status, 200);
    assert_int_equal(head.body_length, 0);
    assert_string_equal(http_answer_header(&head, "x-one"), "1");
}

static void all_answer_headers_are_kept(void **state)
{
    struct http_answer answer = call(*state, (struct http_call){"GET", "/", NULL, 0, NULL, 0, 0});
    int many = 0;
    for (size_t i = 0; i < answer.header_count; i++) {
        many += strcmp(answer.headers[i].name, "X-Many") == 0;
    }
    assert_int_equal(many, 2);
    assert_string_equal(http_answer_header(&answer, "x-many"), "a");
    assert_null(http_answer_header(&answer, "X-None"));
}

static void large_bodies_pass_both_ways(void **state)
{
    struct http_answer answer = call(*state, (struct http_call){"GET", "/big", NULL, 0, NULL, 0, 0});
    assert_int_equal(answer.body_length, sizeof(big_body));
    assert_memory_equal(answer.body, big_body, sizeof(big_body));
    answer = call(*state, (struct http_call){"PUT", "/x", NULL, 0, big_body, sizeof(big_body), 0});
    assert_memory_equal(answer.body + answer.body_length - sizeof(big_body), big_body, sizeof(big_body));
}

static void the_connection_is_kept(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 20; i++) {
        call(fixture, (struct http_call){"GET", "/", NULL, 0, NULL, 0, 0});
    }
    assert_int_equal(http_server_connections(fixture->server), 1);
}

static void redirects_are_handed_on_not_followed(void **state)
{
    struct http_answer answer = call(*state, (struct http_call){"GET", "/moved", NULL, 0, NULL, 0, 0});
    assert_int_equal(answer.status, 302);
    assert_string_equal(http_answer_header(&answer, "Location"), "/elsewhere");
}

static const struct problem *failing(struct http_client *client, struct arena *arena, struct http_call asked,
                                     bool *ret_sent)
{
    struct http_answer answer;
    struct error err = {0};
    assert_false(http_client_call(client, &asked, arena, &answer, ret_sent, &err));
    assert_true(err.problem != NULL);
    return err.problem;
}

static void the_deadline_is_total(void **state)
{
    struct fixture *fixture = *state;
    bool sent = false;
    assert_ptr_equal(failing(fixture->client, fixture->arena,
                             (struct http_call){"POST", "/slow", NULL, 0, "x", 1, 100}, &sent),
                     &problem_timeout);
    assert_true(sent);
}

static void a_peer_that_is_away_was_sent_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct http_client *nobody = client_for(1);
    bool sent = true;
    assert_ptr_equal(
        failing(nobody, fixture->arena, (struct http_call){"POST", "/", NULL, 0, "x", 1, 1000}, &sent),
        &problem_upstream_unavailable);
    assert_false(sent);
    http_client_free(nobody);
}

static void an_answer_over_the_limit_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", http_server_port(fixture->server));
    struct http_client *small =
        http_client_new(&(struct http_client_config){url, 1, 500, sizeof(big_body) - 1}, &err);
    bool sent = false;
    assert_ptr_equal(
        failing(small, fixture->arena, (struct http_call){"GET", "/big", NULL, 0, NULL, 0, 1000}, &sent),
        &problem_upstream_unavailable);
    assert_true(sent);
    http_client_free(small);
}

static void nothing_can_be_smuggled_into_a_call(void **state)
{
    struct fixture *fixture = *state;
    const struct http_header bad[] = {{"X", "a\r\nY: b"}, {"X\r\nY", "b"}, {"X:", "b"},
                                      {"", "b"},          {"X y", "b"},    {"X;", ""}};
    bool sent = true;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        failing(fixture->client, fixture->arena, (struct http_call){"GET", "/", &bad[i], 1, NULL, 0, 1000},
                &sent);
        assert_false(sent);
    }
    static const char *const paths[] = {"", "x", "@evil/", "/a b", "/a\r\nX: y", "/a\x01"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        failing(fixture->client, fixture->arena, (struct http_call){"GET", paths[i], NULL, 0, NULL, 0, 1000},
                &sent);
        assert_false(sent);
    }
    failing(fixture->client, fixture->arena, (struct http_call){"GET /x", "/", NULL, 0, NULL, 0, 1000},
            &sent);
    struct error err = {0};
    assert_null(http_client_new(&(struct http_client_config){"file:///etc/passwd", 1, 500, 1000}, &err));
    assert_null(http_client_new(&(struct http_client_config){"ftp://x", 1, 500, 1000}, &err));
}

static void an_exhausted_arena_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(100000);
    failing(fixture->client, arena, (struct http_call){"GET", "/big", NULL, 0, NULL, 0, 1000}, NULL);
    assert_true(arena_failed(arena));
}

static void *stop_when_stuck(void *argument)
{
    while (!atomic_load(&stuck)) usleep(1000);
    http_client_stop(argument);
    return NULL;
}

static void a_stop_ends_calls_under_way_and_later_ones(void **state)
{
    struct fixture *fixture = *state;
    struct http_client *client = client_for(http_server_port(fixture->server));
    const struct http_call asked = {"POST", "/stuck", NULL, 0, "x", 1, 10000};
    bool sent = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_when_stuck, client), 0);
    assert_ptr_equal(failing(client, fixture->arena, asked, &sent), &problem_upstream_unavailable); // not answered, nor timed out
    assert_true(sent);
    pthread_join(thread, NULL);
    failing(client, fixture->arena, asked, &sent);
    assert_false(sent);
    http_client_free(client);
}

static void *many_calls(void *argument)
{
    struct fixture *fixture = argument;
    struct arena *arena = arena_new(1 << 20);
    long wrong = 0;
    for (int i = 0; i < 100; i++) {
        char path[32];
        struct http_answer answer = {0};
        struct error err = {0};
        snprintf(path, sizeof(path), "/%p/%d?", (void *)arena, i);
        const struct http_call asked = {"GET", path, NULL, 0, NULL, 0, 5000};
        wrong += !http_client_call(fixture->client, &asked, arena, &answer, NULL, &err) ||
                 strncmp(answer.body + 4, path, strlen(path)) != 0;
        arena_reset(arena);
    }
    arena_free(arena);
    return (void *)wrong;
}

static void threads_share_a_client(void **state)
{
    pthread_t threads[8];
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, many_calls, *state), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

// A peer that reads requests and answers each with the next line of a script; NULL closes.
struct script {
    int listener;
    int port;
    const char *const *answers;
    atomic_int requests;
};

static void *script_run(void *argument)
{
    struct script *script = argument;
    int peer = -1;
    for (size_t i = 0; script->answers[i] != NULL; i++) {
        char request[4096] = "";
        ssize_t got = 0;
        while (got <= 0) {
            if (peer < 0) {
                peer = accept(script->listener, NULL, NULL);
            }
            got = recv(peer, request, sizeof(request), 0);
            if (got <= 0) {
                close(peer);
                peer = -1;
            }
        }
        atomic_fetch_add(&script->requests, 1);
        if (script->answers[i][0] == '\0') {
            close(peer);
            peer = -1;
        } else {
            send(peer, script->answers[i], strlen(script->answers[i]), MSG_NOSIGNAL);
        }
    }
    close(peer);
    close(script->listener);
    return NULL;
}

static pthread_t script_start(struct script *script)
{
    pthread_t thread;
    script->listener = bound_socket(&script->port);
    assert_int_equal(listen(script->listener, 8), 0);
    assert_int_equal(pthread_create(&thread, NULL, script_run, script), 0);
    return thread;
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// The second request goes over the kept connection, which the peer closes after reading it.
static void only_what_may_be_done_twice_is_sent_again(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *method;
        bool keyed, again;
    } cases[] = {{"GET", false, true},   {"OPTIONS", false, true}, {"POST", true, true},    {"POST", false, false}, {"PUT", false, false},
                 {"PATCH", false, false}, {"DELETE", false, false}, {"PUT", true, false}};
    static const struct http_header key = {"Idempotency-Key", "k"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static const char *const with_third[] = {OK, "", OK, NULL};
        static const char *const without[] = {OK, "", NULL};
        struct script script = {.answers = cases[i].again ? with_third : without};
        pthread_t thread = script_start(&script);
        struct http_client *client = client_for(script.port);
        struct http_answer answer = {0};
        struct error err = {0};
        bool sent = false;
        struct http_call asked = {cases[i].method, "/", &key, cases[i].keyed, "x", 1, 2000};
        assert_true(http_client_call(client, &asked, fixture->arena, &answer, &sent, &err));
        assert_int_equal(http_client_call(client, &asked, fixture->arena, &answer, &sent, &err),
                         cases[i].again);
        assert_true(sent);
        assert_true(cases[i].again || err.problem == &problem_upstream_unavailable);
        pthread_join(thread, NULL);
        assert_int_equal(atomic_load(&script.requests), cases[i].again ? 3 : 2);
        http_client_free(client);
    }
}

static void odd_answers_are_understood_or_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *answer;
        int status; // 0: refused
        const char *body;
    } cases[] = {
        {"HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\nHTTP/1.1 201 Created\r\nX-B:2 \r\nContent-Length: "
         "2\r\n\r\nok",
         201, "ok"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok"},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", 0, NULL},
        {"SSH-2.0-OpenSSH_9\r\n", 0, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nok", 0, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *const answers[] = {cases[i].answer, NULL};
        struct script script = {.answers = answers};
        pthread_t thread = script_start(&script);
        struct http_client *client = client_for(script.port);
        struct http_answer answer = {0};
        struct error err = {0};
        const struct http_call asked = {"GET", "/", NULL, 0, NULL, 0, 2000};
        bool fine = http_client_call(client, &asked, fixture->arena, &answer, NULL, &err);
        pthread_join(thread, NULL);
        assert_int_equal(fine, cases[i].status != 0);
        if (fine) {
            assert_int_equal(answer.status, cases[i].status);
            assert_string_equal(answer.body, cases[i].body);
            assert_null(http_answer_header(&answer, "X-A"));
        }
        http_client_free(client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_carries_what_it_is_given_and_no_more),
        cmocka_unit_test(every_method_arrives),
        cmocka_unit_test(all_answer_headers_are_kept),
        cmocka_unit_test(large_bodies_pass_both_ways),
        cmocka_unit_test(the_connection_is_kept),
        cmocka_unit_test(redirects_are_handed_on_not_followed),
        cmocka_unit_test(the_deadline_is_total),
        cmocka_unit_test(a_peer_that_is_away_was_sent_nothing),
        cmocka_unit_test(an_answer_over_the_limit_is_refused),
        cmocka_unit_test(nothing_can_be_smuggled_into_a_call),
        cmocka_unit_test(an_exhausted_arena_is_an_error),
        cmocka_unit_test(a_stop_ends_calls_under_way_and_later_ones),
        cmocka_unit_test(threads_share_a_client),
        cmocka_unit_test(only_what_may_be_done_twice_is_sent_again),
        cmocka_unit_test(odd_answers_are_understood_or_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
