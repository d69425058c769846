// SPDX-License-Identifier: MIT
// Everything that a request needs and that can fail does so once: with the first call failing, the second, and so on until the
// request needs no more. Whatever fails, the service lives, says what the contract has for it or does what was asked, and the
// same request once more finds all of it done or nothing. Run by run.sh, which also sees that nothing was leaked.
#include "stack.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control.h"
#include "text.h"

#define CALLS_MAX 5000   // no request needs so many
#define FINDINGS_SHOWN 20

// What one round of a story works on.
struct round {
    struct person who;
    const char *id;    // of what is changed
    const char *name;  // used by this round alone
};

struct story {
    const char *service, *name, *method, *path; // {id} stands for round.id
    const char *body;                           // %s stands for round.name, everywhere
    int status, repeated;                       // what is right, and what else the same request once more may be told
    bool keyed, is_short;
    void (*begin)(struct round *round);         // once
    void (*renew)(struct round *round);         // before each round
    void (*check)(const struct round *round);   // after it
};

// --- Stories -------------------------------------------------------------------------------------------

static void nobody(struct round *round)
{
    round->who = (struct person){0};
}

static void an_employer(struct round *round)
{
    round->who = person_register("employer");
}

static void an_administrator(struct round *round)
{
    round->who = admin_login();
}

// By refreshing: logins of one account are limited.
static void a_new_session(struct round *round)
{
    struct answer answer = call(NULL, "POST", "/api/auth/refresh", "{\"refresh_token\":\"%s\"}", round->who.refresh);
    expect_status(&answer, 200);
    snprintf(round->who.token, sizeof round->who.token, "%s", text_at(&answer, "access_token"));
    snprintf(round->who.refresh, sizeof round->who.refresh, "%s", text_at(&answer, "refresh_token"));
}

static void a_worker(struct round *round)
{
    round->who = person_register("housegirl");
}

static void a_worker_with_a_profile(struct round *round)
{
    a_worker(round);
    struct answer made = call(&round->who, "POST", "/api/housegirls", "{\"age\":24,\"location\":\"Nyali, Mombasa\"}");
    expect_status(&made, 201);
    round->id = text_at(&made, "id");
}

static void the_account_is_whole(const struct round *round)
{
    struct answer login = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s@fault.example\",\"password\":\"msafiri-wa-mbali\"}", round->name);
    expect_status(&login, 200);
}

static void the_name_is_hers(const struct round *round)
{
    struct answer me = call(&round->who, "GET", "/api/auth/me", NULL);
    expect_status(&me, 200);
    assert_string_equal(text_at(&me, "first_name"), round->name);
}

static void the_bio_is_hers(const struct round *round)
{
    struct answer profile = call(&round->who, "GET", arena_printf(story_arena(), "/api/housegirls/%s", round->id), NULL);
    expect_status(&profile, 200);
    assert_string_equal(text_at(&profile, "bio"), round->name);
}

static void there_is_one_profile(const struct round *round)
{
    assert_string_equal(database_ask("dc_profiles", "SELECT count(*) FROM housegirl_profiles WHERE bio = '%s'", round->name), "1");
}

static void there_is_one_package(const struct round *round)
{
    assert_string_equal(database_ask("dc_payments", "SELECT count(*) FROM payment_packages WHERE name = '%s'", round->name), "1");
}

#define ACCOUNT "{\"email\":\"%s@fault.example\",\"password\":\"msafiri-wa-mbali\",\"user_type\":\"employer\",\"first_name\":\"Amani\",\"last_name\":\"F\"}"
static const struct story stories[] = {
    // clang-format off
    {"auth", "register", "POST", "/auth/register", ACCOUNT, 201, 409, .is_short = true, .begin = nobody, .check = the_account_is_whole},
    {"auth", "sign in", "POST", "/auth/login", "{\"email\":\"{email}\",\"password\":\"{password}\"}", 200, .begin = an_employer, .renew = an_employer},
    {"auth", "refresh", "POST", "/auth/refresh", "{\"refresh_token\":\"{refresh}\"}", 200, .begin = an_employer, .renew = a_new_session},
    {"auth", "change a name", "PATCH", "/auth/me", "{\"first_name\":\"%s\"}", 200, .begin = an_employer, .renew = a_new_session, .check = the_name_is_hers},
    {"profiles", "edit a profile", "PATCH", "/housegirls/{id}", "{\"bio\":\"%s\"}", 200, .is_short = true, .begin = a_worker_with_a_profile, .renew = a_new_session, .check = the_bio_is_hers},
    {"profiles", "make a profile", "POST", "/housegirls", "{\"age\":24,\"bio\":\"%s\"}", 201, .keyed = true, .begin = a_worker, .renew = a_worker, .check = there_is_one_profile},
    {"profiles", "search", "GET", "/housegirls?q=%s", NULL, 200, .begin = nobody},
    {"payments", "make a package", "POST", "/payments/packages", "{\"name\":\"%s\",\"price\":500,\"contacts_included\":3}", 201, .keyed = true, .is_short = true, .begin = an_administrator, .check = there_is_one_package},
    {"gateway", "who am I", "GET", "/api/me", NULL, 200, .is_short = true, .begin = a_worker_with_a_profile, .renew = a_new_session},
    {"gateway", "search", "GET", "/api/housegirls?q=%s", NULL, 200, .begin = nobody},
    {"gateway", "edit a profile", "PATCH", "/api/housegirls/{id}", "{\"bio\":\"%s\"}", 200, .begin = a_worker_with_a_profile, .check = the_bio_is_hers},
    // clang-format on
};

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
    text = replaced(replaced(text, "%s", round->name), "{id}", round->id);
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

// What the contract has for a service that cannot just now.
static bool is_honest(const struct answer *answer)
{
    const char *type = header(answer, "Content-Type");
    const json_t *detail = at(answer, "detail");
    return (answer->status == 502 || answer->status == 503 || answer->status == 504) && type && strcmp(type, "application/problem+json") == 0 &&
           json_string_length(detail) > 0 && json_equal(detail, at(answer, "error"));
}

// The same once more, until the service has got over it; true when it is told what is right.
static bool repeat(struct walk *walk, int call)
{
    struct answer answer = {0};
    for (int tries = 0; tries < 50; tries++, sleep_ms(100)) {
        if (!ask(walk, 0, &answer)) continue;
        if (answer.status == walk->story->status || answer.status == walk->story->repeated) return true;
        if (!is_honest(&answer) && !body_has(&answer, "/problems/in-progress")) break; // the server may still hold the first one
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
    const bool right = answered && answer.status == walk->story->status;
    if (kill(walk->pid, 0) != 0) {
        found(walk, call, "the service has died", &answer);
        walk->pid = part_pid(walk->story->service);
    }
    // civetweb closes the connection when it cannot take the request in
    if (!answered && walk->kind != FAULT_SOCKET && !strstr(walk->control->last, "libcivetweb")) found(walk, call, "no answer", &answer);
    if (answered && !right && !is_honest(&answer)) found(walk, call, "answered", &answer);
    if (fired) walk->faults++;
    if (fired && repeat(walk, call) && walk->story->check) walk->story->check(&walk->round);
    return fired || !right;
}

static struct fault_control *control_of(const char *service)
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
    int call = 1;
    walk->control = control_of(walk->story->service);
    walk->client = client_of(walk->story->service);
    walk->pid = part_pid(walk->story->service);
    walk->story->begin(&walk->round);
    while (call < CALLS_MAX && walk->findings < 5 && walk_one(walk, call)) call++;
    http_client_free(walk->client);
    print_message("             %s, %s: %d faults of %s, %d findings\n", walk->story->service, walk->story->name, walk->faults, fault_kinds[walk->kind], walk->findings);
    assert_int_equal(walk->findings, 0);
    assert_in_range(call, 1, CALLS_MAX - 1);
}

// --- Producing -----------------------------------------------------------------------------------------

static bool all_is_published(void *unused)
{
    (void)unused;
    return strcmp(database_ask("dc_auth", "SELECT count(*) FROM outbox WHERE published_at IS NULL"), "0") == 0;
}

static void an_event_that_is_not_taken_comes_later(void **state)
{
    (void)state;
    struct fault_control *control = control_of("auth");
    const int pid = part_pid("auth");
    for (int call = 1; call <= 3; call++) {
        const long before = atomic_load(&control->fired);
        atomic_store(&control->produce_left, call);
        struct round round;
        a_worker_with_a_profile(&round);
        an_employer(&round);
        an_employer(&round);
        assert_true(within(30, all_is_published, NULL));
        assert_int_equal(atomic_load(&control->fired), before + 1);
        assert_int_equal(part_pid("auth"), pid);
    }
}

// --- Which ---------------------------------------------------------------------------------------------

static bool is_wanted(const struct story *story)
{
    const char *which = getenv("FAULT_STORIES"), *only = getenv("FAULT_ONLY");
    if (which && strcmp(which, "short") == 0 && !story->is_short) return false;
    return !only || !*only || strstr(story->service, only) || strstr(story->name, only);
}

int main(void)
{
    static struct walk walks[COUNT_OF(stories) * FAULT_KINDS];
    static char names[COUNT_OF(walks)][96];
    struct CMUnitTest tests[COUNT_OF(walks) + 1] = {0};
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        for (int kind = 1; is_wanted(&stories[i]) && kind < FAULT_KINDS; kind++) {
            if (kind == FAULT_DATABASE && strcmp(stories[i].service, "gateway") == 0) continue;
            walks[count] = (struct walk){.story = &stories[i], .kind = (enum fault_kind)kind};
            snprintf(names[count], sizeof names[count], "%s: %s, each call for %s", stories[i].service, stories[i].name, fault_kinds[kind]);
            tests[count] = (struct CMUnitTest){names[count], each_call_fails_once, NULL, NULL, &walks[count]};
            count++;
        }
    }
    if (!getenv("FAULT_ONLY") || !*getenv("FAULT_ONLY")) tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_event_that_is_not_taken_comes_later);
    return _cmocka_run_group_tests("faults", tests, count, story_setup, story_teardown);
}
