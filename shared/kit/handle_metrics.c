// SPDX-License-Identifier: MIT
// One histogram a route, made at start; one counter a route and status, made when first met, so that
// the exposition lists only what happened.
#include "running.h"

#include <stdlib.h>

static const int statuses[] = {200, 201, 202, 204, 206, 301, 302, 303, 304, 400, 401, 402, 403, 404, 405,
                               406, 409, 410, 412, 413, 415, 422, 428, 429, 431, 500, 502, 503, 504};

struct kit_metrics {
    struct metrics *metrics;
    const struct route *routes;
    int route_count; // the slot after the last is for paths of no route
    struct metric **durations;
    _Atomic(struct metric *) *counters; // route × status; the last column is for any other status
};

static struct metric *counter_of(struct kit_metrics *kit, int slot, int status);
static const char *labels_of(const struct kit_metrics *kit, int slot, int status, char *out, size_t size);

struct kit_metrics *kit_metrics_new(const struct service *service, struct metrics *metrics)
{
    struct kit_metrics *kit = calloc(1, sizeof *kit);
    if (!kit) return NULL;
    kit->metrics = metrics;
    kit->routes = service->routes;
    while (kit->routes && kit->routes[kit->route_count].method) kit->route_count++;
    const size_t slots = (size_t)kit->route_count + 1;
    kit->durations = calloc(slots, sizeof(struct metric *));
    kit->counters = calloc(slots * (COUNT_OF(statuses) + 1), sizeof *kit->counters);
    if (!kit->durations || !kit->counters) {
        kit_metrics_free(kit);
        return NULL;
    }
    char labels[256];
    for (int i = 0; i <= kit->route_count; i++) {
        kit->durations[i] = metrics_histogram(metrics, "http_request_duration_seconds",
                                              "Time from the request's arrival to its answer.",
                                              labels_of(kit, i, 0, labels, sizeof labels));
    }
    return kit;
}

void kit_metrics_free(struct kit_metrics *kit)
{
    if (!kit) return;
    free(kit->durations);
    free(kit->counters);
    free(kit);
}

void kit_metrics_count(struct kit_metrics *kit, const struct route *route, int status, int64_t duration_us)
{
    if (!kit) return;
    const bool ours = route && route >= kit->routes && route < kit->routes + kit->route_count;
    const int slot = ours ? (int)(route - kit->routes) : kit->route_count;
    metric_observe_us(kit->durations[slot], duration_us);
    metric_add(counter_of(kit, slot, status), 1);
}

static struct metric *counter_of(struct kit_metrics *kit, int slot, int status)
{
    size_t column = 0;
    while (column < COUNT_OF(statuses) && statuses[column] != status) column++;
    _Atomic(struct metric *) *counter = &kit->counters[(size_t)slot * (COUNT_OF(statuses) + 1) + column];
    struct metric *metric = atomic_load(counter);
    if (metric) return metric;
    char labels[288];
    labels_of(kit, slot, column < COUNT_OF(statuses) ? status : 999, labels, sizeof labels);
    metric = metrics_counter(kit->metrics, "http_requests_total",
                             "Requests by route and status (999: an unusual one).", labels);
    atomic_store(counter, metric);
    return metric;
}

static const char *labels_of(const struct kit_metrics *kit, int slot, int status, char *out, size_t size)
{
    const bool ours = slot < kit->route_count;
    const char *method = ours ? kit->routes[slot].method : "-", *path = ours ? kit->routes[slot].path : "-";
    if (status) snprintf(out, size, "method=\"%s\",route=\"%s\",status=\"%d\"", method, path, status);
    else snprintf(out, size, "method=\"%s\",route=\"%s\"", method, path);
    return out;
}
