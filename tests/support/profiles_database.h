// SPDX-License-Identifier: MIT
// A database of profiles with thousands of workers, and helpers to list them and to have them known in memory.
#pragma once

#include "api.h"
#include "kit_database.h"
#include "known_workers.h"

#define WORKERS 6000

struct profiles_database {
    struct kit_database kit;
    struct app app;
    struct profiles profiles; // nobody is known, at first
};

// The one of a test program, made and dropped as setup and teardown of its group. 0 when done. One in fifty is not listed.
extern struct profiles_database lists;
int workers_made(void **state);
int workers_dropped(void **state);

struct ways {
    int64_t looked, found_far; // how many were looked at in the order of the list; how often an index of facets was asked
};

// The list of a query string, as JSON of its own; and how it was found.
json_t *listed(const char *query, struct ways *ret_ways);
// Adds the ids of a page, each with a comma; the cursor behind it, "" for none; the total, -1 where it is an estimate (may be NULL).
void add_page(const char *query, char ids[WORKERS * 8], char cursor[600], int64_t *ret_total);

// All are known in memory, as the thread of the service reads them.
void know_all(void);
// Up to which event all is known; -1: nothing is.
int64_t known_to(void);
// The id of the last event.
int64_t last_event(void);
// A step as the thread does it, which then rests; whether all is known up to the event.
bool follow_to(int64_t id);
// As often as is needed.
void follow_all(void);
