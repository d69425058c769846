// SPDX-License-Identifier: MIT
#include "log.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

#define VALUE_BYTES_MAX 2048 // a longer value is cut, so that the line is not lost with it
#define LINE_MEMORY ((size_t)1 << 20)
#define BARE_BYTES 256

// What main owns: set once before any thread starts.
static const char *log_service = "-";
static enum log_level log_lowest = LOG_LEVEL_INFO;
// What the current thread works on.
static _Thread_local const char *scope_request_id, *scope_trace_id;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static void open_standard_streams(void)
{
    int opened;
    while ((opened = open("/dev/null", O_RDWR)) >= 0 && opened <= STDERR_FILENO) {}
    if (opened > STDERR_FILENO) close(opened);
}

void log_start(const char *service, enum log_level lowest)
{
    open_standard_streams();
    log_service = service;
    log_lowest = lowest;
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < COUNT_OF(level_names); i++) {
        if (!text_equal(name, level_names[i])) continue;
        *ret = (enum log_level)i;
        return true;
    }
    return false;
}

void log_scope(const char *request_id, const char *trace_id)
{
    scope_request_id = request_id;
    scope_trace_id = trace_id;
}

static void add_member(struct text_buffer *line, const char *name, const char *value)
{
    if (!value) return;
    text_add(line, ",");
    text_add_json(line, name);
    text_add(line, ":");
    char cut[VALUE_BYTES_MAX + 1];
    if (strlen(value) > VALUE_BYTES_MAX) {
        memcpy(cut, value, VALUE_BYTES_MAX);
        cut[VALUE_BYTES_MAX] = '\0';
        text_drop_half_character(cut);
        value = cut;
    }
    text_add_json(line, text_is_utf8(value, strlen(value)) ? value : "(not UTF-8)");
}

static void add_field(struct text_buffer *line, const struct log_field *field)
{
    if (field->type == LOG_FIELD_TEXT) {
        add_member(line, field->name, field->text ? field->text : "");
        return;
    }
    text_add(line, ",");
    text_add_json(line, field->name);
    if (field->type == LOG_FIELD_INT) text_printf(line, ":%ld", (long)field->integer);
    else if (field->type == LOG_FIELD_BOOL) text_add(line, field->integer ? ":true" : ":false");
    else if (isfinite(field->real)) text_printf(line, ":%.6g", field->real);
    else text_add(line, ":null");
}

static char *line_of(struct arena *arena, const char *time, enum log_level level, const char *event, const struct log_field *fields, int count)
{
    struct text_buffer line = text_buffer(arena);
    text_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\"", time, level_names[level]);
    add_member(&line, "service", log_service);
    add_member(&line, "event", event);
    add_member(&line, "request_id", scope_request_id);
    add_member(&line, "trace_id", scope_trace_id);
    for (int i = 0; i < count; i++) add_field(&line, &fields[i]);
    text_add(&line, "}\n");
    return text_take(&line);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, int count)
{
    if (level < log_lowest) return;
    char time[CLOCK_RFC3339_SIZE], bare[BARE_BYTES];
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(LINE_MEMORY);
    clock_format(clock_now_ms(&clock_system), time, sizeof time);
    const char *text = arena ? line_of(arena, time, level, event, fields, count) : NULL;
    if (!text) { // without memory it says what has happened, if not to whom
        snprintf(bare, sizeof bare, "{\"time\":\"%s\",\"level\":\"%s\",\"service\":\"%s\",\"event\":\"%s\"}\n", time, level_names[level], log_service, event);
        text = bare;
    }
    if (write(STDOUT_FILENO, text, strlen(text)) < 0) return; // nowhere left to say so
}

void log_failure(enum log_level level, const char *event, const struct error *err)
{
    log_write(level, event,
              (const struct log_field[]){LOG_TEXT("problem", err->problem ? err->problem->slug : ""),
                                         LOG_TEXT("detail", err->detail), LOG_TEXT("cause", err->cause)}, 3);
}
