// SPDX-License-Identifier: MIT
// Money and credits in the database: once, balanced, never below zero, and never a contact without a credit.
#include "payments_database.h"
#include "push.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

static int64_t balance(const char *user_id)
{
    return number(&made, "SELECT coalesce((SELECT balance FROM ledger_balances WHERE account = 'user:%s'), 0)", user_id);
}

static int64_t events(const char *type)
{
    return number(&made, "SELECT count(*) FROM outbox WHERE type = 'ke.domesticconnect.%s.v1'", type);
}

// What an unlock is for the database; the id of the access, "" when there is no such worker.
static const char *unlock(const char *user_id, const char *worker_id, const char *access_id, bool *ret_new)
{
    struct db db = kit_session(&made.kit, DB_WRITE);
    int64_t held = 0;
    const char *worker = NULL, *access = NULL;
    const bool ok = db_row(&db, &SQL_credits_lock, DB_IN(DB_TEXT(user_id)), DB_OUT(DB_GET_INT(&held)), &made.kit.err) != DB_FAILED &&
                    db_row(&db, &SQL_access_unlock, DB_IN(DB_TEXT(user_id), DB_TEXT(worker_id), DB_TEXT(access_id)),
                           DB_OUT(DB_GET_TEXT(&worker), DB_GET_TEXT(&access), DB_GET_BOOL(ret_new)), &made.kit.err) == DB_FOUND &&
                    db_commit(&db, &made.kit.err);
    db_end(&db);
    return ok ? access ? access : "" : NULL;
}

static void a_paid_purchase_gives_its_credits_once(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    assert_int_equal(purchase_settled(&made, "a", EVENT_PAID, "R1"), SETTLED_APPLIED);
    assert_int_equal(purchase_settled(&made, "a", EVENT_PAID, "R1"), SETTLED_DUPLICATE);
    assert_int_equal(purchase_settled(&made, "a", EVENT_NOT_PAID, NULL), SETTLED_IGNORED);
    assert_int_equal(balance("u1"), 3);
    assert_int_equal(events("purchase.completed"), 1);
    assert_int_equal(number(&made, "SELECT amount FROM ledger_entries WHERE kind = 'paid'"), 50000); // whole shillings, as charged
    assert_string_equal(cell(&made, "SELECT status || receipt FROM user_purchases"), "completedR1");
}

static void a_late_payment_wins_and_is_flagged(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    assert_int_equal(purchase_settled(&made, "a", EVENT_NOT_PAID, NULL), SETTLED_APPLIED);
    assert_string_equal(cell(&made, "SELECT status || ': ' || failure_reason FROM user_purchases"), "failed: why");
    assert_int_equal(purchase_settled(&made, "a", EVENT_PAID, "R1"), SETTLED_APPLIED);
    assert_int_equal(balance("u1"), 3);
    assert_string_equal(cell(&made, "SELECT was_late FROM pushes"), "t");
    assert_string_equal(cell(&made, "SELECT status || coalesce(failure_reason, '') FROM user_purchases"), "completed");
}

static void a_receipt_comes_after_a_query_has_settled(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, NULL);
    assert_int_equal(purchase_settled(&made, "a", EVENT_PAID, "R9"), SETTLED_DUPLICATE);
    assert_string_equal(cell(&made, "SELECT u.receipt || p.receipt FROM user_purchases u JOIN pushes p ON p.subject_id = u.id"), "R9R9");
    assert_int_equal(balance("u1"), 3);
}

static void an_unlock_costs_one_credit_once(void **state)
{
    (void)state;
    bool is_new = false;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    assert_string_equal(unlock("u1", "w1", "acc1", &is_new), "acc1");
    assert_true(is_new);
    assert_string_equal(unlock("u1", "w1", "acc2", &is_new), "acc1");
    assert_false(is_new);
    assert_string_equal(unlock("u1", "wp1", "acc3", &is_new), "acc1"); // by her base profile
    assert_int_equal(balance("u1"), 2);
    assert_int_equal(events("contact.unlocked"), 1);
}

static void nobody_unlocks_without_a_credit(void **state)
{
    (void)state;
    bool is_new = false;
    assert_null(unlock("poor", "w1", "acc1", &is_new));
    kit_assert_problem(&made.kit, &problem_no_credits);
    kit_forget(&made.kit);
    assert_int_equal(number(&made, "SELECT count(*) FROM contact_access"), 0);
    assert_int_equal(number(&made, "SELECT count(*) FROM ledger_entries"), 0);
}

static void no_credit_goes_for_a_worker_who_is_not_there(void **state)
{
    (void)state;
    bool is_new = false;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    assert_string_equal(unlock("u1", "nobody", "acc1", &is_new), "");
    assert_string_equal(unlock("u1", "w3", "acc1", &is_new), ""); // deactivated
    assert_int_equal(balance("u1"), 3);
}

struct racer {
    char access_id[16];
    const char *worker_id;
    int succeeded;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    struct arena *arena = arena_new(1 << 20);
    for (int i = 0; i < 40; i++) {
        struct error err = {0};
        struct db db;
        int64_t held = 0;
        bool is_new = false;
        const char *worker = NULL, *access = NULL, *id = arena_printf(arena, "%s-%d", racer->access_id, i);
        db_begin(&db, made.kit.pool, DB_WRITE, arena);
        const bool ok = db_row(&db, &SQL_credits_lock, DB_IN(DB_TEXT("u1")), DB_OUT(DB_GET_INT(&held)), &err) != DB_FAILED &&
                        db_row(&db, &SQL_access_unlock, DB_IN(DB_TEXT("u1"), DB_TEXT(racer->worker_id), DB_TEXT(id)),
                               DB_OUT(DB_GET_TEXT(&worker), DB_GET_TEXT(&access), DB_GET_BOOL(&is_new)), &err) == DB_FOUND && db_commit(&db, &err);
        db_end(&db);
        racer->succeeded += ok && is_new;
    }
    arena_free(arena);
    return NULL;
}

// Many workers, few credits, three connections at once.
static void no_race_spends_a_credit_twice(void **state)
{
    (void)state;
    cell(&made, "INSERT INTO workers SELECT 'r' || i, 'rp' || i, true FROM generate_series(1, 6) AS i");
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    struct racer racers[6];
    pthread_t threads[6];
    int succeeded = 0;
    for (int i = 0; i < 6; i++) {
        racers[i] = (struct racer){.worker_id = arena_printf(made.kit.arena, "r%d", i / 2 + 1)}; // two race for each of three workers
        snprintf(racers[i].access_id, sizeof racers[i].access_id, "race%d", i);
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 6; i++) succeeded += racers[i].succeeded;
    assert_int_equal(succeeded, 3);
    assert_int_equal(balance("u1"), 0);
    assert_int_equal(number(&made, "SELECT count(*) FROM contact_access"), 3);
    assert_int_equal(number(&made, "SELECT count(*) FROM ledger_entries WHERE kind = 'credit_spent'"), 3);
}

// --- The database's own word ---------------------------------------------------------------------

static bool database_refuses(const char *sql, const char *because)
{
    struct db db = kit_session(&made.kit, DB_WRITE);
    const bool done = db_script(&db, sql, &made.kit.err) && db_commit(&db, &made.kit.err);
    db_end(&db);
    if (!done && !strstr(made.kit.err.cause, because)) fail_msg("%s refused, but: %s", sql, made.kit.err.cause);
    kit_forget(&made.kit);
    return !done;
}

static void an_access_needs_its_spent_credit(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    bool is_new = false;
    unlock("u1", "w1", "acc1", &is_new);
    assert_true(database_refuses("INSERT INTO contact_access (id, user_id, target_profile_id) VALUES ('x', 'u2', 'w2')", "ledger_entry_id"));
    assert_true(database_refuses("INSERT INTO contact_access (id, user_id, target_profile_id, ledger_entry_id) "
                                 "SELECT 'x', 'u2', 'w2', id FROM ledger_entries WHERE kind = 'credits_bought'", "not paid for"));
    assert_true(database_refuses("INSERT INTO contact_access (id, user_id, target_profile_id, ledger_entry_id) "
                                 "SELECT 'x', 'u2', 'w2', id FROM ledger_entries WHERE kind = 'credit_spent'", "ledger_entry_id"));
    assert_true(database_refuses("UPDATE contact_access SET user_id = 'u2'", "not paid for"));
}

// Also where a statement writes many entries, of which each alone would be fine.
static void nobody_spends_what_is_not_there(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    assert_true(database_refuses("INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) "
                                 "SELECT 'credit_spent', 'credit', 1, 'user:u1', 'credits_used', 'x' || n FROM generate_series(1, 1000) AS n",
                                 "ledger_balance_not_negative"));
    assert_true(database_refuses("INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) "
                                 "VALUES ('credit_spent', 'credit', 1, 'user:u1', 'credits_used', 'x'), ('credit_spent', 'credit', 1, 'user:u9', 'credits_used', 'y')",
                                 "account user:u9 holds nothing"));
    assert_false(database_refuses("INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) "
                                  "VALUES ('credit_spent', 'credit', 1, 'user:u9', 'credits_used', 'y'), ('opening', 'credit', 1, 'credits_issued', 'user:u9', 'y')", ""));
}

static void the_ledger_is_append_only(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    assert_true(database_refuses("UPDATE ledger_entries SET amount = amount + 1", "append-only"));
    assert_true(database_refuses("DELETE FROM ledger_entries", "append-only"));
    assert_true(database_refuses("INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) "
                                 "VALUES ('credits_bought', 'credit', 3, 'credits_issued', 'user:u1', 'a')", "ledger_entry_once"));
    assert_true(database_refuses("INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) "
                                 "VALUES ('credit_spent', 'credit', 4, 'user:u1', 'credits_used', 'z')", "ledger_balance_not_negative"));
}

static void one_prompt_on_a_phone_at_a_time(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    assert_true(database_refuses("INSERT INTO pushes (id, subject_kind, subject_id, user_id, phone_number, amount, state) "
                                 "VALUES ('x', 'purchase', 'x', 'u2', '+254722000111', 100, 'pushing')", "pushes_phone_busy"));
}

// --- From the old system --------------------------------------------------------------------------

static void import(const char *collection, const char *rows_json)
{
    const struct importer *importer = payments_importers;
    while (strcmp(importer->collection, collection) != 0) importer++;
    CLEANUP(json_release) json_t *rows = json_parse(rows_json, strlen(rows_json), &made.kit.err), *results = json_array();
    struct db db = kit_session(&made.kit, DB_WRITE);
    kit_assert_fine(&made.kit, importer->take(&made.app, &db, rows, results, &made.kit.err) && db_commit(&db, &made.kit.err));
    db_end(&db);
    assert_int_equal(json_array_size(results), json_array_size(rows));
}

// Each collection counts its ids by itself: a purchase and an access of one id are two things.
static void one_id_in_two_collections_is_two_things(void **state)
{
    (void)state;
    import("user_purchases", "[{\"id\":\"1\",\"user_id\":\"u1\",\"package_id\":\"p1\",\"amount\":500,\"status\":\"completed\",\"contacts_remaining\":2}]");
    import("contact_access", "[{\"id\":\"1\",\"user_id\":\"u1\",\"target_profile_id\":\"w1\"}]");
    assert_int_equal(balance("u1"), 2);
    assert_int_equal(number(&made, "SELECT count(*) FROM contact_access"), 1);
}

static const char *books(void)
{
    struct db db = kit_session(&made.kit, DB_READ);
    const char *report = NULL;
    kit_assert_fine(&made.kit, db_text(&db, &SQL_reconcile, DB_IN(DB_INT(3600)), &report, NULL, &made.kit.err));
    db_end(&db);
    return report;
}

// What somebody has written past the service, or we by mistake.
static void books_that_do_not_agree_say_so(void **state)
{
    static const struct {
        const char *what, *finding;
    } mistakes[] = {
        {"UPDATE user_purchases SET status = 'failed' WHERE id = 'a'", "push_and_purchase_differ"},
        {"UPDATE user_purchases SET status = 'completed', completed_at = now() WHERE id = 'b'", "push_and_purchase_differ"},
        {"UPDATE agency_payments SET status = 'failed' WHERE id = 'f'", "push_and_purchase_differ"},
        {"UPDATE user_purchases SET amount_charged = 60000 WHERE id = 'a'", "money_differs"},
        {"INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) VALUES ('paid', 'KES', 100, 'customers', 'mpesa', 'b')", "money_differs"},
        {"INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference) VALUES ('refunded', 'KES', 100, 'mpesa', 'customers', 'x')", "money_differs"},
        {"UPDATE ledger_balances SET balance = balance + 1", "balance_differs"},
        {"DELETE FROM ledger_balances", "balance_differs"},
        {"SET session_replication_role = replica; DELETE FROM ledger_entries WHERE kind = 'credits_bought'; SET session_replication_role = origin", "paid_without_credits"},
    };
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        payments_clean(state);
        purchase_pushed(&made, "a", "u1", "+254722000111");
        purchase_pushed(&made, "b", "u2", "+254722000112");
        purchase_pushed(&made, "f", "u3", "+254722000113");
        cell(&made, "UPDATE pushes SET subject_kind = 'agency_payment' WHERE subject_id = 'f';"
                    "INSERT INTO agency_payments (id, agency_id, payment_type, amount, amount_charged) VALUES ('f', 'ag', 'hiring', 50000, 50000)");
        purchase_settled(&made, "a", EVENT_PAID, "R1");
        purchase_settled(&made, "f", EVENT_PAID, "R2");
        assert_non_null(strstr(books(), "\"consistent\" : true"));
        cell(&made, "%s", mistakes[i].what);
        const char *report = books();
        if (!strstr(report, "\"consistent\" : false") || !strstr(report, mistakes[i].finding)) fail_msg("%s: %s", mistakes[i].what, report);
    }
}

static void what_nobody_ever_told_is_for_somebody_to_look_at(void **state)
{
    (void)state;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    cell(&made, "UPDATE pushes SET state = 'unknown'");
    const struct settlement given_up = {.push_id = "push-a", .event = EVENT_GIVEN_UP, .reason = "why", .by = "nobody"};
    enum settled settled;
    kit_assert_fine(&made.kit, push_settle_now(&made.app, made.kit.arena, &given_up, &settled, &made.kit.err));
    assert_non_null(strstr(books(), "given_up"));
    assert_non_null(strstr(books(), "\"consistent\" : true"));
}

static void books_agree_after_all_of_it(void **state)
{
    (void)state;
    bool is_new = false;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_pushed(&made, "b", "u2", "+254722000112");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    purchase_settled(&made, "b", EVENT_TIMED_OUT, NULL);
    unlock("u1", "w1", "acc1", &is_new);
    assert_non_null(strstr(books(), "\"consistent\" : true"));
    assert_int_equal(number(&made, "SELECT sum(CASE WHEN to_account LIKE 'user:%%' THEN amount WHEN from_account LIKE 'user:%%' THEN -amount END) "
                                   "FROM ledger_entries WHERE unit = 'credit'"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_paid_purchase_gives_its_credits_once, payments_clean),
        cmocka_unit_test_setup(a_late_payment_wins_and_is_flagged, payments_clean),
        cmocka_unit_test_setup(a_receipt_comes_after_a_query_has_settled, payments_clean),
        cmocka_unit_test_setup(an_unlock_costs_one_credit_once, payments_clean),
        cmocka_unit_test_setup(nobody_unlocks_without_a_credit, payments_clean),
        cmocka_unit_test_setup(no_credit_goes_for_a_worker_who_is_not_there, payments_clean),
        cmocka_unit_test_setup(no_race_spends_a_credit_twice, payments_clean),
        cmocka_unit_test_setup(an_access_needs_its_spent_credit, payments_clean),
        cmocka_unit_test_setup(nobody_spends_what_is_not_there, payments_clean),
        cmocka_unit_test_setup(the_ledger_is_append_only, payments_clean),
        cmocka_unit_test_setup(one_prompt_on_a_phone_at_a_time, payments_clean),
        cmocka_unit_test_setup(one_id_in_two_collections_is_two_things, payments_clean),
        cmocka_unit_test_setup(books_that_do_not_agree_say_so, payments_clean),
        cmocka_unit_test_setup(what_nobody_ever_told_is_for_somebody_to_look_at, payments_clean),
        cmocka_unit_test_setup(books_agree_after_all_of_it, payments_clean),
    };
    return cmocka_run_group_tests(tests, payments_made, payments_dropped);
}
