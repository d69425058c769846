// SPDX-License-Identifier: MIT
#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define X(name, status, slug, title, advice) const struct problem problem_##name = {slug, status, title, advice};
#include "problems.def"
#undef X

bool error_set(struct error *err, const struct problem *problem, const char *format, ...)
{
    err->problem = problem;
    if (!format) {
        snprintf(err->detail, sizeof err->detail, "%s", problem->advice);
        return false;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->detail, sizeof err->detail, format, arguments);
    va_end(arguments);
    text_drop_half_character(err->detail);
    return false;
}

bool error_cause(struct error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->cause, sizeof err->cause, format, arguments);
    va_end(arguments);
    text_drop_half_character(err->cause);
    return false;
}

bool error_violation(struct error *err, const char *pointer, const char *format, ...)
{
    if (err->problem != &problem_invalid_fields) error_set(err, &problem_invalid_fields, NULL);
    if (!err->arena) return false;
    struct violation **last = &err->violations;
    for (int count = 0; *last; last = &(*last)->next) // bounded: a body can hold a hundred thousand wrong names
        if (++count == VIOLATIONS_MAX) return false;
    struct violation *violation = arena_alloc(err->arena, sizeof *violation);
    va_list arguments;
    va_start(arguments, format);
    char *message = arena_vprintf(err->arena, format, arguments);
    va_end(arguments);
    char *where = arena_strdup(err->arena, pointer);
    if (!violation || !message || !where) return false;
    text_drop_half_character(where); // callers cut long names
    *violation = (struct violation){where, message, NULL};
    *last = violation;
    return false;
}

const struct problem *problem_unless_memory(const struct problem *otherwise)
{
    return errno == ENOMEM ? &problem_unavailable : otherwise;
}

bool error_passes(const struct error *err)
{
    return err->retry || err->problem == &problem_unavailable || err->problem == &problem_timeout;
}

void error_join(struct error *err, const struct error *other)
{
    if (err->problem || !other->problem) return;
    error_set(err, other->problem, "%s", other->detail);
    error_cause(err, "%s", other->cause);
}

void error_clear(struct error *err)
{
    *err = (struct error){.arena = err->arena};
}
