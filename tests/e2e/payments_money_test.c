// SPDX-License-Identifier: MIT
// Money that goes other ways: back to the buyer, to agencies as fees, over from the old system; and the books that show it all.
#include "event_log.h"
#include "eventually.h"
#include "shop.h"
#include "stack.h"

#include <stdio.h>
#include <string.h>

static struct event_log *events;

static int a_log_of_events(void **state)
{
    if (story_setup(state) != 0) return -1;
    events = event_log_open();
    return mpesa_reset(state);
}

static int its_end(void **state)
{
    event_log_close(events);
    return story_teardown(state);
}

static const char *path_of(const char *format, const char *id)
{
    return arena_printf(story_arena(), "%s%s%s", format, id, strcmp(format, "/api/admin/payments/") == 0 ? "/refund" : "");
}

static void the_whole_is_given_back_with_its_credits(void **state)
{
    (void)state;
    struct person ann = person_register("employer"), admin = admin_login();
    const char *purchase = buy(&ann, phone_ending("111")), *refund_path = path_of("/api/admin/payments/", purchase);
    struct answer early = call(&admin, "POST", refund_path, "{\"reason\":\"not paid yet\"}");
    if (early.status != 202) expect_problem(&early, 409); // paid faster than asked
    expect_becomes(&ann, purchase, "completed");
    struct answer hers = call(&ann, "POST", refund_path, "{\"reason\":\"I want it back\"}");
    expect_problem(&hers, 403);
    struct answer refund = call(&admin, "POST", refund_path, "{\"reason\":\"She changed her mind\"}");
    expect_status(&refund, 202);
    assert_int_equal(credits_of(&ann), 0); // not to be spent meanwhile
    struct answer again = call(&admin, "POST", refund_path, "{\"reason\":\"Twice\"}");
    expect_problem(&again, 409);
    json_t *done = event_of(events, "refund.completed", text_at(&refund, "refund_id"));
    assert_non_null(event_text(done, "receipt"));
    struct answer after = call(&ann, "GET", path_of("/api/payments/purchases/", purchase), NULL);
    assert_string_equal(text_at(&after, "status"), "refunded");
    event_of(events, "purchase.refunded", purchase);
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM audit_log WHERE action = 'payment.refund_requested' AND subject = '%s' AND actor = '%s'",
                                     purchase, admin.user_id), "1");
}

static void a_part_goes_to_the_phone_and_leaves_the_credits(void **state)
{
    (void)state;
    struct person ann = person_register("employer"), admin = admin_login();
    const char *purchase = buy(&ann, phone_ending("111")), *refund_path = path_of("/api/admin/payments/", purchase);
    expect_becomes(&ann, purchase, "completed");
    struct answer too_much = call(&admin, "POST", refund_path, "{\"reason\":\"Sorry\",\"amount\":501}");
    expect_problem(&too_much, 409);
    struct answer refund = call(&admin, "POST", refund_path, "{\"reason\":\"Sorry\",\"amount\":200}");
    expect_status(&refund, 202);
    event_of(events, "refund.completed", text_at(&refund, "refund_id"));
    assert_int_equal(credits_of(&ann), 3);
    struct answer rest = call(&admin, "POST", refund_path, "{\"reason\":\"Sorry\",\"amount\":301}");
    expect_problem(&rest, 409);
}

// Its answer told nothing, and M-Pesa never speaks of it again; its statement shows what became of it.
static void an_unknown_refund_is_settled_by_hand(void **state)
{
    (void)state;
    struct person ann = person_register("employer"), admin = admin_login();
    const char *purchase = buy(&ann, phone_ending("111")), *path = path_of("/api/admin/payments/", purchase), *output;
    expect_becomes(&ann, purchase, "completed");
    mpesa("{\"broken\":{\"as\":\"error\",\"count\":1,\"on\":\"refund\",\"taken\":false}}");
    struct answer refund = call(&admin, "POST", path, "{\"reason\":\"She changed her mind\"}");
    expect_status(&refund, 202);
    const char *id = arena_strdup(story_arena(), text_at(&refund, "refund_id"));
    eventually(*database_ask("dc_payments", "UPDATE refunds SET state = 'unknown' WHERE id = '%s' AND state = 'sending' RETURNING id", id));
    assert_int_equal(run(&output, "%s/dcctl payments refund-settled %s completed", setting("BIN_DIR"), id), 2); // without a receipt
    assert_int_equal(run(&output, "%s/dcctl payments refund-settled %s failed", setting("BIN_DIR"), id), 0);
    assert_int_equal(run(&output, "%s/dcctl payments refund-settled %s failed", setting("BIN_DIR"), id), 1); // it is settled
    assert_int_equal(credits_of(&ann), 3);
    event_of(events, "refund.failed", id);
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM audit_log WHERE action = 'payment.refund_settled' AND subject = '%s'", id), "1");
    struct answer again = call(&admin, "POST", path, "{\"reason\":\"She changed her mind\"}");
    expect_status(&again, 202);
    event_of(events, "purchase.refunded", purchase);
    mpesa_reset(state);
}

// Payments hears of it by event. NULL: she has none.
static void known_phone(struct person *who, const char *phone)
{
    struct answer answer = call(who, "PATCH", "/api/auth/me", "{\"phone_number\":%s%s%s}", phone ? "\"" : "", phone ? phone : "null", phone ? "\"" : "");
    expect_status(&answer, 200);
    eventually(strcmp(database_ask("dc_payments", "SELECT coalesce(phone_number, 'none') FROM payers WHERE user_id = '%s'", who->user_id), phone ? phone : "none") == 0);
}

// An agency's service asks for a fee, as it will once it is there: by an event.
static void ask_for_fee(const char *fee_id, const char *payer_id, int times)
{
    const char *output;
    char now[CLOCK_RFC3339_SIZE];
    clock_format(clock_now_ms(&clock_system), now, sizeof now);
    for (int i = 0; i < times; i++)
        assert_int_equal(run(&output, "printf '%%s' '{\"fee_id\":\"%s\",\"agency_id\":\"ag-1\",\"payer_user_id\":\"%s\",\"payment_type\":\"hiring\",\"amount\":1500,"
                                      "\"description\":\"Hiring fee\"}' | kcat -b %s -P -t dc.agencies.fees -k %s -H ce_specversion=1.0 -H ce_id=%s-%d "
                                      "-H ce_source=/services/agencies -H ce_type=ke.domesticconnect.hire.fee_requested.v1 -H content-type=application/json "
                                      "-H ce_time=%s -H ce_subject=%s -H ce_sequence=%020d",
                             fee_id, payer_id, setting("KAFKA_BROKERS"), fee_id, fee_id, i, now, fee_id, i), 0);
}

static const char *payment_of(const char *fee_id)
{
    const char *id;
    eventually(*(id = database_ask("dc_payments", "SELECT id FROM agency_payments WHERE fee_id = '%s'", fee_id)));
    return id;
}

static void a_fee_is_pushed_once_and_answered_by_an_event(void **state)
{
    (void)state;
    static const struct {
        const char *digits, *answer;
    } endings[] = {{"111", "agency_payment.completed"}, {"032", "agency_payment.failed"}, {"037", "agency_payment.expired"}};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct person payer = person_register("employer");
        known_phone(&payer, phone_ending(endings[i].digits));
        const char *fee_id = arena_printf(story_arena(), "fee-%s", payer.user_id);
        ask_for_fee(fee_id, payer.user_id, 3); // its producer is told thrice to send it
        json_t *answer = event_of(events, endings[i].answer, payment_of(fee_id));
        assert_string_equal(event_text(answer, "fee_id"), fee_id);
        assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM agency_payments WHERE payer_user_id = '%s'", payer.user_id), "1");
        struct answer own = call(&payer, "GET", "/api/payments/agency-payments", NULL);
        assert_int_equal(json_array_size(at(&own, "agency_payments")), 1);
    }
}

static void a_fee_of_somebody_without_a_phone_fails_with_a_reason(void **state)
{
    (void)state;
    struct person payer = person_register("employer");
    known_phone(&payer, NULL);
    const char *fee_id = arena_printf(story_arena(), "fee-%s", payer.user_id);
    ask_for_fee(fee_id, payer.user_id, 1);
    json_t *answer = event_of(events, "agency_payment.failed", payment_of(fee_id));
    assert_non_null(event_text(answer, "failure_reason"));
}

static void the_books_agree(void **state)
{
    (void)state;
    struct person admin = admin_login(), ann = person_register("employer");
    struct answer not_hers = call(&ann, "GET", "/api/admin/reconciliation", NULL);
    expect_problem(&not_hers, 403);
    struct answer books = call(&admin, "GET", "/api/admin/reconciliation", NULL);
    expect_status(&books, 200);
    assert_true(true_at(&books, "consistent"));
    const char *output;
    assert_int_equal(run(&output, "%s/dcctl payments reconcile", setting("BIN_DIR")), 0);
    assert_non_null(strstr(output, "agree"));
    // somebody edits the books: it shows, and cannot be done without leave
    const char *account = database_ask("dc_payments", "SELECT min(account) FROM ledger_balances WHERE account LIKE 'user:%%'");
    assert_int_not_equal(run(&output, "psql -X -q -v ON_ERROR_STOP=1 '%s' -c \"DELETE FROM ledger_entries\"", setting("DATABASE_URL_PAYMENTS")), 0);
    database_ask("dc_payments", "UPDATE ledger_balances SET balance = balance + 1 WHERE account = '%s'", account);
    struct answer edited = call(&admin, "GET", "/api/admin/reconciliation", NULL);
    assert_false(true_at(&edited, "consistent"));
    assert_int_equal(run(&output, "%s/dcctl payments reconcile", setting("BIN_DIR")), 3);
    database_ask("dc_payments", "UPDATE ledger_balances SET balance = balance - 1 WHERE account = '%s'", account);
}

static void old_credits_still_count(void **state)
{
    (void)state;
    const char *output, *file = arena_printf(story_arena(), "%s/old-payments.json", setting("RUN_DIR"));
    char tag[24];
    snprintf(tag, sizeof tag, "%ld", (long)clock_monotonic_ms());
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fprintf(out,
            "{\"profiles\":[{\"id\":\"op%s\",\"user_id\":\"ou%s\",\"first_name\":\"Old\",\"last_name\":\"Hand\",\"email\":\"old%s@people.example\",\"user_type\":\"employer\"},"
            "{\"id\":\"wp%s\",\"user_id\":\"wu%s\",\"first_name\":\"Old\",\"last_name\":\"Worker\",\"email\":\"worker%s@people.example\",\"user_type\":\"housegirl\"}],"
            "\"housegirl_profiles\":[{\"id\":\"ow%s\",\"profile_id\":\"wp%s\",\"age\":30,\"bio\":\"Cooks\",\"location\":\"Nairobi\"}],"
            "\"payment_packages\":[{\"id\":\"ok%s\",\"name\":\"Old\",\"description\":\"\",\"price\":500,\"contacts_included\":5,\"is_active\":true}],"
            "\"user_purchases\":[{\"id\":\"ob%s\",\"user_id\":\"ou%s\",\"package_id\":\"ok%s\",\"amount\":500,\"status\":\"completed\",\"contacts_remaining\":4,"
            "\"purchase_date\":\"2025-05-05T10:00:00.000Z\"}],"
            "\"contact_access\":[{\"id\":\"oa%s\",\"user_id\":\"ou%s\",\"target_profile_id\":\"ow%s\",\"accessed_at\":\"2025-05-06T10:00:00.000Z\"}]}\n",
            tag, tag, tag, tag, tag, tag, tag, tag, tag, tag, tag, tag, tag, tag, tag);
    fclose(out);
    for (int run_number = 0; run_number < 2; run_number++) // twice changes nothing
        if (run(&output, "%s/dcctl import %s", setting("BIN_DIR"), file) != 0) fail_msg("the import says: %s", output);
    assert_string_equal(database_ask("dc_payments", "SELECT balance FROM ledger_balances WHERE account = 'user:ou%s'", tag), "4");
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM contact_access WHERE user_id = 'ou%s'", tag), "1");
    eventually(strcmp(database_ask("dc_profiles", "SELECT count(*) FROM contact_grants WHERE user_id = 'ou%s'", tag), "1") == 0);
    assert_string_equal(database_ask("dc_payments", "SELECT sum(CASE WHEN to_account = 'credits_issued' THEN amount WHEN from_account = 'credits_issued' THEN -amount ELSE 0 END)"
                                     " + sum(CASE WHEN to_account = 'user:ou%s' THEN amount WHEN from_account = 'user:ou%s' THEN -amount ELSE 0 END)"
                                     " + sum(CASE WHEN to_account = 'credits_used' THEN amount ELSE 0 END) FROM ledger_entries WHERE unit = 'credit'"
                                     " AND (to_account = 'user:ou%s' OR from_account = 'user:ou%s')", tag, tag, tag, tag), "0");
}

static void every_event_is_as_its_schema_says(void **state)
{
    (void)state;
    json_t *all = event_log_all(events), *event; // the macro would read the topics again for each of them
    size_t i, count = 0;
    json_array_foreach(all, i, event) {
        if (strncmp(json_string_value(json_object_get(event, "topic")), "dc.payments.", 12) != 0) continue;
        const char *fault = event_fault(events, event);
        if (fault) fail_msg("%s: %s", json_dumps(event, 0), fault);
        count++;
    }
    assert_true(count > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_is_given_back_with_its_credits),
        cmocka_unit_test(a_part_goes_to_the_phone_and_leaves_the_credits),
        cmocka_unit_test(an_unknown_refund_is_settled_by_hand),
        cmocka_unit_test(a_fee_is_pushed_once_and_answered_by_an_event),
        cmocka_unit_test(a_fee_of_somebody_without_a_phone_fails_with_a_reason),
        cmocka_unit_test(the_books_agree),
        cmocka_unit_test(old_credits_still_count),
        cmocka_unit_test(every_event_is_as_its_schema_says),
    };
    return cmocka_run_group_tests(tests, a_log_of_events, its_end);
}
