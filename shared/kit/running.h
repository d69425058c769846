// SPDX-License-Identifier: MIT
// What the kit's own files share about a running service; services see service.h alone.
#pragma once

#include "service.h"

// Counters of requests (handle_metrics.c).
struct kit_metrics *kit_metrics_new(const struct service *service, struct metrics *metrics);
void kit_metrics_free(struct kit_metrics *kit);
// route NULL: none of the table's.
void kit_metrics_count(struct kit_metrics *kit, const struct route *route, int status, int64_t duration_us);

// Answers finished for the wire (handle_answer.c).
const char *answer_etag(struct arena *arena, const struct response *rs);
bool answer_etag_matches(const char *header, const char *etag, bool weakly);
void answer_finish(struct request *rq, struct response *rs);

// Input decoded into rq by the route's tables (handle_input.c).
MUST_USE bool input_read(struct request *rq, struct error *err);

// Metrics and health on a port of their own (health.c). Only between health_open true and false are
// the parts of app looked at; before and after, it is alive and not ready.
MUST_USE struct health *health_start(struct app *app, struct error *err);
void health_open(struct health *health, bool open);
int health_port(const struct health *health);
void health_stop(struct health *health); // accepts NULL
// The answer to /health/… on either port; false when path is none of them.
bool health_answer(struct app *app, const char *path, struct arena *arena, int *ret_status,
                   const char **ret_json);

// Recurring work: the service's jobs and the kit's own (jobs.c).
MUST_USE struct jobs *jobs_start(struct app *app, struct error *err);
void jobs_stop(struct jobs *jobs); // waits for the one that runs; accepts NULL

// The service's workers (workers.c).
MUST_USE struct workers *workers_start(struct app *app, struct error *err);
void workers_stop(struct workers *workers); // waits for the runs; accepts NULL

// Start and stop in order (boot.c).
MUST_USE bool boot_database(struct app *app, struct error *err);
int boot_serve(struct app *app);

// The verb import (import.c).
int import_run(struct app *app);

// The verb replay (replay.c).
int replay_run(struct app *app, int argc, char **argv);

// Keys and revocations for identity, before the service's own broadcasts (identity_events.c).
extern const struct broadcast_subscription identity_broadcasts[]; // ends with {0}
