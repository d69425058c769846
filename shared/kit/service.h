// SPDX-License-Identifier: MIT
// A service is one struct that names its parts; service_main does the rest: verbs, settings, log,
// migrations check, database, identity, relay, inbox, jobs, HTTP, health, metrics, graceful stop.
//
//   const struct service profiles_service = {.name = "profiles", .routes = profiles_routes, …};
//   int main(int argc, char **argv) { return service_main(&profiles_service, argc, argv); }
//
// How one is added: docs/new-service.md.
//
// Verbs of every service: serve (default), migrate, health, topics, schema (prints OpenAPI),
// events (prints event schemas), routes (the authorization matrix), import (reads batches of
// {"collection":…,"rows":[…]} a line from standard input and answers {"results":[…]} a line, each
// batch one transaction), replay TOPIC (its events are applied once more at the next start),
// --help-config, plus its own.
#pragma once

#include <stdatomic.h>

#include "clock.h"
#include "config.h"
#include "db.h"
#include "event.h"
#include "identity.h"
#include "metrics.h"
#include "route.h"

struct app;
struct relay;
struct inbox;
struct broadcast;
struct workers;

// Work that recurs on one replica at a time (advisory lock by name). false is logged, never fatal.
struct job {
    const char *name;
    int64_t interval_ms;
    bool (*run)(struct app *app, struct db *db, struct error *err);
};

// Work that many threads and replicas share: each run takes one thing for itself (FOR UPDATE SKIP LOCKED), does it without
// holding a connection meanwhile, and records what became of it. *ret_worked false: there was nothing to do, and it rests
// until it is woken or poll_ms have passed. false is logged and tried again after a while, never fatal. A run must end within
// DC_STOP_TIMEOUT_MS.
struct worker {
    const char *name;
    int threads;                 // of each replica
    int64_t poll_ms;
    bool (*run)(struct app *app, struct arena *arena, void *state, bool *ret_worked, struct error *err);
    size_t state_bytes;          // of what each thread keeps from run to run, zeroed at its start
};
// Wakes one resting thread. From handlers, set rs->wake instead: the thread must find what is committed. Accepts NULL.
void workers_wake(struct workers *workers, const struct worker *worker);

// An event every replica must see, not one of the group (caches, revocations). No database; must be cheap. Where the handler fails of
// what passes (no memory), the event comes again, and those behind it once more: it must bear that.
struct broadcast_subscription {
    const struct topic *topic;
    bool from_end;               // only what is new; otherwise the whole topic first, before ready
    bool (*handler)(struct app *app, const struct event *event, struct error *err);
};

struct verb {
    const char *name;
    const char *summary;
    // Runs with settings read and the database open (app->pool may be NULL where there is none).
    int (*run)(struct app *app, int argc, char **argv);
    bool needs_nothing; // runs without settings and database
};

// Takes a batch of legacy rows of one collection inside one transaction. results gets one entry per row, in order: "imported" or
// "unchanged" where nothing is to be said, or {"outcome":"imported"|"repaired"|"unchanged"|"quarantined","notes":[…]}.
// It goes through the same rules and tells the same events as the API does.
struct importer {
    const char *collection;
    bool (*take)(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err);
};

struct migration {
    const char *name;   // "0001_users"
    const char *sql;
};

struct service {
    const char *name;
    const char *summary;
    const struct route *routes;                            // ends with {0}; NULL: answers no requests, opens no port for them
    route_handler fallback;                                // for paths no route matches (gateway)
    const struct setting *settings;                        // ends with {0}; may be NULL
    size_t settings_size;
    const struct migration *migrations;                    // ends with {0}; NULL: no database
    const struct sql *const *statements;                   // NULL-terminated
    bool plans_once;                                       // each has one plan that is right whatever the values: db.h
    const struct constraint_problem *constraints;
    const struct event_type *const *events;                // NULL-terminated
    const struct subscription *subscriptions;              // ends with {0}
    const struct broadcast_subscription *broadcasts;       // ends with {0}
    const struct job *jobs;                                // ends with {0}
    const struct worker *workers;                          // ends with {0}
    const struct importer *importers;                      // ends with {0}; makes the verb import
    const struct verb *verbs;                              // ends with {0}
    bool (*start)(struct app *app, struct error *err);     // makes app->state, before listening
    void (*stop)(struct app *app);                         // after the last request, or when start failed half-way
    // Runs around every request, before routing (limits) and after the answer (headers); gateway.
    bool (*before)(struct request *rq, struct response *rs, struct error *err);
    void (*after)(struct request *rq, struct response *rs);
    // Adds to readiness: false with a reason. May be NULL.
    bool (*ready)(struct app *app, struct error *err);
    int64_t body_limit_bytes;    // largest body any path may take, where no route of ours says so (gateway)
};

// A running service.
struct app {
    const struct service *service;
    struct kit_settings config;
    void *settings;                 // struct of service->settings
    void *state;                    // the service's own
    const struct clock *clock;
    struct db_pool *pool;           // NULL without migrations
    bool is_tool;                   // runs one verb, and of all statements few
    const struct sql *const *statements[3]; // what the pool prepares: the kit's and the service's
    struct identity *identity;
    struct metrics *metrics;
    struct relay *relay;
    struct inbox *inbox;
    struct broadcast *broadcast;
    struct http_server *server;
    struct kit_metrics *kit_metrics;
    struct jobs *jobs;
    struct workers *workers;
    struct health *_Atomic health;  // set while its own port already answers
    atomic_bool stopping;
};

// Runs the verb that argv names, "serve" where it names none; the process's exit status.
int service_main(const struct service *service, int argc, char **argv);

// Drives one request through routing, identity, decoding, session, handler and error writing, as
// the HTTP server does; unit and service tests call it without a socket.
void service_handle(struct app *app, const struct http_request *http, struct http_response *response);
