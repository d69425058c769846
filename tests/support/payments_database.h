// SPDX-License-Identifier: MIT
// A database of payments with a package, a worker and helpers to walk a payment through it without M-Pesa.
#pragma once

#include "kit_database.h"
#include "payments.h"
#include "settle.h"

struct payments_database {
    struct kit_database kit;
    struct app app;
    struct payments payments;
    struct payments_settings settings;
};

// 0 when made. One package "p1" (KES 499.50, 3 contacts), workers "w1", "w2" of profiles "wp1", "wp2".
int payments_database_create(struct payments_database *ret);
int payments_database_drop(struct payments_database *made);
// Takes everything back to that.
void payments_database_clean(struct payments_database *made);

// A purchase of p1 with its push as if M-Pesa had taken it: push "push-<id>", checkout "co-<id>", merchant "m-<id>".
void purchase_pushed(struct payments_database *made, const char *id, const char *user_id, const char *phone_number);
// Settles its push.
enum settled purchase_settled(struct payments_database *made, const char *id, enum push_event event, const char *receipt);
// A callback arrives and is worked off; the outcome that was noted.
const char *callback_worked_off(struct payments_database *made, const char *id, const char *body);

// The first cell of an SQL statement, as text or number.
const char *cell(struct payments_database *made, const char *format, ...) PRINTF_LIKE(2, 3);
int64_t number(struct payments_database *made, const char *format, ...) PRINTF_LIKE(2, 3);
