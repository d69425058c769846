// SPDX-License-Identifier: MIT
// Connections nobody should make: heads out of order and out of bounds, bodies with two lengths, chunks that are none, senders
// and readers that take their time, and line breaks wherever one might be taken for a line of ours.
#include "hostile.h"
#include "raw_socket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "json.h"
#include "text.h"

#define ALIVE "GET /health/liveness HTTP/1.1\r\n" RAW_HOST
#define LOGIN "POST /api/auth/login HTTP/1.1\r\n" RAW_HOST "Content-Type: application/json\r\n"
#define SMUGGLED ALIVE "X-Request-Id: smuggled\r\n\r\n"

static int the_gateway_is_up(void **state)
{
    if (story_setup(state) != 0) return -1;
    note_service_starts();
    return 0;
}

static void expect_raw_problem(const struct raw_answer *answer, int status, const char *what)
{
    if (answer->status != status) fail_msg("%s was answered %d, expected %d: %s", what, answer->status, status, answer->body ? answer->body : "nothing");
    CLEANUP(json_release) json_t *body = json_loadb(answer->body, answer->body_length, 0, NULL);
    if (!text_equal(raw_header(answer, "Content-Type"), "application/problem+json") || !body) fail_msg("%s: no problem+json: %s", what, answer->body);
    assert_int_equal(json_integer_value(json_object_get(body, "status")), status);
    assert_string_equal(json_member_text(body, "error"), json_member_text(body, "detail"));
    assert_non_null(raw_header(answer, "X-Request-Id"));
    assert_string_equal(raw_header(answer, "X-Content-Type-Options"), "nosniff");
}

// Somebody new is served.
static void expect_alive(void)
{
    bool more;
    struct raw_answer answer = raw_ask(ALIVE "\r\n", strlen(ALIVE "\r\n"), &more);
    assert_int_equal(answer.status, 200);
}

// --- Heads ---------------------------------------------------------------------------------------------

// Each is refused, the connection ends, and the request behind it is never taken for one.
static void heads_out_of_order_are_refused(void **state)
{
    (void)state;
    static const struct { int status; const char *name, *bytes; } heads[] = {
        {400, "both lengths", LOGIN "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "both lengths, the other way", LOGIN "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
        {400, "the same length twice", LOGIN "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"},
        {400, "two lengths", LOGIN "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}"},
        {400, "a list of lengths", LOGIN "Content-Length: 2, 2\r\n\r\n{}"},
        {400, "a negative length", LOGIN "Content-Length: -1\r\n\r\n{}"},
        {400, "a length in hex", LOGIN "Content-Length: 0x2\r\n\r\n{}"},
        {400, "a length beyond all", LOGIN "Content-Length: 18446744073709551618\r\n\r\n{}"},
        {413, "a length beyond the limit", LOGIN "Content-Length: 999999999999999\r\n\r\n{}"},
        {400, "chunked twice", LOGIN "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "another coding", LOGIN "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        {400, "a coding that is almost one", LOGIN "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
        {400, "a blank before the colon", LOGIN "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
        {400, "chunks in HTTP/1.0", "POST /api/auth/login HTTP/1.0\r\n" RAW_HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "a folded line", ALIVE "X: a\r\n Content-Length: 5\r\n\r\n"},
        {400, "bare line feeds", "GET /health/liveness HTTP/1.1\nHost: x\n\n"},
        {400, "a line without a colon", ALIVE "nonsense\r\n\r\n"},
        {400, "a header without a name", ALIVE ": x\r\n\r\n"},
        {400, "a control character", ALIVE "X: a\x01\r\n\r\n"},
        {400, "no host", "GET /health/liveness HTTP/1.1\r\n\r\n"},
        {400, "two hosts", ALIVE RAW_HOST "\r\n"},
        {400, "an address of elsewhere", "GET http://evil.example/health/liveness HTTP/1.1\r\n" RAW_HOST "\r\n"},
        {400, "a star", "OPTIONS * HTTP/1.1\r\n" RAW_HOST "\r\n"},
        {400, "a tunnel", "CONNECT evil.example:443 HTTP/1.1\r\n" RAW_HOST "\r\n"},
        {405, "a trace", "TRACE /health/liveness HTTP/1.1\r\n" RAW_HOST "\r\n"},
        {400, "a fragment", "GET /api/housegirls?page=1#&page=2 HTTP/1.1\r\n" RAW_HOST "\r\n"},
        {400, "two blanks", "GET  /health/liveness HTTP/1.1\r\n" RAW_HOST "\r\n"},
        {400, "a raw byte in the path", "GET /api/housegirls/\xff HTTP/1.1\r\n" RAW_HOST "\r\n"},
        {405, "a method of no kind", "FROB /health/liveness HTTP/1.1\r\n" RAW_HOST "\r\n"},
        {400, "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        {400, "HTTP/0.9", "GET /health/liveness\r\n\r\n"},
        {400, "TLS", "\x16\x03\x01\x02\x01\x01\x01\x01\xfc\x03\x03\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        bool more;
        const char *bytes = arena_printf(story_arena(), "%s" SMUGGLED, heads[i].bytes);
        struct raw_answer answer = raw_ask(bytes, strlen(bytes), &more);
        expect_raw_problem(&answer, heads[i].status, heads[i].name);
        assert_string_equal(raw_header(&answer, "Connection"), "close");
        if (more) fail_msg("%s: a second request was taken from what followed", heads[i].name);
    }
    const char nul[] = ALIVE "X: a\0b\r\n\r\n";
    bool more;
    struct raw_answer answer = raw_ask(nul, sizeof nul - 1, &more);
    expect_raw_problem(&answer, 400, "a NUL");
}

static const char *repeated(const char *piece, size_t times)
{
    struct text_buffer out = text_buffer(story_arena());
    for (size_t i = 0; i < times; i++) text_add(&out, piece);
    return text_take(&out);
}

static void heads_have_bounds(void **state)
{
    (void)state;
    const struct { int status; const char *name, *bytes; } heads[] = {
        {200, "sixty headers", arena_printf(story_arena(), ALIVE "%s\r\n", repeated("X-A: 1\r\n", 60))},
        {431, "a hundred headers", arena_printf(story_arena(), ALIVE "%s\r\n", repeated("X-A: 1\r\n", 100))},
        {431, "two thousand headers", arena_printf(story_arena(), ALIVE "%s\r\n", repeated("X-A: 1\r\n", 2000))},
        {200, "a header of 8 KB", arena_printf(story_arena(), ALIVE "X-A: %s\r\n\r\n", repeated("a", 8000))},
        {431, "a header of 20 KB", arena_printf(story_arena(), ALIVE "X-A: %s\r\n\r\n", repeated("a", 20000))},
        {431, "a path of 20 KB", arena_printf(story_arena(), "GET /api/housegirls/%s HTTP/1.1\r\n" RAW_HOST "\r\n", repeated("a", 20000))},
        {431, "a query of 20 KB", arena_printf(story_arena(), "GET /api/housegirls?q=%s HTTP/1.1\r\n" RAW_HOST "\r\n", repeated("a", 20000))},
        {400, "a head of 1 MB", arena_printf(story_arena(), ALIVE "X-A: %s\r\n\r\n", repeated("a", 1000000))},
    };
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        bool more;
        struct raw_answer answer = raw_ask(heads[i].bytes, strlen(heads[i].bytes), &more);
        if (heads[i].status >= 400) expect_raw_problem(&answer, heads[i].status, heads[i].name);
        else if (answer.status != heads[i].status) fail_msg("%s was answered %d", heads[i].name, answer.status);
    }
}

// --- Bodies --------------------------------------------------------------------------------------------

static void chunks_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct { int status; const char *name, *bytes; } bodies[] = {
        {400, "no number", "zz\r\n{}\r\n0\r\n\r\n"},
        {400, "a negative number", "-2\r\n{}\r\n0\r\n\r\n"},
        {400, "a number beyond all", "ffffffffffffffff2\r\n{}\r\n0\r\n\r\n"},
        {400, "more than it says", "2\r\n{}0\r\n\r\n"},
        {400, "a line feed alone", "2\n{}\n0\n\n"},
        {408, "the greatest number, and nothing behind", "7fffffffffffffff\r\n{}"},
        {408, "less than it says", "5\r\n{}"},
        {422, "lengths in the trailer", "2\r\n{}\r\n0\r\nContent-Length: 90\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        bool more;
        // one that waits for more of the body would swallow a second request as that
        const char *bytes = arena_printf(story_arena(), LOGIN "Transfer-Encoding: chunked\r\n\r\n%s%s", bodies[i].bytes, bodies[i].status == 408 ? "" : SMUGGLED);
        struct raw_answer answer = raw_ask(bytes, strlen(bytes), &more);
        expect_raw_problem(&answer, bodies[i].status, bodies[i].name);
        if (more) fail_msg("%s: a second request was taken from what followed", bodies[i].name);
    }
}

static void bodies_have_bounds_however_they_are_sent(void **state)
{
    (void)state;
    const char *chunk = arena_printf(story_arena(), "10000\r\n%s\r\n", repeated("a", 65536));
    const char *bodies[] = {
        arena_printf(story_arena(), LOGIN "Transfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", repeated(chunk, 5)),
        arena_printf(story_arena(), LOGIN "Content-Length: 327680\r\n\r\n%s", repeated("a", 327680)),
        arena_printf(story_arena(), LOGIN "Transfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", repeated(chunk, 160)), // more than the gateway takes of anybody
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        bool more;
        struct raw_answer answer = raw_ask(bodies[i], strlen(bodies[i]), &more);
        expect_raw_problem(&answer, 413, "a long body");
    }
}

// --- Time ----------------------------------------------------------------------------------------------

#define SLOW 40

// Slow ones are given up, and while they are there others are served.
static void slow_senders_are_given_up(void **state)
{
    (void)state;
    int heads[SLOW], bodies[SLOW];
    for (int i = 0; i < SLOW; i++) {
        heads[i] = raw_connect(0);
        bodies[i] = raw_connect(0);
        raw_say(heads[i], ALIVE "X-Slow: ");
        raw_say(bodies[i], LOGIN "Content-Length: 1000\r\n\r\n{");
    }
    int open = 2 * SLOW;
    for (int rounds = 0; open > 0 && rounds < 200; rounds++, sleep_ms(50)) {
        open = 0;
        for (int i = 0; i < SLOW; i++) open += (int)raw_say(heads[i], "a") + (int)raw_say(bodies[i], " ");
        if (rounds % 10 == 0) expect_alive();
    }
    assert_int_equal(open, 0);
    struct raw_answer late = raw_hear(bodies[0]);
    if (late.status) expect_raw_problem(&late, 408, "a slow body"); // else it was cut off while we were still sending
    for (int i = 0; i < SLOW; i++) close(heads[i]), close(bodies[i]);
}

static void a_body_that_stops_is_answered_408(void **state)
{
    (void)state;
    const int socket = raw_connect(0);
    raw_say(socket, LOGIN "Content-Length: 1000\r\n\r\n{\"email\":");
    struct raw_answer answer = raw_hear(socket);
    expect_raw_problem(&answer, 408, "half a body");
    assert_true(raw_is_closed(socket));
    close(socket);
}

// They ask for much and take nothing; each holds a thread, and no more than that.
static void slow_readers_hold_up_nobody(void **state)
{
    (void)state;
    int sockets[SLOW];
    for (int i = 0; i < SLOW; i++) {
        sockets[i] = raw_connect(2048);
        for (int j = 0; j < 20; j++) raw_say(sockets[i], "GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\n" RAW_HOST "\r\n");
    }
    for (int i = 0; i < 20; i++) expect_alive();
    struct answer list = call(NULL, "GET", "/api/housegirls?per_page=1", NULL);
    expect_status(&list, 200);
    for (int i = 0; i < SLOW; i++) close(sockets[i]);
    expect_alive();
}

// More silent connections than there are threads: they go when their time for a head is over.
static void silent_connections_do_not_lock_others_out(void **state)
{
    (void)state;
    enum { SILENT = 1200 };
    static int sockets[SILENT];
    const struct rlimit files = {4096, 4096};
    struct rlimit now;
    getrlimit(RLIMIT_NOFILE, &now);
    if (now.rlim_cur < files.rlim_cur) assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){files.rlim_cur, now.rlim_max}), 0);
    for (int i = 0; i < SILENT; i++) sockets[i] = raw_connect(0);
    expect_alive();
    for (int i = 0; i < SILENT; i++) close(sockets[i]);
    expect_alive();
}

// --- Pipelines and injection -------------------------------------------------------------------------------

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    enum { REQUESTS = 60 };
    const int socket = raw_connect(0);
    struct text_buffer all = text_buffer(story_arena());
    for (int i = 0; i < REQUESTS; i++) {
        const char *body = i % 3 == 1 ? "{\"a\":1}" : "";
        text_printf(&all, "%s%sX-Request-Id: piped-%d\r\nContent-Length: %zu\r\n\r\n%s", i % 3 == 1 ? "POST /api/auth/login" : i % 3 ? "GET /api/nothing" : "GET /health/liveness",
                    " HTTP/1.1\r\n" RAW_HOST "Content-Type: application/json\r\n", i, strlen(body), body);
    }
    raw_say(socket, text_take(&all));
    for (int i = 0; i < REQUESTS; i++) {
        struct raw_answer answer = raw_hear(socket);
        assert_int_equal(answer.status, i % 3 == 1 ? 422 : i % 3 ? 404 : 200);
        assert_string_equal(raw_header(&answer, "X-Request-Id"), arena_printf(story_arena(), "piped-%d", i));
    }
    close(socket);
}

// Bytes of any kind in every header that somebody reads, on routes that store, sign in, list and compare.
static void headers_of_any_bytes_harm_nobody(void **state)
{
    (void)state;
    static const char *const names[] = {"User-Agent", "Cookie", "Authorization", "If-None-Match", "If-Match", "Idempotency-Key", "Accept-Encoding", "Accept", "Accept-Language", "Origin",
                                        "X-Forwarded-For", "X-Request-Id", "traceparent", "Sec-Fetch-Site", "Range", "Connection", "Expect", "Host", "Content-Type"};
    static const char *const values[] = {"\xff\xfe\xfd", "\xc3\x28", "\xe2\x80\xae", "'; DROP TABLE sessions; --", "<script>alert(1)</script>", "%0d%0aX-Injected: 1", "\"", "\"\\", "*", ",,,;;;==",
                                         "Bearer ", "Bearer \xff", "Basic eDp4", "dc_refresh=\xff; dc_refresh='--", "${jndi:ldap://x}", "%n%s%x", "{\"a\":1}",
                                         "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff", "bytes=0-0,-1", "999.999.999.999", "127.0.0.1, ::1, evil"};
    struct person jane = person_register("employer");
    const struct { const char *line, *body; } routes[] = {
        {"POST /api/auth/login", arena_printf(story_arena(), "{\"email\":\"nobody-%s@story.example\",\"password\":\"%s\"}", jane.user_id, jane.password)},
        {"POST /api/auth/refresh", ""}, {"GET /api/housegirls?per_page=1", ""}, {"PATCH /api/auth/me", "{\"first_name\":\"Jane\"}"},
        {"POST /api/payments/purchases", "{\"package_id\":\"none\",\"phone_number\":\"0700000001\"}"}};
    for (size_t r = 0; r < COUNT_OF(routes); r++) {
        for (size_t n = 0; n < COUNT_OF(names); n++) {
            for (size_t v = 0; v < COUNT_OF(values); v++) {
                bool more;
                const char *token = strcmp(names[n], "Authorization") == 0 ? "" : arena_printf(story_arena(), "Authorization: Bearer %s\r\n", jane.token);
                const char *bytes = arena_printf(story_arena(), "%s HTTP/1.1\r\n" RAW_HOST "%s%s: %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                                                 routes[r].line, token, names[n], values[v], strlen(routes[r].body), routes[r].body);
                struct raw_answer answer = raw_ask(bytes, strlen(bytes), &more);
                if (answer.status == 0 || answer.status >= 500) fail_msg("%s with %s: %s was answered %d %s", routes[r].line, names[n], values[v], answer.status, answer.body);
                if (answer.status >= 400) expect_raw_problem(&answer, answer.status, names[n]);
                assert_null(raw_header(&answer, "X-Injected"));
            }
        }
    }
}

static void encoded_line_breaks_end_no_line_of_ours(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "/api/housegirls?q=a%0d%0aX-Injected:%201&per_page=1", "/api/housegirls/a%0d%0aX-Injected:%201", "/api/%0d%0aX-Injected:%201", "/api/housegirls?a%0d%0aX-Injected:%201=1",
        "/api/docs/%0d%0aX-Injected:%201", "/api/housegirls?per_page=1&q=%0a%7b%22level%22%3a%22error%22%2c%22event%22%3a%22forged%22%7d%0a"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        bool more;
        const char *bytes = arena_printf(story_arena(), "GET %s HTTP/1.1\r\n" RAW_HOST "X-Request-Id: a%%0a{\"event\":\"forged\"}\r\nUser-Agent: \\n{\"event\":\"forged\"}\r\n\r\n", targets[i]);
        struct raw_answer answer = raw_ask(bytes, strlen(bytes), &more);
        assert_in_range(answer.status, 200, 422);
        assert_null(strstr(answer.head, "\r\nX-Injected"));
        assert_null(strstr(answer.head, "forged")); // an id like that is none, so we made one
    }
    const char *found;
    run(&found, "cd %s/log && cat %s | grep -cE 'forged|X-Injected'", setting("RUN_DIR"), service_logs());
    assert_int_equal(atoi(found), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_out_of_order_are_refused), cmocka_unit_test(heads_have_bounds), cmocka_unit_test(chunks_that_are_none_are_refused),
        cmocka_unit_test(bodies_have_bounds_however_they_are_sent), cmocka_unit_test(slow_senders_are_given_up),
        cmocka_unit_test(a_body_that_stops_is_answered_408), cmocka_unit_test(slow_readers_hold_up_nobody),
        cmocka_unit_test(silent_connections_do_not_lock_others_out), cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(headers_of_any_bytes_harm_nobody), cmocka_unit_test(encoded_line_breaks_end_no_line_of_ours),
        cmocka_unit_test(nobody_has_died_of_it),
    };
    return cmocka_run_group_tests(tests, the_gateway_is_up, story_teardown);
}
