// SPDX-License-Identifier: MIT
// main of every service: verbs and settings. What runs is in boot.c.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "http_client.h"
#include "kafka.h"
#include "log.h"
#include "migrate.h"
#include "running.h"
#include "schema.h"

#define SETTINGS_MAX 64
#define VERB_CONNECTIONS 2
#define VERB_STATEMENT_TIMEOUT_MS 60000 // a batch is as much as a thousand requests, and nobody waits for it

extern char **environ;

enum need { NEEDS_NOTHING, NEEDS_SETTINGS, NEEDS_DATABASE };

static int verb_serve(struct app *app, int argc, char **argv);
static int verb_say(struct app *app, int argc, char **argv);
static int verb_migrate(struct app *app, int argc, char **argv);
static int verb_health(struct app *app, int argc, char **argv);
static int verb_topics(struct app *app, int argc, char **argv);
static int verb_schema(struct app *app, int argc, char **argv);
static int verb_events(struct app *app, int argc, char **argv);
static int verb_routes(struct app *app, int argc, char **argv);
static int verb_import(struct app *app, int argc, char **argv);
static int verb_help_config(struct app *app, int argc, char **argv);
static int verb_help(struct app *app, int argc, char **argv);

static const struct kit_verb {
    struct verb verb;
    enum need needs;
    bool has_own_environment; // the others may be run by dcctl in a container that knows the settings of all services
} kit_verbs[] = {
    {{"serve", "run the service (the default)", verb_serve}, NEEDS_SETTINGS, true},
    {{"settings", "say whether the settings are right; exit status 0 or 1", verb_say}, NEEDS_SETTINGS, true},
    {{"migrate", "bring the database up to date", verb_migrate}, NEEDS_SETTINGS},
    {{"migrated", "say whether the database is up to date; exit status 0 or 1", verb_say}, NEEDS_DATABASE},
    {{"health", "ask the running service whether it is ready; exit status 0 or 1", verb_health},
     NEEDS_SETTINGS},
    {{"topics", "create the Kafka topics that are missing", verb_topics}, NEEDS_SETTINGS},
    {{"schema", "[all]: print the OpenAPI document; all: with the hidden routes", verb_schema}, NEEDS_NOTHING},
    {{"events", "[DIR]: print the schemas of published events, or write them to DIR", verb_events},
     NEEDS_NOTHING},
    {{"routes", "print method, path and access of every route", verb_routes}, NEEDS_NOTHING},
    {{"import", "take batches of legacy rows from standard input", verb_import}, NEEDS_DATABASE},
    {{"replay", "TOPIC: apply its events once more, at the next start", replay_run}, NEEDS_DATABASE},
    {{"--help-config", "list the settings", verb_help_config}, NEEDS_NOTHING},
    {{"--help", "this list", verb_help}, NEEDS_NOTHING},
};

static bool verb_find(const struct service *service, const char *name, struct kit_verb *ret);
static int run_verb(struct app *app, const struct kit_verb *chosen, int argc, char **argv);
static int run_with_database(struct app *app, const struct verb *verb, int argc, char **argv);
static int setting_groups(struct app *app, struct setting *kit_rows, struct setting_group *groups);
static bool write_schema(const char *folder, const char *name, const json_t *schema);
static int say(const struct app *app, const struct error *err);

int service_main(const struct service *service, int argc, char **argv)
{
    struct app app = {.service = service, .clock = &clock_system};
    struct kit_verb chosen;
    const char *name = argc > 1 ? argv[1] : "serve";
    if (argc > 2 && strcmp(argv[2], "--help") == 0) name = "--help"; // of a verb: nothing is done
    signal(SIGPIPE, SIG_IGN);
    if (!verb_find(service, name, &chosen)) {
        fprintf(stderr, "%s: there is no verb '%s'; see %s --help\n", service->name, name, service->name);
        return 2;
    }
    if (service->settings_size && !(app.settings = calloc(1, service->settings_size))) return 1;
    const int status = run_verb(&app, &chosen, argc > 1 ? argc - 2 : 0, argc > 1 ? argv + 2 : argv + argc);
    free(app.settings);
    return status;
}

static bool verb_find(const struct service *service, const char *name, struct kit_verb *ret)
{
    for (size_t i = 0; i < COUNT_OF(kit_verbs); i++) {
        if (strcmp(kit_verbs[i].verb.name, name) != 0) continue;
        *ret = kit_verbs[i];
        return strcmp(name, "import") != 0 || service->importers;
    }
    for (const struct verb *verb = service->verbs; verb && verb->name; verb++) {
        if (strcmp(verb->name, name) != 0) continue;
        *ret = (struct kit_verb){*verb, verb->needs_nothing ? NEEDS_NOTHING : NEEDS_DATABASE};
        return true;
    }
    return false;
}

static int run_verb(struct app *app, const struct kit_verb *chosen, int argc, char **argv)
{
    if (chosen->needs == NEEDS_NOTHING) return chosen->verb.run(app, argc, argv);
    struct setting kit_rows[SETTINGS_MAX];
    struct setting_group groups[2];
    const int count = setting_groups(app, kit_rows, groups);
    char *report = NULL;
    if (!config_read(groups, count, environ, chosen->has_own_environment, &report)) {
        fprintf(stderr, "%s cannot start with these settings:\n%s", app->service->name, report ? report : "");
        free(report);
        return 1;
    }
    enum log_level level = LOG_LEVEL_INFO;
    const bool serves = chosen->verb.run == verb_serve;
    (void)log_level_parse(app->config.log_level, &level);
    log_start(app->service->name, serves ? level : LOG_LEVEL_ERROR);
    if (serves) config_log(groups, count);
    const int status = chosen->needs == NEEDS_DATABASE ? run_with_database(app, &chosen->verb, argc, argv)
                                                       : chosen->verb.run(app, argc, argv);
    config_release(groups, count);
    return status;
}

static int run_with_database(struct app *app, const struct verb *verb, int argc, char **argv)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(64 * 1024);
    struct error err = {.arena = arena};
    app->is_tool = true;
    app->config.database_connections = VERB_CONNECTIONS;
    if (app->config.statement_timeout_ms < VERB_STATEMENT_TIMEOUT_MS) app->config.statement_timeout_ms = VERB_STATEMENT_TIMEOUT_MS;
    if (!boot_database(app, &err)) return say(app, &err);
    app->metrics = metrics_new();
    const int status = verb->run(app, argc, argv);
    metrics_free(app->metrics);
    db_pool_close(app->pool);
    return status;
}

// Without a database its address is not needed, without a list that a client pages through no secret of page cursors.
static int setting_groups(struct app *app, struct setting *kit_rows, struct setting_group *groups)
{
    int count = 0;
    for (; count < SETTINGS_MAX - 1 && kit_settings[count].name; count++) {
        kit_rows[count] = kit_settings[count];
        const bool has_database = app->service->migrations, has_lists = has_database && app->service->routes;
        const bool spared = (!has_database && strcmp(kit_rows[count].name, "DATABASE_URL") == 0) ||
                            (!has_lists && strcmp(kit_rows[count].name, "DC_CURSOR_SECRET") == 0);
        if (spared) kit_rows[count].fallback = "";
    }
    kit_rows[count] = (struct setting){0};
    groups[0] = (struct setting_group){kit_rows, &app->config};
    groups[1] = (struct setting_group){app->service->settings, app->settings};
    return app->service->settings ? 2 : 1;
}

// The service with the kit's own broadcasts before its own.
static int verb_serve(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); // before any thread: main alone takes them (boot.c)
    const struct service *given = app->service;
    struct service running = *given;
    struct broadcast_subscription broadcasts[32] = {0};
    int count = 0;
    for (const struct broadcast_subscription *row = identity_broadcasts; row->topic; row++)
        broadcasts[count++] = *row;
    for (const struct broadcast_subscription *row = given->broadcasts; row && row->topic && count < 31; row++)
        broadcasts[count++] = *row;
    running.broadcasts = broadcasts;
    app->service = &running;
    const int status = boot_serve(app);
    app->service = given;
    return status;
}

// Who gets here has been told what is wrong already, or nothing is.
static int verb_say(struct app *app, int argc, char **argv)
{
    (void)app;
    (void)argc;
    (void)argv;
    return 0;
}

static int verb_migrate(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct error err = {0};
    if (!app->service->migrations) return 0;
    return migrate_apply(app->config.database_url, app->service, &err) ? 0 : say(app, &err);
}

static int verb_health(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(256 * 1024);
    struct error err = {.arena = arena};
    const char *host = app->config.metrics_host;
    if (strcmp(host, "0.0.0.0") == 0) host = "127.0.0.1";
    const char *url =
        arena ? arena_printf(arena, "http://%s:%lld", host, (long long)app->config.metrics_port) : NULL;
    struct http_client *client = http_client_new(
        &(struct http_client_config){
            .base_url = url, .connections = 1, .connect_timeout_ms = 2000, .answer_limit_bytes = 65536},
        &err);
    if (!client) return say(app, &err);
    const struct http_call call = {.method = "GET", .path = "/health/readiness", .timeout_ms = 4000};
    struct http_answer answer = {0};
    const bool answered = http_client_call(client, &call, arena, &answer, NULL, &err);
    if (answered) printf("%.*s\n", (int)answer.body_length, answer.body);
    else say(app, &err);
    http_client_free(client);
    return answered && answer.status == 200 ? 0 : 1;
}

static int verb_topics(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (const struct topic *const *topic = topics_all; *topic; topic++) {
        struct error err = {0};
        bool created = false;
        const struct kafka_topic_spec spec = {(*topic)->name, (*topic)->partitions,
                                              (int)app->config.topic_replication, (*topic)->compacted,
                                              (*topic)->retention_ms};
        if (!kafka_topic_ensure(app->config.kafka_brokers, &spec, &created, &err)) return say(app, &err);
        printf("%s %s\n", created ? "created" : "kept", (*topic)->name);
    }
    return 0;
}

static int verb_schema(struct app *app, int argc, char **argv)
{
    CLEANUP(json_release) json_t *schema = schema_openapi(app->service, argc > 0 && strcmp(argv[0], "all") == 0);
    if (!schema || json_dumpf(schema, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) != 0) return 1;
    putchar('\n');
    return 0;
}

static int verb_events(struct app *app, int argc, char **argv)
{
    CLEANUP(json_release) json_t *schemas = schema_events(app->service);
    if (!schemas) return 1;
    if (argc < 1) {
        json_dumpf(schemas, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
        putchar('\n');
        return 0;
    }
    const char *name;
    json_t *schema;
    json_object_foreach(schemas, name, schema)
    {
        if (write_schema(argv[0], name, schema)) continue;
        fprintf(stderr, "%s: %s/%s cannot be written: %m\n", app->service->name, argv[0], name);
        return 1;
    }
    return 0;
}

static bool write_schema(const char *folder, const char *name, const json_t *schema)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    if (!file) return false;
    const bool written =
        json_dumpf(schema, file, JSON_INDENT(2) | JSON_SORT_KEYS) == 0 && fputc('\n', file) != EOF;
    return fclose(file) == 0 && written;
}

static int verb_routes(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    schema_routes(app->service, stdout);
    return 0;
}

static int verb_import(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return import_run(app);
}

static int verb_help_config(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct setting kit_rows[SETTINGS_MAX];
    struct setting_group groups[2];
    config_help(groups, setting_groups(app, kit_rows, groups), stdout);
    return 0;
}

static int verb_help(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const struct service *service = app->service;
    printf("%s: %s\n\n", service->name,
           service->summary ? service->summary : "a service of Domestic Connect");
    for (size_t i = 0; i < COUNT_OF(kit_verbs); i++) {
        if (strcmp(kit_verbs[i].verb.name, "import") == 0 && !service->importers) continue;
        printf("  %-14s %s\n", kit_verbs[i].verb.name, kit_verbs[i].verb.summary);
    }
    for (const struct verb *verb = service->verbs; verb && verb->name; verb++)
        printf("  %-14s %s\n", verb->name, verb->summary);
    return 0;
}

static int say(const struct app *app, const struct error *err)
{
    fprintf(stderr, "%s: %s", app->service->name, err->detail);
    fprintf(stderr, err->cause[0] ? " (%s)\n" : "%s\n", err->cause);
    return 1;
}
