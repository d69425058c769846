// SPDX-License-Identifier: MIT
// A record of Kafka: first line what we listen to ("profiles ke.domesticconnect.user.updated.v1", "profiles dc.auth.users" for its
// tombstones, "every dc.auth.keys" for what every process hears); second line the key; then headers, one "name: value" a line; an
// empty line; the value. Without the empty line it is a tombstone. What is taken as an event is one, is text through and through
// and no longer than an index can hold (else the database would refuse it for ever), and is the same when told again, and when
// parked and redriven.
#include <stdio.h>

#include "fuzz.h"
#include "inbox_private.h"
#include "running.h"
#include "services.h"

#define HEARD_MAX 128
#define INDEXED_MAX 1200 // two of them in one index

// One row of what a service, or every process, listens to, and the line that names it.
struct heard {
    const char *service;
    const struct subscription *subscription;
    const struct broadcast_subscription *broadcast;
    char line[128];
};

static struct heard heard_row(const char *service, const struct subscription *subscription, const struct broadcast_subscription *broadcast)
{
    struct heard heard = {service, subscription, broadcast, ""};
    const char *what = broadcast ? broadcast->topic->name : subscription->type ? subscription->type : subscription->topic->name;
    snprintf(heard.line, sizeof heard.line, "%s %s", service, what);
    return heard;
}

static size_t heard_all(struct heard *ret)
{
    size_t count = 0;
    for (const struct service *const *service = fuzz_services; *service; service++) {
        for (const struct subscription *row = (*service)->subscriptions; row && row->topic && count < HEARD_MAX; row++)
            ret[count++] = heard_row((*service)->name, row, NULL);
        for (const struct broadcast_subscription *row = (*service)->broadcasts; row && row->topic && count < HEARD_MAX; row++)
            ret[count++] = heard_row("every", NULL, row);
    }
    for (const struct broadcast_subscription *row = identity_broadcasts; row->topic && count < HEARD_MAX; row++)
        ret[count++] = heard_row("every", NULL, row);
    return count;
}

static const struct heard *heard_of(const char *line)
{
    static struct heard all[HEARD_MAX];
    static size_t count;
    if (!count) count = heard_all(all);
    for (size_t i = 0; i < count; i++)
        if (strcmp(line, all[i].line) == 0) return &all[i];
    return &all[fuzz_pick(line, count)];
}

static void read_record(struct fuzz_input *input, const char *topic, struct kafka_message *ret)
{
    *ret = (struct kafka_message){.topic = topic, .partition = 3, .offset = 7, .key = fuzz_line(input)};
    while (input->left) {
        char *line = (char *)(uintptr_t)fuzz_line(input), *colon = strchr(line, ':');
        if (!*line) break;
        if (!colon || ret->header_count == KAFKA_HEADERS_MAX) continue;
        *colon = '\0';
        const char *value = colon + 1 + strspn(colon + 1, " ");
        if (text_is_utf8(line, strlen(line)) && text_is_utf8(value, strlen(value))) // as the consumer takes them
            ret->headers[ret->header_count++] = (struct kafka_header){line, value};
    }
    ret->value_length = input->left;
    if (input->left) ret->value = memcpy(arena_alloc(input->arena, input->left), input->at, input->left); // no NUL behind it, as from Kafka
}

// The event as we would publish it.
static struct kafka_message record_of(const struct event *event, struct arena *arena)
{
    struct kafka_message message = {.topic = event->topic, .key = event->key, .value = event->data ? json_text(arena, event->data) : NULL};
    const struct kafka_header headers[] = {{"ce_specversion", "1.0"}, {"ce_id", event->id}, {"ce_source", event->source}, {"ce_type", event->type},
                                           {"ce_sequence", event->sequence}, {"ce_time", event->time}, {"traceparent", event->traceparent},
                                           {"ce_correlationid", event->correlation_id}};
    message.value_length = message.value ? strlen(message.value) : 0;
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        if (headers[i].value) message.headers[message.header_count++] = headers[i];
    return message;
}

static void claim_texts(const struct event *event)
{
    const char *const must[] = {event->id, event->source, event->type, event->key};
    const char *const may[] = {event->sequence, event->time, event->traceparent, event->correlation_id};
    for (size_t i = 0; i < COUNT_OF(must); i++) claim_text(must[i], "an attribute that must be there");
    for (size_t i = 0; i < COUNT_OF(may); i++)
        if (may[i]) claim_text(may[i], "an attribute that may be there");
    claim(*event->id && *event->source && *event->type, "an event has id, source and type");
    claim(strlen(event->id) <= INDEXED_MAX && strlen(event->source) <= INDEXED_MAX && strlen(event->key) <= INDEXED_MAX, "an index holds them");
}

static void claim_same(const struct event *left, const struct event *right)
{
    claim(text_equal(left->id, right->id) && text_equal(left->source, right->source) && text_equal(left->type, right->type), "%s", left->id);
    claim(text_equal(left->sequence, right->sequence) && text_equal(left->time, right->time), "%s", left->id);
    claim(text_equal(left->traceparent, right->traceparent) && text_equal(left->correlation_id, right->correlation_id), "%s", left->id);
    claim(left->data == right->data || json_equal(left->data, right->data), "%s", left->id);
}

// Parked whatever it is, and read back: the same record, with an id.
static void claim_parkable(const struct kafka_message *message, struct arena *arena)
{
    struct error err = {0};
    struct kafka_message back = {.topic = message->topic, .key = message->key, .value = message->value, .value_length = message->value_length};
    const char *text = parked_headers(message, arena), *key = parked_key(message, arena);
    CLEANUP(json_release) json_t *headers = text ? json_parse(text, strlen(text), &err) : NULL;
    claim(headers != NULL, "%s: %s", err.detail, text);
    claim_text(key, "the key");
    parked_headers_read(headers, &back);
    const char *id = json_member_text(headers, "ce_id"), *source = json_member_text(headers, "ce_source");
    claim(id && strlen(id) <= INDEXED_MAX && source && strlen(source) <= INDEXED_MAX && strlen(key) <= INDEXED_MAX, "an index holds them");
    struct event first, again;
    CLEANUP(json_release) json_t *data = NULL, *data_again = NULL;
    if (!event_decode(message, arena, &first, &data, &err)) return;
    claim(event_decode(&back, arena, &again, &data_again, &err), "%s: %s", err.detail, text);
    claim_same(&first, &again);
}

static void take(const struct heard *heard, const struct kafka_message *message, struct arena *arena)
{
    struct subscription subscriptions[] = {*heard->subscription, {0}};
    const struct service service = {.name = heard->service, .subscriptions = subscriptions};
    struct app app = {.service = &service};
    struct arrival first, again;
    arrival_read(&app, message, arena, &first);
    claim_parkable(message, arena);
    if (first.decode_error.problem) {
        claim(first.decode_error.problem->status < 500, "%s: %s", first.decode_error.problem->slug, first.decode_error.detail);
        return;
    }
    claim_texts(&first.event);
    const struct kafka_message told = record_of(&first.event, arena);
    arrival_read(&app, &told, arena, &again);
    claim(!again.decode_error.problem, "%s", again.decode_error.detail);
    claim_same(&first.event, &again.event);
    const struct fields *fields = first.subscription ? first.subscription->data : NULL;
    claim(first.subscription == again.subscription || !first.event.data, "the same subscription");
    claim(!fields || first.event.input, "what the handler needs has been read");
    if (fields && first.event.input)
        claim(text_equal(field_encode(fields, first.event.input, arena), field_encode(fields, again.event.input, arena)), "%s", first.event.id);
}

// What every process hears is applied: keys are parsed, revocations noted.
static void hear(const struct heard *heard, const struct kafka_message *message, struct arena *arena)
{
    struct clock clock = clock_fixed(1800000000000);
    const struct identity_config config = {.issuer = "i", .audience = "a", .cache_entries = 4, .clock = &clock};
    struct app app = {.identity = identity_new(&config)};
    struct error err = {.arena = arena};
    struct event event;
    CLEANUP(json_release) json_t *data = NULL;
    if (event_decode(message, arena, &event, &data, &err)) {
        claim_texts(&event);
        for (int times = 0; times < 2; times++) // a handler that fails has the event come again and again
            claim(heard->broadcast->handler(&app, &event, &err), "%s", err.detail);
    }
    identity_free(app.identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    struct kafka_message message;
    const struct heard *heard = heard_of(fuzz_line(&input));
    const struct topic *topic = heard->broadcast ? heard->broadcast->topic : heard->subscription->topic;
    read_record(&input, topic->name, &message);
    if (heard->broadcast) hear(heard, &message, input.arena);
    else take(heard, &message, input.arena);
    return 0;
}
