// SPDX-License-Identifier: MIT
#include "route_list.h"

#include <string.h>

#include "stack.h"
#include "text.h"

#define ROUTES_MAX 256

static void add_service(struct route_list *list, const char *service);
static void add_route(struct route_list *list, struct api_route route, const json_t *document);
static void describe(struct api_route *route, const json_t *document);

struct route_list route_list(void)
{
    struct route_list list = {.items = arena_alloc(story_arena(), ROUTES_MAX * sizeof *list.items)};
    for (size_t i = 0; stack_services[i]; i++) add_service(&list, stack_services[i]);
    return list;
}

static const char *said_by(const char *service, const char *verb)
{
    const char *output;
    if (run(&output, "%s/%s %s", setting("BIN_DIR"), service, verb) != 0) fail_msg("%s %s failed: %s", service, verb, output);
    return output;
}

static void add_service(struct route_list *list, const char *service)
{
    json_t *document = json_loads(said_by(service, "schema all"), 0, NULL);
    if (!document) fail_msg("%s prints no schema", service);
    arena_defer(story_arena(), (void (*)(void *))json_decref, document);
    char *lines = arena_strdup(story_arena(), said_by(service, "routes")), *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct api_route route = {.service = service, .method = strsep(&line, " "), .path = strsep(&line, " "), .access = strsep(&line, "+"), .admin_too = line};
        if (!route.access) fail_msg("%s routes: a line without access", service);
        add_route(list, route, document);
    }
}

static void add_route(struct route_list *list, struct api_route route, const json_t *document)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].method, route.method) == 0 && strcmp(list->items[i].path, route.path) == 0) return;
    if (list->count == ROUTES_MAX) fail_msg("more than %d routes", ROUTES_MAX);
    describe(&route, document);
    list->items[list->count++] = route;
}

static const json_t *member(const json_t *value, const char *path)
{
    char *copy = arena_strdup(story_arena(), path), *rest = NULL;
    for (char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) value = json_object_get(value, name);
    return value;
}

static void describe(struct api_route *route, const json_t *document)
{
    char method[16] = "";
    for (size_t i = 0; i < sizeof method - 1 && route->method[i]; i++) method[i] = (char)(route->method[i] | 0x20);
    const json_t *operation = json_object_get(json_object_get(json_object_get(document, "paths"), route_url(route, NULL)), method);
    if (!operation) fail_msg("%s is not in its service's schema", route_name(route));
    const char *reference = json_string_value(member(operation, "requestBody content application/json schema $ref"));
    route->parameters = json_object_get(operation, "parameters");
    route->answers = json_object_get(operation, "responses");
    if (!reference) return;
    const json_t *schema = json_object_get(member(document, "components schemas"), strrchr(reference, '/') + 1);
    route->body = json_object_get(schema, "properties");
    if (!route->body) fail_msg("%s: its body has no schema", route_name(route));
}

const char *route_url(const struct api_route *route, const char *value)
{
    const bool bare = text_starts_with(route->path, "/.well-known/") || text_starts_with(route->path, "/health");
    const char *prefix = bare ? "" : "/api", *open = strchr(route->path, '{');
    if (!open || !value) return arena_printf(story_arena(), "%s%s", prefix, route->path);
    return arena_printf(story_arena(), "%s%.*s%s%s", prefix, (int)(open - route->path), route->path, value, strchr(open, '}') + 1);
}

const char *route_name(const struct api_route *route)
{
    return arena_printf(story_arena(), "%s %s", route->method, route->path);
}
