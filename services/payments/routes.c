// SPDX-License-Identifier: MIT
#include "access.h"
#include "agency_payment.h"
#include "api.h"
#include "callback.h"
#include "package.h"
#include "purchase.h"
#include "reconcile.h"
#include "refund.h"

#define BUY .body = &purchase_input_fields, .answer = &purchase_started_fields, .status = 202, .handler = purchase_create, .idempotent = true
#define CALLBACK .no_transaction = true, .hidden = true, .private_answer = true, .body_limit_bytes = 16384

const struct route payments_routes[] = {
    {"GET", "/payments/packages", ACCESS_ANYONE, "Packages on sale", .query = &packages_query_fields, .answer = &packages_fields, .handler = package_list},
    {"GET", "/payments/packages/{id}", ACCESS_ANYONE, "One package", .answer = &package_fields, .handler = package_read},
    {"POST", "/payments/packages", ACCESS_ADMIN, "Put a package on sale", .body = &package_input_fields, .answer = &package_fields, .status = 201,
     .handler = package_create, .idempotent = true},
    {"PATCH", "/payments/packages/{id}", ACCESS_ADMIN, "Change a package", .body = &package_input_fields, .partial = true, .answer = &package_fields,
     .handler = package_update},

    {"POST", "/payments/purchases", ACCESS_EMPLOYER, "Buy a package by M-Pesa", BUY},
    {"POST", "/payments/purchase", ACCESS_EMPLOYER, "Buy a package by M-Pesa", BUY, .hidden = true},
    {"GET", "/payments/purchases", ACCESS_EMPLOYER, "Purchases: own, or all for admins", .query = &purchases_query_fields, .answer = &purchases_fields,
     .handler = purchase_list, .admin_too = true, .private_answer = true},
    {"GET", "/payments/my-purchases", ACCESS_EMPLOYER, "Own purchases", .query = &purchases_query_fields, .answer = &purchases_fields,
     .handler = purchase_list_own, .admin_too = true, .private_answer = true, .hidden = true},
    {"GET", "/payments/purchases/{id}", ACCESS_EMPLOYER, "One own purchase", .answer = &purchase_fields, .handler = purchase_read, .admin_too = true,
     .private_answer = true},
    {"GET", "/payments/purchase-status/{id}", ACCESS_EMPLOYER, "One own purchase, by M-Pesa's checkout id", .answer = &purchase_fields,
     .handler = purchase_read, .admin_too = true, .private_answer = true},

    {"POST", "/payments/contact-access", ACCESS_EMPLOYER, "Unlock a worker's contact for one credit", .body = &access_input_fields,
     .answer = &access_made_fields, .status = 201, .also = {200, 202}, .handler = access_create, .idempotent = true},
    {"GET", "/payments/contact-access", ACCESS_EMPLOYER, "Contacts unlocked", .query = &page_query_fields, .answer = &accesses_fields,
     .handler = access_list, .private_answer = true},
    {"GET", "/payments/contact-credits", ACCESS_EMPLOYER, "Credits", .answer = &credits_fields, .handler = credits_read, .private_answer = true},

    {"GET", "/payments/agency-payments", ACCESS_SIGNED_IN, "Fees around agencies: own, or all for admins", .query = &agency_payments_query_fields,
     .answer = &agency_payments_fields, .handler = agency_payment_list, .private_answer = true},

    {"GET", "/admin/payments", ACCESS_ADMIN, "All payments and what M-Pesa said of them", .query = &payments_query_fields, .answer = &payments_fields,
     .handler = payment_list},
    {"POST", "/admin/payments/{id}/refund", ACCESS_ADMIN, "Give money back", .body = &refund_input_fields, .answer = &refund_fields, .status = 202,
     .handler = refund_create, .idempotent = true},
    {"GET", "/admin/reconciliation", ACCESS_ADMIN, "What does not add up", .answer = &reconciliation_fields, .handler = reconciliation_read},

    {"POST", "/payments/stk/{secret}", ACCESS_ANYONE, "M-Pesa tells how a push ended", .handler = callback_stk, CALLBACK},
    {"POST", "/payments/timeout/{secret}", ACCESS_ANYONE, "M-Pesa's queue was too long for a refund", .handler = callback_timeout, CALLBACK},
    {"POST", "/payments/result/{secret}", ACCESS_ANYONE, "M-Pesa tells how a refund ended", .handler = callback_result, CALLBACK},
    {0},
};
