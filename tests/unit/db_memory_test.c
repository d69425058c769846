// SPDX-License-Identifier: MIT
// A statement for which there is no memory fails at once: nobody waits for an answer that libpq has lost. It is done once for each
// allocation it makes, ours or libpq's, with that one refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "people.h"
#include "refusals.h"

// the proof of a password alone takes thousands
#define EACH_UP_TO 200
#define STEP 97

static const struct sql *const statements[] = {NULL};

static int make_database(void **state)
{
    (void)state;
    return people_create("SELECT 1", statements);
}

// Its statements may take as long as they like: one that waits for what does not come waits until this program's time is over.
static int open_patient(void **state)
{
    if (people_open(state)) return 1;
    db_pool_close(people.pool);
    struct db_pool_config settings = people_pool_config();
    settings.statement_timeout_ms = 0;
    people.pool = db_pool_open(&settings, &people.err);
    return people.pool ? 0 : 1;
}

static void each_refusal_is_told(enum db_mode mode)
{
    int64_t call = 0;
    for (bool was_refused = true; was_refused;) {
        struct db db = people_session(mode);
        int64_t count = -1;
        people_forget_error();
        allocations = 0;
        refused_at = ++call;
        const bool found = db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&count)), &people.err) == DB_FOUND;
        refused_at = 0;
        was_refused = allocations >= call;
        db_end(&db);
        if (found) assert_int_equal(count, 0);
        else assert_problem(&problem_unavailable);
    }
    assert_true(call > 2); // libpq makes some
}

static void a_read_does_not_wait(void **state)
{
    (void)state;
    each_refusal_is_told(DB_READ);
}

static void a_write_does_not_wait(void **state)
{
    (void)state;
    each_refusal_is_told(DB_WRITE);
}

// Of a connection libraries of all kinds are part; none of them may end the process.
static void a_connection_is_made_or_not(void **state)
{
    (void)state;
    struct db_pool_config settings = people_pool_config();
    settings.connections = 1;
    int64_t call = 0;
    for (bool was_refused = true; was_refused;) {
        people_forget_error();
        allocations = 0;
        refused_at = call += call < EACH_UP_TO ? 1 : STEP;
        struct db_pool *pool = db_pool_open(&settings, &people.err);
        refused_at = 0;
        was_refused = allocations >= call;
        if (!pool) assert_problem(&problem_unavailable);
        db_pool_close(pool);
    }
    assert_true(call > 20);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_patient, people_close)
    const struct CMUnitTest tests[] = {TEST(a_read_does_not_wait), TEST(a_write_does_not_wait), TEST(a_connection_is_made_or_not)};
    return cmocka_run_group_tests(tests, make_database, people_drop);
}
