// SPDX-License-Identifier: MIT
// Whole requests through the gateway, as the HTTP server hands them in, with real servers behind.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "compress.h"
#include "gateway.h"
#include "jose.h"
#include "unlock.h"

#define ISSUER "https://test.example"

// What a service behind answers: by path, first row that fits.
struct canned {
    const char *path;
    int status;
    const char *body;
};
struct peer {
    struct http_server *server;
    const struct canned *answers;
    atomic_int count, delay_ms;
    char seen[2048]; // request line and headers of the last request
    char address[64];
};

static const char long_list[] =
    "{\"housegirls\":[{\"id\":\"w1\",\"created_at\":\"2026-01-02T00:00:00.000Z\",\"bio\":\"" // over 1 KiB, below
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg"
    "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
    "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"
    "\"}],\"pagination\":{\"total\":41}}";
static const struct canned auth_answers[] = {
    {"/auth/me", 200, "{\"user\":{\"id\":\"u1\",\"user_type\":\"employer\",\"created_at\":\"2026-01-01T00:00:00.000Z\"}}"},
    {"", 200, "{\"ok\":true}"},
};
static const struct canned profiles_answers[] = {
    {"/profiles/me", 200, "{\"id\":\"p1\",\"updated_at\":\"2026-01-03T00:00:00.000Z\"}"},
    {"/housegirls/none", 404, "{\"status\":404}"},
    {"/housegirls", 200, long_list},
    {"", 201, "{\"id\":\"new\"}"},
};

static struct peer auth_peer = {.answers = auth_answers}, profiles_peer = {.answers = profiles_answers};
static struct gateway_settings settings;
static struct service service;
static struct app app;
static struct jose_key *key;
static struct arena *arena; // of the running test

static void peer_handle(void *state, const struct http_request *request, struct http_response *response)
{
    struct peer *peer = state;
    atomic_fetch_add(&peer->count, 1);
    char seen[sizeof peer->seen];
    int at = snprintf(seen, sizeof seen, "%s %s?%s\n", request->method, request->path,
                      request->query ? request->query : "");
    for (size_t i = 0; i < request->header_count && at < (int)sizeof seen; i++) {
        at += snprintf(seen + at, sizeof seen - (size_t)at, "%s: %s\n", request->headers[i].name,
                       request->headers[i].value);
    }
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    memcpy(peer->seen, seen, sizeof seen);
    pthread_mutex_unlock(&lock);
    const struct canned *answer = peer->answers;
    while (strncmp(request->path, answer->path, strlen(answer->path)) != 0) answer++;
    response->status = answer->status;
    response->body = answer->body; // as it was when the request came
    response->body_length = strlen(answer->body);
    http_response_header(response, "Content-Type", "application/json");
    if (answer->status == 200) http_response_header(response, "ETag", "\"v1\"");
    if (atomic_load(&peer->delay_ms)) usleep((useconds_t)atomic_load(&peer->delay_ms) * 1000);
}

static void peer_start(struct peer *peer)
{
    struct error err = {0};
    const struct http_server_config config = {.host = "127.0.0.1", .threads = 16, .workers = 16,
                                              .queue_timeout_ms = 1000, .body_limit_bytes = 65536,
                                              .head_timeout_ms = 2000, .body_timeout_ms = 2000, .idle_timeout_ms = 2000};
    peer->server = http_server_start(&config, peer_handle, peer, &err);
    if (!peer->server) fail_msg("%s", err.cause);
    snprintf(peer->address, sizeof peer->address, "http://127.0.0.1:%d", http_server_port(peer->server));
}

static void app_start(void)
{
    struct error err = {0};
    service = (struct service){.name = "gateway", .routes = gateway_routes, .settings = gateway_settings,
                               .broadcasts = gateway_broadcasts, .before = gateway_before,
                               .after = gateway_after, .fallback = unlock_or_forward};
    app = (struct app){.service = &service, .settings = &settings, .clock = &clock_system, .metrics = metrics_new()};
    app.config.http_workers = 16;
    app.config.request_memory_bytes = 16 << 20;
    app.config.body_limit_bytes = 1 << 20;
    app.identity = identity_new(&(struct identity_config){.issuer = ISSUER, .audience = "test", .cache_entries = 64,
                                                          .skew_s = 0, .clock = &clock_system});
    assert_true(identity_add_key(app.identity, jose_key_json(arena, key, false), &err));
    if (!gateway_start(&app, &err)) fail_msg("%s %s", err.detail, err.cause);
}

static void app_stop(void)
{
    gateway_stop(&app);
    identity_free(app.identity);
    metrics_free(app.metrics);
}

static int setup(void **state)
{
    (void)state;
    struct error err = {0};
    arena = arena_new(16 << 20);
    key = jose_key_generate(&err);
    peer_start(&auth_peer);
    peer_start(&profiles_peer);
    settings = (struct gateway_settings){
        .upstream = {[UPSTREAM_AUTH] = auth_peer.address, [UPSTREAM_PROFILES] = profiles_peer.address, [UPSTREAM_AGENCIES] = "", [UPSTREAM_PAYMENTS] = ""},
        .upstream_connections = 8, .upstream_connect_timeout_ms = 300, .upstream_queue_ms = 50,
        .upstream_answer_limit_bytes = 1 << 20, .breaker_failures = 3, .breaker_open_ms = 100,
        .aggregate_timeout_ms = 400, .cors_origins = "https://app.example.com", .trusted_proxies = "10.0.0.0/8",
        .rate_entries = 1024, .cache_bytes = 8 << 20, .cache_ttl_ms = 30000, .schemas_dir = "", .docs_dir = ""};
    settings.rate[LIMIT_REGISTER] = 2;
    settings.rate[LIMIT_ACCOUNT] = 3;
    app_start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    app_stop();
    http_server_stop(auth_peer.server, 1000);
    http_server_stop(profiles_peer.server, 1000);
    jose_key_free(key);
    arena_free(arena);
    return 0;
}

static int before_each(void **state)
{
    (void)state;
    atomic_store(&auth_peer.count, 0);
    atomic_store(&profiles_peer.count, 0);
    atomic_store(&auth_peer.delay_ms, 0);
    atomic_store(&profiles_peer.delay_ms, 0);
    struct gateway *gateway = app.state;
    cache_drop(gateway->cache);
    return 0;
}

// One request; headers are name, value pairs up to NULL.
static struct http_response send_(const char *method, const char *target, const char *body, ...)
{
    struct http_header headers[16];
    size_t count = 0;
    va_list pairs;
    va_start(pairs, body);
    for (const char *name; (name = va_arg(pairs, const char *));) {
        headers[count++] = (struct http_header){name, va_arg(pairs, const char *)};
    }
    va_end(pairs);
    if (body) headers[count++] = (struct http_header){"Content-Type", "application/json"};
    char *path = arena_strdup(arena, target);
    char *query = strchr(path, '?');
    if (query) *query++ = '\0';
    const struct http_request request = {.method = method, .path = path, .query = query, .headers = headers,
                                         .header_count = count, .remote_address = "192.0.2.7", .body = body ? body : "",
                                         .body_length = body ? strlen(body) : 0, .arena = arena};
    struct http_response response = {0};
    service_handle(&app, &request, &response);
    return response;
}
#define send(method, target, ...) send_(method, target, __VA_ARGS__, (const char *)NULL)
#define get(...) send_("GET", __VA_ARGS__, (const char *)NULL)

static const char *header(const struct http_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcasecmp(response->headers[i].name, name) == 0) return response->headers[i].value;
    }
    return "";
}

static json_t *body_of(const struct http_response *response)
{
    json_t *body = response->body ? json_loadb(response->body, response->body_length, 0, NULL) : NULL;
    if (!body) fail_msg("no JSON: %.*s", (int)response->body_length, response->body ? response->body : "");
    return body;
}

static void assert_problem(const struct http_response *response, int status, const char *slug)
{
    json_t *body = body_of(response);
    assert_int_equal(response->status, status);
    assert_non_null(strstr(json_string_value(json_object_get(body, "type")), slug));
    json_decref(body);
}

static const char *bearer_of(const char *user, const char *type)
{
    struct error err = {0};
    const int64_t now_s = clock_now_ms(&clock_system) / 1000;
    json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:s}", "iss", ISSUER, "aud", "test", "sub", user,
                               "sid", "s1", "user_type", type, "adm", 0, "iat", (json_int_t)now_s, "exp",
                               (json_int_t)(now_s + 600), "jti", user);
    char *token = NULL;
    if (!jose_sign(key, "at+jwt", claims, arena, &token, &err)) fail_msg("%s", err.cause);
    json_decref(claims);
    return arena_printf(arena, "Bearer %s", token);
}

static void requests_reach_their_service_clean(void **state)
{
    (void)state;
    const char *token = bearer_of("u1", "employer");
    struct http_response response =
        send("POST", "/api/auth/logout?all=1", "{}", "Authorization", token, "X-Forwarded-For", "6.6.6.6", "X-User-Id", "admin",
             "X-Real-IP", "6.6.6.6", "Connection", "keep-alive, X-Hop", "X-Hop", "1", "Idempotency-Key", "k1");
    assert_int_equal(response.status, 200);
    assert_string_equal(header(&response, "Content-Type"), "application/json");
    assert_non_null(strstr(auth_peer.seen, "POST /auth/logout?all=1\n"));
    assert_non_null(strstr(auth_peer.seen, arena_printf(arena, "Authorization: %s\n", token)));
    assert_non_null(strstr(auth_peer.seen, "X-Forwarded-For: 192.0.2.7\n"));
    assert_non_null(strstr(auth_peer.seen, "Idempotency-Key: k1\n"));
    assert_non_null(strstr(auth_peer.seen, "traceparent: 00-"));
    assert_non_null(strstr(auth_peer.seen, "X-Request-Id: "));
    assert_null(strstr(auth_peer.seen, "6.6.6.6"));
    assert_null(strcasestr(auth_peer.seen, "X-User-Id"));
    assert_null(strcasestr(auth_peer.seen, "X-Hop"));
}

static void paths_lead_where_the_table_says(void **state)
{
    (void)state;
    struct http_response response = get("/auth/me", NULL);
    assert_problem(&response, 404, "not-found");
    response = get("/api/nothing", NULL);
    assert_problem(&response, 404, "not-found");
    response = get("/api", NULL);
    assert_problem(&response, 404, "not-found");
    response = get("/verify-email", NULL); // as a mail's link, where no site stands before the gateway
    assert_problem(&response, 404, "not-found");
    assert_non_null(strstr(response.body, "POST /api/auth/verify-email"));
    response = get("/reset-password", NULL);
    assert_problem(&response, 404, "not-found");
    assert_non_null(strstr(response.body, "POST /api/auth/password-reset/confirm"));
    static const char *const crooked[] = {"/api/photos/../admin/users", "/api/photos/%2e%2e/x", "/api//auth/me",
                                          "/api/photos/..", "/api/photos/a%2fb", "/api/photos\\x"};
    for (size_t i = 0; i < COUNT_OF(crooked); i++) {
        response = get(crooked[i], NULL);
        assert_problem(&response, 400, "malformed");
    }
    response = get("/api/payments/packages", NULL);
    assert_problem(&response, 503, "not-available-yet");
    response = send("POST", "/api/me", "{}");
    assert_problem(&response, 405, "method-not-allowed");
    // the gateway adds to one method of this path; the others are payments' all the same
    response = get("/api/payments/contact-access?page=2", NULL);
    assert_problem(&response, 503, "not-available-yet");
    response = send("POST", "/api/payments/contact-access", "{}");
    assert_problem(&response, 503, "not-available-yet");
    assert_int_equal(atomic_load(&auth_peer.count), 0);
    response = get("/.well-known/jwks.json", NULL);
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(auth_peer.seen, "GET /.well-known/jwks.json?"));
}

static void bodies_are_bounded_by_prefix(void **state)
{
    (void)state;
    char *big = arena_alloc(arena, 300 * 1024);
    memset(big, 'x', 300 * 1024 - 1);
    struct http_response response = send("POST", "/api/auth/login", big);
    assert_problem(&response, 413, "too-large");
    assert_int_equal(atomic_load(&auth_peer.count), 0);
}

static void bad_tokens_stop_at_the_door_but_not_at_sign_in(void **state)
{
    (void)state;
    struct http_response response = get("/api/profiles/me", NULL, "Authorization", "Bearer nonsense");
    assert_problem(&response, 401, "unauthenticated");
    assert_int_equal(atomic_load(&profiles_peer.count), 0);
    response = send("POST", "/api/auth/refresh", "{}", "Authorization", "Bearer expired");
    assert_int_equal(response.status, 200);
    assert_null(strstr(auth_peer.seen, "Authorization"));
    response = send("POST", "/api/auth/firebase", "{}", "Authorization", "Bearer of-firebase");
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(auth_peer.seen, "Authorization: Bearer of-firebase"));

    const char *token = bearer_of("gone", "employer");
    response = get("/api/profiles/me", NULL, "Authorization", token);
    assert_int_equal(response.status, 200);
    assert_string_equal(header(&response, "Cache-Control"), "no-store");
    identity_revoke(app.identity, "gone", NULL, clock_now_ms(&clock_system) + 5000);
    response = get("/api/profiles/me", NULL, "Authorization", token);
    assert_problem(&response, 401, "unauthenticated");
    assert_int_equal(atomic_load(&profiles_peer.count), 1);
}

static void anonymous_reads_are_kept_until_a_write(void **state)
{
    (void)state;
    struct http_response response = get("/api/housegirls/?page=1&county=Kiambu", NULL);
    assert_string_equal(header(&response, "X-Cache"), "miss");
    response = get("/api/housegirls?county=Kiambu&page=1", NULL);
    assert_string_equal(header(&response, "X-Cache"), "hit");
    assert_string_equal(response.body, long_list);
    assert_string_equal(header(&response, "ETag"), "\"v1\"");
    response = send("HEAD", "/api/housegirls?county=Kiambu&page=1", NULL);
    assert_string_equal(header(&response, "X-Cache"), "hit");
    assert_int_equal(atomic_load(&profiles_peer.count), 1);

    response = get("/api/housegirls?county=Kiambu&page=1", NULL, "Authorization", bearer_of("u1", "employer"));
    assert_string_equal(header(&response, "X-Cache"), "");
    assert_int_equal(atomic_load(&profiles_peer.count), 2);

    response = send("POST", "/api/housegirls", "{}", "Authorization", bearer_of("w1", "housegirl"));
    assert_int_equal(response.status, 200);
    response = get("/api/housegirls?county=Kiambu&page=1", NULL);
    assert_string_equal(header(&response, "X-Cache"), "miss");
    assert_string_equal(header(&response, "Vary"), "Authorization, Origin, Accept-Encoding");
    assert_true(gateway_broadcasts[0].handler(&app, &(struct event){0}, &(struct error){0}));
    response = get("/api/housegirls?county=Kiambu&page=1", NULL);
    assert_string_equal(header(&response, "X-Cache"), "miss");
    response = get("/api/housegirls/none", NULL);
    assert_int_equal(response.status, 404);
    response = get("/api/housegirls/none", NULL);
    assert_string_equal(header(&response, "X-Cache"), "miss");
}

static void *slow_read(void *argument)
{
    struct arena *own = arena_new(1 << 20);
    const struct http_request request = {.method = "GET", .path = "/api/housegirls/slow", .remote_address = "192.0.2.8",
                                         .body = "", .arena = own};
    struct http_response response = {0};
    service_handle(&app, &request, &response);
    *(int *)argument = response.status;
    arena_free(own);
    return NULL;
}

static void a_read_that_began_before_a_write_is_not_kept(void **state)
{
    (void)state;
    int status = 0;
    pthread_t thread;
    atomic_store(&profiles_peer.delay_ms, 300);
    assert_int_equal(pthread_create(&thread, NULL, slow_read, &status), 0);
    while (atomic_load(&profiles_peer.count) < 1) usleep(1000);
    atomic_store(&profiles_peer.delay_ms, 0);
    send("PATCH", "/api/profiles/p1", "{}", "Authorization", bearer_of("u1", "employer"));
    pthread_join(thread, NULL);
    assert_int_equal(status, 200);
    struct http_response response = get("/api/housegirls/slow", NULL);
    assert_string_equal(header(&response, "X-Cache"), "miss");
}

static void unchanged_answers_are_304_and_long_ones_compressed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { // a miss, then a hit
        struct http_response response = get("/api/housegirls/w1", NULL, "Accept-Encoding", "br, gzip");
        assert_string_equal(header(&response, "Content-Encoding"), "gzip");
        assert_string_equal(header(&response, "ETag"), "\"v1-gzip\"");
        assert_true(response.body_length < 400);
        response = get("/api/housegirls/w1", NULL, "If-None-Match", i ? "\"v1\"" : "\"v1-gzip\"");
        assert_int_equal(response.status, 304);
        assert_int_equal(response.body_length, 0);
        assert_string_equal(header(&response, "Content-Type"), "");
    }
    send("PATCH", "/api/profiles/p1", "{}", "If-Match", "\"v1-gzip\"", "Authorization", bearer_of("u1", "employer"));
    assert_non_null(strstr(profiles_peer.seen, "If-Match: \"v1\"\n"));
}

static void limits_are_kept_and_explained(void **state)
{
    (void)state;
    struct http_response response = send("POST", "/api/auth/register", "{}");
    assert_int_equal(response.status, 200);
    send("POST", "/api/auth/signup/", "{}");
    response = send("POST", "/api/auth/register", "{}", "X-Forwarded-For", "198.51.100.1");
    assert_problem(&response, 429, "rate-limited");
    assert_string_equal(header(&response, "Retry-After"), "30");
    assert_string_equal(header(&response, "RateLimit-Policy"), "\"register\";q=2;w=60");
    assert_string_equal(header(&response, "RateLimit"), "\"register\";r=0;t=30");
    assert_string_equal(header(&response, "X-Content-Type-Options"), "nosniff");
    assert_int_equal(atomic_load(&auth_peer.count), 2);

    static const char *const spellings[] = {"a@b.ke", "A@b.ke", "  a@B.ke", "a@b.ke "};
    for (int i = 0; i < 4; i++) {
        response = send("POST", "/api/auth/login", arena_printf(arena, "{\"email\":\"%s\"}%5000s", spellings[i], ""));
        assert_int_equal(response.status, i < 3 ? 200 : 429);
    }
    response = send("POST", "/api/auth/login", "{\"email\":\"other@b.ke\"}");
    assert_int_equal(response.status, 200);
}

static void browsers_of_listed_origins_may_read(void **state)
{
    (void)state;
    struct http_response response =
        send("OPTIONS", "/api/housegirls/", NULL, "Origin", "https://app.example.com", "Access-Control-Request-Method", "GET");
    assert_int_equal(response.status, 204);
    assert_string_equal(header(&response, "Access-Control-Allow-Origin"), "https://app.example.com");
    assert_int_equal(atomic_load(&profiles_peer.count), 0);
    response = get("/api/nothing", NULL, "Origin", "https://app.example.com");
    assert_int_equal(response.status, 404);
    assert_string_equal(header(&response, "Access-Control-Allow-Credentials"), "true");
    assert_string_equal(header(&response, "X-Frame-Options"), "DENY");
    response = get("/api/nothing", NULL, "Origin", "https://evil.example.com");
    assert_string_equal(header(&response, "Access-Control-Allow-Origin"), "");
}

static void me_is_one_answer_of_several_services(void **state)
{
    (void)state;
    const char *token = bearer_of("u1", "employer");
    struct http_response response = get("/api/me", NULL, "Authorization", token);
    assert_int_equal(response.status, 200);
    json_t *me = body_of(&response);
    assert_string_equal(json_member_text(json_object_get(me, "user"), "id"), "u1");
    assert_string_equal(json_member_text(json_object_get(me, "profile"), "id"), "p1");
    assert_null(json_object_get(me, "partial"));
    assert_null(json_object_get(me, "credits"));
    json_decref(me);
    assert_string_equal(header(&response, "Cache-Control"), "no-store");
    response = get("/api/me", NULL);
    assert_problem(&response, 401, "unauthenticated");

    static const struct canned none[] = {{"", 404, "{}"}};
    profiles_peer.answers = none;
    response = get("/api/me/", NULL, "Authorization", token);
    profiles_peer.answers = profiles_answers;
    me = body_of(&response);
    assert_true(json_is_null(json_object_get(me, "profile")));
    assert_null(json_object_get(me, "partial"));
    json_decref(me);

    static const struct canned revoked[] = {{"", 401, "{}"}};
    auth_peer.answers = revoked;
    response = get("/api/me", NULL, "Authorization", token);
    auth_peer.answers = auth_answers;
    assert_problem(&response, 401, "unauthenticated");
}

static void a_slow_service_costs_only_its_part(void **state)
{
    (void)state;
    atomic_store(&profiles_peer.delay_ms, 900);
    struct http_response response = get("/api/me", NULL, "Authorization", bearer_of("u1", "employer"));
    assert_int_equal(response.status, 200);
    json_t *me = body_of(&response);
    assert_string_equal(json_member_text(json_object_get(me, "user"), "id"), "u1");
    assert_true(json_is_null(json_object_get(me, "profile")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(me, "partial"), 0)), "profiles");
    json_decref(me);
    usleep(700000); // the peer's delayed answer is over
}

static void the_dashboard_tells_what_is_true(void **state)
{
    (void)state;
    struct http_response response = get("/api/dashboard", NULL, "Authorization", bearer_of("u1", "employer"));
    assert_int_equal(response.status, 200);
    json_t *dashboard = body_of(&response);
    json_t *stats = json_object_get(dashboard, "stats");
    json_t *activity = json_object_get(dashboard, "recent_activity");
    assert_string_equal(json_member_text(json_object_get(dashboard, "user"), "id"), "u1");
    assert_int_equal(json_integer_value(json_object_get(stats, "available_workers")), 41);
    assert_true(json_is_true(json_object_get(stats, "has_profile")));
    assert_int_equal(json_array_size(activity), 3);
    assert_string_equal(json_member_text(json_array_get(activity, 0), "type"), "profile_updated");
    assert_string_equal(json_member_text(json_array_get(activity, 1), "type"), "worker_joined");
    assert_string_equal(json_member_text(json_array_get(activity, 2), "type"), "account_created");
    assert_int_equal(json_array_size(json_object_get(json_object_get(dashboard, "available_data"), "housegirls")), 1);
    json_decref(dashboard);
    response = get("/api/cross-entity/dashboard-data", NULL, "Authorization", bearer_of("u1", "employer"));
    assert_int_equal(response.status, 200);
}

static void documents_are_served_with_their_own_policy(void **state)
{
    (void)state;
    struct http_response response = get("/api/openapi.json", NULL);
    assert_int_equal(response.status, 200);
    json_t *openapi = body_of(&response);
    assert_non_null(json_object_get(json_object_get(openapi, "paths"), "/api/me"));
    json_decref(openapi);
    response = get("/api/docs", NULL);
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(header(&response, "Content-Security-Policy"), "script-src 'self';"));
    assert_null(strstr(response.body, "<script>"));
    response = get("/api/docs/start.js", NULL);
    assert_int_equal(response.status, 200);
    response = get("/api/docs/passwd", NULL);
    assert_problem(&response, 404, "not-found");
    response = get("/api/asyncapi.json", NULL);
    assert_problem(&response, 404, "not-found");
}

static void health_names_the_part_that_is_not_ready(void **state)
{
    (void)state;
    static const struct canned sick[] = {{"", 503, "{}"}};
    usleep(1100000); // the last answer is kept for a second
    struct http_response response = get("/api/health/readiness", NULL);
    json_t *health = body_of(&response);
    assert_int_equal(response.status, 200);
    assert_string_equal(json_member_text(json_object_get(health, "parts"), "profiles"), "ready");
    assert_string_equal(json_member_text(json_object_get(health, "parts"), "payments"), "not_configured");
    json_decref(health);
    profiles_peer.answers = sick;
    usleep(1100000);
    response = get("/health/readiness", NULL);
    profiles_peer.answers = profiles_answers;
    health = body_of(&response);
    assert_int_equal(response.status, 503);
    assert_string_equal(json_member_text(json_object_get(health, "parts"), "auth"), "ready");
    assert_string_equal(json_member_text(json_object_get(health, "parts"), "profiles"), "not_ready");
    json_decref(health);
    response = get("/health/liveness", NULL);
    assert_int_equal(response.status, 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, before_each)
    const struct CMUnitTest tests[] = {
        TEST(requests_reach_their_service_clean),
        TEST(paths_lead_where_the_table_says),
        TEST(bodies_are_bounded_by_prefix),
        TEST(bad_tokens_stop_at_the_door_but_not_at_sign_in),
        TEST(anonymous_reads_are_kept_until_a_write),
        TEST(a_read_that_began_before_a_write_is_not_kept),
        TEST(unchanged_answers_are_304_and_long_ones_compressed),
        TEST(limits_are_kept_and_explained),
        TEST(browsers_of_listed_origins_may_read),
        TEST(me_is_one_answer_of_several_services),
        TEST(a_slow_service_costs_only_its_part),
        TEST(the_dashboard_tells_what_is_true),
        TEST(documents_are_served_with_their_own_policy),
        TEST(health_names_the_part_that_is_not_ready),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
