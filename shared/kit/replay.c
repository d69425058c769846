// SPDX-License-Identifier: MIT
// The verb replay: a topic's events are applied once more, from the oldest that is kept. The service must not run: what the
// inbox does next is decided here for its next start, so that nothing of now is overtaken by what is old.
#include <stdio.h>
#include <string.h>

#include "inbox_private.h"
#include "kit_sql.h"
#include "running.h"
#include "text.h"

static const struct topic *topic_heard(const struct service *service, const char *name)
{
    for (const struct subscription *row = service->subscriptions; row && row->topic && name; row++)
        if (strcmp(row->topic->name, name) == 0) return row->topic;
    return NULL;
}

static bool refuse(const struct service *service, const char *name, struct arena *arena, struct error *err)
{
    struct text_buffer names = text_buffer(arena);
    const char *topics[INBOX_TOPICS_MAX + 1];
    inbox_topics(service, topics);
    for (const char *const *topic = topics; *topic; topic++) text_printf(&names, "%s%s", topic == topics ? "" : ", ", *topic);
    const char *list = names.length ? text_take(&names) : "no topic";
    return error_set(err, &problem_not_found, "It does not listen to %s, but to %s.", name ? name : "nothing", list ? list : "others");
}

static bool forget_applied(struct db *db, void *name, struct error *err)
{
    return db_exec(db, &SQL_replay_forget, DB_IN(DB_TEXT(name)), NULL, err);
}

// Offsets first: the broker refuses while the service runs.
static bool forget(struct app *app, char *name, struct error *err)
{
    char group[64];
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)1 << 20);
    const struct topic *topic = topic_heard(app->service, name);
    if (!topic) return refuse(app->service, name, arena, err);
    snprintf(group, sizeof group, INBOX_GROUP, app->service->name);
    if (kafka_group_forget(app->config.kafka_brokers, group, name, topic->partitions, err))
        return db_transaction(app->pool, DB_WRITE, arena, forget_applied, name, err);
    if (err->problem != &problem_conflict) return false;
    return error_set(err, &problem_conflict, "It runs. Stop it, ask again and start it; then it applies %s from the beginning.", name);
}

int replay_run(struct app *app, int argc, char **argv)
{
    struct error err = {0};
    if (forget(app, argc > 0 ? argv[0] : NULL, &err)) {
        printf("%s will apply %s from the beginning when it starts\n", app->service->name, argv[0]);
        return 0;
    }
    fprintf(stderr, err.cause[0] ? "%s: %s (%s)\n" : "%s: %s\n", app->service->name, err.detail, err.cause);
    return 1;
}
