// SPDX-License-Identifier: MIT
#include "kit_sql.h"
#include "relay_private.h"

#define PURGE_MS 60000
#define STATS_MS 1000

static bool purge(struct relay *relay, struct error *err)
{
    const struct kit_settings *config = &relay->app->config;
    const char *compacted[64], *kept[64];
    size_t compacted_count = 0, kept_count = 0;
    for (const struct topic *const *topic = topics_all; *topic; topic++) {
        if ((*topic)->compacted && compacted_count < COUNT_OF(compacted)) compacted[compacted_count++] = (*topic)->name;
        else if ((*topic)->retention_ms < 0 && kept_count < COUNT_OF(kept)) kept[kept_count++] = (*topic)->name;
    }
    return db_exec(&relay->db, &SQL_outbox_purge,
                   DB_IN(DB_INT(config->outbox_retention_h), DB_TEXT(db_array(relay->arena, compacted, compacted_count)),
                         DB_TEXT(db_array(relay->arena, kept, kept_count))), NULL, err) &&
           db_exec(&relay->db, &SQL_inbox_purge, DB_IN(DB_INT(config->inbox_retention_h)), NULL, err) &&
           db_exec(&relay->db, &SQL_idempotency_purge, DB_IN(DB_INT(config->idempotency_retention_h)), NULL, err);
}

bool relay_keep_house(struct relay *relay, struct error *err)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms >= relay->stats_due_ms) {
        int64_t backlog = 0, age_ms = 0;
        relay->stats_due_ms = now_ms + STATS_MS;
        if (db_row(&relay->db, &SQL_relay_backlog, DB_NOTHING, DB_OUT(DB_GET_INT(&backlog), DB_GET_INT(&age_ms)), err) != DB_FOUND) return false;
        atomic_store(&relay->backlog, backlog);
        atomic_store(&relay->oldest_age_ms, age_ms);
        metric_set(relay->backlog_metric, backlog);
        metric_set(relay->age_metric, age_ms);
    }
    if (now_ms < relay->purge_due_ms) return true;
    relay->purge_due_ms = now_ms + PURGE_MS;
    return purge(relay, err);
}
