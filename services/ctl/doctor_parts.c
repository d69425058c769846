// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doctor.h"
#include "http_client.h"
#include "json.h"
#include "text.h"

#define ANSWER_MOST_BYTES (4 << 20)
#define TIMEOUT_MS 3000
#define LAG_MOST 10000
#define SECOND_LOOK_S 3

enum asked { ASKED_ANSWERED, ASKED_REFUSED, ASKED_HANGS, ASKED_NOT_KNOWN };

static enum asked ask(struct doctor *doctor, const char *base_url, const char *path, struct http_answer *ret)
{
    struct error err = {0};
    if (!base_url) return ASKED_NOT_KNOWN;
    struct http_client *client = http_client_new(&(struct http_client_config){.base_url = base_url, .connections = 1, .connect_timeout_ms = TIMEOUT_MS,
                                                                              .answer_limit_bytes = ANSWER_MOST_BYTES}, &err);
    if (!client) return ASKED_NOT_KNOWN;
    const struct http_call call = {.method = "GET", .path = path, .timeout_ms = TIMEOUT_MS};
    const bool answered = http_client_call(client, &call, doctor->stack->arena, ret, NULL, &err);
    http_client_free(client);
    return answered ? ASKED_ANSWERED : err.problem == &problem_timeout ? ASKED_HANGS : ASKED_REFUSED;
}

// Where a part tells of itself; NULL when nobody says where that is.
static const char *own_url(struct doctor *doctor, const char *part)
{
    const char *url = stack_part_setting(doctor->stack, "METRICS_URL", part);
    const char *port = url ? NULL : stack_part_setting(doctor->stack, "METRICS_PORT", part);
    return port ? arena_printf(doctor->stack->arena, "http://127.0.0.1:%s", port) : url;
}

static const char *log_of(struct doctor *doctor, const char *part)
{
    const char *folder = doctor->stack->run_dir;
    return folder ? arena_printf(doctor->stack->arena, "%s/log/%s.log", folder, part) : "its log";
}

// {"status":"not_ready","parts":{"database":"The database does not answer.","broadcast":"ok"}}
static void tell_troubles(struct doctor *doctor, const char *part, const struct http_answer *answer)
{
    struct error err = {0};
    CLEANUP(json_release) json_t *body = json_parse(answer->body, answer->body_length, &err);
    const char *name;
    json_t *trouble;
    json_object_foreach(json_object_get(body, "parts"), name, trouble)
        if (!text_equal(json_string_value(trouble), "ok"))
            doctor_wrong(doctor, "%s is not ready: %s It goes on by itself once that is mended; else %s says more.", part,
                         json_is_string(trouble) ? json_string_value(trouble) : name, log_of(doctor, part));
    if (!json_object_size(json_object_get(body, "parts")))
        doctor_wrong(doctor, "%s says of itself that it is not ready (status %d). See %s.", part, answer->status, log_of(doctor, part));
}

static void check_part(struct doctor *doctor, const char *part)
{
    struct http_answer answer = {0};
    const char *url = own_url(doctor, part);
    switch (ask(doctor, url, "/health/readiness", &answer)) {
        case ASKED_NOT_KNOWN: doctor_unseen(doctor); break;
        case ASKED_REFUSED:
            doctor_wrong(doctor, "%s does not run: nobody listens at %s. Start it with 'make start'; why it ended stands in %s.", part, url, log_of(doctor, part));
            break;
        case ASKED_HANGS:
            doctor_wrong(doctor, "%s does not answer at %s within %d s. Look at its process, which may be stopped, and at the load of the machine; then start it anew.",
                         part, url, TIMEOUT_MS / 1000);
            break;
        case ASKED_ANSWERED:
            if (answer.status != 200) tell_troubles(doctor, part, &answer);
            break;
    }
}

void doctor_check_parts(struct doctor *doctor)
{
    struct http_answer answer = {0};
    for (int i = 0; service_names[i]; i++) check_part(doctor, service_names[i]);
    check_part(doctor, "gateway");
    const char *front = stack_setting(doctor->stack, "GATEWAY_URL");
    if (!doctor->wrong && front && (ask(doctor, front, "/api/health", &answer) != ASKED_ANSWERED || answer.status != 200))
        doctor_wrong(doctor, "The gateway is ready, but does not answer clients at %s. See whether another program has that port.", front);
}

// --- Consumers -----------------------------------------------------------------------------------

struct progress {
    int64_t lag, applied; // lag -1: not known
};

// A metric without labels; -1 when it is not there.
static int64_t metric(const char *metrics, const char *name)
{
    const size_t length = strlen(name);
    for (const char *line = metrics; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, name, length) == 0 && line[length] == ' ') return strtoll(line + length, NULL, 10);
    return -1;
}

static bool look(struct doctor *doctor, const char *part, struct progress *ret)
{
    struct http_answer answer = {0};
    if (ask(doctor, own_url(doctor, part), "/metrics", &answer) != ASKED_ANSWERED || answer.status != 200) return false;
    const char *metrics = arena_memdup(doctor->stack->arena, answer.body, answer.body_length);
    *ret = (struct progress){metric(metrics, "inbox_lag"), metric(metrics, "inbox_applied_total")};
    return true;
}

// Who is behind is looked at again: working it off is well, standing still is not.
static void check_consumer(struct doctor *doctor, const char *service)
{
    struct progress first, second;
    if (!look(doctor, service, &first)) return doctor_unseen(doctor);
    if (first.lag <= 0) return;
    nanosleep(&(struct timespec){.tv_sec = SECOND_LOOK_S}, NULL);
    if (!look(doctor, service, &second)) return doctor_unseen(doctor);
    if (second.lag >= first.lag && second.applied == first.applied)
        doctor_wrong(doctor, "%s is %lld event(s) behind and has applied none within %d s. See what it waits for in %s ('inbox_paused'), and whether "
                     "somebody holds a lock in its database.", service, (long long)second.lag, SECOND_LOOK_S, log_of(doctor, service));
    else if (second.lag > LAG_MOST)
        doctor_wrong(doctor, "%s is %lld event(s) behind, though it works. Start more replicas of it when it does not catch up.", service, (long long)second.lag);
}

void doctor_check_consumers(struct doctor *doctor)
{
    for (int i = 0; service_names[i]; i++) check_consumer(doctor, service_names[i]);
}
