// SPDX-License-Identifier: MIT
#include "payments_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "push.h"

static const struct service service = {.name = "payments"};

int payments_database_create(struct payments_database *ret)
{
    static struct service filled;
    filled = service;
    filled.migrations = payments_migrations;
    filled.statements = payments_statements;
    filled.constraints = payments_constraints;
    *ret = (struct payments_database){.settings = {.query_first_s = 25, .silent_s = 180, .give_up_h = 48, .repeat_s = 120, .prompt_within_s = 600, .amount_limit_kes = 250000}};
    if (kit_database_create_for(&ret->kit, &filled)) return 1;
    ret->app = (struct app){.service = &filled, .settings = &ret->settings, .state = &ret->payments, .pool = ret->kit.pool, .clock = &clock_system};
    payments_database_clean(ret);
    return 0;
}

int payments_database_drop(struct payments_database *made)
{
    return kit_database_drop(&made->kit);
}

void payments_database_clean(struct payments_database *made)
{
    kit_forget(&made->kit);
    test_database_run(&made->kit.database,
                      "SET session_replication_role = replica; TRUNCATE user_purchases, payment_packages, contact_access, ledger_entries, ledger_balances, "
                      "pushes, stk_callbacks, refunds, agency_payments, workers, payers, erased, outbox, audit_log CASCADE; SET session_replication_role = origin;"
                      "INSERT INTO payment_packages (id, name, price, contacts_included) VALUES ('p1', 'Three contacts', 49950, 3);"
                      "INSERT INTO workers VALUES ('w1', 'wp1', true), ('w2', 'wp2', true), ('w3', 'wp3', false)");
}

void purchase_pushed(struct payments_database *made, const char *id, const char *user_id, const char *phone_number)
{
    cell(made, "WITH u AS (INSERT INTO user_purchases (id, user_id, package_id, package_name, amount, amount_charged, contacts_included) "
               "VALUES ('%s', '%s', 'p1', 'Three contacts', 49950, 50000, 3)) "
               "INSERT INTO pushes (id, subject_kind, subject_id, user_id, phone_number, amount, state, checkout_request_id, merchant_request_id, pushed_at) "
               "VALUES ('push-%s', 'purchase', '%s', '%s', '%s', 50000, 'pushed', 'co-%s', 'm-%s', now())", id, user_id, id, id, user_id, phone_number, id, id);
}

enum settled purchase_settled(struct payments_database *made, const char *id, enum push_event event, const char *receipt)
{
    enum settled settled;
    const struct settlement settlement = {.push_id = arena_printf(made->kit.arena, "push-%s", id), .event = event, .code = "0", .by = "callback", .receipt = receipt,
                                          .reason = "why", .wait_s = 1};
    kit_assert_fine(&made->kit, push_settle_now(&made->app, made->kit.arena, &settlement, &settled, &made->kit.err));
    return settled;
}

const char *callback_worked_off(struct payments_database *made, const char *id, const char *body)
{
    bool worked = false;
    struct db db = kit_session(&made->kit, DB_READ);
    kit_assert_fine(&made->kit, db_exec(&db, &SQL_callback_insert, DB_IN(DB_TEXT(arena_printf(made->kit.arena, "push-%s", id)), DB_TEXT("127.0.0.1"), DB_TEXT(body)),
                                        NULL, &made->kit.err));
    db_end(&db);
    kit_assert_fine(&made->kit, settle_next(&made->app, made->kit.arena, NULL, &worked, &made->kit.err));
    assert_true(worked);
    return cell(made, "SELECT coalesce(outcome, 'none') FROM stk_callbacks ORDER BY id DESC LIMIT 1");
}

const char *cell(struct payments_database *made, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *sql = arena_vprintf(made->kit.arena, format, arguments);
    va_end(arguments);
    return arena_strdup(made->kit.arena, test_database_run(&made->kit.database, sql));
}

int64_t number(struct payments_database *made, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *sql = arena_vprintf(made->kit.arena, format, arguments);
    va_end(arguments);
    int64_t value = 0;
    if (!text_to_int64(test_database_run(&made->kit.database, sql), &value)) fail_msg("%s: no number", sql);
    return value;
}
