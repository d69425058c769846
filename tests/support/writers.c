// SPDX-License-Identifier: MIT
#include "writers.h"

#include <stdio.h>
#include <string.h>

#include "stack.h"

#define PAUSE_MS 100
#define CALL_TIMEOUT_MS 20000

// A name of letters alone: "Abac" is 0210.
static void name_of(int64_t number, char out[24])
{
    char *at = out;
    *at++ = 'A';
    do *at++ = (char)('a' + number % 26);
    while ((number /= 26) > 0);
    *at = '\0';
}

static bool rename_to(struct writer *writer, const char *name, struct arena *arena, struct http_answer *answer)
{
    const struct http_header headers[] = {{"Authorization", arena_printf(arena, "Bearer %s", writer->person.token)}, {"Content-Type", "application/json"}};
    const char *body = arena_printf(arena, "{\"first_name\":\"%s\"}", name);
    const struct http_call call = {.method = "PATCH", .path = "/api/auth/me", .headers = headers, .header_count = 2, .body = body, .body_length = strlen(body),
                                   .timeout_ms = CALL_TIMEOUT_MS};
    struct error err = {.arena = arena};
    return http_client_call(writer->all->client, &call, arena, answer, NULL, &err) && answer->status == 200;
}

static void note_failure(struct writers *writers, const struct http_answer *answer)
{
    if (atomic_fetch_add(&writers->failed, 1) > 0) return;
    snprintf(writers->failure, sizeof writers->failure, "%d %.*s", answer->status, (int)answer->body_length, answer->body ? answer->body : "");
}

static void *write_on(void *argument)
{
    struct writer *writer = argument;
    struct arena *arena = arena_new((size_t)1 << 20);
    for (int64_t number = 0; !atomic_load(&writer->all->stopping); number++) {
        struct http_answer answer = {0};
        char name[24];
        name_of(number, name);
        if (rename_to(writer, name, arena, &answer)) {
            snprintf(writer->name, sizeof writer->name, "%s", name);
            atomic_fetch_add(&writer->all->written, 1);
        } else {
            note_failure(writer->all, &answer);
        }
        arena_reset(arena);
        sleep_ms(PAUSE_MS);
    }
    arena_free(arena);
    return NULL;
}

void writers_start(struct writers *writers)
{
    struct error err = {0};
    *writers = (struct writers){0};
    const struct http_client_config config = {.base_url = setting("GATEWAY_URL"), .connections = WRITERS, .connect_timeout_ms = 5000, .answer_limit_bytes = 1 << 20};
    writers->client = http_client_new(&config, &err);
    assert_non_null(writers->client);
    writers->running = true;
    for (int i = 0; i < WRITERS; i++) writers->each[i] = (struct writer){.all = writers, .person = person_register(i % 2 ? "employer" : "housegirl")};
    for (int i = 0; i < WRITERS; i++) assert_int_equal(pthread_create(&writers->each[i].thread, NULL, write_on, &writers->each[i]), 0);
}

void writers_stop(struct writers *writers)
{
    if (!writers->running) return;
    atomic_store(&writers->stopping, true);
    for (int i = 0; i < WRITERS; i++) pthread_join(writers->each[i].thread, NULL);
    http_client_free(writers->client);
    writers->running = false;
}

static bool is_followed(void *argument)
{
    const struct writer *writer = argument;
    return strcmp(database_ask("dc_profiles", "SELECT first_name FROM profiles WHERE user_id = '%s'", writer->person.user_id), writer->name) == 0;
}

void writers_expect_followed(struct writers *writers, int seconds)
{
    if (writers->failed) fail_msg("%lld of %lld calls failed, the first with %s", (long long)writers->failed, (long long)(writers->failed + writers->written), writers->failure);
    for (int i = 0; i < WRITERS; i++)
        if (!within(seconds, is_followed, &writers->each[i])) fail_msg("profiles never learns that %s is %s now", writers->each[i].person.user_id, writers->each[i].name);
}
