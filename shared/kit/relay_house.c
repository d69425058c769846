// SPDX-License-Identifier: MIT
#include "kit_sql.h"
#include "relay_private.h"

#define PURGE_MS 60000
#define PURGE_PIECE 5000
#define STATS_MS 1000

static bool purge(struct relay *relay, bool *ret_more, struct error *err);

bool relay_count_backlog(struct relay *relay, struct error *err)
{
    const int64_t now_ms = clock_monotonic_ms();
    int64_t backlog = 0, age_ms = 0;
    if (now_ms < relay->stats_due_ms) return true;
    relay->stats_due_ms = now_ms + STATS_MS;
    if (db_row(&relay->db, &SQL_relay_backlog, DB_NOTHING, DB_OUT(DB_GET_INT(&backlog), DB_GET_INT(&age_ms)), err) != DB_FOUND) return false;
    atomic_store(&relay->backlog, backlog);
    atomic_store(&relay->oldest_age_ms, age_ms);
    metric_set(relay->backlog_metric, backlog);
    metric_set(relay->age_metric, age_ms);
    return true;
}

bool relay_keep_house(struct relay *relay, struct error *err)
{
    const int64_t now_ms = clock_monotonic_ms();
    bool more = false;
    if (!relay_count_backlog(relay, err)) return false;
    if (now_ms < relay->purge_due_ms) return true;
    if (!purge(relay, &more, err)) return false;
    relay->purge_due_ms = more ? 0 : now_ms + PURGE_MS;
    return true;
}

// A piece of each kind, so that publishing need not wait long; *ret_more: there may be more.
static bool purge(struct relay *relay, bool *ret_more, struct error *err)
{
    const struct kit_settings *config = &relay->app->config;
    const char *compacted[64], *kept[64];
    size_t compacted_count = 0, kept_count = 0;
    for (const struct topic *const *topic = topics_all; *topic; topic++) {
        if ((*topic)->compacted && compacted_count < COUNT_OF(compacted)) compacted[compacted_count++] = (*topic)->name;
        else if ((*topic)->retention_ms < 0 && kept_count < COUNT_OF(kept)) kept[kept_count++] = (*topic)->name;
    }
    const struct db_value piece = DB_INT(PURGE_PIECE);
    int64_t looked_at = 0, applied = 0, answers = 0;
    if (db_row(&relay->db, &SQL_outbox_purge,
               DB_IN(DB_INT(config->outbox_retention_h), DB_TEXT(db_array(relay->arena, compacted, compacted_count)),
                     DB_TEXT(db_array(relay->arena, kept, kept_count)), piece), DB_OUT(DB_GET_INT(&looked_at)), err) != DB_FOUND ||
        !db_exec(&relay->db, &SQL_inbox_purge, DB_IN(DB_INT(config->inbox_retention_h), piece), &applied, err) ||
        !db_exec(&relay->db, &SQL_idempotency_purge, DB_IN(DB_INT(config->idempotency_retention_h), piece), &answers, err))
        return false;
    *ret_more = looked_at == PURGE_PIECE || applied == PURGE_PIECE || answers == PURGE_PIECE;
    return true;
}
