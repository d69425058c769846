// SPDX-License-Identifier: MIT
// Every statement of payments is prepared against a freshly migrated database.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_database.h"
#include "kit_sql.h"
#include "migrate.h"
#include "payments.h"

static void every_statement_prepares(void **state)
{
    (void)state;
    static const struct service payments = {.name = "payments", .migrations = payments_migrations};
    static const struct sql *const *const lists[] = {kit_statements, payments_statements, NULL};
    struct test_database database;
    struct error err = {0};
    assert_int_equal(test_database_create(&database), 0);
    if (!migrate_apply(database.url, &payments, &err)) fail_msg("%s %s", err.detail, err.cause);
    struct db_pool *pool = db_pool_open(&(struct db_pool_config){.url = database.url, .application_name = "test", .connections = 1, .acquire_timeout_ms = 2000,
                                                                 .statement_timeout_ms = 5000, .connect_timeout_s = 5, .statements = lists}, &err);
    if (!pool) fail_msg("%s %s", err.detail, err.cause);
    db_pool_close(pool);
    test_database_drop(&database);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_statement_prepares)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
