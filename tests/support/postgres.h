// SPDX-License-Identifier: MIT
// A fresh, empty database for one test program, on the server of TEST_DATABASE_URL, whose role may
// create databases. Without the variable the test fails and says what to set.
//
//   static struct test_database database;
//   static int setup(void **state)    { return test_database_create(&database); }
//   static int teardown(void **state) { return test_database_drop(&database); }
#pragma once

#include <stdbool.h>

struct test_database {
    char name[64];
    char url[1024]; // for db_pool_open
};

// 0 when made, as cmocka wants it of a group setup.
int test_database_create(struct test_database *ret);
// Ends all its connections and drops it.
int test_database_drop(const struct test_database *database);

// Runs SQL on a connection of its own; the test fails when the SQL does. The first cell of the last
// result, "" for none, valid until the next call.
const char *test_database_run(const struct test_database *database, const char *sql);
// Runs SQL in a transaction that stays open, to hold its locks until it is let go; the test fails when the SQL does.
struct database_session;
struct database_session *test_database_hold(const struct test_database *database, const char *sql);
void database_let_go(struct database_session *session);
void database_keep(struct database_session *session); // the same, and what it changed stays
// Whether a session of the database waits for a lock that another one holds.
bool test_database_waits(const struct test_database *database);

// Takes away (false) or gives back the right to connect, and ends the connections there are.
void test_database_allow(const struct test_database *database, int allowed);
