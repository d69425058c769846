// SPDX-License-Identifier: MIT
#include "metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 14

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
static const char *const type_names[] = {"counter", "gauge", "histogram"};

static const int64_t bucket_limits_us[BUCKETS] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
static const char *const bucket_names[BUCKETS] = {"0.0005", "0.001", "0.0025", "0.005", "0.01",
                                                  "0.025",  "0.05",  "0.1",    "0.25",  "0.5",
                                                  "1",      "2.5",   "5",      "10"};

struct metric {
    struct metric *next;
    char *labels; // NULL: none
    enum metric_type type;
    atomic_int_fast64_t value;    // histogram: sum in microseconds
    atomic_int_fast64_t *buckets; // histogram only; the last is +Inf
};

struct family {
    struct family *next;
    char *name;
    char *help;
    enum metric_type type;
    struct metric *first, **last;
};

struct metrics {
    pthread_mutex_t lock; // guards the lists; values are atomic
    struct family *first, **last;
};

static struct metric *find_or_add(struct metrics *metrics, enum metric_type type, const char *name,
                                  const char *help, const char *labels);
static struct family *family_find(struct metrics *metrics, enum metric_type type, const char *name,
                                  const char *help);
static struct metric *metric_new(enum metric_type type, const char *labels);
static void metric_free(struct metric *metric);
static void print_value(const struct family *family, const struct metric *metric, struct text_buffer *out);
static void print_histogram(const struct family *family, const struct metric *metric,
                            struct text_buffer *out);

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics) return NULL;
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->last = &metrics->first;
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics) return;
    while (metrics->first) {
        struct family *family = metrics->first;
        metrics->first = family->next;
        while (family->first) {
            struct metric *metric = family->first;
            family->first = metric->next;
            metric_free(metric);
        }
        free(family->name);
        free(family->help);
        free(family);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                               const char *labels)
{
    return find_or_add(metrics, METRIC_COUNTER, name, help, labels);
}

struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels)
{
    return find_or_add(metrics, METRIC_GAUGE, name, help, labels);
}

struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                 const char *labels)
{
    return find_or_add(metrics, METRIC_HISTOGRAM, name, help, labels);
}

void metric_add(struct metric *metric, int64_t amount)
{
    if (metric) atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    if (metric) atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric)
{
    return metric ? atomic_load_explicit(&metric->value, memory_order_relaxed) : 0;
}

void metric_observe_us(struct metric *metric, int64_t duration_us)
{
    if (!metric || !metric->buckets) return;
    int bucket = 0;
    while (bucket < BUCKETS && duration_us > bucket_limits_us[bucket]) bucket++;
    atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, duration_us, memory_order_relaxed);
}

void metrics_print(struct metrics *metrics, struct text_buffer *out)
{
    if (!metrics) return;
    pthread_mutex_lock(&metrics->lock);
    for (const struct family *family = metrics->first; family; family = family->next) {
        text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                    type_names[family->type]);
        for (const struct metric *metric = family->first; metric; metric = metric->next) {
            if (family->type == METRIC_HISTOGRAM) print_histogram(family, metric, out);
            else print_value(family, metric, out);
        }
    }
    pthread_mutex_unlock(&metrics->lock);
}

static struct metric *find_or_add(struct metrics *metrics, enum metric_type type, const char *name,
                                  const char *help, const char *labels)
{
    if (!metrics) return NULL;
    pthread_mutex_lock(&metrics->lock);
    struct metric *found = NULL;
    struct family *family = family_find(metrics, type, name, help);
    if (family && family->type == type) {
        for (found = family->first; found && !text_equal(found->labels, labels);) found = found->next;
        if (!found && (found = metric_new(type, labels))) {
            *family->last = found;
            family->last = &found->next;
        }
    }
    pthread_mutex_unlock(&metrics->lock);
    return found;
}

static struct family *family_find(struct metrics *metrics, enum metric_type type, const char *name,
                                  const char *help)
{
    for (struct family *family = metrics->first; family; family = family->next) {
        if (strcmp(family->name, name) == 0) return family;
    }
    struct family *family = calloc(1, sizeof *family);
    if (!family) return NULL;
    *family = (struct family){.name = strdup(name), .help = strdup(help), .type = type};
    if (!family->name || !family->help) {
        free(family->name);
        free(family->help);
        free(family);
        return NULL;
    }
    family->last = &family->first;
    *metrics->last = family;
    metrics->last = &family->next;
    return family;
}

static struct metric *metric_new(enum metric_type type, const char *labels)
{
    struct metric *metric = calloc(1, sizeof *metric);
    if (!metric) return NULL;
    metric->type = type;
    metric->labels = labels ? strdup(labels) : NULL;
    metric->buckets = type == METRIC_HISTOGRAM ? calloc(BUCKETS + 1, sizeof *metric->buckets) : NULL;
    if ((labels && !metric->labels) || (type == METRIC_HISTOGRAM && !metric->buckets)) {
        metric_free(metric);
        return NULL;
    }
    return metric;
}

static void metric_free(struct metric *metric)
{
    free(metric->labels);
    free(metric->buckets);
    free(metric);
}

static void print_value(const struct family *family, const struct metric *metric, struct text_buffer *out)
{
    if (metric->labels)
        text_printf(out, "%s{%s} %lld\n", family->name, metric->labels, (long long)metric_value(metric));
    else text_printf(out, "%s %lld\n", family->name, (long long)metric_value(metric));
}

// The count is the sum of the buckets read here, so that the lines always agree with each other.
static void print_histogram(const struct family *family, const struct metric *metric, struct text_buffer *out)
{
    const char *labels = metric->labels ? metric->labels : "";
    const char *comma = metric->labels ? "," : "";
    const char *open = metric->labels ? "{" : "", *close = metric->labels ? "}" : "";
    long long count = 0;
    for (int i = 0; i <= BUCKETS; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        text_printf(out, "%s_bucket{%s%sle=\"%s\"} %lld\n", family->name, labels, comma,
                    i < BUCKETS ? bucket_names[i] : "+Inf", count);
    }
    text_printf(out, "%s_sum%s%s%s %.6f\n", family->name, open, labels, close,
                (double)metric_value(metric) / 1e6);
    text_printf(out, "%s_count%s%s%s %lld\n", family->name, open, labels, close, count);
}
