// SPDX-License-Identifier: MIT
// Every statement of every service is prepared against its freshly migrated database.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_database.h"

#define X(name) extern const struct service name##_service;
#include "services.def"
#undef X

static void every_statement_prepares(void **state)
{
    const struct service *service = *state;
    struct kit_database kit;
    assert_non_null(service->statements);
    assert_int_equal(kit_database_create_for(&kit, service), 0);
    kit_database_drop(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define X(name) {"every_statement_of_" #name "_prepares", every_statement_prepares, NULL, NULL, (void *)(uintptr_t)&name##_service},
#include "services.def"
#undef X
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
