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

// The one of a test program. As setup and teardown of its group: one package "p1" (KES 499.50, 3 contacts), workers "w1", "w2" of
// profiles "wp1", "wp2"; as setup of a test: everything is taken back to that. 0 when done.
extern struct payments_database made;
int payments_made(void **state);
int payments_dropped(void **state);
int payments_clean(void **state);
// As setup of a test, too: besides that there is purchase "a" of user "u1", pushed as below.
int a_pushed_purchase(void **state);

// A purchase of p1 with its push as if M-Pesa had taken it: push "push-<id>", checkout "co-<id>", merchant "m-<id>".
void purchase_pushed(struct payments_database *base, const char *id, const char *user_id, const char *phone_number);
// Its push has not been sent yet.
void purchase_unsent(struct payments_database *base, const char *id);
// A purchase as by purchase_pushed, whose push has not been sent yet.
void purchase_to_be_sent(struct payments_database *base, const char *id, const char *user_id, const char *phone_number);
// A worker takes the push that is due, for a minute.
enum db_found push_taken(struct payments_database *base);
// A fee of KES 1,000.50 is asked for by an event, for joining agency "ag1".
void fee_asked(struct payments_database *base, const char *fee_id, const char *payer);
// Settles the push of a purchase.
enum settled purchase_settled(struct payments_database *base, const char *id, enum push_event event, const char *receipt);
// A callback arrives and is worked off; the outcome that was noted.
const char *callback_worked_off(struct payments_database *base, const char *id, const char *body);

// The first cell of an SQL statement, as text or number.
const char *cell(struct payments_database *base, const char *format, ...) PRINTF_LIKE(2, 3);
int64_t number(struct payments_database *base, const char *format, ...) PRINTF_LIKE(2, 3);
