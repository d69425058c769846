// SPDX-License-Identifier: MIT
#include "people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct people people;

const struct sql person_insert = {"person_insert", "INSERT INTO people (name, email, age) VALUES ($1, $2, $3)", 3};
const struct sql people_count = {"people_count", "SELECT count(*) FROM people", 0};
STATEMENT(person_delete_all, 0, "DELETE FROM people");
static const struct sql *const people_statements[] = {&person_insert, &people_count, &person_delete_all, NULL};

const struct problem email_taken = {"email-taken", 409, "E-mail taken", "Sign in instead."};
static const struct constraint_problem constraints[] = {
    {"people_email_key", &email_taken, "/email"}, {"people_age_check", NULL, "/age"}, {0}};

int people_create(const char *more_tables, const struct sql *const *statements)
{
    people.statements[0] = people_statements;
    people.statements[1] = statements;
    if (test_database_create(&people.database)) return 1;
    test_database_run(&people.database,
                      "CREATE TABLE people (name text PRIMARY KEY, email text CONSTRAINT people_email_key UNIQUE,"
                      "    age integer NOT NULL CHECK (age > 0))");
    test_database_run(&people.database, more_tables);
    return 0;
}

int people_drop(void **state)
{
    (void)state;
    return test_database_drop(&people.database);
}

int people_open(void **state)
{
    (void)state;
    people.arena = arena_new(1 << 20);
    people_forget_error();
    struct db_pool_config settings = people_pool_config();
    people.pool = db_pool_open(&settings, &people.err);
    if (!people.pool) print_error("%s %s\n", people.err.detail, people.err.cause);
    return people.pool ? 0 : 1;
}

int people_close(void **state)
{
    (void)state;
    arena_free(people.arena);
    db_pool_close(people.pool);
    return 0;
}

struct db_pool_config people_pool_config(void)
{
    return (struct db_pool_config){.url = people.database.url,
                                   .application_name = "people",
                                   .connections = PEOPLE_CONNECTIONS,
                                   .acquire_timeout_ms = PEOPLE_ACQUIRE_TIMEOUT_MS,
                                   .statement_timeout_ms = PEOPLE_STATEMENT_TIMEOUT_MS,
                                   .connect_timeout_s = 5,
                                   .statements = people.statements,
                                   .constraints = constraints};
}

struct db people_session(enum db_mode mode)
{
    struct db db;
    db_begin(&db, people.pool, mode, people.arena);
    return db;
}

void people_forget_error(void)
{
    people.err = (struct error){.arena = people.arena};
}

int64_t count_people(void)
{
    struct db db = people_session(DB_READ);
    int64_t count = -1;
    assert_int_equal(db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&count)), &people.err), DB_FOUND);
    db_end(&db);
    return count;
}

void clear_people(void)
{
    struct db db = people_session(DB_READ);
    assert_fine(db_exec(&db, &person_delete_all, DB_NOTHING, NULL, &people.err));
    db_end(&db);
}

bool add_person(struct db *db, const char *name, const char *email, int64_t age)
{
    return db_exec(db, &person_insert, DB_IN(DB_TEXT(name), DB_TEXT(email), DB_INT(age)), NULL, &people.err);
}

void assert_fine(bool fine)
{
    if (!fine) fail_msg("%s: %s", people.err.detail, people.err.cause);
}

void assert_problem(const struct problem *problem)
{
    assert_non_null(people.err.problem);
    if (people.err.problem != problem)
        fail_msg("%s instead of %s: %s", people.err.problem->slug, problem->slug, people.err.cause);
}
