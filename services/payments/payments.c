// SPDX-License-Identifier: MIT
#include "payments.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "attempt.h"
#include "callback.h"
#include "daraja.h"
#include "erased.h"
#include "log.h"
#include "outbox.h"
#include "push.h"
#include "reconcile.h"
#include "refund.h"

#define CALLBACK_CONNECTIONS 8
#define SAFARICOM "196.201.214.200, 196.201.214.206, 196.201.214.207, 196.201.214.208, 196.201.213.114, 196.201.213.44, 196.201.212.127, " \
                  "196.201.212.138, 196.201.212.129, 196.201.212.136, 196.201.212.74, 196.201.212.69"

static const char *const transaction_types[] = {"CustomerPayBillOnline", "CustomerBuyGoodsOnline", NULL};

const struct setting payments_settings[] = {
    SETTING(payments_settings, secret, "DC_PAYMENTS_SECRET", NULL, .secret = true, .min = 64, .max = 64,
            .doc = "Signs callback addresses and encrypts M-Pesa's token at rest: 64 hex digits, the same for all replicas."),
    SETTING(payments_settings, daraja_url, "DC_DARAJA_URL", "https://sandbox.safaricom.co.ke", .doc = "Daraja: sandbox, live (https://api.safaricom.co.ke) or a simulator."),
    SETTING(payments_settings, consumer_key, "DC_DARAJA_CONSUMER_KEY", NULL, .secret = true, .doc = "From the Daraja portal."),
    SETTING(payments_settings, consumer_secret, "DC_DARAJA_CONSUMER_SECRET", NULL, .secret = true, .doc = "From the Daraja portal."),
    SETTING(payments_settings, shortcode, "DC_DARAJA_SHORTCODE", "174379", .doc = "Paybill, or store number of a till."),
    SETTING(payments_settings, passkey, "DC_DARAJA_PASSKEY", NULL, .secret = true, .doc = "Of the shortcode, for STK pushes."),
    SETTING(payments_settings, transaction_type, "DC_DARAJA_TRANSACTION_TYPE", "CustomerPayBillOnline", .choices = transaction_types, .doc = "Paybill or till."),
    SETTING(payments_settings, till, "DC_DARAJA_TILL", "", .doc = "Till number (PartyB) of a till; empty: the shortcode."),
    SETTING(payments_settings, initiator, "DC_DARAJA_INITIATOR", "", .doc = "API operator for refunds."),
    SETTING(payments_settings, security_credential, "DC_DARAJA_SECURITY_CREDENTIAL", "", .secret = true,
            .doc = "The operator's password, encrypted with Safaricom's certificate, base64."),
    SETTING(payments_settings, b2c_shortcode, "DC_DARAJA_B2C_SHORTCODE", "", .doc = "Shortcode that pays out; empty: the shortcode."),
    SETTING(payments_settings, callback_url, "DC_DARAJA_CALLBACK_URL", NULL,
            .doc = "Where M-Pesa reaches the gateway: https://api.example.com/api; none of Daraja's refused words (mpesa, query, cmd …) in it."),
    SETTING(payments_settings, callback_sources, "DC_DARAJA_CALLBACK_SOURCES", SAFARICOM, .doc = "Addresses and networks that may call back."),
    SETTING(payments_settings, spool_dir, "DC_SPOOL_DIR", NULL, .doc = "Folder for callbacks that the database does not take in time: its own alone, as what lies there is believed; must outlive the process."),
    SETTING(payments_settings, daraja_timeout_ms, "DC_DARAJA_TIMEOUT_MS", "8000", .min = 100, .max = 60000, .doc = "Longest call to Daraja, in milliseconds."),
    SETTING(payments_settings, callback_budget_ms, "DC_CALLBACK_BUDGET_MS", "60", .min = 5, .max = 5000,
            .doc = "How long the database may take for a callback before the disk does, in milliseconds."),
    SETTING(payments_settings, amount_limit_kes, "DC_AMOUNT_LIMIT_KES", "250000", .min = 1, .max = 10000000, .doc = "M-Pesa's highest single payment, in KES."),
    SETTING(payments_settings, repeat_s, "DC_REPEAT_S", "120", .min = 0, .max = 3600,
            .doc = "How long M-Pesa refuses the same amount from the same phone again, in seconds."),
    SETTING(payments_settings, prompt_within_s, "DC_PROMPT_WITHIN_S", "600", .min = 60, .max = 86400,
            .doc = "How long after somebody bought her phone may still be prompted; what M-Pesa has not taken by then has failed, in seconds."),
    SETTING(payments_settings, query_first_s, "DC_QUERY_FIRST_S", "25", .min = 1, .max = 600, .doc = "When M-Pesa is asked about a push that no callback came for, in seconds."),
    SETTING(payments_settings, silent_s, "DC_SILENT_S", "180", .min = 1, .max = 3600, .doc = "After how long without a word a push is unknown, in seconds."),
    SETTING(payments_settings, give_up_h, "DC_GIVE_UP_H", "48", .min = 1, .max = 720, .doc = "After how long an unknown push, or a doubt about a settled one, is given up, in hours."),
    SETTING(payments_settings, refund_wait_h, "DC_REFUND_WAIT_H", "24", .min = 1, .max = 720, .doc = "After how long without a result a refund is unknown, in hours."),
    SETTING(payments_settings, callback_retention_d, "DC_CALLBACK_RETENTION_D", "90", .min = 1, .max = 3650,
            .doc = "After how many days phone numbers are cut out of kept callbacks."),
    {0},
};

static bool clean_up(struct app *app, struct db *db, struct error *err);
static bool count_open(struct app *app, struct db *db, struct error *err);
static bool ingest_spool(struct app *app, struct db *db, struct error *err);

const struct job payments_jobs[] = {
    {"payments_spool", 2000, ingest_spool},
    {"payments_clean_up", 60000, clean_up},
    {"payments_open", 15000, count_open},
    {0},
};

const struct worker payments_workers[] = {
    [WORKER_PUSH] = {"push", 4, 1000, push_next, sizeof(struct attempt)},
    [WORKER_SETTLE] = {"settle", 2, 1000, settle_next},
    [WORKER_QUERY] = {"query", 2, 1000, query_next},
    [WORKER_REFUND] = {"refund", 1, 2000, refund_next, sizeof(struct attempt)},
    {0},
};

const struct verb payments_verbs[] = {
    {"reconcile", "have open payments asked about, and print what does not add up; exit status 3 where the books do not agree", verb_reconcile},
    {"refund-settled", "ID completed RECEIPT, or ID failed: settle an unknown refund as M-Pesa's statement shows it", verb_refund_settled},
    {"states", "print the states of a payment as a Mermaid diagram", verb_states, .needs_nothing = true},
    {0},
};

static void count_things(struct payments *payments, struct metrics *metrics)
{
    payments->callbacks_stored = metrics_counter(metrics, "payments_callbacks_total", "Callbacks taken in, by where they were kept first.", "kept=\"database\"");
    payments->callbacks_spooled = metrics_counter(metrics, "payments_callbacks_total", "Callbacks taken in, by where they were kept first.", "kept=\"disk\"");
    payments->callbacks_refused = metrics_counter(metrics, "payments_callbacks_refused_total", "Callbacks from strangers or to made-up addresses.", NULL);
    payments->open = metrics_gauge(metrics, "payments_open", "Pushes of which nobody knows yet how they end.", NULL);
    payments->open_oldest_s = metrics_gauge(metrics, "payments_open_oldest_s", "Age of the oldest of them, s.", NULL);
    payments->settled = metrics_counter(metrics, "payments_settled_total", "Pushes that were settled.", NULL);
    payments->doubtful = metrics_counter(metrics, "payments_doubtful_total", "Callbacks that were left to a query.", NULL);
}

// The same database with a short temper; only the statement that stores a callback is prepared on it.
static struct db_pool *open_callback_pool(struct app *app, struct error *err)
{
    static const struct sql *const statement[] = {&SQL_callback_insert, NULL};
    static const struct sql *const *const statements[] = {statement, NULL};
    const int budget_ms = (int)payments_settings_of(app)->callback_budget_ms;
    return db_pool_open(&(struct db_pool_config){.url = app->config.database_url, .application_name = "callbacks", .connections = CALLBACK_CONNECTIONS,
                                                 .acquire_timeout_ms = budget_ms / 2, .statement_timeout_ms = budget_ms, .answer_grace_ms = 5,
                                                 .connect_timeout_s = 3, .prefers_indexes = true, .statements = statements}, err);
}

bool payments_start(struct app *app, struct error *err)
{
    const struct payments_settings *settings = app->settings;
    struct payments *payments = calloc(1, sizeof *payments);
    if (!payments) return error_set(err, &problem_unavailable, "No memory.");
    app->state = payments;
    if (!networks_parse(settings->callback_sources, &payments->sources, err)) return error_set(err, &problem_malformed, "DC_DARAJA_CALLBACK_SOURCES holds something that is no address or network.");
    (void)mkdir(settings->spool_dir, 0700);
    payments->daraja = daraja_new(settings, err);
    if (!payments->daraja) return false;
    count_things(payments, app->metrics);
    payments->callback_pool = open_callback_pool(app, err);
    return payments->callback_pool != NULL;
}

void payments_stop(struct app *app)
{
    struct payments *payments = app->state;
    if (!payments) return;
    db_pool_close(payments->callback_pool);
    daraja_free(payments->daraja);
    free(payments);
    app->state = NULL;
}

static bool clean_up(struct app *app, struct db *db, struct error *err)
{
    const struct payments_settings *settings = payments_settings_of(app);
    return db_exec(db, &SQL_callback_redact, DB_IN(DB_INT(settings->callback_retention_d)), NULL, err) &&
           db_exec(db, &SQL_refund_unknown, DB_IN(DB_INT(settings->refund_wait_h * 3600)), NULL, err) && erased_end(app, db, err) &&
           db_exec(db, &SQL_erased_forget, DB_NOTHING, NULL, err);
}

static bool count_open(struct app *app, struct db *db, struct error *err)
{
    int64_t count = 0, oldest_s = 0;
    if (db_row(db, &SQL_pushes_open, DB_NOTHING, DB_OUT(DB_GET_INT(&count), DB_GET_INT(&oldest_s)), err) != DB_FOUND) return false;
    metric_set(payments_of(app)->open, count);
    metric_set(payments_of(app)->open_oldest_s, oldest_s);
    return true;
}

struct ingesting {
    struct app *app;
    struct arena *arena;
};

static bool ingest(void *argument, const struct spooled *callback, struct error *err)
{
    const struct ingesting *ingesting = argument;
    if (callback->refund_id) return refund_result(ingesting->app, ingesting->arena, callback, err);
    return db_exec_alone(ingesting->app->pool, ingesting->arena, &SQL_callback_insert, // its file goes right after
                         DB_IN(DB_TEXT(callback->push_id), DB_TEXT(callback->source_address), DB_TEXT(callback->body)), NULL, err);
}

// Every replica has a disk of its own, so this job's lock is of no use, and of no harm either.
static bool ingest_spool(struct app *app, struct db *db, struct error *err)
{
    struct ingesting ingesting = {app, db->arena};
    int count = 0;
    const bool ok = spool_read(payments_settings_of(app)->spool_dir, ingest, &ingesting, &count, err);
    if (count) log_info("callbacks_from_disk", LOG_INT("count", count));
    if (count) workers_wake(app->workers, &payments_workers[WORKER_SETTLE]);
    return ok;
}
