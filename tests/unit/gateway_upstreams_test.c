// SPDX-License-Identifier: MIT
// Which replica is asked, how often, and what is told where none answers: against real servers.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "eventually.h"
#include "gateway.h"
#include "listener.h"

struct peer {
    struct http_server *server;
    atomic_int count;
    atomic_bool silent; // answers nobody, until it is no longer
    char address[64];
};

static void peer_handle(void *state, const struct http_request *request, struct http_response *response)
{
    (void)request;
    struct peer *peer = state;
    atomic_fetch_add(&peer->count, 1);
    while (atomic_load(&peer->silent)) usleep(1000);
    response->status = 200;
    response->body = "ok";
    response->body_length = 2;
}

static void peer_start(struct peer *peer, int port)
{
    struct error err = {0};
    const struct http_server_config config = {.host = "127.0.0.1", .port = port, .threads = 16, .workers = 16,
                                              .queue_timeout_ms = 1000, .body_limit_bytes = 65536,
                                              .head_timeout_ms = 2000, .body_timeout_ms = 2000, .idle_timeout_ms = 2000};
    peer->server = http_server_start(&config, peer_handle, peer, &err);
    if (!peer->server) fail_msg("%s", err.cause);
    snprintf(peer->address, sizeof peer->address, "http://127.0.0.1:%d", http_server_port(peer->server));
}

// A listener that takes a request and hangs up: the request was sent and not answered.
struct hangup {
    int socket;
    int port;
    atomic_int count;
    pthread_t thread;
};

static void *hangup_run(void *argument)
{
    struct hangup *hangup = argument;
    for (int connection; (connection = accept(hangup->socket, NULL, NULL)) >= 0;) {
        char buffer[4096];
        if (recv(connection, buffer, sizeof buffer, 0) > 0) atomic_fetch_add(&hangup->count, 1);
        close(connection);
    }
    return NULL;
}

static void hangup_start(struct hangup *hangup)
{
    hangup->socket = bound_socket(&hangup->port);
    assert_int_equal(listen(hangup->socket, 16), 0);
    assert_int_equal(pthread_create(&hangup->thread, NULL, hangup_run, hangup), 0);
}

static void hangup_stop(struct hangup *hangup)
{
    shutdown(hangup->socket, SHUT_RDWR);
    pthread_join(hangup->thread, NULL);
    close(hangup->socket);
}

static struct upstreams *upstreams_with(const char *auth, const char *profiles, int workers, int breaker_open_ms)
{
    struct error err = {0};
    const struct upstreams_config config = {.addresses = (const char *const[UPSTREAM_COUNT]){auth, profiles}, .connections = 8,
                                            .connect_timeout_ms = 300, .queue_ms = 50, .workers = workers,
                                            .answer_limit_bytes = 65536, .breaker_failures = 3, .breaker_open_ms = breaker_open_ms};
    struct upstreams *upstreams = upstreams_new(&config, &err);
    if (!upstreams) fail_msg("%s", err.cause);
    return upstreams;
}

static struct upstreams *upstreams_of(const char *auth, const char *profiles, int workers)
{
    return upstreams_with(auth, profiles, workers, 300);
}

// Asks once; returns NULL for an answer, else the problem.
static const struct problem *ask(struct upstreams *upstreams, enum upstream_service service, const char *method,
                                 const char *key, int timeout_ms, int *ret_retry_after_s)
{
    struct arena *arena = arena_new(1 << 20);
    const struct http_header header = {"Idempotency-Key", key};
    const struct http_call call = {.method = method, .path = "/auth/me", .headers = &header, .header_count = key != NULL,
                                   .timeout_ms = timeout_ms};
    struct http_answer answer = {0};
    struct error err = {0};
    const bool answered = upstream_call(upstreams, service, &call, arena, &answer, &err);
    if (answered) assert_int_equal(answer.status, 200);
    if (ret_retry_after_s) *ret_retry_after_s = err.retry_after_s;
    arena_free(arena);
    return answered ? NULL : err.problem;
}

static const struct problem *get(struct upstreams *upstreams)
{
    return ask(upstreams, UPSTREAM_AUTH, "GET", NULL, 2000, NULL);
}

static void replicas_take_turns(void **state)
{
    (void)state;
    struct peer one = {0}, two = {0};
    peer_start(&one, 0);
    peer_start(&two, 0);
    char addresses[160];
    snprintf(addresses, sizeof addresses, "%s,%s", one.address, two.address);
    struct upstreams *upstreams = upstreams_of(addresses, "", 16);
    for (int i = 0; i < 20; i++) assert_null(get(upstreams));
    assert_int_equal(atomic_load(&one.count), 10);
    assert_int_equal(atomic_load(&two.count), 10);
    assert_ptr_equal(ask(upstreams, UPSTREAM_PAYMENTS, "GET", NULL, 1000, NULL), &problem_not_configured);
    upstreams_free(upstreams);
    http_server_stop(one.server, 1000);
    http_server_stop(two.server, 1000);
}

static void a_dead_replica_costs_nobody_an_answer(void **state)
{
    (void)state;
    struct peer alive = {0};
    peer_start(&alive, 0);
    int dead_port;
    const int dead = bound_socket(&dead_port); // bound, not listening: refused
    char addresses[160];
    snprintf(addresses, sizeof addresses, "http://127.0.0.1:%d,%s", dead_port, alive.address);
    struct upstreams *upstreams = upstreams_of(addresses, "", 16);
    for (int i = 0; i < 20; i++) assert_null(get(upstreams));
    for (int i = 0; i < 20; i++) assert_null(ask(upstreams, UPSTREAM_AUTH, "POST", NULL, 2000, NULL));
    assert_int_equal(atomic_load(&alive.count), 40);
    upstreams_free(upstreams);
    close(dead);
    http_server_stop(alive.server, 1000);
}

static void what_was_sent_is_sent_again_only_where_safe(void **state)
{
    (void)state;
    struct peer alive = {0};
    struct hangup hangup = {0};
    peer_start(&alive, 0);
    hangup_start(&hangup);
    char addresses[160];
    snprintf(addresses, sizeof addresses, "http://127.0.0.1:%d,%s", hangup.port, alive.address);
    struct {
        const char *method, *key;
        bool repeated;
    } cases[] = {{"GET", NULL, true}, {"POST", NULL, false}, {"POST", "k-1", true}, {"DELETE", NULL, false},
                 {"PUT", "k-2", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct upstreams *upstreams = upstreams_of(addresses, "", 16);
        // The first turn is the one that hangs up.
        const struct problem *problem = ask(upstreams, UPSTREAM_AUTH, cases[i].method, cases[i].key, 2000, NULL);
        assert_ptr_equal(problem, cases[i].repeated ? NULL : &problem_upstream_unavailable);
        upstreams_free(upstreams);
    }
    assert_int_equal(atomic_load(&alive.count), 2);
    assert_true(atomic_load(&hangup.count) >= 5);
    hangup_stop(&hangup);
    http_server_stop(alive.server, 1000);
}

// Of a service that was dead for five requests, and is back; its breaker stays open for so long.
static struct upstreams *upstreams_of_one_that_was_dead(int breaker_open_ms, struct peer *ret_back)
{
    int port;
    const int placeholder = bound_socket(&port);
    char address[64];
    snprintf(address, sizeof address, "http://127.0.0.1:%d", port);
    struct upstreams *upstreams = upstreams_with(address, "", 16, breaker_open_ms);
    for (int i = 0; i < 5; i++) assert_ptr_equal(get(upstreams), &problem_upstream_unavailable);
    close(placeholder);
    peer_start(ret_back, port);
    return upstreams;
}

static void a_dead_service_is_left_alone(void **state)
{
    (void)state;
    struct peer back = {0};
    int retry_after_s = 0;
    struct upstreams *upstreams = upstreams_of_one_that_was_dead(3600000, &back);
    assert_ptr_equal(ask(upstreams, UPSTREAM_AUTH, "GET", NULL, 2000, &retry_after_s), &problem_upstream_unavailable);
    assert_in_range(retry_after_s, 2, 3601);
    assert_int_equal(atomic_load(&back.count), 0); // was not asked
    upstreams_free(upstreams);
    http_server_stop(back.server, 1000);
}

static void a_dead_service_is_found_again(void **state)
{
    (void)state;
    struct peer back = {0};
    struct upstreams *upstreams = upstreams_of_one_that_was_dead(300, &back);
    eventually(get(upstreams) == NULL);
    for (int i = 1; i < 10; i++) assert_null(get(upstreams));
    assert_int_equal(atomic_load(&back.count), 10);
    upstreams_free(upstreams);
    http_server_stop(back.server, 1000);
}

static void the_time_limit_holds_and_is_not_doubled_by_a_retry(void **state)
{
    (void)state;
    struct peer slow = {0};
    peer_start(&slow, 0);
    atomic_store(&slow.silent, true);
    struct upstreams *upstreams = upstreams_of(slow.address, "", 16);
    assert_ptr_equal(ask(upstreams, UPSTREAM_AUTH, "GET", NULL, 200, NULL), &problem_timeout);
    assert_int_equal(atomic_load(&slow.count), 1);
    atomic_store(&slow.silent, false);
    upstreams_free(upstreams);
    http_server_stop(slow.server, 3000);
}

static void *occupy(void *argument)
{
    ask(argument, UPSTREAM_AUTH, "GET", NULL, EVENTUALLY_MS, NULL);
    return NULL;
}

static void a_stalled_service_cannot_take_all_workers(void **state)
{
    (void)state;
    struct peer stalled = {0}, healthy = {0};
    peer_start(&stalled, 0);
    peer_start(&healthy, 0);
    atomic_store(&stalled.silent, true);
    struct upstreams *upstreams = upstreams_of(stalled.address, healthy.address, 4); // two places, one may wait
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, occupy, upstreams), 0);
    eventually(atomic_load(&stalled.count) == 2);
    int retry_after_s = 0;
    assert_ptr_equal(ask(upstreams, UPSTREAM_AUTH, "GET", NULL, EVENTUALLY_MS, &retry_after_s), &problem_upstream_busy);
    assert_int_equal(retry_after_s, 1);
    assert_null(ask(upstreams, UPSTREAM_PROFILES, "GET", NULL, 1000, NULL));
    atomic_store(&stalled.silent, false);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_null(get(upstreams)); // the places are free again
    upstreams_free(upstreams);
    http_server_stop(stalled.server, 2000);
    http_server_stop(healthy.server, 1000);
}

static void retries_have_a_budget(void **state)
{
    (void)state;
    struct hangup hangup = {0};
    hangup_start(&hangup);
    char address[64];
    snprintf(address, sizeof address, "http://127.0.0.1:%d", hangup.port);
    struct error err = {0};
    const struct upstreams_config config = {.addresses = (const char *const[UPSTREAM_COUNT]){address}, .connections = 8,
                                            .connect_timeout_ms = 300, .queue_ms = 50, .workers = 16,
                                            .answer_limit_bytes = 65536, .breaker_failures = 1000, .breaker_open_ms = 300};
    struct upstreams *upstreams = upstreams_new(&config, &err);
    for (int i = 0; i < 100; i++) assert_ptr_equal(get(upstreams), &problem_upstream_unavailable);
    // A hundred requests, ten retries in advance and a fifth earned on the way.
    assert_in_range(atomic_load(&hangup.count), 110, 131);
    upstreams_free(upstreams);
    hangup_stop(&hangup);
}

static void addresses_are_checked(void **state)
{
    (void)state;
    struct error err = {0};
    struct upstreams_config config = {.addresses = (const char *const[UPSTREAM_COUNT]){"ftp://127.0.0.1:1"}, .connections = 1, .workers = 4};
    assert_null(upstreams_new(&config, &err));
    assert_non_null(strstr(err.cause, "auth"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_take_turns),
        cmocka_unit_test(a_dead_replica_costs_nobody_an_answer),
        cmocka_unit_test(what_was_sent_is_sent_again_only_where_safe),
        cmocka_unit_test(a_dead_service_is_left_alone),
        cmocka_unit_test(a_dead_service_is_found_again),
        cmocka_unit_test(the_time_limit_holds_and_is_not_doubled_by_a_retry),
        cmocka_unit_test(a_stalled_service_cannot_take_all_workers),
        cmocka_unit_test(retries_have_a_budget),
        cmocka_unit_test(addresses_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
