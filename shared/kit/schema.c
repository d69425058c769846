// SPDX-License-Identifier: MIT
#include "schema.h"

#include <string.h>

#define SCHEMA_DIALECT "https://json-schema.org/draft/2020-12/schema"
#define TYPE_PREFIX "ke.domesticconnect."

static const char *const access_names[] = {"anyone", "signed_in", "employer", "worker", "agency", "admin"};

static json_t *operation_of(const struct service *service, const struct route *route, json_t *schemas);
static json_t *parameters_of(const struct service *service, const struct route *route);
static void add_path_parameters(json_t *parameters, const char *path);
static void add_query_parameters(json_t *parameters, const struct fields *query);
static void add_header(json_t *parameters, const char *name, const char *doc);
static json_t *body_of(const struct route *route, json_t *schemas);
static json_t *responses_of(const struct route *route, json_t *schemas);
static json_t *reference_to(const struct fields *fields, bool partial, json_t *schemas);
static void add_nested(const struct fields *fields, json_t *schemas);
static json_t *problem_schema(void);
static void public_path(const struct route *route, char *out, size_t size);
static void operation_id(const struct route *route, char *out, size_t size);
static bool is_guarded(const struct service *service, const struct route *route);
static json_t *event_schema(const struct event_type *type);
static void add_topic(json_t *schema, const struct topic *topic);

json_t *schema_openapi(const struct service *service, bool hidden_too)
{
    json_t *paths = json_object(), *schemas = json_object();
    for (const struct route *route = service->routes; route && route->method; route++) {
        if (route->hidden && !hidden_too) continue;
        char path[256], method[16] = "";
        public_path(route, path, sizeof path);
        for (size_t i = 0; i < sizeof method - 1 && route->method[i]; i++)
            method[i] = (char)(route->method[i] | 0x20);
        json_t *item = json_object_get(paths, path);
        if (!item) json_object_set_new(paths, path, item = json_object());
        json_object_set_new(item, method, operation_of(service, route, schemas));
    }
    json_object_set_new(schemas, "problem", problem_schema());
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s*}, s:o, s:{s:o, s:{s:{s:s, s:s, s:s}}, s:{s:{s:s, s:{s:{s:{s:s}}}}}}}",
        "openapi", "3.1.0", "info", "title", service->name, "version", "1", "description", service->summary,
        "paths", paths, "components", "schemas", schemas, "securitySchemes", "bearer", "type", "http",
        "scheme", "bearer", "bearerFormat", "JWT", "responses", "problem", "description",
        "What went wrong, and what to do next.", "content", "application/problem+json", "schema", "$ref",
        "#/components/schemas/problem");
}

json_t *schema_events(const struct service *service)
{
    json_t *schemas = json_object();
    for (const struct event_type *const *type = service->events; type && *type; type++) {
        const char *name = (*type)->type;
        char file[160];
        if (text_starts_with(name, TYPE_PREFIX)) name += strlen(TYPE_PREFIX);
        snprintf(file, sizeof file, "%s.json", name);
        json_object_set_new(schemas, file, event_schema(*type));
    }
    return schemas;
}

void schema_routes(const struct service *service, FILE *out)
{
    for (const struct route *route = service->routes; route && route->method; route++) {
        fprintf(out, "%s %s %s%s\n", route->method, route->path, access_names[route->who],
                route->admin_too ? "+admin" : "");
    }
}

static json_t *operation_of(const struct service *service, const struct route *route, json_t *schemas)
{
    char id[256];
    operation_id(route, id, sizeof id);
    json_t *operation = json_pack("{s:s, s:s*, s:o, s:s, s:o}", "operationId", id, "summary", route->summary,
                                  "responses", responses_of(route, schemas), "x-access",
                                  access_names[route->who], "parameters", parameters_of(service, route));
    if (json_array_size(json_object_get(operation, "parameters")) == 0)
        json_object_del(operation, "parameters");
    if (route->admin_too) json_object_set_new(operation, "x-admin-too", json_true());
    if (route->hidden) json_object_set_new(operation, "x-hidden", json_true());
    if (route->rate) json_object_set_new(operation, "x-rate-class", json_string(route->rate));
    if (route->body) json_object_set_new(operation, "requestBody", body_of(route, schemas));
    json_t *security = json_pack("[{s:[]}]", "bearer");
    if (route->who == ACCESS_ANYONE) json_array_insert_new(security, 0, json_object());
    json_object_set_new(operation, "security", security);
    return operation;
}

static json_t *parameters_of(const struct service *service, const struct route *route)
{
    json_t *parameters = json_array();
    add_path_parameters(parameters, route->path);
    if (route->query) add_query_parameters(parameters, route->query);
    if (route->idempotent)
        add_header(parameters, "Idempotency-Key",
                   "The same key and body give the first answer again, for 24 hours.");
    if (is_guarded(service, route))
        add_header(parameters, "If-Match",
                   "ETag of the state this change is based on; another one gives 412.");
    return parameters;
}

static void add_path_parameters(json_t *parameters, const char *path)
{
    for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
        const size_t length = strcspn(open + 1, "}");
        json_array_append_new(parameters,
                              json_pack("{s:s%, s:s, s:b, s:{s:s, s:i}}", "name", open + 1, length, "in",
                                        "path", "required", 1, "schema", "type", "string", "maxLength", 64));
    }
}

// The column "many" is a comma-separated list in a query.
static void add_query_parameters(json_t *parameters, const struct fields *query)
{
    CLEANUP(json_release) json_t *schema = field_schema(query, true);
    json_t *properties = json_object_get(schema, "properties");
    for (int i = 0; i < query->count; i++) {
        const struct field *row = &query->rows[i];
        json_t *property = json_object_get(properties, row->name);
        json_t *parameter =
            json_pack("{s:s, s:s, s:O}", "name", row->name, "in", "query", "schema", property);
        if (row->required) json_object_set_new(parameter, "required", json_true());
        if (row->type == FIELD_TEXT_LIST) json_object_set_new(parameter, "explode", json_false());
        json_object_set(parameter, "description", json_object_get(property, "description"));
        json_object_del(property, "description");
        json_array_append_new(parameters, parameter);
    }
}

static void add_header(json_t *parameters, const char *name, const char *doc)
{
    json_array_append_new(parameters, json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", name, "in", "header",
                                                "description", doc, "schema", "type", "string"));
}

static json_t *body_of(const struct route *route, json_t *schemas)
{
    return json_pack("{s:b, s:{s:{s:o}}}", "required", !route->body_optional, "content", "application/json",
                     "schema", reference_to(route->body, route->partial, schemas));
}

static json_t *responses_of(const struct route *route, json_t *schemas)
{
    const int statuses[] = {route->status ? route->status : 200, route->also[0], route->also[1]};
    json_t *responses = json_pack("{s:{s:s}}", "default", "$ref", "#/components/responses/problem");
    for (size_t i = 0; i < COUNT_OF(statuses) && statuses[i]; i++) {
        char status[8];
        snprintf(status, sizeof status, "%d", statuses[i]);
        json_t *answer = json_pack("{s:s}", "description", statuses[i] < 400 ? "Done." : "Not now.");
        if (route->answer)
            json_object_set_new(answer, "content",
                                json_pack("{s:{s:o}}", "application/json", "schema",
                                          reference_to(route->answer, false, schemas)));
        json_object_set_new(responses, status, answer);
    }
    return responses;
}

// Puts the table, and those it holds, among the schemas; a merge has a schema of its own.
static json_t *reference_to(const struct fields *fields, bool partial, json_t *schemas)
{
    char name[128], path[192];
    snprintf(name, sizeof name, "%s%s", fields->name, partial ? "_partial" : "");
    snprintf(path, sizeof path, "#/components/schemas/%s", name);
    if (!json_object_get(schemas, name)) {
        json_object_set_new(schemas, name, field_schema(fields, partial));
        add_nested(fields, schemas);
    }
    return json_pack("{s:s}", "$ref", path);
}

static void add_nested(const struct fields *fields, json_t *schemas)
{
    for (int i = 0; i < fields->count; i++) {
        if (fields->rows[i].of) json_decref(reference_to(fields->rows[i].of, false, schemas));
    }
}

static json_t *problem_schema(void)
{
    return json_pack(
        "{s:s, s:[s,s,s,s,s], s:{s:{s:s,s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s,s:s}, s:{s:s,s:s},"
        " s:{s:s, s:{s:s, s:{s:{s:s,s:s}, s:{s:s}}}}}}",
        "type", "object", "required", "type", "title", "status", "detail", "error", "properties", "type",
        "type", "string", "format", "uri-reference", "title", "type", "string", "status", "type", "integer",
        "detail", "type", "string", "instance", "type", "string", "format", "uri-reference", "error", "type",
        "string", "description", "The same as detail.", "errors", "type", "array", "items", "type", "object",
        "properties", "pointer", "type", "string", "description",
        "JSON Pointer into the body, or ?name of a query parameter.", "message", "type", "string");
}

// What clients use: the gateway takes /api off, except before what the world expects at the root.
static void public_path(const struct route *route, char *out, size_t size)
{
    const bool bare =
        text_starts_with(route->path, "/.well-known/") || text_starts_with(route->path, "/health");
    size_t length = strlen(route->path);
    if (length > 1 && route->path[length - 1] == '/') length--;
    snprintf(out, size, "%s%.*s", bare ? "" : "/api", (int)length, route->path);
}

static void operation_id(const struct route *route, char *out, size_t size)
{
    size_t length = 0;
    for (const char *at = route->method; *at && length < size - 1; at++) out[length++] = (char)(*at | 0x20);
    for (const char *at = route->path; *at && length < size - 1; at++) {
        const bool word = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '_';
        if (word) out[length++] = *at;
        else if (length > 0 && out[length - 1] != '_') out[length++] = '_';
    }
    while (length > 0 && out[length - 1] == '_') length--;
    out[length] = '\0';
}

static bool is_guarded(const struct service *service, const struct route *route)
{
    if (strcmp(route->method, "PUT") != 0 && strcmp(route->method, "PATCH") != 0 &&
        strcmp(route->method, "DELETE") != 0)
        return false;
    for (const struct route *other = service->routes; other && other->method; other++) {
        if (strcmp(other->method, "GET") == 0 && strcmp(other->path, route->path) == 0) return true;
    }
    return false;
}

// Complete in itself: tables within the table stand in its own components.
static json_t *event_schema(const struct event_type *type)
{
    json_t *schema = type->data ? field_schema(type->data, false) : json_pack("{s:s}", "type", "null");
    json_t *nested = json_object();
    if (type->data) add_nested(type->data, nested);
    if (json_object_size(nested))
        json_object_set_new(schema, "components", json_pack("{s:O}", "schemas", nested));
    json_decref(nested);
    json_object_set_new(schema, "$schema", json_string(SCHEMA_DIALECT));
    json_object_set_new(schema, "$id", json_sprintf("urn:%s", type->type));
    json_object_set_new(schema, "title", json_string(type->type));
    if (type->doc) json_object_set_new(schema, "description", json_string(type->doc));
    if (!type->data) json_object_set_new(schema, "x-tombstone", json_true());
    add_topic(schema, type->topic);
    return schema;
}

// Where the event is found, what orders it and how long it stays: promised to consumers as much as its members.
static void add_topic(json_t *schema, const struct topic *topic)
{
    json_object_set_new(schema, "x-topic", json_string(topic->name));
    json_object_set_new(schema, "x-key", json_string(topic->key));
    json_object_set_new(schema, "x-partitions", json_integer(topic->partitions));
    json_object_set_new(schema, "x-compacted", json_boolean(topic->compacted));
    json_object_set_new(schema, "x-retention-ms", json_integer(topic->retention_ms));
}
