// SPDX-License-Identifier: MIT
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "json.h"
#include "text.h"

#define PASSWORD "msafiri-wa-mbali"
#define PATIENCE_MS 120000 // for one thing; whoever is taken down is back long before
#define HURRY_MS_MIN 1500
#define HURRY_MS_MAX 8000
#define PAUSE_MS_MIN 100
#define PAUSE_MS_MAX 2000
#define RETRY_AFTER_S_MAX 5
#define TOKEN_LIFE_MS (14 * 60 * 1000)
#define REQUEST_BYTES (1 << 20)

static int send_once(struct web *web, const struct family *family, const char *method, const char *path, const char *body, int64_t *ret_wait_ms);
static bool comes_again(const struct web *web, int status);
static int log_in(struct web *web, const struct family *family);
static bool keep_tokens(struct web *web, struct family *family);

bool web_open(struct web *ret, struct http_client *client, struct account *account, uint64_t seed, int number)
{
    *ret = (struct web){.client = client, .account = account, .arena = arena_new(REQUEST_BYTES), .seed = seed, .number = (uint64_t)number << 32};
    return ret->arena;
}

void web_close(struct web *web)
{
    json_decref(web->body);
    arena_free(web->arena);
}

int web_ask(struct web *web, const struct family *family, const char *method, const char *path, const char *body)
{
    const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    for (int64_t pause_ms = PAUSE_MS_MIN;; pause_ms = pause_ms * 2 < PAUSE_MS_MAX ? pause_ms * 2 : PAUSE_MS_MAX) {
        int64_t wait_ms = 0;
        const int status = send_once(web, family, method, path, body, &wait_ms);
        atomic_fetch_add(&web->account->statuses[status], 1);
        if (status == 500) web_surprise(web, path, status);
        if (!comes_again(web, status)) return status;
        if (clock_monotonic_ms() > until_ms) {
            web_surprise(web, arena_printf(web->arena, "given up: %s %s", method, path), status);
            return 0;
        }
        atomic_fetch_add(&web->account->retried[status], 1);
        web_wait(wait_ms + chance_between(web->seed, ABOUT_PAUSE, web->number++, pause_ms / 2, pause_ms));
    }
}

// What a client may ask again: nothing came, somebody is away or busy, or its first request is being worked on.
static bool comes_again(const struct web *web, int status)
{
    const char *type = json_member_text(web->body, "type"), *last = type ? strrchr(type, '/') : NULL;
    return status == NO_ANSWER || status == TOO_LATE || status == 429 || status >= 500 || (status == 409 && last && strcmp(last, "/in-progress") == 0);
}

static int send_once(struct web *web, const struct family *family, const char *method, const char *path, const char *body, int64_t *ret_wait_ms)
{
    struct http_header headers[3];
    struct http_answer answer = {0};
    struct error err = {0};
    size_t count = 0;
    bool sent = false;
    json_decref(web->body);
    web->body = NULL;
    if (arena_failed(web->arena)) web_surprise(web, "no memory", 0);
    arena_reset(web->arena);
    if (body) headers[count++] = (struct http_header){"Content-Type", "application/json"};
    if (family) headers[count++] = (struct http_header){"Authorization", arena_printf(web->arena, "Bearer %s", family->token)};
    if (web->key) headers[count++] = (struct http_header){"Idempotency-Key", web->key};
    const struct http_call call = {.method = method, .path = path, .headers = headers, .header_count = count, .body = body, .body_length = body ? strlen(body) : 0,
                                   .timeout_ms = (int)chance_between(web->seed, ABOUT_HURRY, web->number++, HURRY_MS_MIN, HURRY_MS_MAX)};
    if (!http_client_call(web->client, &call, web->arena, &answer, &sent, &err)) return err.problem == &problem_timeout ? TOO_LATE : NO_ANSWER;
    web->body = json_loadb(answer.body ? answer.body : "", answer.body_length, 0, NULL);
    int64_t wait_s = 0;
    const char *after = http_answer_header(&answer, "Retry-After");
    if (after && text_to_int64(after, &wait_s)) *ret_wait_ms = (wait_s < RETRY_AFTER_S_MAX ? wait_s : RETRY_AFTER_S_MAX) * 1000;
    return answer.status > 0 && answer.status < STATUSES ? answer.status : STATUSES - 1;
}

int web_ask_signed_in(struct web *web, struct family *family, const char *method, const char *path, const char *body)
{
    const char *key = web->key;
    for (int times = 0;; times++) {
        const int status = web_ask(web, family, method, path, body);
        if (status != 401 || times == 3) return status;
        if (clock_monotonic_ms() - family->signed_in_ms < TOKEN_LIFE_MS) web_surprise(web, "signed out", status);
        web->key = NULL;
        if (log_in(web, family) != 200 || !keep_tokens(web, family)) return 401;
        web->key = key;
    }
}

// Whoever hears that the address is taken, and has asked before without an answer, is in already.
bool web_sign_up(struct web *web, struct family *family)
{
    char body[400];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"" PASSWORD "\",\"user_type\":\"employer\",\"first_name\":\"Amani\",\"last_name\":\"Chaos\",\"phone_number\":\"0700 000 123\"}",
             family->email);
    int status = web_ask(web, NULL, "POST", "/api/auth/register", body);
    if (status == 409) status = log_in(web, family);
    if ((status == 200 || status == 201) && keep_tokens(web, family)) return true;
    web_surprise(web, "not signed up", status);
    return false;
}

static int log_in(struct web *web, const struct family *family)
{
    char body[200];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"" PASSWORD "\"}", family->email);
    return web_ask(web, NULL, "POST", "/api/auth/login", body);
}

static bool keep_tokens(struct web *web, struct family *family)
{
    snprintf(family->token, sizeof family->token, "%s", web_text(web, "access_token"));
    snprintf(family->user_id, sizeof family->user_id, "%s", web_text(web, "user/id"));
    family->signed_in_ms = clock_monotonic_ms();
    return family->token[0] && family->user_id[0];
}

const char *web_text(const struct web *web, const char *path)
{
    const json_t *at = web->body;
    char copy[64], *rest = copy;
    snprintf(copy, sizeof copy, "%s", path);
    for (const char *member; (member = strsep(&rest, "/"));) at = json_object_get(at, member);
    const char *text = json_string_value(at);
    return text ? text : "";
}

void web_surprise(struct web *web, const char *what, int status)
{
    char *text = web->body ? json_dumps(web->body, JSON_COMPACT) : NULL;
    account_surprise(web->account, "%s: %d %s", what, status, text ? text : "");
    free(text);
}

void web_wait(int64_t milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}
