// SPDX-License-Identifier: MIT
// The stack under test as its operator has it: parts that stop and start, their settings, their databases. A story that
// stops a part names stack_restore as the teardown of its tests, so that the next one finds all of them up.
#pragma once

#include "postgres.h"
#include "service_names.h"
#include "story.h"

// Our own parts: the services that services.def names, and the gateway; NULL-terminated.
extern const char *const stack_services[];

// Parts are "postgres", "kafka" and those of stack_services. Each returns once it is so: stopped, or ready for work.
void part_stop(const char *part);
void part_start(const char *part);
// Its process id; 0 when it does not run.
int part_pid(const char *part);
void part_signal(const char *part, int signal_number);
// Starts what is down, wakes what was stopped by a signal, and waits until the gateway finds every part ready.
int stack_restore(void **state);

// What the stack told one service: a line of $RUN_DIR/<service>.env; NULL when there is none.
const char *service_setting(const char *service, const char *name);

// The URL of a database for the superuser: "dc_auth".
const char *database_url(const char *database);
// Runs SQL in it as superuser; the first cell of the last result, "" for none. The test fails when the SQL does.
const char *database_ask(const char *database, const char *sql_format, ...) __attribute__((format(printf, 2, 3)));
// test_database_hold for one of them.
struct database_session *database_hold(const char *database, const char *sql);
// test_database_waits for one of them, as `within` asks.
bool database_waits(void *database);

// Asks until the check holds or seconds have passed; whether it held.
bool within(int seconds, bool (*holds)(void *argument), void *argument);
