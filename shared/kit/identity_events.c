// SPDX-License-Identifier: MIT
// What every process hears of auth: public keys and revocations.
#include "running.h"

#include "log.h"

// More than an event can hold: what fails is the memory of this machine, and that passes.
#define JWK_MEMORY_BYTES ((size_t)16 << 20)

static bool hear_key(struct app *app, const struct event *event, struct error *err);
static bool hear_revocation(struct app *app, const struct event *event, struct error *err);

const struct broadcast_subscription identity_broadcasts[] = {
    {&topic_keys, false, hear_key},
    {&topic_revocations, false, hear_revocation},
    {0},
};

static bool hear_key(struct app *app, const struct event *event, struct error *err)
{
    if (!event->data) {
        identity_remove_key(app->identity, event->key);
        return true;
    }
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(JWK_MEMORY_BYTES);
    const char *jwk = arena ? json_text(arena, json_object_get(event->data, "jwk")) : NULL;
    if (jwk && identity_add_key(app->identity, jwk, err)) return true;
    if (!arena || arena_failed(arena)) error_set(err, &problem_unavailable, NULL);
    if (error_passes(err)) return false;
    log_failure(LOG_LEVEL_ERROR, "signing_key_refused", err);
    return true;
}

static bool hear_revocation(struct app *app, const struct event *event, struct error *err)
{
    const char *user_id = json_member_text(event->data, "user_id");
    const char *valid_after = json_member_text(event->data, "valid_after");
    int64_t valid_after_ms = 0;
    if (user_id && valid_after && clock_parse(valid_after, &valid_after_ms))
        return identity_revoke(app->identity, user_id, json_member_text(event->data, "session_id"), valid_after_ms) || error_set(err, &problem_unavailable, NULL);
    if (event->data) log_error("revocation_malformed", LOG_TEXT("id", event->id));
    return true;
}
