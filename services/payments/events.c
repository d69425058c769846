// SPDX-License-Identifier: MIT
// What payments tells the others (by the statements of sql/), and what it listens to.
#include "agency_payment.h"
#include "api.h"
#include "erased.h"

FIELDS_OUT(package_event, MUST_TEXT("package_id", "Package."), MUST_TEXT("name", "For people."), MUST("price", FIELD_NUMBER, "KES."),
           MUST("contacts_included", FIELD_INTEGER, "Credits."), MUST("is_active", FIELD_BOOLEAN, "On sale."), MUST_TIME("updated_at", "Last change."))
FIELDS_OUT(purchase_event, MUST_TEXT("purchase_id", "Purchase."), MUST_TEXT("user_id", "Who buys."), MUST_TEXT("package_id", "What."),
           MUST("amount", FIELD_NUMBER, "Price, KES."), MUST("amount_charged", FIELD_NUMBER, "Whole shillings asked for, KES."),
           MUST("contacts_included", FIELD_INTEGER, "Credits it gives once paid."),
           FIELD_OUT("status", FIELD_TEXT, .required = true, .choices = purchase_status_choices, .doc = "Its state after this event."),
           OR_NULL("receipt", "M-Pesa's receipt."), OR_NULL("failure_reason", "Why it was not paid, for people."), MUST_TIME("purchase_date", "Asked for."),
           TIME_OR_NULL("completed_at", "Paid."))
FIELDS_OUT(unlock_event, MUST_TEXT("access_id", "Access."), MUST_TEXT("user_id", "Who may see the contact."), MUST_TEXT("worker_id", "Whose."),
           MUST_TIME("unlocked_at", "When."))
FIELDS_OUT(agency_payment_event, MUST_TEXT("agency_payment_id", "Payment."), OR_NULL("fee_id", "The fee that was asked for."), MUST_TEXT("agency_id", "Agency."),
           OR_NULL("payer_user_id", "Who pays."), MUST_TEXT("payment_type", "subscription, membership, hiring or commission."), MUST("amount", FIELD_NUMBER, "KES."),
           MUST("amount_charged", FIELD_NUMBER, "Whole shillings asked for, KES."),
           FIELD_OUT("status", FIELD_TEXT, .required = true, .choices = purchase_status_choices, .doc = "Its state after this event."),
           OR_NULL("receipt", "M-Pesa's receipt."), OR_NULL("failure_reason", "Why it was not paid, for people."), MUST_TIME("payment_date", "Asked for."),
           TIME_OR_NULL("completed_at", "Paid."))
FIELDS_OUT(refund_event, MUST_TEXT("refund_id", "Refund."), MUST_TEXT("subject_kind", "purchase or agency_payment."), MUST_TEXT("subject_id", "Which."),
           MUST_TEXT("user_id", "Who paid."), MUST_TEXT("method", "reversal or b2c."), MUST("amount", FIELD_NUMBER, "KES."),
           MUST("credits", FIELD_INTEGER, "Credits taken back."), MUST_TEXT("state", "Its state after this event."), OR_NULL("receipt", "M-Pesa's receipt of the refund."),
           MUST_TIME("created_at", "Asked for."), TIME_OR_NULL("settled_at", "Settled."))
FIELDS_OUT(forgotten_event, MUST_TEXT("user_id", "Whose personal data are gone from payments."))

const struct event_type *const payments_events[] = {
    EVENT("package.changed", packages, package_event, "A package is new or another now."),
    EVENT("purchase.requested", purchases, purchase_event, "An employer wants to buy; M-Pesa is asked."),
    EVENT("purchase.completed", purchases, purchase_event, "Paid: the credits are hers. Once for each purchase."),
    EVENT("purchase.failed", purchases, purchase_event, "Not paid. A late payment may still complete it."),
    EVENT("purchase.expired", purchases, purchase_event, "Nobody answered the prompt. A late payment may still complete it."),
    EVENT("purchase.refunded", purchases, purchase_event, "The whole was given back."),
    EVENT("contact.unlocked", unlocks, unlock_event, "A credit was spent: the employer may see the worker's contact."),
    EVENT("agency_payment.requested", agency_payments, agency_payment_event, "A fee was asked for; M-Pesa is asked."),
    EVENT("agency_payment.completed", agency_payments, agency_payment_event, "The fee is paid. Once for each fee."),
    EVENT("agency_payment.failed", agency_payments, agency_payment_event, "Not paid. A late payment may still complete it."),
    EVENT("agency_payment.expired", agency_payments, agency_payment_event, "Nobody answered the prompt. A late payment may still complete it."),
    EVENT("agency_payment.refunded", agency_payments, agency_payment_event, "The whole fee was given back."),
    EVENT("refund.requested", refunds, refund_event, "An administrator gives money back."),
    EVENT("refund.completed", refunds, refund_event, "The money is back."),
    EVENT("refund.failed", refunds, refund_event, "M-Pesa did not give it back; credits that were taken are returned."),
    EVENT("payer.forgotten", payers, forgotten_event, "After an erasure: the money stays in the books, the person does not."),
    NULL,
};

// --- What it hears -------------------------------------------------------------------------------

struct worker_input {
    struct given given;
    const char *worker_id, *profile_id;
    bool is_active;
};
FIELDS(worker_input, FIELD(worker_input, worker_id, .required = true, .format = FORMAT_ID), FIELD(worker_input, profile_id, .required = true, .format = FORMAT_ID),
       FIELD(worker_input, is_active, .required = true))

struct payer_input {
    struct given given;
    const char *user_id, *phone_number;
};
FIELDS(payer_input, FIELD(payer_input, user_id, .required = true, .format = FORMAT_ID),
       FIELD(payer_input, phone_number, .nullable = true, .format = FORMAT_EXACT, .secret = true))

const struct subscription payments_subscriptions[] = {
    {&topic_workers, EVENT_TYPE("worker.created"), &worker_input_fields, .statement = &SQL_worker_apply, .doc = "She can be unlocked."},
    {&topic_workers, EVENT_TYPE("worker.updated"), &worker_input_fields, .statement = &SQL_worker_apply, .doc = "Whether she is active follows."},
    {&topic_workers, EVENT_TYPE("worker.verified"), &worker_input_fields, .statement = &SQL_worker_apply, .doc = "The same."},
    {&topic_workers, NULL, .statement = &SQL_worker_forget, .doc = "She can no longer be unlocked."},
    {&topic_contacts, EVENT_TYPE("user.contact_changed"), &payer_input_fields, .statement = &SQL_payer_apply, .doc = "The phone for fees."},
    {&topic_contacts, NULL, .statement = &SQL_payer_forget, .doc = "The phone goes."},
    {&topic_users, NULL, .handler = person_erased, .doc = "Phones go, what waits for its prompt ends, the money stays."},
    {&topic_fees, EVENT_TYPE("membership.fee_requested"), &fee_input_fields, fee_requested, "A worker joins an agency."},
    {&topic_fees, EVENT_TYPE("hire.fee_requested"), &fee_input_fields, fee_requested, "An employer hires through an agency."},
    {&topic_fees, EVENT_TYPE("subscription.fee_requested"), &fee_input_fields, fee_requested, "An agency subscribes."},
    {0},
};
