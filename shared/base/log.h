// SPDX-License-Identifier: MIT
// Structured log: one JSON object per line on standard output, written with one write(2).
//
//   log_info("user_registered", LOG_TEXT("user_id", id), LOG_INT("duration_ms", 12));
//
// Each line carries time, level, service, event and, inside a log_scope, the request and trace ids.
// Never log a secret, token, phone number or e-mail. Values are escaped, so no input can forge a
// line; a text of more than 2 KB is cut. Thread-safe. base and io log at debug only; the layer that
// decides logs.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log_field {
    const char *name;
    enum { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_REAL, LOG_FIELD_BOOL } type;
    const char *text;
    int64_t integer;
    double real;
};

#define LOG_TEXT(name_, value_) ((struct log_field){.name = (name_), .type = LOG_FIELD_TEXT, .text = (value_)})
#define LOG_INT(name_, value_) ((struct log_field){.name = (name_), .type = LOG_FIELD_INT, .integer = (int64_t)(value_)})
#define LOG_REAL(name_, value_) ((struct log_field){.name = (name_), .type = LOG_FIELD_REAL, .real = (value_)})
#define LOG_BOOL(name_, value_) ((struct log_field){.name = (name_), .type = LOG_FIELD_BOOL, .integer = (value_)})

// Sets the service name and the lowest level written, and opens the standard streams that the program was started without, so that no
// connection takes their place; called once by main, before any thread and any connection.
void log_start(const char *service, enum log_level lowest);
bool log_level_parse(const char *name, enum log_level *ret);

// Ids added to every line of this thread until the scope is replaced; pass NULLs to end it.
// The strings are borrowed.
void log_scope(const char *request_id, const char *trace_id);

// One line, written at once; by the macros below. Where memory is short it says what has happened and no more.
void log_write(enum log_level level, const char *event, const struct log_field *fields, int count);

#define LOG_AT(level, event, ...)                                                                  \
    log_write((level), (event), (const struct log_field[]){{0}, ##__VA_ARGS__} + 1,                \
              (int)(sizeof((const struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field)) - 1)
#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, ##__VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_LEVEL_INFO, event, ##__VA_ARGS__)
#define log_warning(event, ...) LOG_AT(LOG_LEVEL_WARNING, event, ##__VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, ##__VA_ARGS__)

// Logs an error value: problem slug, detail and cause.
void log_failure(enum log_level level, const char *event, const struct error *err);
