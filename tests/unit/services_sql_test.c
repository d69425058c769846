// SPDX-License-Identifier: MIT
// Every statement of every service is prepared against its freshly migrated database, and every event it hears is applied by something.
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

// By a handler, or by a statement that takes what the inbox has for it.
static void every_event_is_applied(void **state)
{
    const struct service *service = *state;
    for (const struct subscription *row = service->subscriptions; row && row->topic; row++)
        if (!row->handler == !row->statement || (row->statement && row->statement->parameters > 3)) fail_msg("%s %s", row->topic->name, row->doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function, name) {#function "_of_" #name, function, NULL, NULL, (void *)(uintptr_t)&name##_service}
#define X(name) TEST(every_statement_prepares, name), TEST(every_event_is_applied, name),
#include "services.def"
#undef X
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
