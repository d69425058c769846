// SPDX-License-Identifier: MIT
// What passes the gateway and what it adds: headers, origins, client addresses, entity tags, gzip;
// and the bundle of OpenAPI documents.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "bundle.h"
#include "compress.h"
#include "cors.h"
#include "headers.h"
#include "proxies.h"
#include "upstreams.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(4 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const char *sent(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(headers[i].name, name) == 0) return headers[i].value;
    }
    return NULL;
}

static void services_get_only_what_the_table_names(void **state)
{
    (void)state;
    const struct http_header hostile[] = {
        {"Host", "evil"},           {"X-Forwarded-For", "9.9.9.9"}, {"X-Forwarded-Host", "evil"}, {"Forwarded", "for=1"},
        {"X-Real-IP", "9.9.9.9"},   {"X-User-Id", "admin"},         {"x-user-type", "admin"},     {"Connection", "X-Secret"},
        {"X-Secret", "1"},          {"TE", "trailers"},             {"Transfer-Encoding", "chunked"}, {"Upgrade", "h2c"},
        {"Content-Length", "10"},   {"authorization", "Bearer t"},  {"content-type", "application/json"},
        {"Idempotency-Key", "k1"},  {"If-Match", "\"1\""},          {"X-Request-Id", "theirs"},
    };
    const struct http_request http = {.headers = hostile, .header_count = COUNT_OF(hostile)};
    const struct request rq = {.http = &http, .request_id = "ours", .traceparent = "00-1", .client_address = "192.0.2.7"};
    struct http_header out[FORWARDED_MAX];
    size_t count = headers_forward(&rq, true, true, out);
    assert_int_equal(count, 7);
    assert_string_equal(sent(out, count, "Authorization"), "Bearer t");
    assert_string_equal(sent(out, count, "Content-Type"), "application/json");
    assert_string_equal(sent(out, count, "Idempotency-Key"), "k1");
    assert_string_equal(sent(out, count, "If-Match"), "\"1\"");
    assert_string_equal(sent(out, count, "X-Request-Id"), "ours");
    assert_string_equal(sent(out, count, "traceparent"), "00-1");
    assert_string_equal(sent(out, count, "X-Forwarded-For"), "192.0.2.7");
    count = headers_forward(&rq, false, false, out);
    assert_null(sent(out, count, "Authorization"));
    assert_null(sent(out, count, "Content-Type"));
}

static void answers_lose_what_belongs_to_the_connection(void **state)
{
    (void)state;
    struct http_header theirs[] = {
        {"Connection", "keep-alive, X-Hop"}, {"Keep-Alive", "timeout=5"}, {"X-Hop", "1"}, {"Transfer-Encoding", "chunked"},
        {"Content-Length", "3"}, {"Server", "civetweb"}, {"Content-Type", "application/json"}, {"ETag", "\"1\""},
        {"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}, {"Access-Control-Allow-Origin", "*"}, {"Link", "<x>; rel=next"},
    };
    const struct http_answer answer = {.status = 200, .headers = theirs, .header_count = COUNT_OF(theirs)};
    struct response rs = {0};
    headers_return(&answer, &rs);
    assert_string_equal(rs.content_type, "application/json");
    assert_int_equal(rs.header_count, 4);
    assert_string_equal(rs.headers[1].value, "a=1");
    assert_string_equal(rs.headers[2].value, "b=2");
    assert_string_equal(response_header_find(&rs, "link"), "<x>; rel=next");
}

static void every_answer_is_hardened_once(void **state)
{
    (void)state;
    const struct http_header token[] = {{"Authorization", "Bearer t"}};
    const struct http_request http = {.method = "GET", .headers = token, .header_count = 1};
    const struct request rq = {.http = &http};
    struct response rs = {.status = 200};
    response_header_set(&rs, "Content-Security-Policy", "default-src 'self'");
    headers_secure(&rq, &rs);
    headers_secure(&rq, &rs);
    assert_int_equal(rs.header_count, 8);
    assert_string_equal(response_header_find(&rs, "Content-Security-Policy"), "default-src 'self'");
    assert_string_equal(response_header_find(&rs, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(response_header_find(&rs, "X-Frame-Options"), "DENY");
    assert_string_equal(response_header_find(&rs, "Cache-Control"), "no-store");
    assert_non_null(response_header_find(&rs, "Strict-Transport-Security"));
    for (int i = 0; i < 100; i++) response_header_set(&rs, i % 2 ? "A" : "B", "1");
    assert_int_equal(rs.header_count, 10);
}

static void origins_are_exact(void **state)
{
    (void)state;
    struct error err = {0};
    struct cors *cors = cors_new("https://app.example.com, http://localhost:5173", &err);
    assert_non_null(cors);
    assert_true(cors_allows(cors, "https://app.example.com"));
    assert_true(cors_allows(cors, "http://localhost:5173"));
    static const char *const others[] = {"https://app.example.com.evil.com", "http://app.example.com", "null", "*", "",
                                         "https://APP.example.com", "https://app.example.com:443", "http://localhost"};
    for (size_t i = 0; i < COUNT_OF(others); i++) assert_false(cors_allows(cors, others[i]));
    assert_false(cors_allows(cors, NULL));

    const struct http_header good[] = {{"Origin", "http://localhost:5173"}, {"Access-Control-Request-Method", "PUT"}};
    const struct http_header bad[] = {{"Origin", "https://evil.com"}, {"Access-Control-Request-Method", "PUT"}};
    struct response rs = {0};
    assert_true(cors_preflight(cors, &(struct http_request){.method = "OPTIONS", .headers = good, .header_count = 2}, &rs));
    cors_answer(cors, &(struct http_request){.method = "OPTIONS", .headers = good, .header_count = 2}, &rs);
    assert_int_equal(rs.status, 204);
    assert_string_equal(response_header_find(&rs, "Access-Control-Allow-Origin"), "http://localhost:5173");
    assert_string_equal(response_header_find(&rs, "Access-Control-Allow-Credentials"), "true");
    assert_non_null(strstr(response_header_find(&rs, "Access-Control-Allow-Methods"), "PUT"));
    struct response refused = {0};
    assert_true(cors_preflight(cors, &(struct http_request){.method = "OPTIONS", .headers = bad, .header_count = 2}, &refused));
    cors_answer(cors, &(struct http_request){.method = "OPTIONS", .headers = bad, .header_count = 2}, &refused);
    assert_int_equal(refused.header_count, 0);
    assert_false(cors_preflight(cors, &(struct http_request){.method = "OPTIONS"}, &rs));
    cors_free(cors);
    assert_null(cors_new("*", &err));
    assert_null(cors_new("https://app.example.com/", &err));
}

static const char *client(const char *trusted, const char *peer, const char *chain, const char *second)
{
    struct error err = {0};
    const struct http_header headers[] = {{"X-Forwarded-For", chain}, {"x-forwarded-for", second}};
    const struct http_request http = {.remote_address = peer, .headers = headers,
                                      .header_count = second ? 2 : chain ? 1 : 0};
    struct proxies *proxies = proxies_new(trusted, &err);
    assert_non_null(proxies);
    const char *found = proxies_client(proxies, &http, arena);
    proxies_free(proxies);
    return found;
}

static void only_a_trusted_proxy_names_the_client(void **state)
{
    (void)state;
    assert_string_equal(client("", "203.0.113.5", "1.1.1.1", NULL), "203.0.113.5");
    assert_string_equal(client("10.0.0.0/8", "203.0.113.5", "1.1.1.1", NULL), "203.0.113.5");
    assert_string_equal(client("10.0.0.0/8", "10.1.2.3", NULL, NULL), "10.1.2.3");
    assert_string_equal(client("10.0.0.0/8", "10.1.2.3", "6.6.6.6, 198.51.100.9", NULL), "198.51.100.9");
    assert_string_equal(client("10.0.0.0/8", "10.1.2.3", "6.6.6.6, 198.51.100.9, 10.9.9.9", NULL), "198.51.100.9");
    assert_string_equal(client("10.0.0.0/8", "10.1.2.3", "6.6.6.6", "198.51.100.9"), "198.51.100.9");
    assert_string_equal(client("10.0.0.0/8", "10.1.2.3", "<script>", NULL), "10.1.2.3");
    assert_string_equal(client("10.0.0.0/8", "10.1.2.3", "1.2.3.4, junk", NULL), "10.1.2.3");
    assert_string_equal(client("10.0.0.0/8, ::1", "::1", "2001:db8::5", NULL), "2001:db8::5");
    assert_string_equal(client("127.0.0.1", "::ffff:127.0.0.1", "192.0.2.9", NULL), "192.0.2.9");
    assert_string_equal(client("172.16.0.0/12", "172.31.255.255", "192.0.2.9", NULL), "192.0.2.9");
    assert_string_equal(client("172.16.0.0/12", "172.32.0.0", "192.0.2.9", NULL), "172.32.0.0");
    struct error err = {0};
    assert_null(proxies_new("10.0.0.0/33", &err));
    assert_null(proxies_new("proxy.local", &err));
    char network[ADDRESS_SIZE];
    address_network("2001:db8:1:2:3:4:5:6", network);
    assert_string_equal(network, "2001:db8:1:2::");
    address_network("192.0.2.9", network);
    assert_string_equal(network, "192.0.2.9");
}

static void gzip_is_sent_to_who_takes_it(void **state)
{
    (void)state;
    assert_true(gzip_accepted("gzip"));
    assert_true(gzip_accepted("br;q=1.0, GZIP;q=0.5"));
    assert_true(gzip_accepted("*"));
    assert_false(gzip_accepted("gzip;q=0, *"));
    assert_false(gzip_accepted("gzip; q=0.0"));
    assert_true(gzip_accepted("gzip;q=0.001"));
    assert_false(gzip_accepted("br, identity"));
    assert_false(gzip_accepted("xgzip"));
    assert_false(gzip_accepted(NULL));
    assert_false(gzip_worthwhile("image/jpeg", 100000));
    assert_false(gzip_worthwhile("application/json", 1024));
    assert_true(gzip_worthwhile("application/json; charset=utf-8", 1025));

    char body[5000], back[5001];
    for (size_t i = 0; i < sizeof body; i++) body[i] = "{\"id\":7}"[i % 8];
    const char *gzip;
    size_t length;
    assert_true(gzip_body(arena, body, sizeof body, 1, &gzip, &length));
    assert_true(length < 200);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)gzip, .avail_in = (uInt)length, .next_out = (Bytef *)back,
                       .avail_out = sizeof back};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, sizeof body);
    assert_memory_equal(back, body, sizeof body);
    inflateEnd(&stream);
}

static void entity_tags_tell_the_forms_apart(void **state)
{
    (void)state;
    assert_string_equal(etag_of_gzip(arena, "\"abc\""), "\"abc-gzip\"");
    assert_string_equal(etag_plain(arena, "\"abc-gzip\", W/\"x-gzip\", \"y\""), "\"abc\", W/\"x\", \"y\"");
    assert_true(etag_matches(arena, "\"abc\"", "\"abc\""));
    assert_true(etag_matches(arena, "\"abc-gzip\"", "\"abc\""));
    assert_true(etag_matches(arena, "\"no\", W/\"abc\"", "\"abc-gzip\""));
    assert_true(etag_matches(arena, "*", "\"abc\""));
    assert_false(etag_matches(arena, "\"ab\"", "\"abc\""));
    assert_false(etag_matches(arena, "abc", "\"abc\""));
    assert_false(etag_matches(arena, "\"abc", "\"abc\""));
    assert_false(etag_matches(arena, "", "\"abc\""));
}

static void prefixes_end_at_a_segment(void **state)
{
    (void)state;
    assert_int_equal(upstream_route_find("GET", "/auth/login")->rate, LIMIT_LOGIN);
    assert_int_equal(upstream_route_find("GET", "/auth/login/")->rate, LIMIT_LOGIN);
    assert_int_equal(upstream_route_find("GET", "/auth/loginx")->rate, LIMIT_DEFAULT);
    assert_int_equal(upstream_route_find("GET", "/auth/me")->rate, LIMIT_DEFAULT);
    assert_int_equal(upstream_route_find("DELETE", "/auth/me/")->rate, LIMIT_LOGIN); // a password is hashed for it
    assert_int_equal(upstream_route_find("GET", "/auth/password-reset/confirm")->rate, LIMIT_RESET);
    assert_true(upstream_route_find("GET", "/housegirls/5f23")->cached);
    assert_int_equal(upstream_route_find("GET", "/admin/housegirls/1/verify")->service, UPSTREAM_PROFILES);
    assert_int_equal(upstream_route_find("GET", "/admin/users")->service, UPSTREAM_AUTH);
    assert_int_equal(upstream_route_find("GET", "/me/erasure/1")->service, UPSTREAM_AUTH);
    assert_int_equal(upstream_route_find("GET", "/payments/packages")->service, UPSTREAM_PAYMENTS);
    assert_null(upstream_route_find("GET", "/authx"));
    assert_null(upstream_route_find("GET", "/admin"));
    assert_null(upstream_route_find("GET", "/me"));
    assert_null(upstream_route_find("GET", "/"));
}

static json_t *document(const char *path, const char *type)
{
    return json_pack("{s:{s:{s:{s:{s:s}}}}, s:{s:{s:{s:s}, s:{s:{s:s}}}}}", "paths", path, "get", "schema", "$ref",
                     "#/components/schemas/item", "components", "schemas", "item", "type", type, "list", "items", "$ref",
                     "#/components/schemas/item");
}

static void documents_become_one_without_mixing_up_names(void **state)
{
    (void)state;
    struct error err = {0};
    (void)err;
    json_t *bundle = bundle_new();
    json_t *first = document("/a", "string"), *second = document("/b", "object"), *third = document("/c", "string");
    bundle_add(bundle, "auth", first);
    bundle_add(bundle, "profiles", second);
    bundle_add(bundle, "agencies", third);
    json_t *paths = json_object_get(bundle, "paths");
    json_t *schemas = json_object_get(json_object_get(bundle, "components"), "schemas");
    assert_int_equal(json_object_size(paths), 3);
    assert_int_equal(json_object_size(schemas), 4); // item, list and those of profiles
    const char *ref;
    assert_int_equal(json_unpack(paths, "{s:{s:{s:{s:s}}}}", "/a", "get", "schema", "$ref", &ref), 0);
    assert_string_equal(ref, "#/components/schemas/item");
    assert_int_equal(json_unpack(paths, "{s:{s:{s:{s:s}}}}", "/b", "get", "schema", "$ref", &ref), 0);
    assert_string_equal(ref, "#/components/schemas/profiles_item");
    assert_int_equal(json_unpack(schemas, "{s:{s:{s:s}}}", "profiles_list", "items", "$ref", &ref), 0);
    assert_string_equal(ref, "#/components/schemas/profiles_item");
    json_decref(first);
    json_decref(second);
    json_decref(third);
    json_decref(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_get_only_what_the_table_names),
        cmocka_unit_test(answers_lose_what_belongs_to_the_connection),
        cmocka_unit_test(every_answer_is_hardened_once),
        cmocka_unit_test(origins_are_exact),
        cmocka_unit_test(only_a_trusted_proxy_names_the_client),
        cmocka_unit_test(gzip_is_sent_to_who_takes_it),
        cmocka_unit_test(entity_tags_tell_the_forms_apart),
        cmocka_unit_test(prefixes_end_at_a_segment),
        cmocka_unit_test(documents_become_one_without_mixing_up_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
