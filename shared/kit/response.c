// SPDX-License-Identifier: MIT
#include <string.h>

#include "response.h"

static const char *problem_json(const struct error *err, const struct problem *problem,
                                const char *request_id, struct arena *arena);
static void add_violations(struct text_buffer *out, const struct violation *violation);

// For when there is no memory left to say anything else.
static const char no_memory[] =
    "{\"type\":\"/problems/unavailable\",\"title\":\"Not available right now\",\"status\":503,"
    "\"detail\":\"Try again in a few seconds.\",\"error\":\"Try again in a few seconds.\"}";

void response_header(struct response *rs, const char *name, const char *value)
{
    if (!value || rs->header_count == HTTP_RESPONSE_HEADERS_MAX) return;
    rs->headers[rs->header_count++] = (struct http_header){name, value};
}

const char *response_header_find(const struct response *rs, const char *name)
{
    for (size_t i = 0; i < rs->header_count; i++) {
        if (strcasecmp(rs->headers[i].name, name) == 0) return rs->headers[i].value;
    }
    return NULL;
}

void response_json(struct response *rs, const char *json)
{
    response_json_length(rs, json, json ? strlen(json) : 0);
}

void response_json_length(struct response *rs, const char *json, size_t length)
{
    rs->body = json;
    rs->length = json ? length : 0;
}

bool response_row(struct request *rq, struct response *rs, const struct sql *sql, struct db_values in, const struct problem *none, struct error *err)
{
    const char *json = NULL;
    size_t length = 0;
    if (!db_text(&rq->db, sql, in, &json, &length, err)) return false;
    if (!json) return error_set(err, none, NULL);
    response_json_length(rs, json, length);
    return true;
}

bool response_message(struct request *rq, struct response *rs, const char *message)
{
    struct text_buffer out = text_buffer(rq->arena);
    text_add(&out, "{\"message\":");
    text_add_json(&out, message);
    text_add(&out, "}");
    response_json(rs, text_take(&out));
    return true;
}

void problem_write(const struct error *err, const char *request_id, struct arena *arena, struct response *rs)
{
    const struct problem *problem = err->problem ? err->problem : &problem_internal;
    const char *json = arena_failed(arena) ? NULL : problem_json(err, problem, request_id, arena);
    if (!json) problem = &problem_unavailable;
    rs->status = problem->status;
    rs->content_type = "application/problem+json";
    rs->file = NULL;
    response_json(rs, json ? json : no_memory);
    if (problem->status == 405 && !response_header_find(rs, "Allow")) // of a method that no path has
        response_header(rs, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    if (problem->status == 401) response_header(rs, "WWW-Authenticate", "Bearer realm=\"domestic-connect\"");
    if (err->retry_after_s > 0)
        response_header(rs, "Retry-After", arena_printf(arena, "%d", err->retry_after_s));
    else if (problem->status == 503 || problem->status == 429) response_header(rs, "Retry-After", "2");
}

static const char *problem_json(const struct error *err, const struct problem *problem,
                                const char *request_id, struct arena *arena)
{
    const char *detail = err->problem && err->detail[0] ? err->detail : problem->advice;
    struct text_buffer out = text_buffer(arena);
    text_printf(&out, "{\"type\":\"/problems/%s\",\"title\":", problem->slug);
    text_add_json(&out, problem->title);
    text_printf(&out, ",\"status\":%d,\"detail\":", problem->status);
    text_add_json(&out, detail);
    if (request_id) text_printf(&out, ",\"instance\":\"/requests/%s\"", request_id);
    text_add(&out, ",\"error\":");
    text_add_json(&out, detail);
    if (err->violations) add_violations(&out, err->violations);
    text_add(&out, "}");
    return text_take(&out);
}

static void add_violations(struct text_buffer *out, const struct violation *violation)
{
    text_add(out, ",\"errors\":[");
    for (const char *comma = ""; violation; violation = violation->next, comma = ",") {
        text_printf(out, "%s{\"pointer\":", comma);
        text_add_json(out, violation->pointer);
        text_add(out, ",\"message\":");
        text_add_json(out, violation->message);
        text_add(out, "}");
    }
    text_add(out, "]");
}
