// SPDX-License-Identifier: MIT
// A service that runs inside the test: a database of its own, the broker, and the struct app that
// relay, inbox, broadcast and jobs look at. Each gets a name of its own, and so its own consumer group.
//
//   static struct kit_app kit_app;
//   static int setup(void **state) { return kit_app_create(&kit_app, &sample); }
//   kit_app.app.inbox = inbox_start(&kit_app.app, &err);
#pragma once

#include "kit_database.h"

struct kit_app {
    struct kit_database kit;
    struct service service;
    struct app app;
};

// 0 when made, as cmocka wants it of a group setup.
int kit_app_create(struct kit_app *ret, const struct service *service);
int kit_app_drop(struct kit_app *kit_app);

// A second replica of the same service: the same database and name, metrics of its own.
void kit_app_replica(struct kit_app *of, struct app *ret);
void kit_app_replica_drop(struct app *replica);
