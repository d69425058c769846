// SPDX-License-Identifier: MIT
// A statement for which there is no memory fails at once: nobody waits for an answer that libpq has lost. It is done once for each
// allocation it makes, ours or libpq's, with that one refused.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "people.h"

static _Thread_local int64_t allocations, refused_at; // refused_at 0: none is refused

static bool is_refused(void)
{
    if (++allocations != refused_at) return false;
    errno = ENOMEM;
    return true;
}

#define ALLOCATION(name, parameters, arguments)                                                          \
    extern void *__interceptor_##name parameters __attribute__((weak));                                  \
    extern void *__libc_##name parameters __attribute__((weak));                                         \
    void *name parameters                                                                                \
    {                                                                                                    \
        if (is_refused()) return NULL;                                                                   \
        return __interceptor_##name ? __interceptor_##name arguments : __libc_##name arguments;          \
    }
ALLOCATION(malloc, (size_t size), (size))
ALLOCATION(calloc, (size_t count, size_t size), (count, size))
ALLOCATION(realloc, (void *memory, size_t size), (memory, size))

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
    int64_t call = 1, made = 1;
    for (; made >= call; call++) {
        struct db db = people_session(mode);
        int64_t count = -1;
        people_forget_error();
        allocations = 0;
        refused_at = call;
        const bool found = db_row(&db, &people_count, DB_NOTHING, DB_OUT(DB_GET_INT(&count)), &people.err) == DB_FOUND;
        refused_at = 0;
        made = allocations;
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
