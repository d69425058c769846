// SPDX-License-Identifier: MIT
// Typed settings from the environment. One table drives reading, checking, --help-config and the
// masked dump at start. Every setting NAME may instead come from a file named by NAME_FILE (for
// secrets). All problems are reported at once; a variable that starts with our prefix "DC_" but is
// in no table is refused where a program is given an environment of its own, so that a typo cannot pass silently.
//
//   struct auth_settings { int64_t access_token_s; const char *issuer; bool secure_cookie; };
//   static const struct setting auth_settings[] = {
//     SETTING(auth_settings, access_token_s, "DC_ACCESS_TOKEN_S", "900", .min = 60, .max = 3600,
//             .doc = "Life of an access token, in seconds."),
//     {0}};
//
// A NULL default means required. Values live as long as the process.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

enum setting_type { SETTING_TEXT, SETTING_INTEGER, SETTING_BOOLEAN };

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset;
    const char *fallback;  // default as text; NULL: required
    int64_t min, max;      // integer: value, text: bytes; max 0 means no bound
    const char *const *choices;
    bool secret;
    const char *doc;       // unit included
};

#define SETTING_TYPE_OF(member_)                                                                   \
    _Generic((member_), const char *: SETTING_TEXT, int64_t: SETTING_INTEGER, bool: SETTING_BOOLEAN)
#define SETTING(struct_, member_, name_, fallback_, ...)                                           \
    {.name = (name_), .type = SETTING_TYPE_OF(((struct struct_ *)0)->member_),                     \
     .offset = offsetof(struct struct_, member_), .fallback = (fallback_), __VA_ARGS__}

struct setting_group {
    const struct setting *rows; // ends with {0}
    void *out;                  // the struct to fill
};

// Fills all groups from environ-style `environment`; is_own: nobody else's settings stand there. False with one line per problem in
// *ret_report (malloc'ed, caller frees).
MUST_USE bool config_read(const struct setting_group *groups, int count, char *const *environment, bool is_own,
                          char **ret_report);
void config_help(const struct setting_group *groups, int count, FILE *out);
// Logs every setting, secrets masked.
void config_log(const struct setting_group *groups, int count);
// Frees the texts config_read allocated.
void config_release(const struct setting_group *groups, int count);

// Settings every service has.
struct kit_settings {
    const char *http_host;
    int64_t http_port;
    int64_t metrics_port;
    const char *metrics_host;
    int64_t http_threads;
    int64_t http_workers;
    int64_t queue_timeout_ms;
    int64_t body_limit_bytes;
    int64_t head_timeout_ms;
    int64_t body_timeout_ms;
    int64_t idle_timeout_ms;
    int64_t request_memory_bytes;
    int64_t stop_timeout_ms;
    const char *log_level;
    const char *database_url;     // "" where the service has none
    int64_t database_connections;
    int64_t database_acquire_timeout_ms;
    int64_t statement_timeout_ms;
    const char *kafka_brokers;
    int64_t kafka_session_timeout_ms;
    int64_t topic_replication;    // of topics that the verb topics makes
    int64_t relay_batch;
    int64_t relay_poll_ms;
    int64_t inbox_batch;
    int64_t outbox_retention_h;
    int64_t inbox_retention_h;
    int64_t idempotency_retention_h;
    const char *token_issuer;
    const char *token_audience;
    const char *cursor_secret;    // signs page cursors
};
extern const struct setting kit_settings[];
