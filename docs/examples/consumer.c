// SPDX-License-Identifier: MIT
// A consumer of payment events on our kit: it keeps the price list and the income in a database of its own. The kit does the
// rest: each event once although the broker may bring it twice, a package's events in their order, a key whose event cannot
// be applied parked, metrics and health, a clean stop. How to run it: docs/consume-payment-events.md.
#include "books_sql.h"
#include "log.h"
#include "service.h"

// What this reader needs of an event; whatever else stands there is ignored.
struct price {
    struct given given;
    const char *package_id, *name;
    int64_t price; // cents
    bool is_active;
};
FIELDS(price, FIELD(price, package_id, .required = true, .format = FORMAT_ID), FIELD(price, name, .required = true),
       FIELD(price, price, .required = true, .format = FORMAT_MONEY), FIELD(price, is_active, .required = true))

struct income {
    struct given given;
    const char *purchase_id, *receipt;
    int64_t amount_charged; // cents
};
FIELDS(income, FIELD(income, purchase_id, .required = true, .format = FORMAT_ID), FIELD(income, receipt, .nullable = true),
       FIELD(income, amount_charged, .required = true, .format = FORMAT_MONEY))

// A handler runs inside the transaction that notes the event's id. What it writes there happens once; its log line may come
// again where the transaction is tried again.
static bool price_changed(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    const struct price *price = event->input;
    log_info("price", LOG_TEXT("key", event->key), LOG_INT("cents", price->price), LOG_TEXT("id", event->id));
    return db_exec(db, &SQL_price_set, DB_IN(DB_TEXT(price->package_id), DB_TEXT(price->name), DB_INT(price->price), DB_BOOL(price->is_active)), NULL, err);
}

static bool purchase_paid(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    const struct income *income = event->input;
    log_info("income", LOG_TEXT("key", event->key), LOG_INT("cents", income->amount_charged), LOG_TEXT("id", event->id));
    return db_exec(db, &SQL_income_add, DB_IN(DB_TEXT(income->purchase_id), DB_INT(income->amount_charged), DB_TEXT(income->receipt)), NULL, err);
}

// Other types on these topics pass unnoticed.
static const struct subscription subscriptions[] = {
    {&topic_packages, "ke.domesticconnect.package.changed.v1", &price_fields, price_changed, "The price list."},
    {&topic_purchases, "ke.domesticconnect.purchase.completed.v1", &income_fields, purchase_paid, "The income."},
    {0},
};

static const struct service books = {
    .name = "books",
    .summary = "Keeps the price list and the income, by the events of payments.",
    .migrations = books_migrations,
    .statements = books_statements,
    .subscriptions = subscriptions,
};

int main(int argc, char **argv)
{
    return service_main(&books, argc, argv);
}
