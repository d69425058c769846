// SPDX-License-Identifier: MIT
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"
#include "text.h"

#define PREFIX "DC_"
#define VALUE_MAX (64 * 1024)
#define SETTINGS_MAX 128

// One line per problem, so that the operator corrects all of them at once.
struct report {
    FILE *out;
    int problems;
};

static void read_setting(const struct setting *row, void *out, char *const *environment,
                         struct report *report);
static char *value_find(const struct setting *row, char *const *environment, struct report *report);
static char *value_from_file(const struct setting *row, const char *path, struct report *report);
static void value_store(const struct setting *row, const char *value, void *out, struct report *report);
static void store_integer(const struct setting *row, const char *value, int64_t *out, struct report *report);
static void store_boolean(const struct setting *row, const char *value, bool *out, struct report *report);
static void store_text(const struct setting *row, const char *value, const char **out, struct report *report);
static void refuse_unknown(const struct setting_group *groups, int count, char *const *environment,
                           struct report *report);
static bool is_known(const struct setting_group *groups, int count, const char *name, size_t length);
static const char *environment_value(char *const *environment, const char *name);
static void problem(struct report *report, const struct setting *row, const char *format, ...)
    PRINTF_LIKE(3, 4);

bool config_read(const struct setting_group *groups, int count, char *const *environment, bool is_own, char **ret_report)
{
    size_t size = 0;
    *ret_report = NULL;
    struct report report = {.out = open_memstream(ret_report, &size)};
    if (!report.out) return false;
    for (int i = 0; i < count; i++) {
        for (const struct setting *row = groups[i].rows; row && row->name; row++) {
            read_setting(row, groups[i].out, environment, &report);
        }
    }
    if (is_own) refuse_unknown(groups, count, environment, &report);
    fclose(report.out);
    if (report.problems > 0) {
        config_release(groups, count);
        return false;
    }
    free(*ret_report);
    *ret_report = NULL;
    return true;
}

void config_help(const struct setting_group *groups, int count, FILE *out)
{
    for (int i = 0; i < count; i++) {
        for (const struct setting *row = groups[i].rows; row && row->name; row++) {
            fprintf(out, "%-32s %s", row->name, row->doc ? row->doc : "");
            if (row->choices) {
                fputs(" One of:", out);
                for (const char *const *choice = row->choices; *choice; choice++)
                    fprintf(out, " %s", *choice);
                fputc('.', out);
            }
            if (row->type == SETTING_INTEGER && row->max) {
                fprintf(out, " From %lld to %lld.", (long long)row->min, (long long)row->max);
            }
            if (!row->fallback) fputs(" Required.\n", out);
            else if (row->fallback[0]) fprintf(out, " Default: %s.\n", row->fallback);
            else fputs(" Default: empty.\n", out);
        }
    }
    fputs("\nEach NAME may instead be given as NAME_FILE: the path of a file that holds the value.\n", out);
}

void config_log(const struct setting_group *groups, int count)
{
    struct log_field fields[SETTINGS_MAX];
    int used = 0;
    for (int i = 0; i < count; i++) {
        for (const struct setting *row = groups[i].rows; row && row->name && used < SETTINGS_MAX; row++) {
            const char *member = (const char *)groups[i].out + row->offset;
            const char *text = row->type == SETTING_TEXT ? *(const char *const *)(const void *)member : NULL;
            if (row->secret) fields[used] = LOG_TEXT(row->name, text && !text[0] ? "" : "***");
            else if (row->type == SETTING_TEXT) fields[used] = LOG_TEXT(row->name, text);
            else if (row->type == SETTING_INTEGER)
                fields[used] = LOG_INT(row->name, *(const int64_t *)(const void *)member);
            else fields[used] = LOG_BOOL(row->name, *(const bool *)member);
            used++;
        }
    }
    log_write(LOG_LEVEL_INFO, "settings", fields, used);
}

void config_release(const struct setting_group *groups, int count)
{
    for (int i = 0; i < count; i++) {
        for (const struct setting *row = groups[i].rows; row && row->name; row++) {
            if (row->type != SETTING_TEXT) continue;
            char **text = (char **)(void *)((char *)groups[i].out + row->offset);
            if (*text && row->secret) explicit_bzero(*text, strlen(*text));
            free(*text);
            *text = NULL;
        }
    }
}

static void read_setting(const struct setting *row, void *out, char *const *environment,
                         struct report *report)
{
    const int before = report->problems;
    char *value = value_find(row, environment, report);
    if (value) {
        value_store(row, value, out, report);
        explicit_bzero(value, strlen(value));
        free(value);
    } else if (report->problems == before) {
        if (!row->fallback) problem(report, row, "is required. %s", row->doc ? row->doc : "Set it.");
        else value_store(row, row->fallback, out, report);
    }
}

// The value given, by itself or in a file. Empty counts as not given: compose passes on empty ones.
static char *value_find(const struct setting *row, char *const *environment, struct report *report)
{
    char file_name[128];
    snprintf(file_name, sizeof file_name, "%s_FILE", row->name);
    const char *value = environment_value(environment, row->name);
    const char *path = environment_value(environment, file_name);
    if (value && !value[0]) value = NULL;
    if (path && !path[0]) path = NULL;
    if (value && path) {
        problem(report, row, "is given twice, also as %s: remove one of them.", file_name);
        return NULL;
    }
    if (path) return value_from_file(row, path, report);
    if (value && strlen(value) > VALUE_MAX) {
        problem(report, row, "is too long: at most %d bytes.", VALUE_MAX);
        return NULL;
    }
    return value ? strdup(value) : NULL;
}

static char *value_from_file(const struct setting *row, const char *path, struct report *report)
{
    FILE *file = fopen(path, "re");
    char *value = calloc(1, VALUE_MAX + 1);
    size_t length = file && value ? fread(value, 1, VALUE_MAX + 1, file) : 0;
    if (file) fclose(file);
    if (!file) problem(report, row, "cannot be read from the file that %s_FILE names: %m.", row->name);
    else if (length > VALUE_MAX)
        problem(report, row, "is too long in its file: at most %d bytes.", VALUE_MAX);
    else if (value && strlen(value) < length) problem(report, row, "has a NUL byte in its file.");
    else if (value) {
        while (length > 0 && (value[length - 1] == '\n' || value[length - 1] == '\r')) value[--length] = '\0';
        if (length > 0) return value;
        problem(report, row, "is empty in its file.");
    }
    free(value);
    return NULL;
}

static void value_store(const struct setting *row, const char *value, void *out, struct report *report)
{
    void *member = (char *)out + row->offset;
    switch (row->type) {
    case SETTING_INTEGER: store_integer(row, value, member, report); break;
    case SETTING_BOOLEAN: store_boolean(row, value, member, report); break;
    case SETTING_TEXT: store_text(row, value, member, report); break;
    }
}

static void store_integer(const struct setting *row, const char *value, int64_t *out, struct report *report)
{
    int64_t number = 0;
    if (!text_to_int64(value, &number)) {
        problem(report, row, "must be a whole number.");
    } else if (number < row->min || (row->max && number > row->max)) {
        if (row->max)
            problem(report, row, "must be from %lld to %lld.", (long long)row->min, (long long)row->max);
        else problem(report, row, "must be at least %lld.", (long long)row->min);
    } else {
        *out = number;
    }
}

static void store_boolean(const struct setting *row, const char *value, bool *out, struct report *report)
{
    if (strcmp(value, "true") == 0) *out = true;
    else if (strcmp(value, "false") == 0) *out = false;
    else problem(report, row, "must be true or false.");
}

static void store_text(const struct setting *row, const char *value, const char **out, struct report *report)
{
    const int64_t length = (int64_t)strlen(value);
    bool chosen = !row->choices;
    for (const char *const *choice = row->choices; choice && *choice; choice++) {
        if (strcmp(*choice, value) == 0) chosen = true;
    }
    if (!chosen) problem(report, row, "is none of the known choices; see --help-config.");
    else if (length > 0 && length < row->min)
        problem(report, row, "must have at least %lld bytes.", (long long)row->min);
    else if (row->max && length > row->max)
        problem(report, row, "must have at most %lld bytes.", (long long)row->max);
    else *out = strdup(value);
}

static void refuse_unknown(const struct setting_group *groups, int count, char *const *environment,
                           struct report *report)
{
    for (char *const *entry = environment; entry && *entry; entry++) {
        const size_t length = strcspn(*entry, "=");
        if (!text_starts_with(*entry, PREFIX) || is_known(groups, count, *entry, length)) continue;
        fprintf(report->out,
                "%.*s is no setting of this service: correct its name or remove it; see --help-config.\n",
                (int)(length < 100 ? length : 100), *entry);
        report->problems++;
    }
}

static bool is_known(const struct setting_group *groups, int count, const char *name, size_t length)
{
    for (int i = 0; i < count; i++) {
        for (const struct setting *row = groups[i].rows; row && row->name; row++) {
            const size_t known = strlen(row->name);
            if (length < known || strncmp(name, row->name, known) != 0) continue;
            if (length == known || (length == known + 5 && strncmp(name + known, "_FILE", 5) == 0))
                return true;
        }
    }
    return false;
}

static const char *environment_value(char *const *environment, const char *name)
{
    const size_t length = strlen(name);
    for (char *const *entry = environment; entry && *entry; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return *entry + length + 1;
    }
    return NULL;
}

static void problem(struct report *report, const struct setting *row, const char *format, ...)
{
    fprintf(report->out, "%s ", row->name);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(report->out, format, arguments);
    va_end(arguments);
    fputc('\n', report->out);
    report->problems++;
}
