// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "metrics.h"

static struct arena *arena;
static struct metrics *metrics;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    metrics = metrics_new();
    return !arena || !metrics;
}

static int teardown(void **state)
{
    (void)state;
    metrics_free(metrics);
    arena_free(arena);
    return 0;
}

static const char *printed(void)
{
    struct text_buffer out = text_buffer(arena);
    metrics_print(metrics, &out);
    const char *text = text_take(&out);
    assert_non_null(text);
    return text;
}

static void test_counter_and_gauge(void **state)
{
    (void)state;
    metric_add(metrics_counter(metrics, "hits_total", "Hits.", "kind=\"a\""), 2);
    metric_add(metrics_counter(metrics, "hits_total", "Hits.", "kind=\"b\""), 1);
    metric_add(metrics_counter(metrics, "hits_total", "Hits.", "kind=\"a\""), 3);
    metric_set(metrics_gauge(metrics, "depth", "Depth.", NULL), -7);
    assert_string_equal(printed(), "# HELP hits_total Hits.\n# TYPE hits_total counter\n"
                                   "hits_total{kind=\"a\"} 5\nhits_total{kind=\"b\"} 1\n"
                                   "# HELP depth Depth.\n# TYPE depth gauge\ndepth -7\n");
}

static void test_same_name_of_another_type_is_refused(void **state)
{
    (void)state;
    assert_non_null(metrics_counter(metrics, "x", "X.", NULL));
    assert_null(metrics_gauge(metrics, "x", "X.", NULL));
    metric_add(NULL, 1); // and the missing handle does no harm
    metric_observe_us(NULL, 1);
    assert_int_equal(metric_value(NULL), 0);
}

static void test_histogram_buckets_add_up(void **state)
{
    (void)state;
    struct metric *time = metrics_histogram(metrics, "t_seconds", "T.", "route=\"/x\"");
    metric_observe_us(time, 500); // on the edge: belongs below
    metric_observe_us(time, 501);
    metric_observe_us(time, 20000000);
    const char *text = printed();
    assert_non_null(strstr(text, "t_seconds_bucket{route=\"/x\",le=\"0.0005\"} 1\n"));
    assert_non_null(strstr(text, "t_seconds_bucket{route=\"/x\",le=\"0.001\"} 2\n"));
    assert_non_null(strstr(text, "t_seconds_bucket{route=\"/x\",le=\"10\"} 2\n"));
    assert_non_null(strstr(text, "t_seconds_bucket{route=\"/x\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "t_seconds_sum{route=\"/x\"} 20.001001\n"));
    assert_non_null(strstr(text, "t_seconds_count{route=\"/x\"} 3\n"));
}

static void test_histogram_without_labels(void **state)
{
    (void)state;
    metric_observe_us(metrics_histogram(metrics, "t_seconds", "T.", NULL), 1);
    const char *text = printed();
    assert_non_null(strstr(text, "t_seconds_bucket{le=\"0.0005\"} 1\n"));
    assert_non_null(strstr(text, "t_seconds_count 1\n"));
}

static void *add_many(void *argument)
{
    (void)argument;
    for (int i = 0; i < 10000; i++) metric_add(metrics_counter(metrics, "n_total", "N.", NULL), 1);
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_int_equal(metric_value(metrics_counter(metrics, "n_total", "N.", NULL)), 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counter_and_gauge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_name_of_another_type_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histogram_buckets_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histogram_without_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads_lose_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
