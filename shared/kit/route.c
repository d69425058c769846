// SPDX-License-Identifier: MIT
#include "route.h"

#include <string.h>

#include "id.h"

#define PARAMETERS_MAX 4

static const char *const user_type_names[] = {NULL, "employer", "housegirl", "agency"};

// A piece of a path between slashes.
struct segment {
    const char *start;
    size_t length;
};

static bool path_matches(const char *pattern, const char *path);
static bool segment_next(const char **at, struct segment *ret);
static bool is_parameter(struct segment segment);
static bool is_more_exact(const char *pattern, const char *other);
static bool parameters_read(const struct route *route, const char *path, struct arena *arena,
                            struct route_match *match);
static bool parameter_is_valid(struct segment name, const char *value);
static void allow_add(struct route_match *match, const char *method);

const char *user_type_name(enum user_type type)
{
    return (size_t)type < COUNT_OF(user_type_names) ? user_type_names[type] : NULL;
}

enum user_type user_type_parse(const char *name)
{
    for (size_t i = 1; name && i < COUNT_OF(user_type_names); i++) {
        if (strcmp(user_type_names[i], name) == 0) return (enum user_type)i;
    }
    return USER_NONE;
}

// Among several patterns that match, literal segments win over parameters, wherever the routes
// stand in the table: /profiles/me before /profiles/{id}.
struct route_match route_find(const struct route *routes, const char *method, const char *path,
                              struct arena *arena)
{
    struct route_match match = {0};
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (const struct route *route = routes; route && route->method; route++) {
        if (!path_matches(route->path, path)) continue;
        struct route_match candidate = {0};
        if (!parameters_read(route, path, arena, &candidate)) continue;
        match.path_known = true;
        allow_add(&match, route->method);
        if (strcmp(route->method, wanted) != 0) continue;
        if (match.route && !is_more_exact(route->path, match.route->path)) continue;
        match.route = route;
        memcpy(match.parameters, candidate.parameters, sizeof match.parameters);
    }
    if (match.path_known) allow_add(&match, "OPTIONS");
    return match;
}

static bool path_matches(const char *pattern, const char *path)
{
    struct segment expected, given;
    for (;;) {
        const bool more_expected = segment_next(&pattern, &expected);
        const bool more_given = segment_next(&path, &given);
        if (!more_expected || !more_given) return more_expected == more_given;
        if (is_parameter(expected)) {
            if (given.length == 0) return false;
        } else if (expected.length != given.length ||
                   memcmp(expected.start, given.start, given.length) != 0) {
            return false;
        }
    }
}

// False at the end; one last slash is no segment of its own.
static bool segment_next(const char **at, struct segment *ret)
{
    if ((*at)[0] != '/' || (*at)[1] == '\0') return false;
    ret->start = *at + 1;
    ret->length = strcspn(ret->start, "/");
    *at = ret->start + ret->length;
    return true;
}

static bool is_parameter(struct segment segment)
{
    return segment.length > 2 && segment.start[0] == '{';
}

static bool is_more_exact(const char *pattern, const char *other)
{
    struct segment mine, theirs;
    while (segment_next(&pattern, &mine) && segment_next(&other, &theirs)) {
        if (is_parameter(mine) != is_parameter(theirs)) return is_parameter(theirs);
    }
    return false;
}

static bool parameters_read(const struct route *route, const char *path, struct arena *arena,
                            struct route_match *match)
{
    const char *pattern = route->path;
    struct segment expected, given;
    size_t count = 0;
    while (segment_next(&pattern, &expected) && segment_next(&path, &given)) {
        if (!is_parameter(expected)) continue;
        if (count == PARAMETERS_MAX) return false;
        const char *value = http_decode(arena, given.start, given.length, false);
        const struct segment name = {expected.start + 1, expected.length - 2};
        if (!value || !parameter_is_valid(name, value)) return false;
        match->parameters[count++] = value;
    }
    return true;
}

static bool parameter_is_valid(struct segment name, const char *value)
{
    const bool is_id = (name.length == 2 && memcmp(name.start, "id", 2) == 0) ||
                       (name.length > 3 && memcmp(name.start + name.length - 3, "_id", 3) == 0);
    return is_id ? id_is_valid(value) : value[0] != '\0' && !strchr(value, '/');
}

static void allow_add(struct route_match *match, const char *method)
{
    const size_t length = strlen(match->allow), more = strlen(method);
    for (const char *at = match->allow; *at; at += strcspn(at, ",") + (strchr(at, ',') ? 2 : 0)) {
        if (strncmp(at, method, more) == 0 && (at[more] == ',' || at[more] == '\0')) return;
        if (!strchr(at, ',')) break;
    }
    if (length + more + 3 > sizeof match->allow) return;
    if (length) memcpy(match->allow + length, ", ", 3);
    memcpy(match->allow + strlen(match->allow), method, more + 1);
    if (strcmp(method, "GET") == 0) allow_add(match, "HEAD");
}
