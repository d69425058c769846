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

static void judge_package(struct judging *judging)
{
    double contacts = 0;
    judge_id(judging, "id");
    judge_text(judging, "name", 100);
    if (!*judge_value(judging, "name")) judge_refuse(judging, "name is missing");
    judge_text(judging, "description", 1000);
    judge_money(judging, "price", "price", 1, MOST_CENTS, true);
    if (!judge_number(json_object_get(judging->row, "contacts_included"), &contacts) || contacts < 1 || contacts > 10000)
        judge_refuse(judging, "contacts_included is no number from 1 to 10000");
    else
        judge_set_integer(judging, "contacts_included", (int)contacts);
    judge_flag(judging, "is_active", true);
    judge_time(judging, "created_at");
}

// A payment that was open in the old system is over: nobody will ever say what became of it.
static void judge_status(struct judging *judging)
{
    judge_choice(judging, "status", purchase_status_choices, status_spellings);
    const char *status = judge_value(judging, "status");
    if (!status) judge_refuse(judging, "status is missing or unknown");
    else if (text_equal(status, "pending")) {
        judge_note(judging, "status pending taken as expired: the old system can no longer settle it");
        judge_set(judging, "status", "expired");
    }
}

static bool is_past(const json_t *row, const char *member)
{
    int64_t time_ms = 0;
    const char *text = json_member_text(row, member);
    return text && clock_parse(text, &time_ms) && time_ms < clock_now_ms(&clock_system);
}

static void judge_credits(struct judging *judging)
{
    double remaining = 0;
    const json_t *given = json_object_get(judging->row, "contacts_remaining");
    const bool completed = text_equal(judge_value(judging, "status"), "completed");
    if (given && !json_is_null(given) && (!judge_number(given, &remaining) || remaining < 0 || remaining > 10000)) {
        judge_note(judging, "contacts_remaining is no number from 0 to 10000, taken as 0");
        remaining = 0;
    }
    if (remaining > 0 && !completed) judge_note(judging, "contacts_remaining of a purchase that is not completed, taken as 0");
    if (remaining > 0 && is_past(judging->row, "expires_at")) {
        judge_note(judging, "its credits had run out already (expires_at)");
        remaining = 0;
    }
    judge_set_integer(judging, "contacts_remaining", completed ? (int)remaining : 0);
}

static void judge_purchase(struct judging *judging)
{
    const bool other_name = !json_object_get(judging->row, "amount") && json_object_get(judging->row, "amount_paid");
    judge_id(judging, "id");
    judge_id(judging, "user_id");
    judge_id(judging, "package_id");
    judge_money(judging, other_name ? "amount_paid" : "amount", "amount", 1, MOST_CENTS, true);
    judge_status(judging);
    judge_credits(judging);
    judge_time(judging, "purchase_date");
    const char *receipt = judge_text_of(judging, "mpesa_transaction_id");
    if (receipt && strlen(receipt) > 64) judge_note(judging, "mpesa_transaction_id is longer than 64 bytes, left out");
    else if (receipt && *receipt) judge_set(judging, "receipt", receipt);
}

static void judge_access(struct judging *judging)
{
    judge_id(judging, "id");
    judge_id(judging, "user_id");
    judge_id(judging, "target_profile_id");
    judge_time(judging, "accessed_at");
}

static void judge_agency_payment(struct judging *judging)
{
    judge_id(judging, "id");
    judge_id(judging, "agency_id");
    judge_choice(judging, "payment_type", fee_types, fee_spellings);
    if (!judge_value(judging, "payment_type")) judge_refuse(judging, "payment_type is missing or unknown");
    judge_money(judging, "amount", "amount", 1, MOST_CENTS, true);
    judge_status(judging);
    judge_time(judging, "payment_date");
}

static const struct judge_kind packages = {
    .judge = judge_package, .insert = &SQL_import_packages,
    .columns = {"id", "name", "description", "price", "contacts_included", "is_active", "created_at"},
    .members = {"name", "description", "price", "contacts_included", "is_active"}};
static const struct judge_kind purchases = {
    .judge = judge_purchase, .insert = &SQL_import_purchases,
    .columns = {"id", "user_id", "package_id", "amount", "status", "contacts_remaining", "purchase_date", "receipt"},
    .members = {"user_id", "package_id", "amount", "amount_paid", "status", "purchase_date", "contacts_remaining", "expires_at",
                "mpesa_transaction_id"}};
static const struct judge_kind accesses = {
    .judge = judge_access, .insert = &SQL_import_access,
    .columns = {"id", "user_id", "target_profile_id", "accessed_at"},
    .members = {"user_id", "target_profile_id", "accessed_at"}};
static const struct judge_kind agency_payments = {
    .judge = judge_agency_payment, .insert = &SQL_import_agency_payments,
    .columns = {"id", "agency_id", "payment_type", "amount", "status", "payment_date"},
    .members = {"agency_id", "payment_type", "amount", "status", "payment_date"}};

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
