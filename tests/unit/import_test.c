// SPDX-License-Identifier: MIT
// The verb import, in a process of its own: one batch a line in, one answer a line out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "child.h"
#include "log.h"
#include "migrate.h"
#include "postgres.h"
#include "service.h"

// --- The service ----------------------------------------------------------------------------------
static const struct migration migrations[] = {
    {"0001_notes", "CREATE TABLE notes (id text PRIMARY KEY, was_held boolean DEFAULT (NOT pg_try_advisory_xact_lock(hashtext('bulk'))))"}, {0}};
static const struct sql note_add = {"note_add", "INSERT INTO notes VALUES ($1)", 1};
static const struct sql note_slowly = {"note_slowly", "SELECT pg_sleep(0.3)", 0};
// as if the server had been down meanwhile: who was connected is no longer, but for the one who asks
static const struct sql note_alone = {"note_alone", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()", 0};
static const struct sql *const statements[] = {&note_add, &note_slowly, &note_alone, NULL};
static const struct event_type created = {"ke.domesticconnect.note.created.v1", &topic_users, NULL, "A note was made."};

// Adds a note for each row and answers with its id. Some ids stand for trouble.
static bool take_notes(struct app *app, struct db *db, const json_t *rows, json_t *results, struct error *err)
{
    (void)app;
    static int tries;
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
        const char *id = json_member_text(row, "id");
        if (strcmp(id, "unanswered") == 0) continue;
        if (strcmp(id, "slow") == 0 && !db_exec(db, &note_slowly, DB_NOTHING, NULL, err)) return false;
        if (strncmp(id, "alone", 5) == 0 && !db_exec(db, &note_alone, DB_NOTHING, NULL, err)) return false;
        if (strcmp(id, "bad") == 0) return error_set(err, &problem_conflict, "It is bad.");
        if (!db_exec(db, &note_add, DB_IN(DB_TEXT(id)), NULL, err) || !outbox_add(db, &created, id, "{}", NULL, err)) return false;
        json_array_append_new(results, json_pack("{s:s,s:s,s:[]}", "id", id, "outcome", "imported", "notes"));
        if (strcmp(id, "raced") == 0 && tries++ == 0) { // the whole batch is taken again
            err->retry = true;
            return error_set(err, &problem_unavailable, NULL);
        }
    }
    log_error("note_taken"); // must not get among the answers
    return true;
}

static const struct importer importers[] = {{"notes", take_notes}, {0}};
static const struct service sample = {.name = "sample", .migrations = migrations, .statements = statements, .importers = importers};

// --- Running it -----------------------------------------------------------------------------------
static struct test_database database;
static struct child child;

static int setup(void **state)
{
    (void)state;
    struct error err = {0};
    if (test_database_create(&database)) return -1;
    return migrate_apply(database.url, &sample, &err) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    child_end(&child);
    return test_database_drop(&database);
}

static int import(const char *input)
{
    char url[1100];
    snprintf(url, sizeof url, "DATABASE_URL=%s", database.url);
    child = child_start((const char *const[]){"import", NULL},
                        (const char *const[]){url, "KAFKA_BROKERS=127.0.0.1:1", "DC_CURSOR_SECRET=0123456789012345678901234567890123456789",
                                              "DC_STATEMENT_TIMEOUT_MS=100", NULL}, input);
    return child_wait(&child);
}

static void expect_answers(const char *answers)
{
    assert_string_equal(child_output(&child), answers);
}

static void expect_notes(const char *ids)
{
    assert_string_equal(test_database_run(&database, "SELECT string_agg(id, ' ' ORDER BY id) FROM notes"), ids);
    assert_string_equal(test_database_run(&database, "SELECT string_agg(key, ' ' ORDER BY key) FROM outbox"), ids); // told as well
}

#define BATCH(rows_) "{\"collection\":\"notes\",\"rows\":[" rows_ "]}\n"
#define KEEP "{\"keep\":true}\n"
#define ANSWER(id_) "{\"id\":\"" id_ "\",\"outcome\":\"imported\",\"notes\":[]}"

static void every_batch_is_answered_in_a_line(void **state)
{
    (void)state;
    assert_int_equal(import(BATCH("{\"id\":\"1\"},{\"id\":\"2\"}") BATCH("") BATCH("{\"id\":\"3\"}")), 0);
    expect_answers("{\"results\":[" ANSWER("1") "," ANSWER("2") "]}\n{\"results\":[]}\n{\"results\":[" ANSWER("3") "]}\n");
    expect_notes("1 2 3");
    assert_non_null(strstr(child_errors(&child), "note_taken")); // the log
}

static void its_events_are_bulk_and_wait(void **state)
{
    (void)state;
    assert_int_equal(import(BATCH("{\"id\":\"1\"}") BATCH("{\"id\":\"2\"}")), 0);
    assert_string_equal(test_database_run(&database, "SELECT count(*) FILTER (WHERE is_bulk) FROM outbox"), "2");
    assert_string_equal(test_database_run(&database, "SELECT count(*) FILTER (WHERE was_held) FROM notes"), "2");
    test_database_run(&database, "INSERT INTO outbox (topic, type, key, data) VALUES ('t', 'x.v1', '3', '{}')");
    assert_string_equal(test_database_run(&database, "SELECT count(*) FILTER (WHERE is_bulk) FROM outbox"), "2");
}

// Others write on this server, too, and what they have just written need not be there yet: one time of five is enough.
static void what_is_to_be_kept_is_on_the_disk(void **state)
{
    (void)state;
    static const char *const batches[] = {BATCH("{\"id\":\"1\"}") KEEP, BATCH("{\"id\":\"2\"}") KEEP, BATCH("{\"id\":\"3\"}") KEEP,
                                          BATCH("{\"id\":\"4\"}") KEEP, BATCH("{\"id\":\"5\"}") KEEP};
    bool is_kept = false;
    for (size_t i = 0; i < COUNT_OF(batches) && !is_kept; i++) {
        if (i > 0) child_end(&child);
        assert_int_equal(import(batches[i]), 0);
        if (i == 0) expect_answers("{\"results\":[" ANSWER("1") "]}\n{\"results\":[]}\n");
        is_kept = strcmp(test_database_run(&database, "SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()"), "t") == 0;
    }
    assert_true(is_kept);
}

static void nothing_is_said_to_be_kept_after_the_connection_was_lost(void **state)
{
    (void)state;
    assert_int_equal(import(BATCH("{\"id\":\"1\"}") BATCH("{\"id\":\"alone\"}") KEEP), 1);
    expect_answers("{\"results\":[" ANSWER("1") "]}\n{\"results\":[" ANSWER("alone") "]}\n"
                   "{\"error\":\"Try again in a few seconds.\"}\n");
    child_end(&child);
    assert_int_equal(import(BATCH("{\"id\":\"2\"}") BATCH("{\"id\":\"alone too\"}")), 1); // nobody asked
}

static void batch_has_more_time_than_a_request(void **state)
{
    (void)state;
    assert_int_equal(import(BATCH("{\"id\":\"slow\"}")), 0);
    expect_answers("{\"results\":[" ANSWER("slow") "]}\n");
}

static void last_line_needs_no_end(void **state)
{
    (void)state;
    assert_int_equal(import("{\"collection\":\"notes\",\"rows\":[{\"id\":\"1\"}]}"), 0);
    expect_answers("{\"results\":[" ANSWER("1") "]}\n");
    expect_notes("1");
}

static void failed_batch_is_rolled_back_alone(void **state)
{
    (void)state;
    assert_int_equal(import(BATCH("{\"id\":\"1\"}") BATCH("{\"id\":\"2\"},{\"id\":\"bad\"}") BATCH("{\"id\":\"3\"}")), 1);
    expect_answers("{\"results\":[" ANSWER("1") "]}\n{\"error\":\"It is bad.\"}\n{\"results\":[" ANSWER("3") "]}\n");
    expect_notes("1 3");
    assert_non_null(strstr(child_errors(&child), "sample import: It is bad.\n"));
}

static void trouble_of_the_database_is_answered_without_its_words(void **state)
{
    (void)state;
    assert_int_equal(import(BATCH("{\"id\":\"1\"}") BATCH("{\"id\":\"1\"}")), 1);
    expect_answers("{\"results\":[" ANSWER("1") "]}\n{\"error\":\"Read the current state and try again.\"}\n");
    assert_non_null(strstr(child_errors(&child), "Cause: note_add: 23505"));
}

static void batch_that_is_taken_again_answers_once(void **state)
{
    (void)state;
    assert_int_equal(import(BATCH("{\"id\":\"1\"},{\"id\":\"raced\"}")), 0);
    expect_answers("{\"results\":[" ANSWER("1") "," ANSWER("raced") "]}\n");
    expect_notes("1 raced");
}

static void importer_must_answer_every_row(void **state)
{
    (void)state;
    assert_int_equal(import(BATCH("{\"id\":\"1\"},{\"id\":\"unanswered\"}")), 1);
    expect_answers("{\"error\":\"The importer answered 1 of 2 rows.\"}\n");
    expect_notes("");
}

static void line_that_is_no_batch_is_told_what_to_send(void **state)
{
    (void)state;
    static const char *const lines[] = {"{\"collection\":\"people\",\"rows\":[]}\n", "{\"collection\":\"notes\"}\n", "{\"collection\":\"notes\",\"rows\":{}}\n",
                                        "[]\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_int_equal(import(lines[i]), 1);
        expect_answers("{\"error\":\"Send {\\\"collection\\\":…,\\\"rows\\\":[…]} with a collection that sample takes.\"}\n");
        child_end(&child);
    }
    assert_int_equal(import("{\n\n" BATCH("{\"id\":\"1\"}")), 1);
    expect_answers("{\"error\":\"The JSON is not well-formed at line 2, column 0.\"}\n"
                   "{\"error\":\"The JSON is not well-formed at line 2, column 0.\"}\n{\"results\":[" ANSWER("1") "]}\n");
}

static void nothing_to_import_is_fine(void **state)
{
    (void)state;
    assert_int_equal(import(NULL), 0);
    expect_answers("");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(every_batch_is_answered_in_a_line),
        TEST(its_events_are_bulk_and_wait),
        TEST(what_is_to_be_kept_is_on_the_disk),
        TEST(nothing_is_said_to_be_kept_after_the_connection_was_lost),
        TEST(batch_has_more_time_than_a_request),
        TEST(last_line_needs_no_end),
        TEST(failed_batch_is_rolled_back_alone),
        TEST(trouble_of_the_database_is_answered_without_its_words),
        TEST(batch_that_is_taken_again_answers_once),
        TEST(importer_must_answer_every_row),
        TEST(line_that_is_no_batch_is_told_what_to_send),
        TEST(nothing_to_import_is_fine),
    };
    if (argc > 1) return service_main(&sample, argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
