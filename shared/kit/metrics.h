// SPDX-License-Identifier: MIT
// Prometheus metrics in the text exposition format 0.0.4, served on a port of their own together
// with /health/liveness and /health/readiness. Handles are made at start; adding to one is a single
// atomic operation.
#pragma once

#include <stdint.h>

#include "text.h"

struct metrics;
struct metric;

// NULL when memory is short; all below accept that.
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

// labels: `route="/users",status="200"` or NULL. The same name and labels give the same handle.
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help, const char *labels);
struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels);
// Seconds, buckets 0.5 ms … 10 s.
struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *help, const char *labels);

// All accept NULL handles (out of memory at start) and do nothing.
void metric_add(struct metric *metric, int64_t amount);
void metric_set(struct metric *metric, int64_t value);
int64_t metric_value(const struct metric *metric);
void metric_observe_us(struct metric *metric, int64_t duration_us);

// All of them, in the order in which they were made. From any thread.
void metrics_print(struct metrics *metrics, struct text_buffer *out);
