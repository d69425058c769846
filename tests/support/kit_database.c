// SPDX-License-Identifier: MIT
#include "kit_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_sql.h"
#include "migrate.h"

const struct service kit_only = {.name = "kit_only"};

int kit_database_create(struct kit_database *ret)
{
    return kit_database_create_for(ret, &kit_only);
}

int kit_database_create_for(struct kit_database *ret, const struct service *service)
{
    *ret = (struct kit_database){.arena = arena_new(1 << 20), .statements = {kit_statements, service->statements}};
    ret->err.arena = ret->arena;
    if (test_database_create(&ret->database)) return 1;
    if (migrate_apply(ret->database.url, service, &ret->err)) {
        ret->pool = db_pool_open(&(struct db_pool_config){.url = ret->database.url,
                                                          .application_name = "test",
                                                          .connections = 3,
                                                          .acquire_timeout_ms = 2000,
                                                          .statement_timeout_ms = 5000,
                                                          .connect_timeout_s = 5,
                                                          .prefers_indexes = true,
                                                          .plans_once = service->plans_once,
                                                          .statements = ret->statements,
                                                          .constraints = service->constraints},
                                 &ret->err);
    }
    if (!ret->pool) print_error("%s %s\n", ret->err.detail, ret->err.cause);
    return ret->pool ? 0 : 1;
}

int kit_database_drop(struct kit_database *kit)
{
    db_pool_close(kit->pool);
    arena_free(kit->arena);
    return test_database_drop(&kit->database);
}

struct db kit_session(struct kit_database *kit, enum db_mode mode)
{
    struct db db;
    db_begin(&db, kit->pool, mode, kit->arena);
    return db;
}

void kit_forget(struct kit_database *kit)
{
    arena_reset(kit->arena);
    kit->err = (struct error){.arena = kit->arena};
}

void kit_assert_fine(const struct kit_database *kit, bool fine)
{
    if (!fine) fail_msg("%s: %s", kit->err.detail, kit->err.cause);
}

void kit_assert_problem(const struct kit_database *kit, const struct problem *problem)
{
    assert_non_null(kit->err.problem);
    if (kit->err.problem != problem)
        fail_msg("%s instead of %s: %s", kit->err.problem->slug, problem->slug, kit->err.cause);
}
