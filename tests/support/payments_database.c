// SPDX-License-Identifier: MIT
#include "payments_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agency_payment.h"
#include "api.h"
#include "push.h"

static const struct service service = {.name = "payments"};

struct payments_database made;

int payments_made(void **state)
{
    static struct service filled;
    filled = service;
    filled.migrations = payments_migrations;
    filled.statements = payments_statements;
    filled.constraints = payments_constraints;
    made = (struct payments_database){.settings = {.query_first_s = 25, .silent_s = 180, .give_up_h = 48, .repeat_s = 120, .prompt_within_s = 600, .amount_limit_kes = 250000}};
    if (kit_database_create_for(&made.kit, &filled)) return 1;
    made.app = (struct app){.service = &filled, .settings = &made.settings, .state = &made.payments, .pool = made.kit.pool, .clock = &clock_system};
    return payments_clean(state);
}

int payments_dropped(void **state)
{
    (void)state;
    return kit_database_drop(&made.kit);
}

int payments_clean(void **state)
{
    (void)state;
    kit_forget(&made.kit);
    test_database_run(&made.kit.database,
                      "SET session_replication_role = replica; TRUNCATE user_purchases, payment_packages, contact_access, ledger_entries, ledger_balances, "
                      "pushes, stk_callbacks, refunds, agency_payments, workers, payers, erased, outbox, audit_log CASCADE; SET session_replication_role = origin;"
                      "INSERT INTO payment_packages (id, name, price, contacts_included) VALUES ('p1', 'Three contacts', 49950, 3);"
                      "INSERT INTO workers VALUES ('w1', 'wp1', true), ('w2', 'wp2', true), ('w3', 'wp3', false)");
    return 0;
}

int a_pushed_purchase(void **state)
{
    payments_clean(state);
    purchase_pushed(&made, "a", "u1", "+254722000111");
    return 0;
}

void purchase_pushed(struct payments_database *base, const char *id, const char *user_id, const char *phone_number)
{
    cell(base, "WITH u AS (INSERT INTO user_purchases (id, user_id, package_id, package_name, amount, amount_charged, contacts_included) "
               "VALUES ('%s', '%s', 'p1', 'Three contacts', 49950, 50000, 3)) "
               "INSERT INTO pushes (id, subject_kind, subject_id, user_id, phone_number, amount, state, checkout_request_id, merchant_request_id, pushed_at) "
               "VALUES ('push-%s', 'purchase', '%s', '%s', '%s', 50000, 'pushed', 'co-%s', 'm-%s', now())", id, user_id, id, id, user_id, phone_number, id, id);
}

void purchase_unsent(struct payments_database *base, const char *id)
{
    cell(base, "UPDATE pushes SET state = 'created', checkout_request_id = NULL, merchant_request_id = NULL, pushed_at = NULL WHERE subject_id = '%s'", id);
}

void purchase_to_be_sent(struct payments_database *base, const char *id, const char *user_id, const char *phone_number)
{
    purchase_pushed(base, id, user_id, phone_number);
    purchase_unsent(base, id);
}

enum db_found push_taken(struct payments_database *base)
{
    struct db db = kit_session(&base->kit, DB_WRITE);
    const enum db_found found = db_row(&db, &SQL_push_take, DB_IN(DB_INT(60), DB_TEXT("an attempt"), DB_INT(120)), (struct db_targets){0}, &base->kit.err);
    assert_true(db_commit(&db, &base->kit.err));
    db_end(&db);
    return found;
}

void fee_asked(struct payments_database *base, const char *fee_id, const char *payer)
{
    const struct fee_input input = {.fee_id = fee_id, .agency_id = "ag1", .payer_user_id = payer, .payment_type = "membership", .amount = 100050};
    const struct event event = {.input = &input};
    struct db db = kit_session(&base->kit, DB_WRITE);
    kit_assert_fine(&base->kit, fee_requested(&base->app, &db, &event, &base->kit.err) && db_commit(&db, &base->kit.err));
    db_end(&db);
}

enum settled purchase_settled(struct payments_database *base, const char *id, enum push_event event, const char *receipt)
{
    enum settled settled;
    const struct settlement settlement = {.push_id = arena_printf(base->kit.arena, "push-%s", id), .event = event, .code = "0", .by = "callback", .receipt = receipt,
                                          .reason = "why", .wait_s = 1};
    kit_assert_fine(&base->kit, push_settle_now(&base->app, base->kit.arena, &settlement, &settled, &base->kit.err));
    return settled;
}

const char *callback_worked_off(struct payments_database *base, const char *id, const char *body)
{
    bool worked = false;
    struct db db = kit_session(&base->kit, DB_READ);
    kit_assert_fine(&base->kit, db_exec(&db, &SQL_callback_insert, DB_IN(DB_TEXT(arena_printf(base->kit.arena, "push-%s", id)), DB_TEXT("127.0.0.1"), DB_TEXT(body)),
                                        NULL, &base->kit.err));
    db_end(&db);
    kit_assert_fine(&base->kit, settle_next(&base->app, base->kit.arena, NULL, &worked, &base->kit.err));
    assert_true(worked);
    return cell(base, "SELECT coalesce(outcome, 'none') FROM stk_callbacks ORDER BY id DESC LIMIT 1");
}

const char *cell(struct payments_database *base, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *sql = arena_vprintf(base->kit.arena, format, arguments);
    va_end(arguments);
    return arena_strdup(base->kit.arena, test_database_run(&base->kit.database, sql));
}

int64_t number(struct payments_database *base, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *sql = arena_vprintf(base->kit.arena, format, arguments);
    va_end(arguments);
    int64_t value = 0;
    if (!text_to_int64(test_database_run(&base->kit.database, sql), &value)) fail_msg("%s: no number", sql);
    return value;
}
