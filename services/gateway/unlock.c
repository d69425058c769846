// SPDX-License-Identifier: MIT
#include "unlock.h"

#include <string.h>
#include <time.h>

#include "forward.h"
#include "gateway.h"
#include "headers.h"

#define PAUSE_MS 20

static json_t *contact_awaited(struct request *rq, const char *worker_id);
static json_t *contact_read(struct request *rq, const char *worker_id, int timeout_ms);
static void answer_with(struct request *rq, struct response *rs, json_t *body, json_t *contact, const char *worker_id);

static bool is_unlock(const struct request *rq)
{
    return strcmp(rq->method, "POST") == 0 &&
           (strcmp(rq->path, "/payments/contact-access") == 0 || strcmp(rq->path, "/payments/contact-access/") == 0);
}

bool unlock_or_forward(struct request *rq, struct response *rs, struct error *err)
{
    if (!forward_to_service(rq, rs, err)) return false;
    if (!is_unlock(rq) || (rs->status != 200 && rs->status != 201)) return true;
    struct error unread = {0};
    CLEANUP(json_release) json_t *body = json_parse(rs->body, rs->length, &unread);
    const char *worker_id = json_member_text(body, "target_profile_id");
    if (!worker_id) return true;
    CLEANUP(json_release) json_t *contact = contact_awaited(rq, worker_id);
    answer_with(rq, rs, body, contact, worker_id);
    return true;
}

// Asks profiles, which waits a little itself, until the grant has arrived there, for a bounded time; NULL when it has not.
static json_t *contact_awaited(struct request *rq, const char *worker_id)
{
    const struct gateway_settings *settings = rq->app->settings;
    const int64_t until_ms = clock_monotonic_ms() + settings->unlock_wait_ms;
    do {
        json_t *contact = contact_read(rq, worker_id, (int)settings->unlock_wait_ms);
        if (contact) return contact;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    } while (clock_monotonic_ms() < until_ms && !atomic_load(&rq->app->stopping));
    return NULL;
}

static json_t *contact_read(struct request *rq, const char *worker_id, int timeout_ms)
{
    struct http_header headers[FORWARDED_MAX + 1];
    size_t header_count = headers_forward(rq, true, false, headers);
    headers[header_count++] = (struct http_header){"Prefer", "wait=1"};
    struct http_answer answer = {0};
    struct error err = {0};
    const char *encoded = http_encode(rq->arena, worker_id);
    const struct http_call call = {.method = "GET", .path = encoded ? arena_printf(rq->arena, "/housegirls/%s", encoded) : "/", .headers = headers,
                                   .header_count = header_count, .timeout_ms = timeout_ms};
    if (!call.path || !upstream_call(gateway_of(rq)->upstreams, UPSTREAM_PROFILES, &call, rq->arena, &answer, &err) || answer.status != 200) return NULL;
    CLEANUP(json_release) json_t *worker = json_parse(answer.body, answer.body_length, &err);
    json_t *contact = json_object_get(worker, "contact");
    return json_is_true(json_object_get(contact, "unlocked")) ? json_incref(contact) : NULL;
}

// Paid for and not here yet: 202, and where to look. Without memory for that the answer of payments stays as it is.
static void answer_with(struct request *rq, struct response *rs, json_t *body, json_t *contact, const char *worker_id)
{
    json_object_set_new(body, "contact", contact ? json_incref(contact) : json_pack("{s:b}", "unlocked", 0));
    const char *text = json_text(rq->arena, body), *location = arena_printf(rq->arena, "/api/housegirls/%s", worker_id);
    if (!text || !location) return;
    response_json(rs, text);
    if (contact) return;
    rs->status = 202;
    response_header_set(rs, "Location", location);
    response_header_set(rs, "Retry-After", "1");
}
