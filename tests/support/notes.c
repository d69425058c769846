// SPDX-License-Identifier: MIT
#include "notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "jose.h"
#include "kit_sql.h"
#include "log.h"
#include "migrate.h"
#include "page.h"

#define NOW_S 1800000000LL
struct notes notes;

#define STATEMENT(name_, parameters_, text_) static const struct sql name_ = {#name_, text_, parameters_}
STATEMENT(note_read, 1, "SELECT json_build_object('id', id, 'title', title) FROM notes WHERE id = $1");
STATEMENT(title_list, 4, "SELECT to_json(title), id FROM (SELECT * FROM notes WHERE ($1::text IS NULL OR title = $1) AND ($2::text IS NULL OR id > $2) "
                         "ORDER BY id OFFSET $3 LIMIT $4) AS page");
STATEMENT(title_count, 2, "SELECT count(*) FROM (SELECT FROM notes WHERE ($1::text IS NULL OR title = $1) LIMIT $2) AS capped");
STATEMENT(note_write, 2, "UPDATE notes SET title = $2 WHERE id = $1");
STATEMENT(note_add, 2, "INSERT INTO notes (id, title) VALUES ($1, $2)");
STATEMENT(note_drop, 1, "DELETE FROM notes WHERE id = $1");
STATEMENT(event_add, 1, "INSERT INTO outbox (topic, type, key, data) VALUES ('t', 't', $1, '{}')");
static const struct sql *const statements[] = {&note_read, &title_list, &title_count, &note_write, &note_add,
                                               &note_drop, &event_add,  NULL};

// --- A small service ------------------------------------------------------------------------------
struct note_input {
    struct given given;
    const char *title;
};
FIELDS(note_input, FIELD(note_input, title, .required = true, .max = 40, .doc = "Title."));
struct list_query {
    struct given given;
    const char *q;
    PAGE_MEMBERS
};
FIELDS(list_query, FIELD(list_query, q, .max = 20, .doc = "Words."), PAGE_FIELDS(list_query));

static bool echo(struct request *rq, struct response *rs, struct error *err)
{
    (void)err;
    notes.runs++;
    response_json(rs,
                  arena_printf(rq->arena, "{\"path\":\"%s\",\"user\":\"%s\",\"address\":\"%s\"}", rq->path,
                               rq->caller.signed_in ? rq->caller.user_id : "-", rq->client_address));
    return true;
}

static bool list(struct request *rq, struct response *rs, struct error *err)
{
    const struct list_query *query = rq->query;
    struct page page;
    return page_read(rq, query->page, query->per_page, query->cursor, "list", &page, err) &&
           page_write(rq, rs, "notes", "[]", &page, 0, false, NULL, "list", err);
}

static bool list_titles(struct request *rq, struct response *rs, struct error *err)
{
    const struct list_query *query = rq->query;
    const struct page_list titles = {.member = "titles", .list = &title_list, .count = &title_count, .filters = DB_IN(DB_TEXT(query->q)), .count_cap = 4};
    return page_answer(rq, rs, query->page, query->per_page, query->cursor, &titles, err);
}

static bool read_note(struct request *rq, struct response *rs, struct error *err)
{
    return response_row(rq, rs, &note_read, DB_IN(DB_TEXT(rq->parameters[0])), &problem_not_found, err);
}

static bool add_note(struct request *rq, struct response *rs, struct error *err)
{
    const struct note_input *input = rq->input;
    notes.runs++;
    if (!db_exec(&rq->db, &note_add, DB_IN(DB_TEXT(input->title), DB_TEXT(input->title)), NULL, err))
        return false;
    if (!db_exec(&rq->db, &event_add, DB_IN(DB_TEXT(input->title)), NULL, err)) return false;
    response_header(rs, "Location", "/notes");
    if (strcmp(input->title, "refused") == 0) return error_set(err, &problem_conflict, "No.");
    if (strcmp(input->title, "kept") == 0) {
        err->commit = true;
        return error_set(err, &problem_conflict, "No, but it is written down.");
    }
    return response_message(rq, rs, "made");
}

static bool write_note(struct request *rq, struct response *rs, struct error *err)
{
    const struct note_input *input = rq->input;
    notes.runs++;
    if (strcmp(input->title, "raced") == 0 && notes.runs == 1) // somebody else is quicker
        test_database_run(&notes.database, "UPDATE notes SET title = 'other' WHERE id = 'n1'");
    if (!db_exec(&rq->db, &note_write, DB_IN(DB_TEXT(rq->parameters[0]), DB_TEXT(input->title)), NULL, err))
        return false;
    return read_note(rq, rs, err);
}

static bool drop_note(struct request *rq, struct response *rs, struct error *err)
{
    if (!db_exec(&rq->db, &note_drop, DB_IN(DB_TEXT(rq->parameters[0])), NULL, err)) return false;
    rs->content_type = NULL;
    return true;
}

static bool always_in_the_way(struct request *rq, struct response *rs, struct error *err)
{
    (void)rq;
    notes.runs++;
    response_header(rs, "X-Try", "1");
    if (notes.runs < 3) {
        err->retry = true;
        return error_set(err, &problem_unavailable, NULL);
    }
    response_json(rs, "{}");
    return true;
}

static bool never_ends(struct request *rq, struct response *rs, struct error *err)
{
    (void)rq;
    (void)rs;
    notes.runs++;
    err->retry = true;
    return error_set(err, &problem_unavailable, NULL);
}

static bool optional_body(struct request *rq, struct response *rs, struct error *err)
{
    (void)err;
    const struct note_input *input = rq->input;
    return response_message(rq, rs, rq->body ? input->title : input->title ? "?" : "none");
}

static bool write_alone(struct db *db, void *argument, struct error *err)
{
    return db_exec(db, &note_add, DB_IN(DB_TEXT(argument), DB_TEXT("alone")), NULL, err);
}

// As auth does around bcrypt: gives the connection back, then writes in a transaction of its own.
static bool slow_work(struct request *rq, struct response *rs, struct error *err)
{
    char id[] = "slow";
    if (!read_note(rq, rs, err)) return false;
    db_end(&rq->db);
    return db_transaction(rq->app->pool, DB_WRITE, rq->arena, write_alone, id, err);
}

static bool eats_memory(struct request *rq, struct response *rs, struct error *err)
{
    (void)err;
    response_json(rs, arena_alloc(rq->arena, (size_t)1 << 30));
    return true;
}

static bool forgets_the_problem(struct request *rq, struct response *rs, struct error *err)
{
    (void)rq;
    (void)rs;
    return error_cause(err, "secret cause");
}

static const struct route routes[] = {
    {"GET", "/echo/{name}", ACCESS_ANYONE, "Echo", .handler = echo},
    {"GET", "/mine", ACCESS_SIGNED_IN, "Mine", .handler = echo},
    {"GET", "/admin", ACCESS_ADMIN, "Admin", .handler = echo},
    {"GET", "/private", ACCESS_ANYONE, "Private", .handler = echo, .private_answer = true},
    {"GET", "/notes/", ACCESS_ANYONE, "List", .query = &list_query_fields, .handler = list},
    {"GET", "/titles", ACCESS_ANYONE, "List titles", .query = &list_query_fields, .handler = list_titles},
    {"GET", "/notes/{id}", ACCESS_ANYONE, "Read", .handler = read_note},
    {"POST", "/notes/", ACCESS_ANYONE, "Add", .body = &note_input_fields, .status = 201, .handler = add_note,
     .idempotent = true},
    {"PATCH", "/notes/{id}", ACCESS_ANYONE, "Change", .body = &note_input_fields, .partial = true,
     .handler = write_note},
    {"DELETE", "/notes/{id}", ACCESS_ANYONE, "Drop", .status = 204, .handler = drop_note},
    {"PUT", "/pins/{id}", ACCESS_ANYONE, "Pin", .handler = read_note},
    {"POST", "/retried", ACCESS_ANYONE, "Retried", .handler = always_in_the_way},
    {"POST", "/never", ACCESS_ANYONE, "Never", .handler = never_ends},
    {"POST", "/optional", ACCESS_ANYONE, "Optional", .body = &note_input_fields, .body_optional = true,
     .handler = optional_body},
    {"POST", "/slow/{id}", ACCESS_ANYONE, "Slow", .handler = slow_work, .no_transaction = true},
    {"GET", "/memory", ACCESS_ANYONE, "Memory", .handler = eats_memory},
    {"GET", "/bug", ACCESS_ANYONE, "Bug", .handler = forgets_the_problem},
    {"POST", "/small", ACCESS_ANYONE, "Small", .body = &note_input_fields, .handler = optional_body,
     .body_limit_bytes = 20},
    {0},
};
static const struct migration migrations[] = {
    {"0001_notes", "CREATE TABLE notes (id text PRIMARY KEY, title text NOT NULL);"}, {NULL, NULL}};
const struct service notes_service = {
    .name = "notes", .routes = routes, .migrations = migrations, .statements = statements};

// --- Calls ----------------------------------------------------------------------------------------
void notes_handle(const struct notes_call *call)
{
    struct http_request request = {
        .method = call->method,
        .path = call->path,
        .query = call->query,
        .headers = call->headers,
        .remote_address = "10.0.0.9",
        .body = call->body,
        .body_length = call->body ? strlen(call->body) : 0,
        .arena = notes.arena,
    };
    while (request.header_count < COUNT_OF(call->headers) && call->headers[request.header_count].name)
        request.header_count++;
    notes.answer = (struct http_response){0};
    service_handle(&notes.app, &request, &notes.answer);
}

const char *notes_header(const char *name)
{
    for (size_t i = 0; i < notes.answer.header_count; i++) {
        if (strcasecmp(notes.answer.headers[i].name, name) == 0) return notes.answer.headers[i].value;
    }
    return NULL;
}

void notes_expect(int status, const char *part)
{
    if (notes.answer.status != status)
        fail_msg("status %d, not %d: %.*s", notes.answer.status, status, (int)notes.answer.body_length,
                 notes.answer.body ? notes.answer.body : "");
    if (!part) return;
    assert_non_null(notes.answer.body);
    assert_non_null(memmem(notes.answer.body, notes.answer.body_length, part, strlen(part)));
}

const char *notes_bearer(bool admin, int64_t life_s)
{
    struct error err = {.arena = notes.arena};
    CLEANUP(json_release)
    json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "iss", "issuer", "aud", "audience",
                               "sub", "u1", "sid", "s1", "user_type", "employer", "adm", admin, "iat",
                               (json_int_t)NOW_S, "exp", (json_int_t)(NOW_S + life_s));
    char *token = NULL;
    assert_true(jose_sign(notes.key, "at+jwt", claims, notes.arena, &token, &err));
    return arena_printf(notes.arena, "Bearer %s", token);
}

const char *notes_sql(const char *text)
{
    return test_database_run(&notes.database, text);
}

// --- Life cycle -----------------------------------------------------------------------------------
int notes_start(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *own = arena_new(1 << 20);
    struct error err = {.arena = own};
    log_start("notes", LOG_LEVEL_ERROR);
    if (test_database_create(&notes.database)) return 1;
    if (!migrate_apply(notes.database.url, &notes_service, &err)) return 1;
    notes.clock = clock_fixed(NOW_S * 1000);
    notes.app = (struct app){.service = &notes_service, .clock = &notes.clock};
    notes.app.config.body_limit_bytes = 1000;
    notes.app.config.cursor_secret = "0123456789abcdef0123456789abcdef";
    notes.app.statements[0] = kit_statements;
    notes.app.statements[1] = statements;
    notes.app.pool = db_pool_open(&(struct db_pool_config){.url = notes.database.url,
                                                           .application_name = "notes",
                                                           .connections = 3,
                                                           .acquire_timeout_ms = 2000,
                                                           .statement_timeout_ms = 5000,
                                                           .connect_timeout_s = 5,
                                                           .statements = notes.app.statements},
                                  &err);
    notes.app.metrics = metrics_new();
    notes.app.kit_metrics = kit_metrics_new(&notes_service, notes.app.metrics);
    notes.app.identity = identity_new(&(struct identity_config){"issuer", "audience", 16, 0, &notes.clock});
    notes.key = jose_key_generate(&err);
    return !notes.app.pool || !notes.key ||
           !identity_add_key(notes.app.identity, jose_key_json(own, notes.key, false), &err);
}

int notes_stop(void **state)
{
    (void)state;
    jose_key_free(notes.key);
    identity_free(notes.app.identity);
    kit_metrics_free(notes.app.kit_metrics);
    metrics_free(notes.app.metrics);
    db_pool_close(notes.app.pool);
    return test_database_drop(&notes.database);
}

int notes_setup(void **state)
{
    (void)state;
    notes.arena = arena_new(4 << 20);
    notes.runs = 0;
    notes.app.service = &notes_service;
    notes_sql("TRUNCATE notes, outbox, idempotency_keys; INSERT INTO notes VALUES ('n1', 'first')");
    return !notes.arena;
}

int notes_teardown(void **state)
{
    (void)state;
    arena_free(notes.arena);
    return 0;
}
