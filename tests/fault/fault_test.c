// SPDX-License-Identifier: MIT
// Everything that a request needs and that can fail does so once: with the first call failing, the second, and so on until the
// request needs no more. Whatever fails, the service lives, says what the contract has for it or does what was asked, and the
// same request once more finds all of it done or nothing. Run by run.sh, which also sees that nothing was leaked.
#include "stories.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "background.h"
#include "control.h"
#include "starts.h"
#include "text.h"

#define CALLS_MAX 5000   // no request needs so many
#define NEEDLESS_ENOUGH 3 // after so many rounds that needed no such call: one may have needed less than others
#define SHORT_STEP 4 // in the short form every fourth call fails
#define SHORT_STEP_MEMORY 16
#define FINDINGS_SHOWN 20
#define WALKS_MAX 200

// --- Asking --------------------------------------------------------------------------------------------

struct walk {
    const struct story *story;
    enum fault_kind kind;
    struct http_client *client;
    struct fault_control *control;
    struct round round;
    int faults, findings, pid;
};

static const char *replaced(const char *text, const char *mark, const char *value)
{
    const char *at = text ? strstr(text, mark) : NULL;
    if (!at) return text;
    return replaced(arena_printf(story_arena(), "%.*s%s%s", (int)(at - text), text, value ? value : "", at + strlen(mark)), mark, value);
}

static const char *filled(const struct round *round, const char *text)
{
    text = replaced(replaced(replaced(text, "%s", round->name), "{id}", round->id), "{phone}", round->phone);
    return replaced(replaced(replaced(text, "{email}", round->who.email), "{password}", round->who.password), "{refresh}", round->who.refresh);
}

// False when there was no answer. call 0: without a fault.
static bool ask(struct walk *walk, int call, struct answer *ret)
{
    const struct story *story = walk->story;
    const struct round *round = &walk->round;
    struct arena *arena = story_arena();
    struct http_header headers[4];
    size_t count = 0;
    if (story->body) headers[count++] = (struct http_header){"Content-Type", "application/json"};
    if (round->who.token[0]) headers[count++] = (struct http_header){"Authorization", arena_printf(arena, "Bearer %s", round->who.token)};
    if (story->keyed) headers[count++] = (struct http_header){"Idempotency-Key", round->name};
    if (call) headers[count++] = (struct http_header){"User-Agent", arena_printf(arena, FAULT_MARK "%s/%s/%d", story->service, fault_kinds[walk->kind], call)};
    const char *body = filled(round, story->body);
    const struct http_call request = {.method = story->method, .path = filled(round, story->path), .headers = headers, .header_count = count,
                                      .body = body, .body_length = body ? strlen(body) : 0, .timeout_ms = 15000};
    struct error err = {.arena = arena};
    *ret = (struct answer){0};
    snprintf(ret->called, sizeof ret->called, "%s", story->name);
    if (!http_client_call(walk->client, &request, arena, &ret->http, NULL, &err)) return false;
    ret->status = ret->http.status;
    ret->body = json_loadb(ret->http.body ? ret->http.body : "", ret->http.body_length, JSON_DECODE_ANY, NULL);
    if (ret->body) arena_defer(arena, (void (*)(void *))json_decref, ret->body);
    return true;
}

static void found(struct walk *walk, int call, const char *what, const struct answer *answer)
{
    if (walk->findings++ >= FINDINGS_SHOWN) return;
    print_error("%s, %s, %s call %d (%s): %s: %d %.*s\n", walk->story->service, walk->story->name, fault_kinds[walk->kind], call, walk->control->last, what,
                answer->status, answer->http.body_length > 300 ? 300 : (int)answer->http.body_length, answer->http.body ? answer->http.body : "");
}

static bool is_problem(const struct answer *answer)
{
    const char *type = header(answer, "Content-Type");
    const json_t *detail = at(answer, "detail");
    return type && strcmp(type, "application/problem+json") == 0 && json_string_length(detail) > 0 && json_equal(detail, at(answer, "error"));
}

// What the contract has for a service that cannot just now. Where a service asked the database again by itself, that may still
// hold what was asked first, under the same key.
static bool is_honest(const struct answer *answer)
{
    const bool cannot = answer->status == 502 || answer->status == 503 || answer->status == 504;
    const bool is_running = answer->status == 409 && body_has(answer, "/problems/in-progress") && header(answer, "Retry-After");
    return (cannot || is_running) && is_problem(answer);
}

static bool is_right(const struct story *story, const struct answer *answer)
{
    return answer->status == story->status || (story->lesser && answer->status == story->lesser);
}

// The same once more, until the service has got over it; true when it is told what is right.
static bool repeat(struct walk *walk, int call)
{
    struct answer answer = {0};
    for (int tries = 0; tries < 50; tries++, sleep_ms(100)) {
        if (!ask(walk, 0, &answer)) continue;
        walk->round.answer = answer;
        if (is_right(walk->story, &answer) || answer.status == walk->story->repeated) return true;
        if (!is_honest(&answer)) break;
    }
    found(walk, call, "and then", &answer);
    return false;
}

// --- Walking -------------------------------------------------------------------------------------------

// False when the request needed no such call any more.
static bool walk_one(struct walk *walk, int call)
{
    struct answer answer;
    const long before = atomic_load(&walk->control->fired);
    walk->round.name = arena_printf(story_arena(), "f%s", unique_word());
    if (walk->story->renew) walk->story->renew(&walk->round);
    const bool answered = ask(walk, call, &answer), fired = atomic_load(&walk->control->fired) != before;
    const bool right = answered && is_right(walk->story, &answer);
    if (kill(walk->pid, 0) != 0) {
        found(walk, call, "the service has died", &answer);
        walk->pid = part_pid(walk->story->service);
    }
    // civetweb closes the connection when it cannot take the request in
    if (!answered && walk->kind != FAULT_SOCKET && !strstr(walk->control->last, "libcivetweb")) found(walk, call, "no answer", &answer);
    if (answered && !right && !is_honest(&answer)) found(walk, call, "answered", &answer);
    if (fired) walk->faults++;
    const bool settled = fired && ((right && walk->story->once) || repeat(walk, call));
    if (settled && walk->story->check) walk->story->check(&walk->round);
    return fired || !right;
}

struct fault_control *control_of(const char *service)
{
    const int file = open(arena_printf(story_arena(), "%s/fault-%s", setting("RUN_DIR"), service), O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    void *mapped = mmap(NULL, sizeof(struct fault_control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    assert_true(mapped != MAP_FAILED);
    return mapped;
}

static struct http_client *client_of(const char *service)
{
    char name[32] = "URL_";
    for (size_t i = 0; service[i]; i++) name[4 + i] = (char)(service[i] & ~0x20);
    if (strcmp(service, "gateway") == 0) snprintf(name, sizeof name, "GATEWAY_URL");
    struct error err = {0};
    struct http_client *client = http_client_new(&(struct http_client_config){.base_url = setting(name), .connections = 1, .connect_timeout_ms = 2000,
                                                                             .answer_limit_bytes = 8 << 20}, &err);
    assert_non_null(client);
    return client;
}

static void each_call_fails_once(void **state)
{
    struct walk *walk = *state;
    const int step = !is_short_run() ? 1 : walk->kind == FAULT_MEMORY ? SHORT_STEP_MEMORY : SHORT_STEP;
    int call = 1, needless = 0;
    walk->control = control_of(walk->story->service);
    walk->client = client_of(walk->story->service);
    walk->pid = part_pid(walk->story->service);
    walk->story->begin(&walk->round);
    for (; call < CALLS_MAX && walk->findings < 5 && needless < NEEDLESS_ENOUGH; call += step) needless = walk_one(walk, call) ? 0 : needless + 1;
    http_client_free(walk->client);
    print_message("             %s, %s: %d faults of %s, %d findings\n", walk->story->service, walk->story->name, walk->faults, fault_kinds[walk->kind], walk->findings);
    assert_int_equal(walk->findings, 0);
    assert_in_range(call, 1, CALLS_MAX - 1);
}

// --- Which ---------------------------------------------------------------------------------------------

static bool is_wanted(const char *service, const char *name)
{
    const char *only = getenv("FAULT_ONLY");
    return !only || !*only || strstr(service, only) || strstr(name, only);
}

// Those of one service: of others there may be one more such program at the same time.
int main(int argc, char **argv)
{
    static struct walk walks[WALKS_MAX];
    static char names[WALKS_MAX][96];
    struct CMUnitTest tests[WALKS_MAX + BACKGROUND_TESTS_MAX + START_TESTS_MAX] = {0};
    size_t count = 0;
    const char *service = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (const struct story *story = stories; story < stories + story_count; story++) {
        for (int kind = 1; kind < FAULT_KINDS && count < WALKS_MAX; kind++) {
            if (strcmp(story->service, service) != 0 || !is_wanted(service, story->name)) break;
            if (kind == FAULT_DATABASE && strcmp(service, "gateway") == 0) continue;
            walks[count] = (struct walk){.story = story, .kind = (enum fault_kind)kind};
            snprintf(names[count], sizeof names[count], "%s: %s, each call for %s", service, story->name, fault_kinds[kind]);
            tests[count] = (struct CMUnitTest){names[count], each_call_fails_once, NULL, NULL, &walks[count]};
            count++;
        }
    }
    count += background_tests(service, is_wanted, tests + count);
    count += start_tests(service, is_wanted, tests + count);
    return count == 0 ? 0 : _cmocka_run_group_tests(service, tests, count, story_setup, story_teardown);
}
