// SPDX-License-Identifier: MIT
#include "docs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bundle.h"
#include "compress.h"
#include "gateway.h"
#include "headers.h"
#include "schema.h"

#define DOCS_BYTES (64 * 1024 * 1024)
#define FILE_BYTES_MAX (16 * 1024 * 1024)

// What may be served from DC_DOCS_DIR, and nothing else.
static const struct allowed {
    const char *name, *type;
} allowed[] = {
    {"swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
    {"swagger-ui.css", "text/css; charset=utf-8"},
    {"favicon-32x32.png", "image/png"},
};
#define FILES COUNT_OF(allowed)

// Swagger UI writes style attributes; scripts come from here alone.
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
static const char page[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<title>Domestic Connect API</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<link rel=\"icon\" href=\"/api/docs/favicon-32x32.png\">\n"
    "<link rel=\"stylesheet\" href=\"/api/docs/swagger-ui.css\">\n</head>\n<body>\n"
    "<div id=\"docs\"><p>The API as data: <a href=\"/api/openapi.json\">openapi.json</a>, "
    "<a href=\"/api/asyncapi.json\">asyncapi.json</a>.</p></div>\n"
    "<script src=\"/api/docs/swagger-ui-bundle.js\"></script>\n<script src=\"/api/docs/start.js\"></script>\n"
    "</body>\n</html>\n";
static const char start_script[] =
    "if (window.SwaggerUIBundle) SwaggerUIBundle({url: '/api/openapi.json', dom_id: '#docs', "
    "deepLinking: true, persistAuthorization: false, validatorUrl: null});\n";

struct text_body {
    const char *data;
    size_t length;
    const char *gzip; // made at the start, as small as it gets
    size_t gzip_length;
};

struct docs {
    struct arena *arena;
    struct text_body openapi, asyncapi, files[FILES];
};

static bool openapi_make(struct docs *docs, const struct service *service, const char *schemas_dir,
                         struct error *err);
static bool bundle_file(json_t *bundle, const char *folder, const char *file, struct error *err);
static bool file_load(struct docs *docs, const char *folder, const char *name, struct text_body *ret,
                      struct error *err);
static void body_compress(struct docs *docs, struct text_body *body);
static bool body_answer(const struct request *rq, struct response *rs, const struct text_body *body,
                        const char *type, struct error *err);
static int is_json(const struct dirent *entry);

struct docs *docs_new(const struct service *service, const char *schemas_dir, const char *docs_dir,
                      struct error *err)
{
    struct docs *docs = calloc(1, sizeof *docs);
    if (docs) docs->arena = arena_new(DOCS_BYTES);
    bool ok = docs && docs->arena && openapi_make(docs, service, schemas_dir, err) &&
              file_load(docs, schemas_dir, "asyncapi.json", &docs->asyncapi, err);
    for (size_t i = 0; ok && i < FILES; i++)
        ok = file_load(docs, docs_dir, allowed[i].name, &docs->files[i], err);
    if (ok) return docs;
    if (!err->problem) error_set(err, &problem_unavailable, NULL);
    docs_free(docs);
    return NULL;
}

void docs_free(struct docs *docs)
{
    if (docs) arena_free(docs->arena);
    free(docs);
}

bool openapi_read(struct request *rq, struct response *rs, struct error *err)
{
    return body_answer(rq, rs, &gateway_of(rq)->docs->openapi, "application/json", err);
}

bool asyncapi_read(struct request *rq, struct response *rs, struct error *err)
{
    return body_answer(rq, rs, &gateway_of(rq)->docs->asyncapi, "application/json", err);
}

bool docs_page(struct request *rq, struct response *rs, struct error *err)
{
    const struct text_body body = {.data = page, .length = sizeof page - 1};
    response_header(rs, "Content-Security-Policy", page_policy);
    return body_answer(rq, rs, &body, "text/html; charset=utf-8", err);
}

bool docs_file(struct request *rq, struct response *rs, struct error *err)
{
    const char *name = rq->parameters[0];
    const struct text_body script = {.data = start_script, .length = sizeof start_script - 1};
    if (text_equal(name, "start.js")) return body_answer(rq, rs, &script, allowed[0].type, err);
    for (size_t i = 0; i < FILES; i++) {
        if (!text_equal(name, allowed[i].name)) continue;
        return body_answer(rq, rs, &gateway_of(rq)->docs->files[i], allowed[i].type, err);
    }
    return error_set(err, &problem_not_found, NULL);
}

static bool openapi_make(struct docs *docs, const struct service *service, const char *schemas_dir,
                         struct error *err)
{
    CLEANUP(json_release) json_t *bundle = bundle_new();
    CLEANUP(json_release) json_t *own = schema_openapi(service, false);
    if (own) bundle_add(bundle, service->name, own);
    char *folder = arena_printf(docs->arena, "%s/openapi", schemas_dir);
    struct dirent **entries = NULL;
    const int count = folder && *schemas_dir ? scandir(folder, &entries, is_json, alphasort) : 0;
    bool ok = true;
    for (int i = 0; i < count; i++) {
        ok = ok && bundle_file(bundle, folder, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    docs->openapi.data = json_text(docs->arena, bundle);
    if (!ok || !docs->openapi.data) return false;
    docs->openapi.length = strlen(docs->openapi.data);
    body_compress(docs, &docs->openapi);
    return true;
}

static bool bundle_file(json_t *bundle, const char *folder, const char *file, struct error *err)
{
    char path[4096], service[64];
    json_error_t trouble;
    snprintf(service, sizeof service, "%.*s", (int)strcspn(file, "."), file);
    if (strcmp(service, "gateway") == 0) return true; // ours comes from the tables themselves
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path) return false;
    CLEANUP(json_release) json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &trouble);
    if (!json_is_object(document)) {
        error_set(err, &problem_internal, NULL);
        return error_cause(err, "%s is no JSON object: %s", file, document ? "another type" : trouble.text);
    }
    bundle_add(bundle, service, document);
    return true;
}

// A file that isn't there is left out.
static bool file_load(struct docs *docs, const char *folder, const char *name, struct text_body *ret,
                      struct error *err)
{
    char path[4096];
    struct stat status;
    if (!*folder || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return true;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT || errno == ENOTDIR || error_cause(err, "%s: %s", name, strerror(errno));
    bool ok =
        fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= FILE_BYTES_MAX;
    char *data = ok ? arena_alloc(docs->arena, (size_t)status.st_size + 1) : NULL;
    ok = data && fread(data, 1, (size_t)status.st_size, file) == (size_t)status.st_size;
    fclose(file);
    if (!ok) return error_cause(err, "%s cannot be read whole", name);
    *ret = (struct text_body){.data = data, .length = (size_t)status.st_size};
    body_compress(docs, ret);
    return true;
}

static void body_compress(struct docs *docs, struct text_body *body)
{
    if (gzip_body(docs->arena, body->data, body->length, COMPRESS_LEVEL_SMALL, &body->gzip,
                  &body->gzip_length))
        return;
    body->gzip = NULL;
}

static bool body_answer(const struct request *rq, struct response *rs, const struct text_body *body,
                        const char *type, struct error *err)
{
    if (!body->data) return error_set(err, &problem_not_found, NULL);
    const bool gzip = body->gzip && gzip_accepted(http_request_header(rq->http, "Accept-Encoding"));
    rs->content_type = type;
    rs->body = gzip ? body->gzip : body->data;
    rs->length = gzip ? body->gzip_length : body->length;
    if (gzip) response_header(rs, "Content-Encoding", "gzip");
    return true;
}

static int is_json(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}
