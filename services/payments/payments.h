// SPDX-License-Identifier: MIT
// What the parts of payments share: settings, the running state, problems, events.
#pragma once

#include "address.h"
#include "crypto.h"
#include "page.h"
#include "payments_sql.h"
#include "service.h"

#define X(name, status, slug, title, advice) extern const struct problem problem_##name;
#include "errors.def"
#undef X

struct payments_settings {
    const char *secret;
    const char *daraja_url, *consumer_key, *consumer_secret;
    const char *shortcode, *passkey, *transaction_type, *till;
    const char *initiator, *security_credential, *b2c_shortcode;
    const char *callback_url, *callback_sources;
    const char *spool_dir;
    int64_t daraja_timeout_ms, callback_budget_ms;
    int64_t amount_limit_kes, repeat_s, prompt_within_s;
    int64_t query_first_s, silent_s, give_up_h, refund_wait_h;
    int64_t callback_retention_d;
};

struct daraja;

struct payments {
    struct daraja *daraja;
    struct networks sources;         // who may call back
    struct db_pool *callback_pool;   // a short temper: the answer to a callback must not wait for a slow database
    struct metric *callbacks_stored, *callbacks_spooled, *callbacks_refused, *settled, *doubtful, *open, *open_oldest_s;
};

extern const struct setting payments_settings[];
extern const struct route payments_routes[];
extern const struct event_type *const payments_events[];
extern const struct subscription payments_subscriptions[];
extern const struct importer payments_importers[];
extern const struct constraint_problem payments_constraints[];
extern const struct job payments_jobs[];
extern const struct worker payments_workers[]; // by enum payments_worker
extern const struct verb payments_verbs[];

enum payments_worker { WORKER_PUSH, WORKER_SETTLE, WORKER_QUERY, WORKER_REFUND };

bool payments_start(struct app *app, struct error *err);
void payments_stop(struct app *app);

static inline const struct payments_settings *payments_settings_of(const struct app *app)
{
    return app->settings;
}

static inline struct payments *payments_of(const struct app *app)
{
    return app->state;
}
