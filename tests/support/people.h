// SPDX-License-Identifier: MIT
// A database with a table of people, and a pool small and impatient enough to meet its bounds in a test.
// One per test program; each test opens the pool anew.
//
//   static const struct sql *const statements[] = {&pet_insert, NULL};
//   static int make_database(void **state) { return people_create("CREATE TABLE pets (…)", statements); }
//   #define TEST(function) cmocka_unit_test_setup_teardown(function, people_open, people_close)
//   return cmocka_run_group_tests(tests, make_database, people_drop);
#pragma once

#include "db.h"
#include "postgres.h"

#define PEOPLE_CONNECTIONS 4
#define PEOPLE_ACQUIRE_TIMEOUT_MS 600
#define PEOPLE_STATEMENT_TIMEOUT_MS 800

#define STATEMENT(name_, parameters_, text_) static const struct sql name_ = {#name_, text_, parameters_}

struct people {
    struct test_database database;
    struct db_pool *pool;
    struct arena *arena;
    struct error err;
    const struct sql *const *statements[3]; // what the pool prepares
};
extern struct people people;

extern const struct sql person_insert, people_count;
extern const struct problem email_taken; // what the second person with an e-mail is told

// The database, with the test's own tables beside that of people; the pool knows the test's own statements
// (ends with NULL) beside those above. 0 when made, as cmocka wants it of a group setup.
int people_create(const char *more_tables, const struct sql *const *statements);
int people_drop(void **state);
int people_open(void **state);
int people_close(void **state);
// For a pool of a test's own.
struct db_pool_config people_pool_config(void);

struct db people_session(enum db_mode mode);
void people_forget_error(void);
int64_t count_people(void);
void clear_people(void);
bool add_person(struct db *db, const char *name, const char *email, int64_t age);

// Fails the test with the error when not fine.
void assert_fine(bool fine);
void assert_problem(const struct problem *problem);
