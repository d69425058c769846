// SPDX-License-Identifier: MIT
// Events: watch them, see and free parked keys, rebuild a read model.
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "parked.h"
#include "service_names.h"

#define TOPICS_MAX 64 // watched at a time

// What an operator does to the parked keys of one service.
typedef bool (*parked_work)(struct db *db, const char *topic, const char *key, int64_t *ret_count, struct error *err);

static bool topics_are_there(const char *brokers, const char *const *topics, int count, struct error *err);
static void print_message(const struct kafka_message *message);
static int for_services(const struct stack *stack, int argc, char **argv, const char *verb, parked_work work);

static const char *actor(void)
{
    const char *user = getenv("SUDO_USER");
    if (!user) user = getenv("USER");
    return user ? user : "unknown";
}

int command_events_tail(const struct stack *stack, int argc, char **argv)
{
    const char *brokers = stack_require(stack, "KAFKA_BROKERS");
    if (!brokers) return 2;
    const char *topics[TOPICS_MAX + 1] = {NULL};
    int count = 0;
    for (const char *word; count < TOPICS_MAX && (word = command_word(argc, argv, count));) topics[count++] = word;
    if (count == 0)
        for (; count < TOPICS_MAX && topics_all[count]; count++) topics[count] = topics_all[count]->name;
    struct error err = {.arena = stack->arena};
    if (!topics_are_there(brokers, topics, count, &err)) return command_failed(&err);
    struct kafka_consumer_config config = {.brokers = brokers, .client_id = "dcctl", .topics = topics,
                                           .from_end = !command_flag(argc, argv, "--from-beginning")};
    struct kafka_consumer *consumer = kafka_consumer_new(&config, &err);
    if (!consumer) return command_failed(&err);
    bool until_end = command_flag(argc, argv, "--exit");
    struct arena *arena = arena_new((size_t)64 << 20);
    static struct kafka_message messages[100];
    while (arena && !(until_end && kafka_consumer_caught_up(consumer))) {
        int arrived = kafka_consumer_poll(consumer, arena, messages, 100, 500);
        for (int i = 0; i < arrived; i++) print_message(&messages[i]);
        fflush(stdout);
        if (ferror(stdout)) break;
        arena_reset(arena);
    }
    arena_free(arena);
    kafka_consumer_free(consumer);
    return 0;
}

static void note_missing(void *missing, const char *topic, const char *fault)
{
    if (!fault) *(const char **)missing = topic;
}

// A consumer waits for a topic that is not there; who has mistyped its name would wait with it.
static bool topics_are_there(const char *brokers, const char *const *topics, int count, struct error *err)
{
    struct kafka_topic_spec specs[TOPICS_MAX] = {{0}};
    const char *missing = NULL;
    for (int i = 0; i < count; i++) specs[i] = (struct kafka_topic_spec){.name = topics[i]};
    if (!kafka_topics_compare(brokers, specs, (size_t)count, note_missing, &missing, err)) return false;
    return !missing || error_set(err, &problem_not_found, "There is no topic %s. Those of ours are listed by 'dcctl topics', which makes what is missing.", missing);
}

static void print_message(const struct kafka_message *message)
{
    const char *time = kafka_message_header(message, "ce_time");
    const char *type = kafka_message_header(message, "ce_type");
    printf("%s %s/%d@%ld %s %s %.*s\n", time ? time : "-", message->topic, (int)message->partition, (long)message->offset,
           message->key ? message->key : "-", type ? type : "-", message->value ? (int)message->value_length : 9,
           message->value ? message->value : "tombstone");
}

static bool list_keys(struct db *db, const char *topic, const char *key, int64_t *ret_count, struct error *err)
{
    (void)topic;
    (void)key;
    const char *json = NULL;
    if (!parked_list(db, &json, err)) return false;
    CLEANUP(json_release) json_t *keys = json_parse(json ? json : "[]", strlen(json ? json : "[]"), err);
    if (!keys) return false;
    size_t i;
    json_t *row;
    json_array_foreach(keys, i, row)
        printf("  %-28s %-38s %-10s %4lld event(s) since %s: %s\n", json_member_text(row, "topic"), json_member_text(row, "key"),
               json_member_text(row, "state"), (long long)json_integer_value(json_object_get(row, "events")),
               json_member_text(row, "parked_at"), json_member_text(row, "reason"));
    *ret_count = (int64_t)json_array_size(keys);
    return true;
}

static bool redrive_keys(struct db *db, const char *topic, const char *key, int64_t *ret_count, struct error *err)
{
    return parked_redrive(db, topic, key, arena_printf(db->arena, "operator:%s", actor()), ret_count, err);
}

static bool discard_key(struct db *db, const char *topic, const char *key, int64_t *ret_count, struct error *err)
{
    *ret_count = 1;
    return parked_discard(db, topic, key, arena_printf(db->arena, "operator:%s", actor()), err);
}

int command_events_parked(const struct stack *stack, int argc, char **argv)
{
    return for_services(stack, argc, argv, "parked key(s)", list_keys);
}

int command_events_redrive(const struct stack *stack, int argc, char **argv)
{
    return for_services(stack, argc, argv, "key(s) handed to the service for redrive", redrive_keys);
}

int command_events_discard(const struct stack *stack, int argc, char **argv)
{
    if (!command_option(argc, argv, "--service") || !command_option(argc, argv, "--topic") || !command_option(argc, argv, "--key")) {
        fprintf(stderr, "dcctl: name the event's key: dcctl events discard --service S --topic T --key K (see dcctl events parked)\n");
        return 2;
    }
    return for_services(stack, argc, argv, "event(s) discarded; the rest of the key is redriven", discard_key);
}

static int work_on_service(const struct stack *stack, const char *service, int argc, char **argv, const char *said, parked_work work)
{
    struct error err = {.arena = stack->arena};
    struct db_pool *pool = stack_database(stack, service, 1, NULL, false, &err);
    if (!pool) return command_failed(&err);
    struct db db;
    int64_t count = 0;
    db_begin(&db, pool, DB_WRITE, stack->arena);
    bool ok = work(&db, command_option(argc, argv, "--topic"), command_option(argc, argv, "--key"), &count, &err) && db_commit(&db, &err);
    db_end(&db);
    db_pool_close(pool);
    if (!ok) return command_failed(&err);
    printf("%-10s %ld %s\n", service, (long)count, said);
    return 0;
}

static int for_services(const struct stack *stack, int argc, char **argv, const char *said, parked_work work)
{
    const char *only = command_option(argc, argv, "--service"); // any consumer on the kit whose DATABASE_URL_… is set
    int worst = 0;
    if (only) return work_on_service(stack, only, argc, argv, said, work);
    for (int i = 0; service_names[i]; i++) {
        int result = work_on_service(stack, service_names[i], argc, argv, said, work);
        if (result > worst) worst = result;
    }
    return worst;
}

int command_events_replay(const struct stack *stack, int argc, char **argv)
{
    const char *service = command_option(argc, argv, "--service"), *topic = command_option(argc, argv, "--topic");
    if (!service || !topic) {
        fprintf(stderr, "dcctl: name the read model: dcctl events replay --service profiles --topic dc.auth.users\n");
        return 2;
    }
    struct error err = {.arena = stack->arena};
    struct child child;
    if (!stack_database_answers(stack, service, &err) ||
        !child_start(stack, service, (const char *const[]){"replay", topic, NULL}, CHILD_NO_PIPES, &child, &err))
        return command_failed(&err);
    return child_finish(&child);
}
