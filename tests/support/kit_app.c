// SPDX-License-Identifier: MIT
#include "kit_app.h"

#include "broker.h"
#include "log.h"

int kit_app_create(struct kit_app *ret, const struct service *service)
{
    log_start("test", LOG_LEVEL_ERROR);
    *ret = (struct kit_app){.service = *service};
    ret->service.name = broker_name();
    if (kit_database_create_for(&ret->kit, &ret->service)) return 1;
    ret->app = (struct app){
        .service = &ret->service,
        .config = {.database_url = ret->kit.database.url,
                   .kafka_brokers = broker_address(),
                   .kafka_session_timeout_ms = 6000,
                   .topic_replication = 1,
                   .relay_batch = 100,
                   .relay_poll_ms = 1000,
                   .inbox_batch = 100,
                   .outbox_retention_h = 168,
                   .inbox_retention_h = 720,
                   .idempotency_retention_h = 24},
        .clock = &clock_system,
        .pool = ret->kit.pool,
        .metrics = metrics_new(),
    };
    return ret->app.metrics ? 0 : 1;
}

int kit_app_drop(struct kit_app *kit_app)
{
    broker_close();
    metrics_free(kit_app->app.metrics);
    return kit_database_drop(&kit_app->kit);
}

void kit_app_replica(struct kit_app *of, struct app *ret)
{
    *ret = of->app;
    ret->relay = NULL;
    ret->inbox = NULL;
    ret->metrics = metrics_new();
}

void kit_app_replica_drop(struct app *replica)
{
    metrics_free(replica->metrics);
}
