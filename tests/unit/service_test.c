// SPDX-License-Identifier: MIT
// The verbs of a service, each in a process of its own. Serving is boot_test.c, importing import_test.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker.h"
#include "child.h"
#include "json.h"
#include "postgres.h"
#include "service.h"

// --- The service ----------------------------------------------------------------------------------
struct sample_settings {
    int64_t life_s;
};
static const struct setting settings[] = {
    SETTING(sample_settings, life_s, "DC_LIFE_S", "900", .min = 60, .max = 3600, .doc = "Life, in seconds."), {0}};
static const struct migration migrations[] = {{"0001_notes", "CREATE TABLE notes (id text PRIMARY KEY)"}, {0}};
static const struct sql note_count = {"note_count", "SELECT count(*) FROM notes", 0};
static const struct sql *const statements[] = {&note_count, NULL};
FIELDS_OUT(note, FIELD_OUT("id", FIELD_TEXT, .required = true, .doc = "Id."))
static const struct event_type created = {"ke.domesticconnect.note.created.v1", &topic_users, &note_fields, "A note was made."};
static const struct event_type *const events[] = {&created, NULL};
static const struct route routes[] = {{"GET", "/notes", ACCESS_SIGNED_IN, "All notes", .answer = &note_fields}, {0}};

// Its own verb: tells its setting, its arguments and how many notes there are.
static int count_notes(struct app *app, int argc, char **argv)
{
    struct arena *arena = arena_new(1 << 16);
    struct error err = {.arena = arena};
    struct db db;
    int64_t count = -1;
    db_begin(&db, app->pool, DB_READ, arena);
    const bool found = db_row(&db, &note_count, DB_NOTHING, DB_OUT(DB_GET_INT(&count)), &err) == DB_FOUND;
    db_end(&db);
    arena_free(arena);
    printf("%ld notes, life %ld s, %d arguments: %s\n", (long)count, (long)((struct sample_settings *)app->settings)->life_s, argc, argc ? argv[0] : "");
    return found ? 7 : 1;
}

static const struct verb verbs[] = {{"count", "say how many notes there are", count_notes}, {0}};
static const struct service sample = {.name = "sample", .summary = "Notes.", .routes = routes, .settings = settings,
                                      .settings_size = sizeof(struct sample_settings), .migrations = migrations, .statements = statements,
                                      .events = events, .verbs = verbs};
static const struct service bare = {.name = "bare"}; // has no database and nothing of its own

// --- Running it -----------------------------------------------------------------------------------
static struct test_database database;
static struct child child;
static char database_setting[1100], brokers_setting[256];
static const char *environment[] = {database_setting, brokers_setting, "DC_CURSOR_SECRET=0123456789012345678901234567890123456789", NULL, NULL};
static const char *const nothing[] = {NULL};

static int setup(void **state)
{
    (void)state;
    if (test_database_create(&database)) return -1;
    snprintf(database_setting, sizeof database_setting, "DATABASE_URL=%s", database.url);
    snprintf(brokers_setting, sizeof brokers_setting, "KAFKA_BROKERS=%s", broker_address());
    environment[3] = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    child_end(&child);
    return test_database_drop(&database);
}

static int run(const char *const *with, const char *verb, const char *argument)
{
    child_end(&child);
    child = child_start((const char *const[]){verb, argument, NULL}, with, NULL);
    return child_wait(&child);
}

static void expect_errors(const char *errors)
{
    assert_string_equal(child_errors(&child), errors);
    assert_string_equal(child_output(&child), "");
}

// --- Tests ----------------------------------------------------------------------------------------

static void unknown_verb_is_refused(void **state)
{
    (void)state;
    assert_int_equal(run(nothing, "dance", NULL), 2);
    expect_errors("sample: there is no verb 'dance'; see sample --help\n");
    assert_int_equal(run(nothing, "import", NULL), 2); // it has no importers
}

static void help_lists_the_verbs_it_has(void **state)
{
    (void)state;
    assert_int_equal(run(nothing, "--help", NULL), 0);
    const char *text = child_output(&child);
    assert_memory_equal(text, "sample: Notes.\n\n  serve ", 24);
    assert_non_null(strstr(text, "\n  count          say how many notes there are\n"));
    assert_null(strstr(text, "import"));
}

static void settings_are_listed_with_the_services_own(void **state)
{
    (void)state;
    assert_int_equal(run(nothing, "--help-config", NULL), 0);
    const char *text = child_output(&child);
    assert_non_null(strstr(text, "\nDC_LIFE_S                        Life, in seconds. From 60 to 3600. Default: 900.\n"));
    assert_non_null(strstr(text, "\nDATABASE_URL                     PostgreSQL: postgresql://role:password@host:port/database. Required.\n"));
}

static void service_without_a_database_needs_none_of_its_settings(void **state)
{
    (void)state;
    assert_int_equal(run(nothing, "bare:--help-config", NULL), 0);
    assert_non_null(strstr(child_output(&child), "\nDATABASE_URL                     PostgreSQL: postgresql://role:password@host:port/database. Default: empty.\n"));
    assert_int_equal(run((const char *const[]){brokers_setting, NULL}, "bare:migrate", NULL), 0);
    assert_string_equal(child_output(&child), "");
}

static void bad_settings_are_told_all_at_once(void **state)
{
    (void)state;
    const char *const bad[] = {"DC_LIFE_S=5", "DC_CURSOR_SECRET=short", "DC_LIEF_S=60", brokers_setting, NULL};
    assert_int_equal(run(bad, "serve", NULL), 1);
    expect_errors("sample cannot start with these settings:\n"
                  "DATABASE_URL is required. PostgreSQL: postgresql://role:password@host:port/database.\n"
                  "DC_CURSOR_SECRET must have at least 32 bytes.\n"
                  "DC_LIFE_S must be from 60 to 3600.\n"
                  "DC_LIEF_S is no setting of this service: correct its name or remove it; see --help-config.\n");
}

static void migrate_brings_the_database_up_to_date_once(void **state)
{
    (void)state;
    assert_int_equal(run(environment, "migrate", NULL), 0);
    static const char *const migrated = "migrated kit/0000_migrations\nmigrated kit/0001_events\nmigrated kit/0002_outbox_ids\nmigrated kit/0003_kept_locations\n"
                                        "migrated sample/0001_notes\n";
    assert_string_equal(child_output(&child), migrated);
    assert_int_equal(run(environment, "migrate", NULL), 0);
    assert_string_equal(child_output(&child), "");
    assert_string_equal(test_database_run(&database, "SELECT count(*) FROM notes"), "0");
}

static void migrate_says_why_it_cannot(void **state)
{
    (void)state;
    test_database_run(&database, "CREATE TABLE notes (id text)");
    assert_int_equal(run(environment, "migrate", NULL), 1);
    assert_non_null(strstr(child_errors(&child), "sample: "));
    assert_non_null(strstr(child_errors(&child), "relation \"notes\" already exists"));
}

static void own_verb_finds_settings_arguments_and_database(void **state)
{
    (void)state;
    environment[3] = "DC_LIFE_S=61";
    assert_int_equal(run(environment, "migrate", NULL), 0);
    test_database_run(&database, "INSERT INTO notes VALUES ('1'), ('2')");
    assert_int_equal(run(environment, "count", "all"), 7);
    assert_string_equal(child_output(&child), "2 notes, life 61 s, 1 arguments: all\n");
    environment[3] = "DC_SETTING_OF_ANOTHER=1"; // which only who is given an environment of its own refuses
    assert_int_equal(run(environment, "count", NULL), 7);
    assert_int_equal(run(environment, "settings", NULL), 1);
}

static void own_verb_wants_a_migrated_database(void **state)
{
    (void)state;
    assert_int_equal(run(environment, "count", NULL), 1);
    assert_string_equal(child_output(&child), "");
    assert_non_null(strstr(child_errors(&child), "sample: The database is empty; run 'sample migrate' first."));
    test_database_run(&database, "CREATE TABLE schema_migrations (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz DEFAULT now())");
    assert_int_equal(run(environment, "count", NULL), 1);
    expect_errors("sample: The database lacks migration kit/0000_migrations; run 'sample migrate' first.\n");
}

static void topics_are_made_or_kept(void **state)
{
    (void)state;
    assert_int_equal(run(environment, "topics", NULL), 0);
    assert_int_equal(run(environment, "topics", NULL), 0);
    const char *text = child_output(&child);
    for (const struct topic *const *topic = topics_all; *topic; topic++) {
        const size_t length = strlen((*topic)->name);
        assert_memory_equal(text, "kept ", 5);
        assert_memory_equal(text + 5, (*topic)->name, length);
        text += 5 + length + 1;
    }
    assert_string_equal(text, "");
}

static void documents_need_no_settings(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(run(nothing, "routes", NULL), 0);
    assert_string_equal(child_output(&child), "GET /notes signed_in\n");
    assert_int_equal(run(nothing, "schema", NULL), 0);
    CLEANUP(json_release) json_t *openapi = json_parse(child_output(&child), strlen(child_output(&child)), &err);
    assert_non_null(json_object_get(json_object_get(openapi, "paths"), "/api/notes"));
    assert_int_equal(run(nothing, "events", NULL), 0);
    CLEANUP(json_release) json_t *schemas = json_parse(child_output(&child), strlen(child_output(&child)), &err);
    assert_non_null(json_object_get(schemas, "note.created.v1.json"));
}

static void events_are_written_to_a_folder(void **state)
{
    (void)state;
    char folder[] = "/tmp/service_test_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(run(nothing, "events", folder), 0);
    snprintf(path, sizeof path, "%s/note.created.v1.json", folder);
    CLEANUP(json_release) json_t *schema = json_load_file(path, 0, NULL);
    assert_true(json_is_object(schema));
    unlink(path);
    rmdir(folder);
    assert_int_equal(run(nothing, "events", folder), 1); // it is not there any more
    assert_non_null(strstr(child_errors(&child), "/note.created.v1.json cannot be written: No such file or directory"));
}

static void health_of_nobody_is_bad(void **state)
{
    (void)state;
    environment[3] = "DC_METRICS_PORT=1";
    assert_int_equal(run(environment, "health", NULL), 1);
    assert_string_equal(child_output(&child), "");
    assert_non_null(strstr(child_errors(&child), "sample: "));
}

// "bare:verb" runs the verb of the service that has nothing.
static int be_service(int argc, char **argv)
{
    if (strncmp(argv[1], "bare:", 5) != 0) return service_main(&sample, argc, argv);
    argv[1] += 5;
    return service_main(&bare, argc, argv);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_verb_is_refused),
        TEST(help_lists_the_verbs_it_has),
        TEST(settings_are_listed_with_the_services_own),
        TEST(service_without_a_database_needs_none_of_its_settings),
        TEST(bad_settings_are_told_all_at_once),
        TEST(migrate_brings_the_database_up_to_date_once),
        TEST(migrate_says_why_it_cannot),
        TEST(own_verb_finds_settings_arguments_and_database),
        TEST(own_verb_wants_a_migrated_database),
        TEST(topics_are_made_or_kept),
        TEST(documents_need_no_settings),
        TEST(events_are_written_to_a_folder),
        TEST(health_of_nobody_is_bad),
    };
    if (argc > 1) return be_service(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
