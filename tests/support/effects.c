// SPDX-License-Identifier: MIT
#include "effects.h"

#include <string.h>

static const struct sql effect_add = {"effect_add", "INSERT INTO effects (key, note) VALUES ($1, $2)", 2};
static const struct sql effect_keep = {"effect_keep", "INSERT INTO effects (key, note) SELECT $1, ($2::jsonb ->> 'note') || '@' || $3", 3};
static const struct sql *const statements[] = {&effect_add, &effect_keep, NULL};
static const struct migration migrations[] = {
    {"0001_effects", "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, note text NOT NULL CONSTRAINT fits CHECK (note NOT LIKE '" NOTE_UNFIT "%'))"},
    {0},
};

struct effect {
    struct given given;
    const char *note;
};
FIELDS(effect, FIELD(effect, note, .required = true, .max = 20))

struct topic effects_topic = {.name = "dc.test.effects", .partitions = 1, .doc = "What has an effect."};
_Atomic bool effects_trouble, effects_mended;

static bool apply(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    static const struct event_type told = {"ke.domesticconnect.effect.told.v1", &effects_topic, NULL, "An effect."};
    const char *note = event->input ? ((const struct effect *)event->input)->note : "gone";
    if (!db_exec(db, &effect_add, DB_IN(DB_TEXT(event->key), DB_TEXT(note)), NULL, err)) return false;
    if (strcmp(note, NOTE_POISON) == 0 && !effects_mended) return error_set(err, &problem_conflict, "It is poison.");
    if (strcmp(note, NOTE_LATER) == 0 && effects_trouble) return error_set(err, &problem_unavailable, NULL);
    if (strcmp(note, NOTE_TELL) == 0) return outbox_add(db, &told, event->key, "{}", NULL, err);
    return true;
}

static const struct subscription subscriptions[] = {
    {&effects_topic, EFFECT_TYPE, &effect_fields, apply, "Has an effect."},
    {&effects_topic, EFFECT_KEPT_TYPE, &effect_fields, .statement = &effect_keep, .doc = "Keeps it."},
    {&effects_topic, NULL, NULL, apply, "Clears it."},
    {0},
};

const struct service effects_service = {
    .name = "effects", .migrations = migrations, .statements = statements, .subscriptions = subscriptions};

const char *effects_seen(struct kit_app *kit_app)
{
    return test_database_run(&kit_app->kit.database, "SELECT string_agg(key || ':' || note, ' ' ORDER BY id) FROM effects");
}

void effects_clear(struct kit_app *kit_app)
{
    effects_trouble = effects_mended = false;
    test_database_run(&kit_app->kit.database, "TRUNCATE effects, inbox, outbox, parked_keys, parked_events RESTART IDENTITY");
    kit_forget(&kit_app->kit);
}
