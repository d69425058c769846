// SPDX-License-Identifier: MIT
// The settings every service has. A service without a database needs neither DATABASE_URL nor
// DC_CURSOR_SECRET, one without routes no DC_CURSOR_SECRET (service.c).
#include "config.h"

static const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};

#define KIT(member_, name_, fallback_, ...) SETTING(kit_settings, member_, name_, fallback_, __VA_ARGS__)

// clang-format off
const struct setting kit_settings[] = {
    KIT(http_host, "DC_HTTP_HOST", "127.0.0.1", .doc = "Address to listen on."),
    KIT(http_port, "DC_HTTP_PORT", "0", .max = 65535, .doc = "Port to listen on; 0 takes any free one and logs it."),
    KIT(metrics_host, "DC_METRICS_HOST", "127.0.0.1", .doc = "Address of the port for metrics and health."),
    KIT(metrics_port, "DC_METRICS_PORT", "0", .max = 65535, .doc = "Port for /metrics and /health; 0 takes any free one."),
    KIT(http_threads, "DC_HTTP_THREADS", "192", .min = 1, .max = 8192, .doc = "Connections served at once; 30 KB each, up to 60 KB once it has served."),
    KIT(http_workers, "DC_HTTP_WORKERS", "128", .min = 1, .max = 8192, .doc = "Requests worked on at once; others wait."),
    KIT(queue_timeout_ms, "DC_QUEUE_TIMEOUT_MS", "2000", .min = 1, .max = 60000, .doc = "How long a request waits for a worker, in milliseconds, before 503."),
    KIT(body_limit_bytes, "DC_BODY_LIMIT_BYTES", "1048576", .min = 1024, .max = 67108864, .doc = "Longest request body, in bytes, where a route has no limit of its own."),
    KIT(head_timeout_ms, "DC_HEAD_TIMEOUT_MS", "10000", .min = 100, .max = 120000, .doc = "Time for a request's head to arrive, in milliseconds."),
    KIT(body_timeout_ms, "DC_BODY_TIMEOUT_MS", "30000", .min = 100, .max = 600000, .doc = "Time for a request's body to arrive, in milliseconds."),
    KIT(idle_timeout_ms, "DC_IDLE_TIMEOUT_MS", "30000", .min = 100, .max = 600000, .doc = "How long an idle connection is kept, in milliseconds."),
    KIT(request_memory_bytes, "DC_REQUEST_MEMORY_BYTES", "16777216", .min = 65536, .max = 1073741824, .doc = "Most memory one request may take, in bytes."),
    KIT(stop_timeout_ms, "DC_STOP_TIMEOUT_MS", "10000", .min = 100, .max = 120000, .doc = "Time for a graceful stop, in milliseconds."),
    KIT(log_level, "DC_LOG_LEVEL", "info", .choices = log_levels, .doc = "Lowest level written."),
    KIT(database_url, "DATABASE_URL", NULL, .secret = true, .doc = "PostgreSQL: postgresql://role:password@host:port/database."),
    KIT(database_connections, "DC_DATABASE_CONNECTIONS", "16", .min = 2, .max = 500, .doc = "Connections in the pool."),
    KIT(database_acquire_timeout_ms, "DC_DATABASE_ACQUIRE_TIMEOUT_MS", "2000", .min = 1, .max = 60000, .doc = "How long a request waits for a connection, in milliseconds."),
    KIT(statement_timeout_ms, "DC_STATEMENT_TIMEOUT_MS", "5000", .min = 1, .max = 600000, .doc = "Longest time of one statement, in milliseconds."),
    KIT(kafka_brokers, "KAFKA_BROKERS", NULL, .doc = "Kafka: host:port, comma-separated."),
    KIT(kafka_session_timeout_ms, "DC_KAFKA_SESSION_TIMEOUT_MS", "6000", .min = 6000, .max = 300000, .doc = "After how long a dead replica's partitions move on, in milliseconds."),
    KIT(topic_replication, "DC_TOPIC_REPLICATION", "1", .min = 1, .max = 9, .doc = "Copies of each topic that 'topics' creates; 3 on a cluster."),
    KIT(relay_batch, "DC_RELAY_BATCH", "500", .min = 1, .max = 10000, .doc = "Outbox rows published at once."),
    KIT(relay_poll_ms, "DC_RELAY_POLL_MS", "1000", .min = 10, .max = 60000, .doc = "How often the relay looks although nobody woke it, in milliseconds."),
    KIT(inbox_batch, "DC_INBOX_BATCH", "100", .min = 1, .max = 1000, .doc = "Events applied in one transaction at most."),
    KIT(outbox_retention_h, "DC_OUTBOX_RETENTION_H", "168", .min = 1, .max = 8760, .doc = "How long published events are kept, in hours."),
    KIT(inbox_retention_h, "DC_INBOX_RETENTION_H", "720", .min = 1, .max = 8760, .doc = "How long ids of applied events are kept, in hours."),
    KIT(idempotency_retention_h, "DC_IDEMPOTENCY_RETENTION_H", "24", .min = 1, .max = 720, .doc = "How long answers to Idempotency-Keys are kept, in hours."),
    KIT(token_issuer, "DC_TOKEN_ISSUER", "https://domesticconnect.ke", .doc = "Issuer (iss) of access tokens."),
    KIT(token_audience, "DC_TOKEN_AUDIENCE", "domestic-connect", .doc = "Audience (aud) of access tokens."),
    KIT(cursor_secret, "DC_CURSOR_SECRET", NULL, .min = 32, .secret = true, .doc = "Signs page cursors; the same in all replicas, 32 bytes or more."),
    {0},
};
// clang-format on
