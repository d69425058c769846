// SPDX-License-Identifier: MIT
// The bytes of one connection, sent to the real server over the loopback interface. Each request that reaches the handler must be
// one that a strict reader reads the same, where the one before it ended; each answer must be one answer. Paths are routed by the
// tables of all services.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "http_server.h"
#include "id.h"
#include "services.h"
#include "strict_http.h"

#define REQUESTS_MAX 64
#define BODY_LIMIT 2000

// What the handler saw, while the harness waits for the connection to end.
static struct {
    struct arena *arena;
    struct http_request requests[REQUESTS_MAX];
    size_t count;
} seen;

static void route_everywhere(const struct http_request *request)
{
    for (const struct service *const *service = fuzz_services; *service; service++) {
        const struct route_match match = route_find((*service)->routes, request->method, request->path, request->arena);
        claim(!match.route || match.path_known, "%s is known", request->path);
        for (size_t i = 0; match.route && i < COUNT_OF(match.parameters) && match.parameters[i]; i++) {
            claim_text(match.parameters[i], "a parameter");
            claim(*match.parameters[i] && !strchr(match.parameters[i], '/'), "%s", match.parameters[i]);
        }
    }
    char traceparent[TRACEPARENT_SIZE];
    traceparent_next(http_request_header(request, "traceparent"), traceparent);
    claim(traceparent_is_valid(traceparent), "%s", traceparent);
}

static void handle(void *state, const struct http_request *request, struct http_response *response)
{
    (void)state;
    claim(seen.count < REQUESTS_MAX, "no more requests than were sent");
    struct http_request *copy = &seen.requests[seen.count++];
    struct http_header *headers = arena_alloc(seen.arena, (request->header_count + 1) * sizeof *headers);
    *copy = (struct http_request){.refusal = request->refusal, .method = arena_strdup(seen.arena, request->method)};
    response->status = request->refusal ? request->refusal->status : 200;
    response->body = request->refusal ? request->refusal->slug : "fine";
    response->body_length = strlen(response->body);
    if (request->refusal) return;
    for (size_t i = 0; i < request->header_count; i++)
        headers[i] = (struct http_header){arena_strdup(seen.arena, request->headers[i].name), arena_strdup(seen.arena, request->headers[i].value)};
    copy->path = arena_strdup(seen.arena, request->path);
    copy->query = arena_strdup(seen.arena, request->query);
    copy->headers = headers;
    copy->header_count = request->header_count;
    copy->body = arena_memdup(seen.arena, request->body, request->body_length);
    copy->body_length = request->body_length;
    route_everywhere(request);
    http_response_header(response, "X-Echo", http_decode(request->arena, request->path, strlen(request->path), true));
}

static struct http_server *server_started(void)
{
    static const struct http_server_config config = {.host = "127.0.0.1", .threads = 4, .workers = 4, .queue_timeout_ms = 5000,
                                                     .body_limit_bytes = BODY_LIMIT, .request_memory_bytes = 1 << 20, .head_timeout_ms = 5000,
                                                     .body_timeout_ms = 5000, .idle_timeout_ms = 5000};
    struct error err = {0};
    sigset_t alarm; // libFuzzer's clock would cut calls short; the time limit of the connection stands in for it
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    struct http_server *server = http_server_start(&config, handle, NULL, &err);
    claim(server != NULL, "%s", err.cause);
    return server;
}

static int dial(const struct http_server *server)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(server)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int tries = 0; tries < 5000; tries++) {
        const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 20}, sizeof(struct timeval));
        if (connect(connection, (const struct sockaddr *)&address, sizeof address) == 0) return connection;
        close(connection);
        usleep(1000); // all ports wait for their last connection to be forgotten
    }
    claim(false, "the server listens");
}

// Sends all, then reads to the end. *ret_whole is false when the server hung up before it had read everything.
static const char *talk(struct http_server *server, const struct fuzz_input *input, size_t *ret_length, bool *ret_whole)
{
    const int connection = dial(server);
    struct text_buffer answers = text_buffer(input->arena);
    char piece[16384];
    ssize_t got = 1;
    if (input->left) (void)!send(connection, input->at, input->left, MSG_NOSIGNAL);
    shutdown(connection, SHUT_WR);
    while (got > 0) {
        got = recv(connection, piece, sizeof piece, 0);
        if (got > 0) text_add_bytes(&answers, piece, (size_t)got);
    }
    claim(got == 0 || errno != EAGAIN, "the server ends the connection");
    close(connection);
    while (http_server_connections(server) > 0) sched_yield();
    *ret_length = answers.length;
    *ret_whole = got == 0;
    return text_take(&answers);
}

static void claim_same_request(const struct http_request *request, const struct strict_message *strict)
{
    const char *target = strict->start[1];
    const size_t path = strcspn(target, "?");
    claim(strcmp(request->method, strict->start[0]) == 0, "%s is not %s", request->method, strict->start[0]);
    claim(strlen(request->path) == path && strncmp(request->path, target, path) == 0, "%s is not %s", request->path, target);
    claim(strcmp(request->query ? request->query : "", target[path] ? target + path + 1 : "") == 0, "%s is not %s", request->query, target);
    claim(request->header_count == strict->header_count, "%zu headers, not %zu", request->header_count, strict->header_count);
    for (size_t i = 0; i < request->header_count; i++) {
        claim(strcmp(request->headers[i].name, strict->headers[i].name) == 0, "%s is not %s", request->headers[i].name, strict->headers[i].name);
        claim(strcmp(request->headers[i].value, strict->headers[i].value) == 0, "'%s' is not '%s'", request->headers[i].value, strict->headers[i].value);
    }
    claim(request->body_length == strict->body_length && memcmp(request->body, strict->body, strict->body_length) == 0, "%.*s is not %.*s",
          (int)request->body_length, request->body, (int)strict->body_length, strict->body);
}

static void claim_requests(const struct fuzz_input *input)
{
    size_t at = 0;
    for (size_t i = 0; i < seen.count; i++) {
        struct strict_message strict;
        claim(i == 0 || !seen.requests[i - 1].refusal, "after '%s' there is nothing, but request %zu: %s", seen.requests[i - 1].refusal->slug, i,
              seen.requests[i].method);
        if (seen.requests[i].refusal) continue;
        claim(strict_request_read(input->at + at, input->left - at, input->arena, &strict), "a strict reader takes '%.*s'", (int)(input->left - at),
              input->at + at);
        claim_same_request(&seen.requests[i], &strict);
        at += strict.length;
    }
}

static void claim_answers(const char *answers, size_t length, struct arena *arena)
{
    size_t at = 0;
    for (size_t i = 0; i < seen.count; i++) {
        struct strict_message answer;
        const bool to_head = strcmp(seen.requests[i].method, "HEAD") == 0;
        do {
            claim(strict_answer_read(answers + at, length - at, to_head, arena, &answer), "'%s' is an answer", answers + at);
            at += answer.length;
        } while (strcmp(answer.start[1], "100") == 0);
        const long status = seen.requests[i].refusal ? seen.requests[i].refusal->status : 200;
        claim(strtol(answer.start[1], NULL, 10) == status, "%s is not %ld", answer.start[1], status);
    }
    claim(at == length, "nothing but answers: '%s'", answers + at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_server *server;
    struct fuzz_input input = fuzz_begin(data, size);
    if (!server) server = server_started();
    if (!seen.arena) seen.arena = arena_new((size_t)16 << 20);
    arena_reset(seen.arena);
    seen.count = 0;
    size_t length;
    bool whole;
    const char *answers = talk(server, &input, &length, &whole);
    claim_requests(&input);
    if (whole) claim_answers(answers, length, input.arena);
    return 0;
}
