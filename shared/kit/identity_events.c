// SPDX-License-Identifier: MIT
// What every process hears of auth: public keys and revocations.
#include "running.h"

#include "log.h"

static void hear_key(struct app *app, const struct event *event);
static void hear_revocation(struct app *app, const struct event *event);

const struct broadcast_subscription identity_broadcasts[] = {
    {&topic_keys, false, hear_key},
    {&topic_revocations, false, hear_revocation},
    {0},
};

static void hear_key(struct app *app, const struct event *event)
{
    if (!event->data) {
        identity_remove_key(app->identity, event->key);
        return;
    }
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(64 * 1024);
    const char *jwk = arena ? json_text(arena, json_object_get(event->data, "jwk")) : NULL;
    struct error err = {0};
    if (!jwk || !identity_add_key(app->identity, jwk, &err))
        log_failure(LOG_LEVEL_ERROR, "signing_key_refused", &err);
}

static void hear_revocation(struct app *app, const struct event *event)
{
    const char *user_id = json_member_text(event->data, "user_id");
    const char *valid_after = json_member_text(event->data, "valid_after");
    int64_t valid_after_ms = 0;
    if (user_id && valid_after && clock_parse(valid_after, &valid_after_ms)) {
        identity_revoke(app->identity, user_id, json_member_text(event->data, "session_id"), valid_after_ms);
    } else if (event->data) {
        log_error("revocation_malformed", LOG_TEXT("id", event->id));
    }
}
