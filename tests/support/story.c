// SPDX-License-Identifier: MIT
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto.h"
#include "json.h"
#include "log.h"
#include "text.h"

static struct arena *arena;
static struct http_client *gateway;

int story_setup(void **state)
{
    (void)state;
    return story_open(setting("GATEWAY_URL"));
}

int story_open(const char *base_url)
{
    log_start("test", LOG_LEVEL_ERROR);
    arena = arena_new((size_t)512 << 20);
    struct error err = {0};
    gateway = http_client_new(&(struct http_client_config){.base_url = base_url, .connections = 8,
                                                           .connect_timeout_ms = 2000, .answer_limit_bytes = 64 << 20}, &err);
    return gateway ? 0 : -1;
}

int story_teardown(void **state)
{
    (void)state;
    http_client_free(gateway);
    arena_free(arena);
    return 0;
}

struct arena *story_arena(void)
{
    return arena;
}

const char *setting(const char *name)
{
    const char *value = getenv(name);
    if (!value) fail_msg("%s is not set: run this through tests/run.sh, or load the env file of a running stack", name);
    return value;
}

static struct answer send_call(struct http_client *client, const struct person *who, const char *method, const char *path, const char *content_type,
                               const char *body, size_t length)
{
    struct http_header headers[4];
    size_t count = 0;
    if (content_type) headers[count++] = (struct http_header){"Content-Type", content_type};
    if (who && who->token[0]) headers[count++] = (struct http_header){"Authorization", arena_printf(arena, "Bearer %s", who->token)};
    if (who && who->header_name) headers[count++] = (struct http_header){who->header_name, who->header_value};
    struct http_call request = {.method = method, .path = path, .headers = headers, .header_count = count, .body = body,
                                .body_length = length, .timeout_ms = 20000};
    struct answer answer = {0};
    struct error err = {.arena = arena};
    snprintf(answer.called, sizeof answer.called, "%s %s", method, path);
    if (!http_client_call(client, &request, arena, &answer.http, NULL, &err))
        fail_msg("%s: no answer: %s %s", answer.called, err.detail, err.cause);
    answer.status = answer.http.status;
    answer.body = json_loadb(answer.http.body ? answer.http.body : "", answer.http.body_length, JSON_DECODE_ANY, NULL);
    if (answer.body) arena_defer(arena, (void (*)(void *))json_decref, answer.body);
    return answer;
}

struct answer call(const struct person *who, const char *method, const char *path, const char *body_format, ...)
{
    char *body = NULL;
    if (body_format) {
        va_list arguments;
        va_start(arguments, body_format);
        body = arena_vprintf(arena, body_format, arguments);
        va_end(arguments);
    }
    return send_call(gateway, who, method, path, body ? "application/json" : NULL, body, body ? strlen(body) : 0);
}

struct answer call_bytes(const struct person *who, const char *method, const char *path, const char *content_type, const char *body, size_t length)
{
    return send_call(gateway, who, method, path, content_type, body, length);
}

struct answer call_at(const char *base_url, const struct person *who, const char *method, const char *path, const char *body)
{
    struct error err = {0};
    struct http_client *client = http_client_new(&(struct http_client_config){.base_url = base_url, .connections = 1,
                                                                             .connect_timeout_ms = 2000, .answer_limit_bytes = 64 << 20}, &err);
    assert_non_null(client);
    struct answer answer = send_call(client, who, method, path, body ? "application/json" : NULL, body, body ? strlen(body) : 0);
    http_client_free(client);
    return answer;
}

void expect_status_(const struct answer *answer, int status, const char *file, int line)
{
    if (answer->status == status) return;
    print_error("%s answered %d, expected %d:\n%.*s\n", answer->called, answer->status, status, (int)answer->http.body_length,
                answer->http.body ? answer->http.body : "");
    _fail(file, line);
}

void expect_problem_(const struct answer *answer, int status, const char *file, int line)
{
    expect_status_(answer, status, file, line);
    const char *type = header(answer, "Content-Type"), *detail = json_string_value(at(answer, "detail"));
    bool whole = type && strcmp(type, "application/problem+json") == 0 && detail && *detail &&
                 text_equal(detail, json_string_value(at(answer, "error"))) && json_integer_value(at(answer, "status")) == status;
    static const char *const texts[] = {"type", "title", "instance"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) whole = whole && json_string_length(at(answer, texts[i])) > 0;
    if (whole) return;
    print_error("%s answered no problem of the contract (%s):\n%.*s\n", answer->called, type ? type : "no Content-Type",
                (int)answer->http.body_length, answer->http.body ? answer->http.body : "");
    _fail(file, line);
}

json_t *at(const struct answer *answer, const char *path)
{
    json_t *value = answer->body;
    char *copy = arena_strdup(arena, path), *rest = NULL;
    for (char *part = strtok_r(copy, "/", &rest); part && value; part = strtok_r(NULL, "/", &rest)) {
        int64_t index;
        value = json_is_array(value) && text_to_int64(part, &index) ? json_array_get(value, (size_t)index) : json_object_get(value, part);
    }
    return value;
}

static json_t *must_have(const struct answer *answer, const char *path)
{
    json_t *value = at(answer, path);
    if (!value) fail_msg("%s: no '%s' in %.*s", answer->called, path, (int)answer->http.body_length, answer->http.body);
    return value;
}

const char *text_at(const struct answer *answer, const char *path)
{
    json_t *value = must_have(answer, path);
    if (!json_is_string(value)) fail_msg("%s: '%s' is no text in %.*s", answer->called, path, (int)answer->http.body_length, answer->http.body);
    return json_string_value(value);
}

int64_t number_at(const struct answer *answer, const char *path)
{
    return (int64_t)json_number_value(must_have(answer, path));
}

bool true_at(const struct answer *answer, const char *path)
{
    return json_is_true(must_have(answer, path));
}

bool body_has(const struct answer *answer, const char *text)
{
    return answer->http.body && memmem(answer->http.body, answer->http.body_length, text, strlen(text)) != NULL;
}

const char *header(const struct answer *answer, const char *name)
{
    return http_answer_header(&answer->http, name);
}

static void keep(char *out, size_t size, const struct answer *answer, const char *path)
{
    snprintf(out, size, "%s", text_at(answer, path));
}

static void keep_tokens(struct person *person, const struct answer *answer)
{
    keep(person->user_id, sizeof person->user_id, answer, "user/id");
    keep(person->token, sizeof person->token, answer, "access_token");
    keep(person->refresh, sizeof person->refresh, answer, "refresh_token");
}

struct person person_register(const char *user_type)
{
    struct person person = {.password = "msafiri-wa-mbali"};
    unsigned char random[8];
    crypto_random(random, sizeof random);
    char *unique = crypto_base64url(arena, random, sizeof random);
    snprintf(person.email, sizeof person.email, "%s-%s@story.example", user_type, unique);
    struct answer answer = call(NULL, "POST", "/api/auth/register",
                                "{\"email\":\"%s\",\"password\":\"%s\",\"user_type\":\"%s\",\"first_name\":\"Amani\",\"last_name\":\"Story\","
                                "\"phone_number\":\"0700 000 123\"}", person.email, person.password, user_type);
    expect_status(&answer, 201);
    keep_tokens(&person, &answer);
    return person;
}

void person_login(struct person *person)
{
    struct answer answer = call(NULL, "POST", "/api/auth/login", "{\"email\":\"%s\",\"password\":\"%s\"}", person->email, person->password);
    expect_status(&answer, 200);
    keep_tokens(person, &answer);
}

struct person admin_login(void)
{
    struct person admin = {.email = "root@story.example", .password = "mlinzi-wa-mlango"};
    const char *output;
    int status = run(&output, "%s/dcctl admin create --email %s --password %s", setting("BIN_DIR"), admin.email, admin.password);
    if (status != 0) fail_msg("dcctl admin create ended with %d: %s", status, output);
    person_login(&admin);
    return admin;
}

struct answer call_until(const struct person *who, const char *path, int seconds, bool (*holds)(const struct answer *answer))
{
    for (int tries = seconds * 20;; tries--) {
        struct answer answer = call(who, "GET", path, NULL);
        if (holds(&answer) || tries == 0) return answer;
        sleep_ms(50);
    }
}

const char *mailed_token(const char *email, const char *subject_word)
{
    for (int tries = 0; tries < 100; tries++, sleep_ms(100)) {
        const char *mail;
        run(&mail, "grep -rliF 'To: %s' %s | xargs -r grep -liE '^Subject:.*%s' | xargs -r ls -t | head -n 1 | xargs -r cat", email,
            setting("MAIL_DIR"), subject_word);
        const char *token = strstr(mail, "token=");
        if (!token) continue;
        size_t length = strspn(token + 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
        return arena_memdup(arena, token + 6, length);
    }
    fail_msg("no mail about '%s' came to %s", subject_word, email);
    return NULL;
}

int run(const char **ret_output, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *command = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    struct text_buffer output = text_buffer(arena);
    FILE *pipe = popen(arena_printf(arena, "( %s ) 2>&1 </dev/null", command), "re");
    assert_non_null(pipe);
    char chunk[4096];
    size_t length;
    while ((length = fread(chunk, 1, sizeof chunk, pipe)) > 0) text_add_bytes(&output, chunk, length);
    int status = pclose(pipe);
    const char *text = text_take(&output);
    if (ret_output) *ret_output = text ? text : "";
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

const char *unique_word(void)
{
    unsigned char random[12];
    crypto_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) random[i] = (unsigned char)('a' + random[i] % 26);
    return arena_memdup(arena, (const char *)random, sizeof random);
}

void sleep_ms(int milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}
