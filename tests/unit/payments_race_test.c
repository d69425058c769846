// SPDX-License-Identifier: MIT
// Who asks at the same moment: one prompt on a phone, and no more given back than was paid.
#include "payments_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "agency_payment.h"
#include "api.h"
#include "erased.h"
#include "eventually.h"
#include "purchase.h"
#include "refund.h"

#define BUYERS 6
#define ROUNDS 10

// A request in a session of its own.
struct asked {
    route_handler handler;
    const void *input;
    const char *id;
    struct request rq;
    struct error err;
    bool done;
};

static bool ask(struct asked *asked, struct arena *arena)
{
    struct response rs = {0};
    asked->rq = (struct request){.app = &made.app, .arena = arena, .input = asked->input, .parameters = {asked->id}, .caller = {.user_id = "u1"},
                                 .now_ms = clock_now_ms(&clock_system)};
    db_begin(&asked->rq.db, made.kit.pool, DB_WRITE, arena);
    return asked->handler(&asked->rq, &rs, &asked->err);
}

static void *ask_and_commit(void *argument)
{
    struct asked *asked = argument;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 20);
    asked->done = ask(asked, arena) && db_commit(&asked->rq.db, &asked->err);
    db_end(&asked->rq.db);
    return NULL;
}

static void an_impatient_buyer_gets_one_prompt(void **state)
{
    const struct purchase_input input = {.package_id = "p1", .phone_number = "+254722000111"};
    for (int round = 0; round < ROUNDS; round++) {
        struct asked asked[BUYERS];
        pthread_t threads[BUYERS];
        int done = 0;
        payments_clean(state);
        for (int i = 0; i < BUYERS; i++) {
            asked[i] = (struct asked){.handler = purchase_create, .input = &input};
            pthread_create(&threads[i], NULL, ask_and_commit, &asked[i]);
        }
        for (int i = 0; i < BUYERS; i++) pthread_join(threads[i], NULL);
        for (int i = 0; i < BUYERS; i++) {
            done += asked[i].done;
            if (!asked[i].done) assert_ptr_equal(asked[i].err.problem, &problem_phone_busy);
        }
        assert_int_equal(done, 1);
        assert_int_equal(number(&made, "SELECT count(*) FROM pushes"), 1);
    }
}

// A fee is due for her phone at the moment at which she buys: she is told to answer one after the other.
static void a_buyer_finds_the_fee_of_the_same_moment(void **state)
{
    (void)state;
    const struct purchase_input input = {.package_id = "p1", .phone_number = "+254722000111"};
    const struct fee_input fee = {.fee_id = "f1", .agency_id = "ag1", .payer_user_id = "u1", .payment_type = "hiring", .amount = 150000};
    const struct event event = {.input = &fee};
    struct asked purchase = {.handler = purchase_create, .input = &input};
    struct db db = kit_session(&made.kit, DB_WRITE);
    pthread_t other;
    cell(&made, "INSERT INTO payers VALUES ('u1', '+254722000111', '1')");
    kit_assert_fine(&made.kit, fee_requested(&made.app, &db, &event, &made.kit.err));
    pthread_create(&other, NULL, ask_and_commit, &purchase);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    kit_assert_fine(&made.kit, db_commit(&db, &made.kit.err));
    db_end(&db);
    pthread_join(other, NULL);
    assert_false(purchase.done);
    assert_ptr_equal(purchase.err.problem, &problem_phone_busy);
}

static void *erase(void *argument)
{
    struct error *err = argument;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 20);
    struct db db;
    db_begin(&db, made.kit.pool, DB_WRITE, arena);
    (void)!(person_erased(&made.app, &db, &(struct event){.key = "u1"}, err) && db_commit(&db, err));
    db_end(&db);
    return NULL;
}

// A worker takes her push at the moment at which she is erased: whichever comes first, it is sent or cancelled, and never both.
static void a_push_is_sent_or_cancelled(void **state)
{
    for (int is_taken_first = 0; is_taken_first < 2; is_taken_first++) {
        payments_clean(state);
        purchase_to_be_sent(&made, "a", "u1", "+254722000111");
        struct db taking = kit_session(&made.kit, DB_WRITE), erasing = kit_session(&made.kit, DB_WRITE);
        struct db_values in = DB_IN(DB_INT(60), DB_TEXT("an attempt"), DB_INT(120));
        struct error err = {0};
        pthread_t other;
        if (is_taken_first) {
            assert_int_equal(db_row(&taking, &SQL_push_take, in, (struct db_targets){0}, &made.kit.err), DB_FOUND);
            pthread_create(&other, NULL, erase, &err);
            nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
            kit_assert_fine(&made.kit, db_commit(&taking, &made.kit.err));
            pthread_join(other, NULL);
            assert_null(err.problem);
        } else {
            kit_assert_fine(&made.kit, person_erased(&made.app, &erasing, &(struct event){.key = "u1"}, &made.kit.err));
            assert_int_equal(db_row(&taking, &SQL_push_take, in, (struct db_targets){0}, &made.kit.err), DB_NONE);
            kit_assert_fine(&made.kit, db_commit(&erasing, &made.kit.err));
        }
        db_end(&taking);
        db_end(&erasing);
        assert_string_equal(cell(&made, "SELECT p.state || ' ' || u.status FROM pushes AS p, user_purchases AS u"), is_taken_first ? "pushing pending" : "failed failed");
    }
}

// A part is asked for and paid back between another's look at the payment and her asking for the whole.
static void no_more_is_given_back_than_was_paid(void **state)
{
    (void)state;
    const struct refund_input part_input = {.given = {.bits = ~(uint64_t)0}, .reason = "a part", .amount = 20000}, whole_input = {.reason = "the whole"};
    struct asked part = {.handler = refund_create, .input = &part_input, .id = "a"}, whole = {.handler = refund_create, .input = &whole_input, .id = "a"};
    pthread_t other;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    kit_assert_fine(&made.kit, ask(&part, made.kit.arena));
    pthread_create(&other, NULL, ask_and_commit, &whole);
    eventually(test_database_waits(&made.kit.database));
    kit_assert_fine(&made.kit, db_script(&part.rq.db, "UPDATE refunds SET state = 'completed'", &part.err) && db_commit(&part.rq.db, &part.err));
    pthread_join(other, NULL);
    assert_false(whole.done);
    assert_ptr_equal(whole.err.problem, &problem_not_refundable);
    assert_int_equal(number(&made, "SELECT sum(amount) FROM refunds"), 20000);
}

static void *settle_refund(void *argument)
{
    struct error *err = argument;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 20);
    struct db db;
    db_begin(&db, made.kit.pool, DB_WRITE, arena);
    (void)!(refund_settle(&db, "r1", true, "RR1", "0", "said", err) && db_commit(&db, err));
    db_end(&db);
    return NULL;
}

// M-Pesa's result of one refund comes while another is asked for: neither waits for the other for ever.
static void a_refund_is_settled_while_another_is_asked_for(void **state)
{
    (void)state;
    struct db db = kit_session(&made.kit, DB_WRITE);
    struct error err = {0};
    const char *json = NULL;
    pthread_t other;
    purchase_pushed(&made, "a", "u1", "+254722000111");
    purchase_settled(&made, "a", EVENT_PAID, "R1");
    cell(&made, "INSERT INTO refunds (id, method, subject_kind, subject_id, user_id, amount, receipt, reason, requested_by, originator_conversation_id, state) "
                "VALUES ('r1', 'reversal', 'purchase', 'a', 'u1', 50000, 'R1', 'asked', 'admin', 'conv-1', 'sent')");
    kit_assert_fine(&made.kit, db_exec(&db, &SQL_refund_subject_lock, DB_IN(DB_TEXT("a")), NULL, &made.kit.err));
    pthread_create(&other, NULL, settle_refund, &err);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    const bool ok = db_text(&db, &SQL_refund_insert,
                            DB_IN(DB_TEXT("r2"), DB_TEXT("b2c"), DB_TEXT("purchase"), DB_TEXT("a"), DB_TEXT("u1"), DB_INT(100), DB_INT(0), DB_TEXT(NULL),
                                  DB_TEXT("+254722000111"), DB_TEXT("asked"), DB_TEXT("admin"), DB_TEXT("conv-2")), &json, NULL, &made.kit.err);
    db_end(&db);
    pthread_join(other, NULL);
    assert_false(ok);
    kit_assert_problem(&made.kit, &problem_refund_running);
    kit_forget(&made.kit);
    if (err.problem) fail_msg("%s: %s", err.detail, err.cause);
    assert_string_equal(cell(&made, "SELECT r.state || ' ' || u.status FROM refunds AS r, user_purchases AS u"), "completed refunded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_impatient_buyer_gets_one_prompt, payments_clean),
        cmocka_unit_test_setup(a_buyer_finds_the_fee_of_the_same_moment, payments_clean),
        cmocka_unit_test_setup(a_push_is_sent_or_cancelled, payments_clean),
        cmocka_unit_test_setup(no_more_is_given_back_than_was_paid, payments_clean),
        cmocka_unit_test_setup(a_refund_is_settled_while_another_is_asked_for, payments_clean),
    };
    return cmocka_run_group_tests(tests, payments_made, payments_dropped);
}
