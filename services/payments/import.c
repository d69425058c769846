// SPDX-License-Identifier: MIT
// Legacy payment rows: packages, purchases, unlocked contacts and agency payments. Old credits count on by opening entries.
#include <string.h>

#include "agency_payment.h"
#include "api.h"
#include "judge.h"

#define MOST_CENTS 25000000

static const struct spelling status_spellings[] = {
    {"success", "completed"}, {"successful", "completed"}, {"paid", "completed"}, {"complete", "completed"}, {"active", "completed"},
    {"cancelled", "failed"}, {"canceled", "failed"}, {"error", "failed"}, {0},
};
static const struct spelling fee_spellings[] = {{"hire", "hiring"}, {"member", "membership"}, {"subscribe", "subscription"}, {0}};

static void judge_package(struct judging *judging, const json_t *row, json_t *clean)
{
    double contacts = 0;
    judge_text(judging, row, clean, "name", 100);
    if (!json_string_length(json_object_get(clean, "name"))) judge_refuse(judging, "name is missing");
    judge_text(judging, row, clean, "description", 1000);
    judge_money(judging, row, clean, "price", 1, MOST_CENTS, true);
    if (!judge_number(json_object_get(row, "contacts_included"), &contacts) || contacts < 1 || contacts > 10000)
        judge_refuse(judging, "contacts_included is no number from 1 to 10000");
    json_object_set_new(clean, "contacts_included", json_integer((json_int_t)contacts));
    judge_flag(judging, row, clean, "is_active", true);
    judge_time(judging, row, clean, "created_at");
}

// A payment that was open in the old system is over: nobody will ever say what became of it.
static void judge_status(struct judging *judging, const json_t *row, json_t *clean)
{
    judge_choice(judging, row, clean, "status", purchase_status_choices, status_spellings);
    const char *status = json_member_text(clean, "status");
    if (!status) judge_refuse(judging, "status is missing or unknown");
    else if (text_equal(status, "pending")) {
        judge_note(judging, "status pending taken as expired: the old system can no longer settle it");
        json_object_set_new(clean, "status", json_string("expired"));
    }
}

static bool is_past(const json_t *row, const char *member)
{
    int64_t time_ms = 0;
    const char *text = json_member_text(row, member);
    return text && clock_parse(text, &time_ms) && time_ms < clock_now_ms(&clock_system);
}

static void judge_credits(struct judging *judging, const json_t *row, json_t *clean)
{
    double remaining = 0;
    const json_t *given = json_object_get(row, "contacts_remaining");
    const bool completed = text_equal(json_member_text(clean, "status"), "completed");
    if (given && !json_is_null(given) && (!judge_number(given, &remaining) || remaining < 0 || remaining > 10000)) {
        judge_note(judging, "contacts_remaining is no number from 0 to 10000, taken as 0");
        remaining = 0;
    }
    if (remaining > 0 && !completed) judge_note(judging, "contacts_remaining of a purchase that is not completed, taken as 0");
    if (remaining > 0 && is_past(row, "expires_at")) {
        judge_note(judging, "its credits had run out already (expires_at)");
        remaining = 0;
    }
    json_object_set_new(clean, "contacts_remaining", json_integer(completed ? (json_int_t)remaining : 0));
}

static void judge_purchase(struct judging *judging, const json_t *row, json_t *clean)
{
    const bool other_name = !json_object_get(row, "amount") && json_object_get(row, "amount_paid");
    judge_id(judging, row, clean, "user_id");
    judge_id(judging, row, clean, "package_id");
    judge_money(judging, row, clean, other_name ? "amount_paid" : "amount", 1, MOST_CENTS, true);
    if (other_name) json_object_set(clean, "amount", json_object_get(clean, "amount_paid"));
    judge_status(judging, row, clean);
    judge_credits(judging, row, clean);
    judge_time(judging, row, clean, "purchase_date");
    const char *receipt = judge_text_of(judging, row, "mpesa_transaction_id");
    if (receipt && strlen(receipt) > 64) judge_note(judging, "mpesa_transaction_id is longer than 64 bytes, left out");
    else if (receipt && *receipt) json_object_set_new(clean, "receipt", json_string(receipt));
}

static void judge_access(struct judging *judging, const json_t *row, json_t *clean)
{
    judge_id(judging, row, clean, "user_id");
    judge_id(judging, row, clean, "target_profile_id");
    judge_time(judging, row, clean, "accessed_at");
}

static void judge_agency_payment(struct judging *judging, const json_t *row, json_t *clean)
{
    judge_id(judging, row, clean, "agency_id");
    judge_choice(judging, row, clean, "payment_type", fee_types, fee_spellings);
    if (!json_object_get(clean, "payment_type")) judge_refuse(judging, "payment_type is missing or unknown");
    judge_money(judging, row, clean, "amount", 1, MOST_CENTS, true);
    judge_status(judging, row, clean);
    judge_time(judging, row, clean, "payment_date");
}

static const struct judge_kind packages = {judge_package, &SQL_import_packages, {"name", "description", "price", "contacts_included", "is_active"}};
static const struct judge_kind purchases = {judge_purchase, &SQL_import_purchases,
                                            {"user_id", "package_id", "amount", "amount_paid", "status", "purchase_date", "contacts_remaining",
                                             "expires_at", "mpesa_transaction_id"}};
static const struct judge_kind accesses = {judge_access, &SQL_import_access, {"user_id", "target_profile_id", "accessed_at"}};
static const struct judge_kind agency_payments = {judge_agency_payment, &SQL_import_agency_payments,
                                                  {"agency_id", "payment_type", "amount", "status", "payment_date"}};

#define IMPORT(kind_)                                                                                                     \
    static bool import_##kind_(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err)    \
    {                                                                                                                     \
        (void)app;                                                                                                        \
        return judge_batch(db, rows, results, &kind_, err);                                                               \
    }
IMPORT(packages)
IMPORT(purchases)
IMPORT(accesses)
IMPORT(agency_payments)

const struct importer payments_importers[] = {
    {"payment_packages", import_packages},
    {"user_purchases", import_purchases},
    {"contact_access", import_accesses},
    {"agency_payments", import_agency_payments},
    {0},
};
