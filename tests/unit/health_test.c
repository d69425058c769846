// SPDX-License-Identifier: MIT
// The port of its own: liveness, readiness by parts, metrics.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker.h"
#include "eventually.h"
#include "fetch.h"
#include "inbox.h"
#include "jose.h"
#include "kit_app.h"
#include "running.h"

static struct kit_app kit_app;
static struct app *app = &kit_app.app;
static struct error err;

static int setup(void **state)
{
    (void)state;
    err = (struct error){0};
    app->config.metrics_host = "127.0.0.1";
    app->config.metrics_port = 0;
    app->health = health_start(app, &err);
    return app->health ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    health_stop(app->health);
    broadcast_stop(app->broadcast);
    app->health = NULL;
    app->broadcast = NULL;
    app->pool = kit_app.kit.pool;
    atomic_store(&app->stopping, false);
    kit_app.service.ready = NULL;
    kit_app.service.broadcasts = NULL;
    return 0;
}

static void expect(const char *path, int status, const char *body)
{
    const struct fetched got = fetch(health_port(app->health), "GET", path);
    assert_string_equal(got.body, body);
    assert_int_equal(got.status, status);
    assert_string_equal(got.content_type, "application/json");
}

static bool is_ready(void)
{
    return fetch(health_port(app->health), "GET", "/health/readiness").status == 200;
}

static void not_ready_while_starting(void **state)
{
    (void)state;
    expect("/health/readiness", 503, "{\"status\":\"not_ready\",\"parts\":{\"start\":\"The service is still starting.\"}}");
    expect("/health/liveness", 200, "{\"status\":\"alive\"}");
}

static void ready_once_opened_with_its_parts(void **state)
{
    (void)state;
    health_open(app->health, true);
    expect("/health/readiness", 200, "{\"status\":\"ready\",\"parts\":{\"database\":\"ok\"}}");
    expect("/health", 200, "{\"status\":\"ready\",\"parts\":{\"database\":\"ok\"}}");
}

static void not_ready_while_stopping(void **state)
{
    (void)state;
    health_open(app->health, true);
    atomic_store(&app->stopping, true);
    health_open(app->health, false);
    expect("/health/readiness", 503, "{\"status\":\"not_ready\",\"parts\":{\"stop\":\"The service is stopping.\"}}");
    expect("/health/liveness", 200, "{\"status\":\"alive\"}");
}

static void database_away_is_told_and_no_death(void **state)
{
    (void)state;
    health_open(app->health, true);
    test_database_allow(&kit_app.kit.database, false);
    expect("/health/readiness", 503, "{\"status\":\"not_ready\",\"parts\":{\"database\":\"The database does not answer.\"}}");
    expect("/health/liveness", 200, "{\"status\":\"alive\"}");
    test_database_allow(&kit_app.kit.database, true);
    eventually(is_ready());
}

static bool take_nothing(struct app *of, const struct event *event, struct error *why)
{
    (void)of;
    (void)event;
    (void)why;
    return true;
}

static void not_ready_before_broadcasts_are_read(void **state)
{
    (void)state;
    const struct topic topic = {.name = broker_name()};
    const struct broadcast_subscription broadcasts[] = {{&topic, false, take_nothing}, {0}};
    kit_app.service.broadcasts = broadcasts;
    app->broadcast = broadcast_start(app, &err);
    assert_non_null(app->broadcast);
    health_open(app->health, true);
    expect("/health/readiness", 503,
           "{\"status\":\"not_ready\",\"parts\":{\"database\":\"ok\",\"broadcast\":\"Keys and revocations are still being read.\"}}");
    broker_make_topic(topic.name, 1, true);
    eventually(is_ready());
    expect("/health/readiness", 200, "{\"status\":\"ready\",\"parts\":{\"database\":\"ok\",\"broadcast\":\"ok\"}}");
    broadcast_stop(app->broadcast); // before the rows go
    app->broadcast = NULL;
}

// On the first start of all, the topic of keys is read whole before auth has told its first.
static void not_ready_before_there_is_a_key(void **state)
{
    (void)state;
    static const struct route routes[] = {{"GET", "/notes", ACCESS_SIGNED_IN, "Notes"}, {0}};
    struct jose_key *key = jose_key_generate(&err);
    assert_non_null(key);
    kit_app.service.routes = routes;
    app->identity = identity_new(&(struct identity_config){.issuer = "test", .audience = "test", .cache_entries = 16, .clock = &clock_system});
    app->broadcast = broadcast_start(app, &err); // of nothing: read at once
    assert_true(app->identity && app->broadcast);
    health_open(app->health, true);
    expect("/health/readiness", 503,
           "{\"status\":\"not_ready\",\"parts\":{\"database\":\"ok\",\"broadcast\":\"Auth has told of no key yet that access tokens are verified with.\"}}");
    assert_true(identity_add_key(app->identity, jose_key_json(kit_app.kit.arena, key, false), &err));
    expect("/health/readiness", 200, "{\"status\":\"ready\",\"parts\":{\"database\":\"ok\",\"broadcast\":\"ok\"}}");
    health_open(app->health, false);
    kit_app.service.routes = NULL;
    identity_free(app->identity);
    app->identity = NULL;
    jose_key_free(key);
}

static bool never_ready(struct app *of, struct error *why)
{
    (void)of;
    return error_set(why, &problem_unavailable, "No \"upstream\" answers.");
}

static void service_may_have_its_say(void **state)
{
    (void)state;
    kit_app.service.ready = never_ready;
    health_open(app->health, true);
    expect("/health/readiness", 503, "{\"status\":\"not_ready\",\"parts\":{\"database\":\"ok\",\"service\":\"No \\\"upstream\\\" answers.\"}}");
}

static void service_without_parts_is_ready(void **state)
{
    (void)state;
    app->pool = NULL;
    health_open(app->health, true);
    expect("/health/readiness", 200, "{\"status\":\"ready\",\"parts\":{}}");
}

static void metrics_are_printed_for_prometheus(void **state)
{
    (void)state;
    metric_add(metrics_counter(app->metrics, "things_total", "Things.", NULL), 7);
    struct fetched got = fetch(health_port(app->health), "GET", "/metrics");
    assert_int_equal(got.status, 200);
    assert_string_equal(got.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(got.body, "# TYPE things_total counter\nthings_total 7\n"));
    assert_null(strstr(got.body, "db_connections")); // not while it starts
    health_open(app->health, true);
    got = fetch(health_port(app->health), "GET", "/metrics");
    assert_non_null(strstr(got.body, "\ndb_connections 3\n"));
    assert_non_null(strstr(got.body, "\nprocess_resident_memory_bytes "));
}

static void other_paths_are_not_found(void **state)
{
    (void)state;
    assert_int_equal(fetch(health_port(app->health), "GET", "/").status, 404);
    assert_int_equal(fetch(health_port(app->health), "GET", "/health/other").status, 404);
}

static void port_that_is_taken_is_told(void **state)
{
    (void)state;
    struct app second = *app;
    second.config.metrics_port = health_port(app->health);
    assert_null(health_start(&second, &err));
    assert_ptr_equal(err.problem, &problem_internal);
    health_stop(NULL);
}

static int make(void **state)
{
    (void)state;
    return kit_app_create(&kit_app, &kit_only);
}

static int drop(void **state)
{
    (void)state;
    return kit_app_drop(&kit_app);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(not_ready_while_starting),
        TEST(ready_once_opened_with_its_parts),
        TEST(not_ready_while_stopping),
        TEST(database_away_is_told_and_no_death),
        TEST(not_ready_before_broadcasts_are_read),
        TEST(not_ready_before_there_is_a_key),
        TEST(service_may_have_its_say),
        TEST(service_without_parts_is_ready),
        TEST(metrics_are_printed_for_prometheus),
        TEST(other_paths_are_not_found),
        TEST(port_that_is_taken_is_told),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
