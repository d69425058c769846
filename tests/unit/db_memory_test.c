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

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_patient, people_close)
    const struct CMUnitTest tests[] = {TEST(a_read_does_not_wait), TEST(a_write_does_not_wait)};
    return cmocka_run_group_tests(tests, make_database, people_drop);
}
