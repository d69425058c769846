// SPDX-License-Identifier: MIT
#include "witness.h"

static const struct sql applied_add = {"applied_add", "INSERT INTO applied (source, id, topic, key) VALUES ($1, $2::bigint, $3, $4)", 4};
static const struct sql *const statements[] = {&applied_add, NULL};
static const struct migration migrations[] = {
    {"0001_applied", "CREATE TABLE applied (place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, source text NOT NULL, id bigint NOT NULL, "
                     "topic text NOT NULL, key text NOT NULL)"},
    {0},
};

static bool apply(struct app *app, struct db *db, const struct event *event, struct error *err)
{
    (void)app;
    return db_exec(db, &applied_add, DB_IN(DB_TEXT(event->source), DB_TEXT(event->id), DB_TEXT(event->topic), DB_TEXT(event->key)), NULL, err);
}

#define HEARS(carrier_, type_) {&topic_##carrier_, "ke.domesticconnect." type_ ".v1", NULL, apply, "A row."}
static const struct subscription subscriptions[] = {
    HEARS(users, "user.registered"),
    HEARS(profiles, "profile.created"),
    HEARS(packages, "package.changed"),
    HEARS(purchases, "purchase.requested"),
    HEARS(purchases, "purchase.completed"),
    HEARS(purchases, "purchase.failed"),
    HEARS(purchases, "purchase.expired"),
    HEARS(unlocks, "contact.unlocked"),
    {0},
};

const struct service witness_service = {
    .name = "witness", .summary = "Hears everything.", .migrations = migrations, .statements = statements, .subscriptions = subscriptions};
