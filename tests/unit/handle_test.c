// SPDX-License-Identifier: MIT
// service_handle without a socket, on a real database.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmocka.h>

#include "jose.h"
#include "kit_sql.h"
#include "log.h"
#include "migrate.h"
#include "page.h"
#include "postgres.h"
#include "running.h"

#define NOW_S 1800000000LL
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

#define STATEMENT(name_, parameters_, text_) static const struct sql name_ = {#name_, text_, parameters_}
STATEMENT(note_read, 1, "SELECT json_build_object('id', id, 'title', title) FROM notes WHERE id = $1");
STATEMENT(note_write, 2, "UPDATE notes SET title = $2 WHERE id = $1");
STATEMENT(note_add, 2, "INSERT INTO notes (id, title) VALUES ($1, $2)");
STATEMENT(note_drop, 1, "DELETE FROM notes WHERE id = $1");
STATEMENT(event_add, 1, "INSERT INTO outbox (topic, type, key, data) VALUES ('t', 't', $1, '{}')");
static const struct sql *const statements[] = {&note_read, &note_write, &note_add,
                                               &note_drop, &event_add,  NULL};

static struct jose_key *key;
static struct test_database database;
static struct app app;
static struct arena *arena;
static struct clock now;

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

static int runs; // how often a handler ran

static bool echo(struct request *rq, struct response *rs, struct error *err)
{
    (void)err;
    runs++;
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

static bool read_note(struct request *rq, struct response *rs, struct error *err)
{
    const char *json = NULL;
    if (!db_text(&rq->db, &note_read, DB_IN(DB_TEXT(rq->parameters[0])), &json, NULL, err)) return false;
    if (!json) return error_set(err, &problem_not_found, "There is no such note.");
    response_json(rs, json);
    return true;
}

static bool add_note(struct request *rq, struct response *rs, struct error *err)
{
    const struct note_input *input = rq->input;
    runs++;
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
    runs++;
    if (strcmp(input->title, "raced") == 0 && runs == 1) // somebody else is quicker
        test_database_run(&database, "UPDATE notes SET title = 'other' WHERE id = 'n1'");
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
    runs++;
    response_header(rs, "X-Try", "1");
    if (runs < 3) {
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
    runs++;
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
    {"GET", "/notes/{id}", ACCESS_ANYONE, "Read", .handler = read_note},
    {"POST", "/notes/", ACCESS_ANYONE, "Add", .body = &note_input_fields, .status = 201, .handler = add_note,
     .idempotent = true},
    {"PATCH", "/notes/{id}", ACCESS_ANYONE, "Change", .body = &note_input_fields, .partial = true,
     .handler = write_note},
    {"DELETE", "/notes/{id}", ACCESS_ANYONE, "Drop", .status = 204, .handler = drop_note},
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
static const struct service notes = {
    .name = "notes", .routes = routes, .migrations = migrations, .statements = statements};

// --- Calls ----------------------------------------------------------------------------------------
struct call {
    const char *method, *path, *query, *body;
    struct http_header headers[8];
};
static struct http_response answer;

static struct http_response handle(const struct call *call)
{
    struct http_request request = {
        .method = call->method,
        .path = call->path,
        .query = call->query,
        .headers = call->headers,
        .remote_address = "10.0.0.9",
        .body = call->body,
        .body_length = call->body ? strlen(call->body) : 0,
        .arena = arena,
    };
    while (request.header_count < COUNT_OF(call->headers) && call->headers[request.header_count].name)
        request.header_count++;
    answer = (struct http_response){0};
    service_handle(&app, &request, &answer);
    return answer;
}
#define CALL(...) handle(&(struct call){__VA_ARGS__})
#define JSON                                                                                                 \
    {                                                                                                        \
        "content-type", "application/json; charset=utf-8"                                                    \
    }

static const char *header(const char *name)
{
    for (size_t i = 0; i < answer.header_count; i++) {
        if (strcasecmp(answer.headers[i].name, name) == 0) return answer.headers[i].value;
    }
    return NULL;
}

static void expect(int status, const char *part)
{
    if (answer.status != status)
        fail_msg("status %d, not %d: %.*s", answer.status, status, (int)answer.body_length,
                 answer.body ? answer.body : "");
    if (!part) return;
    assert_non_null(answer.body);
    assert_non_null(memmem(answer.body, answer.body_length, part, strlen(part)));
}

static const char *bearer(bool admin, int64_t life_s)
{
    struct error err = {.arena = arena};
    CLEANUP(json_release)
    json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "iss", "issuer", "aud", "audience",
                               "sub", "u1", "sid", "s1", "user_type", "employer", "adm", admin, "iat",
                               (json_int_t)NOW_S, "exp", (json_int_t)(NOW_S + life_s));
    char *token = NULL;
    assert_true(jose_sign(key, "at+jwt", claims, arena, &token, &err));
    return arena_printf(arena, "Bearer %s", token);
}

static const char *sql(const char *text)
{
    return test_database_run(&database, text);
}

// --- Life cycle -----------------------------------------------------------------------------------
static int start(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *own = arena_new(1 << 20);
    struct error err = {.arena = own};
    log_start("handle_test", LOG_LEVEL_ERROR);
    if (test_database_create(&database) || !migrate_apply(database.url, &notes, &err)) return 1;
    now = clock_fixed(NOW_S * 1000);
    app = (struct app){.service = &notes, .clock = &now};
    app.config.body_limit_bytes = 1000;
    app.config.cursor_secret = "0123456789abcdef0123456789abcdef";
    app.statements[0] = kit_statements;
    app.statements[1] = statements;
    app.pool = db_pool_open(&(struct db_pool_config){.url = database.url,
                                                     .application_name = "handle_test",
                                                     .connections = 3,
                                                     .acquire_timeout_ms = 2000,
                                                     .statement_timeout_ms = 5000,
                                                     .connect_timeout_s = 5,
                                                     .statements = app.statements},
                            &err);
    app.metrics = metrics_new();
    app.kit_metrics = kit_metrics_new(&notes, app.metrics);
    app.identity = identity_new(&(struct identity_config){"issuer", "audience", 16, 0, &now});
    key = jose_key_generate(&err);
    return !app.pool || !key || !identity_add_key(app.identity, jose_key_json(own, key, false), &err);
}

static int stop(void **state)
{
    (void)state;
    jose_key_free(key);
    identity_free(app.identity);
    kit_metrics_free(app.kit_metrics);
    metrics_free(app.metrics);
    db_pool_close(app.pool);
    return test_database_drop(&database);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new(4 << 20);
    runs = 0;
    app.service = &notes;
    sql("TRUNCATE notes, outbox, idempotency_keys; INSERT INTO notes VALUES ('n1', 'first')");
    return !arena;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

// --- Routing and headers ----------------------------------------------------------------------------
static void test_answers(void **state)
{
    (void)state;
    CALL("GET", "/echo/x");
    expect(200, "{\"path\":\"/echo/x\",\"user\":\"-\",\"address\":\"10.0.0.9\"}");
    assert_string_equal(header("Content-Type"), "application/json");
    assert_null(header("Cache-Control"));
    assert_int_equal(strlen(header("X-Request-Id")), 36);
    assert_int_equal(strlen(header("traceparent")), 55);
}

static void test_ids_are_kept(void **state)
{
    (void)state;
    CALL("GET", "/echo/x",
         .headers = {{"X-Request-Id", "my.id_1-2"},
                     {"traceparent", TRACE},
                     {"X-Forwarded-For", "41.90.1.2, 10.0.0.1"}});
    expect(200, "\"address\":\"41.90.1.2\"");
    assert_string_equal(header("X-Request-Id"), "my.id_1-2");
    assert_memory_equal(header("traceparent"), TRACE, 35);
    assert_memory_not_equal(header("traceparent") + 36, TRACE + 36, 16);
    CALL("GET", "/echo/x", .headers = {{"X-Request-Id", "a\"b"}, {"X-Forwarded-For", "<script>"}});
    expect(200, "\"address\":\"10.0.0.9\"");
    assert_string_not_equal(header("X-Request-Id"), "a\"b");
}

static void test_wrong_places(void **state)
{
    (void)state;
    CALL("GET", "/nowhere");
    expect(404, "\"type\":\"/problems/not-found\"");
    assert_string_equal(header("Content-Type"), "application/problem+json");
    assert_non_null(header("X-Request-Id"));
    CALL("DELETE", "/notes");
    expect(405, NULL);
    assert_string_equal(header("Allow"), "GET, HEAD, POST, OPTIONS");
    CALL("OPTIONS", "/notes/n1");
    expect(204, NULL);
    assert_string_equal(header("Allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
    assert_null(header("Content-Type"));
    CALL("HEAD", "/notes/n1");
    expect(200, NULL);
    CALL("GET", "/notes/n1/");
    expect(200, "first");
}

static void test_refusal_of_the_server(void **state)
{
    (void)state;
    const struct http_request request = {.arena = arena, .refusal = &problem_head_too_large};
    answer = (struct http_response){0};
    service_handle(&app, &request, &answer);
    expect(431, "/problems/head-too-large");
}

// --- Who calls ---------------------------------------------------------------------------------------
static void test_access(void **state)
{
    (void)state;
    CALL("GET", "/mine");
    expect(401, NULL);
    assert_non_null(header("WWW-Authenticate"));
    CALL("GET", "/mine", .headers = {{"Authorization", bearer(false, 60)}});
    expect(200, "\"user\":\"u1\"");
    assert_string_equal(header("Cache-Control"), "no-store");
    CALL("GET", "/admin", .headers = {{"Authorization", bearer(false, 60)}});
    expect(403, NULL);
    CALL("GET", "/admin", .headers = {{"Authorization", bearer(true, 61)}});
    expect(200, NULL);
    CALL("GET", "/private");
    assert_string_equal(header("Cache-Control"), "no-store");
}

static void test_bad_token_stops_only_where_one_is_needed(void **state)
{
    (void)state;
    CALL("GET", "/mine", .headers = {{"Authorization", bearer(false, -1)}});
    expect(401, NULL);
    CALL("GET", "/echo/x", .headers = {{"Authorization", bearer(false, -1)}});
    expect(200, "\"user\":\"-\"");
    CALL("GET", "/nowhere", .headers = {{"Authorization", "Bearer x"}});
    expect(404, NULL);
}

// --- Input -------------------------------------------------------------------------------------------
static void test_query(void **state)
{
    (void)state;
    CALL("GET", "/echo/x", "a=1&b=2");
    expect(422, "\"pointer\":\"?a\"");
    expect(422, "\"pointer\":\"?b\"");
    CALL("GET", "/notes", "q=%zz");
    expect(400, NULL);
    CALL("GET", "/notes", "q=a+b&page=2&per_page=7");
    expect(200, "\"page\":2,\"per_page\":7");
    CALL("GET", "/notes", "per_page=101");
    expect(422, "\"pointer\":\"?per_page\"");
    CALL("GET", "/notes", "per_page=0");
    expect(422, NULL);
    CALL("GET", "/notes", "&&");
    expect(200, NULL);
    struct text_buffer many = text_buffer(arena);
    for (int i = 0; i < 70; i++) text_add(&many, "q=1&");
    CALL("GET", "/notes", text_take(&many));
    expect(400, NULL);
}

static void test_body(void **state)
{
    (void)state;
    CALL("POST", "/notes", .body = "{\"title\":\"x\"}");
    expect(415, NULL);
    CALL("POST", "/notes", .body = "{\"title\":\"x\"}",
         .headers = {{"Content-Type", "application/json-patch+json"}});
    expect(415, NULL);
    CALL("POST", "/notes", .headers = {JSON});
    expect(400, NULL);
    CALL("POST", "/notes", .body = "{\"title\":", .headers = {JSON});
    expect(400, NULL);
    CALL("POST", "/notes", .body = "[1]", .headers = {JSON});
    expect(400, NULL);
    CALL("POST", "/notes", .body = "{\"titel\":\"x\"}", .headers = {JSON});
    expect(422, "/titel");
    expect(422, "/title");
    CALL("POST", "/small", .body = "{\"title\":\"a bit too long\"}", .headers = {JSON});
    expect(413, NULL);
    CALL("POST", "/optional");
    expect(200, "none");
    CALL("POST", "/optional", .body = "{\"title\":\"given\"}", .headers = {JSON});
    expect(200, "given");
    CALL("PATCH", "/notes/n1", .body = "{}", .headers = {JSON});
    expect(422, NULL);
    assert_int_equal(runs, 0);
}

// --- Transactions --------------------------------------------------------------------------------------
static void test_write_is_committed_with_its_trace(void **state)
{
    (void)state;
    CALL("POST", "/notes", .body = "{\"title\":\"x\"}", .headers = {JSON, {"traceparent", TRACE}});
    expect(201, "made");
    assert_string_equal(sql("SELECT title FROM notes WHERE id = 'x'"), "x");
    assert_string_equal(sql("SELECT traceparent FROM outbox"), header("traceparent"));
}

static void test_refused_write_is_rolled_back(void **state)
{
    (void)state;
    CALL("POST", "/notes", .body = "{\"title\":\"refused\"}", .headers = {JSON});
    expect(409, "No.");
    assert_string_equal(sql("SELECT count(*) FROM notes"), "1");
    CALL("POST", "/notes", .body = "{\"title\":\"kept\"}", .headers = {JSON});
    expect(409, "written down");
    assert_string_equal(sql("SELECT count(*) FROM notes WHERE id = 'kept'"), "1");
}

static void test_retry(void **state)
{
    (void)state;
    CALL("POST", "/retried");
    expect(200, NULL);
    assert_int_equal(runs, 3);
    int tries = 0;
    for (size_t i = 0; i < answer.header_count; i++) tries += strcmp(answer.headers[i].name, "X-Try") == 0;
    assert_int_equal(tries, 1); // what rolled back runs said is not sent
    runs = 0;
    CALL("POST", "/never");
    expect(503, NULL);
    assert_int_equal(runs, 5);
    assert_non_null(header("Retry-After"));
}

static void test_route_with_transactions_of_its_own(void **state)
{
    (void)state;
    CALL("POST", "/slow/n1");
    expect(200, "first");
    assert_string_equal(sql("SELECT title FROM notes WHERE id = 'slow'"), "alone");
    CALL("POST", "/slow/none");
    expect(404, NULL);
}

static void test_idempotency(void **state)
{
    (void)state;
    const struct call first = {"POST", "/notes", .body = "{\"title\":\"once\"}",
                               .headers = {JSON, {"Idempotency-Key", "k1"}}};
    handle(&first);
    expect(201, "made");
    assert_null(header("Idempotent-Replayed"));
    handle(&first);
    expect(201, "made");
    assert_string_equal(header("Idempotent-Replayed"), "true");
    assert_int_equal(runs, 1);
    CALL("POST", "/notes", .body = "{\"title\":\"other\"}", .headers = {JSON, {"Idempotency-Key", "k1"}});
    expect(422, "/problems/idempotency-key-reused");
    // a refusal that is committed is the answer of its key; one that is not leaves the key free
    const struct call kept = {"POST", "/notes", .body = "{\"title\":\"kept\"}",
                              .headers = {JSON, {"Idempotency-Key", "k2"}}};
    handle(&kept);
    expect(409, "written down");
    handle(&kept);
    expect(409, "written down");
    assert_string_equal(header("Idempotent-Replayed"), "true");
    const struct call refused = {"POST", "/notes", .body = "{\"title\":\"refused\"}",
                                 .headers = {JSON, {"Idempotency-Key", "k3"}}};
    handle(&refused);
    handle(&refused);
    expect(409, "No.");
    assert_null(header("Idempotent-Replayed"));
    assert_int_equal(runs, 4);
}

// --- Versions ------------------------------------------------------------------------------------------
static void test_etag(void **state)
{
    (void)state;
    CALL("GET", "/notes/n1");
    const char *etag = header("ETag");
    assert_non_null(etag);
    assert_int_equal(strlen(etag), 34);
    CALL("GET", "/notes/n1", .headers = {{"If-None-Match", arena_printf(arena, "\"x\", W/%s", etag)}});
    expect(304, NULL);
    assert_null(answer.body);
    assert_null(header("Content-Type"));
    assert_string_equal(header("ETag"), etag);
    CALL("GET", "/notes/n1", .headers = {{"If-None-Match", "*"}});
    expect(304, NULL);
    CALL("GET", "/notes/n1", .headers = {{"If-None-Match", "\"other\", \"a,b\", \"unfinished"}});
    expect(200, NULL);
    sql("UPDATE notes SET title = 'second'");
    CALL("GET", "/notes/n1", .headers = {{"If-None-Match", etag}});
    expect(200, "second");
    CALL("GET", "/nowhere");
    assert_null(header("ETag"));
}

static void test_if_match(void **state)
{
    (void)state;
    CALL("GET", "/notes/n1");
    const char *etag = header("ETag");
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"b\"}", .headers = {JSON, {"If-Match", "\"other\""}});
    expect(412, "/problems/stale");
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"b\"}",
         .headers = {JSON, {"If-Match", arena_printf(arena, "W/%s", etag)}});
    expect(412, NULL);
    assert_int_equal(runs, 0);
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"b\"}", .headers = {JSON, {"If-Match", etag}});
    expect(200, "\"b\"");
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"c\"}", .headers = {JSON, {"If-Match", etag}});
    expect(412, NULL);
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"d\"}", .headers = {JSON, {"If-Match", "*"}});
    expect(200, "\"d\"");
    CALL("DELETE", "/notes/none", .headers = {{"If-Match", "*"}});
    expect(404, NULL);
    CALL("DELETE", "/notes/n1", .headers = {{"If-Match", etag}});
    expect(412, NULL);
    CALL("DELETE", "/notes/n1");
    expect(204, NULL);
    assert_string_equal(sql("SELECT count(*) FROM notes"), "0");
}

// The other writer comes between the check and the change: the change is refused, not lost.
static void test_if_match_under_race(void **state)
{
    (void)state;
    CALL("GET", "/notes/n1");
    CALL("PATCH", "/notes/n1", .body = "{\"title\":\"raced\"}",
         .headers = {JSON, {"If-Match", header("ETag")}});
    expect(412, NULL);
    assert_int_equal(runs, 1);
    assert_string_equal(sql("SELECT title FROM notes"), "other");
}

// --- Trouble ---------------------------------------------------------------------------------------------
static void test_out_of_memory(void **state)
{
    (void)state;
    CALL("GET", "/memory");
    expect(503, "/problems/unavailable");
}

static void test_bug_tells_nothing(void **state)
{
    (void)state;
    CALL("GET", "/bug");
    expect(500, "/problems/internal");
    assert_null(strstr(answer.body, "secret"));
}

static void test_requests_are_counted(void **state)
{
    (void)state;
    CALL("GET", "/echo/a");
    CALL("GET", "/echo/b");
    CALL("GET", "/echo/b", "x=1");
    CALL("GET", "/nowhere/1");
    struct text_buffer out = text_buffer(arena);
    metrics_print(app.metrics, &out);
    const char *text = text_take(&out);
    assert_non_null(
        strstr(text, "http_requests_total{method=\"GET\",route=\"/echo/{name}\",status=\"422\"}"));
    assert_non_null(strstr(text, "http_requests_total{method=\"-\",route=\"-\",status=\"404\"}"));
    assert_non_null(
        strstr(text, "http_request_duration_seconds_count{method=\"GET\",route=\"/echo/{name}\"}"));
    assert_null(strstr(text, "/nowhere"));
}

static void test_health_on_the_main_port(void **state)
{
    (void)state;
    CALL("GET", "/health/liveness");
    expect(200, "alive");
    CALL("GET", "/health/readiness");
    expect(503, "\"start\"");
    CALL("POST", "/health/liveness");
    expect(404, NULL);
}

// --- Hooks -------------------------------------------------------------------------------------------------
static int after_calls;

static bool before_hook(struct request *rq, struct response *rs, struct error *err)
{
    assert_int_equal(rs->status, 0);
    response_header(rs, "X-Before", "1");
    if (strcmp(rq->path, "/limited") == 0) return error_set(err, &problem_rate_limited, NULL);
    if (strcmp(rq->path, "/preflight") == 0) rs->status = 204;
    if (text_starts_with(rq->path, "/api/")) rq->path += 4;
    return true;
}

static void after_hook(struct request *rq, struct response *rs)
{
    (void)rq;
    after_calls++;
    response_header(rs, "X-After", "1");
}

static bool fallback_hook(struct request *rq, struct response *rs, struct error *err)
{
    (void)err;
    assert_false(rq->caller.signed_in);
    rs->status = 202;
    rs->content_type = "text/plain";
    response_json(rs, "elsewhere");
    return true;
}

static void test_hooks(void **state)
{
    (void)state;
    struct service hooked = notes;
    hooked.before = before_hook;
    hooked.after = after_hook;
    hooked.fallback = fallback_hook;
    app.service = &hooked;
    after_calls = 0;
    CALL("GET", "/limited");
    expect(429, NULL);
    assert_string_equal(header("X-Before"), "1");
    CALL("GET", "/preflight");
    expect(204, NULL);
    CALL("GET", "/api/notes/n1");
    expect(200, "first");
    CALL("PUT", "/elsewhere", "a=%zz", .headers = {{"Authorization", "Bearer expired"}});
    expect(202, "elsewhere");
    assert_string_equal(header("Content-Type"), "text/plain");
    assert_null(header("ETag"));
    assert_null(header("Cache-Control"));
    CALL("POST", "/api/notes/n1");
    expect(405, NULL);
    assert_string_equal(header("X-Before"), "1");
    assert_string_equal(header("X-After"), "1");
    assert_int_equal(after_calls, 5);
}

static void test_database_away(void **state)
{
    (void)state;
    test_database_allow(&database, false);
    CALL("GET", "/notes/n1");
    test_database_allow(&database, true);
    expect(503, NULL);
    assert_non_null(header("Retry-After"));
    for (int i = 0; i < 100 && answer.status != 200; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        CALL("GET", "/notes/n1");
    }
    expect(200, "first");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_ids_are_kept),
        TEST(test_wrong_places),
        TEST(test_refusal_of_the_server),
        TEST(test_access),
        TEST(test_bad_token_stops_only_where_one_is_needed),
        TEST(test_query),
        TEST(test_body),
        TEST(test_write_is_committed_with_its_trace),
        TEST(test_refused_write_is_rolled_back),
        TEST(test_retry),
        TEST(test_route_with_transactions_of_its_own),
        TEST(test_idempotency),
        TEST(test_etag),
        TEST(test_if_match),
        TEST(test_if_match_under_race),
        TEST(test_out_of_memory),
        TEST(test_bug_tells_nothing),
        TEST(test_requests_are_counted),
        TEST(test_health_on_the_main_port),
        TEST(test_hooks),
        TEST(test_database_away),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
