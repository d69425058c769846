// SPDX-License-Identifier: MIT
// Every body, query and answer of payments: its struct and its field table.
#pragma once

#include "answer.h"
#include "payments.h"

extern const char *const purchase_status_choices[], *const push_state_choices[];

// --- Packages --------------------------------------------------------------------------------------
struct packages_query {
    struct given given;
    bool is_active;
};
FIELDS(packages_query, FIELD(packages_query, is_active, .doc = "Only those on sale, or only others."))

struct package_input {
    struct given given;
    const char *name, *description;
    int64_t price, contacts_included;
    bool is_active;
};
FIELDS(package_input, FIELD(package_input, name, .required = true, .min = 1, .max = 100, .doc = "For people."),
       FIELD(package_input, description, .max = 1000, .format = FORMAT_PROSE, .doc = "For people."),
       FIELD(package_input, price, .required = true, .min = 100, .max = 25000000, .format = FORMAT_MONEY, .doc = "KES; M-Pesa is asked for whole shillings, rounded up."),
       FIELD(package_input, contacts_included, .required = true, .min = 1, .max = 10000, .doc = "Contacts it unlocks."),
       FIELD(package_input, is_active, .doc = "On sale."))

FIELDS_OUT(package, TEXT("id", "Package."), TEXT("name", "For people."), TEXT("description", "For people."), KES("price", "KES."),
           FIELD_OUT("contacts_included", FIELD_INTEGER, .doc = "Contacts it unlocks."), FIELD_OUT("is_active", FIELD_BOOLEAN, .doc = "On sale."),
           TIME("created_at", "Made."))
FIELDS_OUT(packages, FIELD_OUT("packages", FIELD_LIST, .of = &package_fields, .doc = "Cheapest first."))

// --- Purchases -------------------------------------------------------------------------------------
struct purchase_input {
    struct given given;
    const char *package_id, *phone_number;
    int64_t amount;
};
FIELDS(purchase_input, FIELD(purchase_input, package_id, .required = true, .format = FORMAT_ID, .max = 64, .doc = "What is bought."),
       FIELD(purchase_input, phone_number, .required = true, .format = FORMAT_PHONE, .doc = "M-Pesa line that gets the prompt."),
       FIELD(purchase_input, amount, .min = 1, .max = 100000000, .format = FORMAT_MONEY, .doc = "What the client believes it costs; another price than the server's is refused."))

struct purchases_query {
    struct given given;
    const char *status;
    PAGE_MEMBERS
};
FIELDS(purchases_query, FIELD(purchases_query, status, .choices = purchase_status_choices, .doc = "Only these."), PAGE_FIELDS(purchases_query))

FIELDS_OUT(purchase_started, TEXT("purchase_id", "Purchase."), TEXT("package_id", "What is bought."), TEXT("status", "pending."),
           TEXT("checkout_request_id", "For GET /payments/purchase-status/{id}."), TEXT("message", "For people."))
FIELDS_OUT(purchase, TEXT("id", "Purchase."), TEXT("user_id", "Who buys."), TEXT("package_id", "What."), TEXT("package_name", "Its name at the time."),
           KES("amount", "Price at the time, KES."), FIELD_OUT("amount_paid", FIELD_NUMBER, .nullable = true, .doc = "What M-Pesa took, KES."),
           FIELD_OUT("contacts_included", FIELD_INTEGER, .doc = "Credits."),
           FIELD_OUT("status", FIELD_TEXT, .choices = purchase_status_choices, .doc = "What became of it."), TIME("purchase_date", "Asked for."),
           TIME("completed_at", "Paid."), TEXT("checkout_request_id", "M-Pesa's id, or the purchase's own until there is one."),
           TEXT("payment_reference", "For support."), MAYBE("mpesa_receipt_number", "M-Pesa's receipt."), MAYBE("failure_reason", "Why not, for people."))
PAGE_ANSWER(purchases, "purchases", purchase, "Latest first.")

// --- Contacts --------------------------------------------------------------------------------------
struct access_input {
    struct given given;
    const char *target_profile_id;
};
FIELDS(access_input, FIELD(access_input, target_profile_id, .required = true, .format = FORMAT_ID, .max = 64, .doc = "The worker."))

#define CREDIT_ROWS                                                                                \
    FIELD_OUT("total_credits", FIELD_INTEGER, .doc = "All that were bought."),                     \
        FIELD_OUT("used_credits", FIELD_INTEGER, .doc = "Spent."), FIELD_OUT("remaining_credits", FIELD_INTEGER, .doc = "Left.")
FIELDS_OUT(credits, CREDIT_ROWS)
FIELDS_OUT(access_made, TEXT("message", "For people."), TEXT("access_id", "Access."), TEXT("target_profile_id", "The worker."), CREDIT_ROWS,
           FIELD_OUT("contact", FIELD_JSON, .doc = "{unlocked, phone_number, email}: added by the gateway."))
FIELDS_OUT(access, TEXT("id", "Access."), TEXT("target_profile_id", "The worker."), TIME("accessed_at", "Unlocked."))
PAGE_ANSWER(accesses, "contact_access", access, "Latest first.")

// --- Fees and administration -------------------------------------------------------------------------
struct agency_payments_query {
    struct given given;
    const char *agency_id;
    PAGE_MEMBERS
};
FIELDS(agency_payments_query, FIELD(agency_payments_query, agency_id, .format = FORMAT_ID, .max = 64, .doc = "Only this agency's."), PAGE_FIELDS(agency_payments_query))
FIELDS_OUT(agency_payment, TEXT("id", "Payment."), TEXT("agency_id", "Agency."), TEXT("payment_type", "subscription, membership, hiring or commission."),
           KES("amount", "KES."), FIELD_OUT("status", FIELD_TEXT, .choices = purchase_status_choices, .doc = "What became of it."),
           TIME("payment_date", "Asked for."), MAYBE("payment_reference", "M-Pesa's receipt."), TEXT("description", "For people."))
PAGE_ANSWER(agency_payments, "agency_payments", agency_payment, "Latest first.")

struct refund_input {
    struct given given;
    const char *reason;
    int64_t amount;
};
FIELDS(refund_input, FIELD(refund_input, reason, .required = true, .min = 1, .max = 500, .format = FORMAT_PROSE, .doc = "Why; kept in the audit log."),
       FIELD(refund_input, amount, .min = 100, .max = 25000000, .format = FORMAT_MONEY,
             .doc = "Part of it, whole KES, sent to the payer's phone. Absent: the whole, reversed, and its credits taken back."))
FIELDS_OUT(refund, TEXT("refund_id", "Refund."), TEXT("subject_kind", "purchase or agency_payment."), TEXT("subject_id", "Which."), TEXT("user_id", "Who paid."),
           TEXT("method", "reversal or b2c."), KES("amount", "KES."), FIELD_OUT("credits", FIELD_INTEGER, .doc = "Credits taken back."),
           TEXT("state", "created, sending, sent, unknown, completed or failed."), MAYBE("receipt", "M-Pesa's receipt of the refund."),
           TIME("created_at", "Asked for."), TIME("settled_at", "Settled."))

struct payments_query {
    struct given given;
    const char *state, *user_id;
    PAGE_MEMBERS
};
FIELDS(payments_query, FIELD(payments_query, state, .choices = push_state_choices, .doc = "Only these."),
       FIELD(payments_query, user_id, .format = FORMAT_ID, .max = 64, .doc = "Only hers."), PAGE_FIELDS(payments_query))
FIELDS_OUT(payment, TEXT("id", "Purchase or agency payment."), TEXT("kind", "purchase or agency_payment."), TEXT("user_id", "Who pays."), KES("amount", "KES."),
           FIELD_OUT("state", FIELD_TEXT, .choices = push_state_choices, .doc = "Of its push."), MAYBE("checkout_request_id", "M-Pesa's."),
           MAYBE("mpesa_receipt_number", "M-Pesa's."), MAYBE("result_code", "M-Pesa's last word."), MAYBE("result_detail", "The same in words."),
           FIELD_OUT("was_late", FIELD_BOOLEAN, .doc = "Paid after it had been given up."), MAYBE("answered_by", "push, callback, query or nobody."),
           TIME("created_at", "Asked for."), TIME("settled_at", "Settled."))
PAGE_ANSWER(payments, "payments", payment, "Latest first.")
FIELDS_OUT(reconciliation, TIME("checked_at", "When."), FIELD_OUT("consistent", FIELD_BOOLEAN, .doc = "Ledger, balances, purchases and pushes agree."),
           FIELD_OUT("pushes", FIELD_JSON, .doc = "How many in each state."), FIELD_OUT("callbacks", FIELD_JSON, .doc = "Received, waiting, duplicates, ignored."),
           FIELD_OUT("callbacks_never_received", FIELD_INTEGER, .doc = "Payments that a query alone settled."),
           FIELD_OUT("money", FIELD_JSON, .doc = "Received and refunded, KES."), FIELD_OUT("credits", FIELD_JSON, .doc = "Issued, used, held."),
           FIELD_OUT("findings", FIELD_JSON, .doc = "What is worth a look: kind, subject, since, details; at most 1,000."))
