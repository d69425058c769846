// SPDX-License-Identifier: MIT
// Recurring work: by one replica at a time, again after a failure, and the kit's own job.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "eventually.h"
#include "kit_app.h"
#include "log.h"
#include "output.h"
#include "running.h"

static struct kit_app kit_app;
static struct test_database *database = &kit_app.kit.database;
static struct app *app = &kit_app.app;
static struct app replica;

static const struct sql run_add = {"run_add", "INSERT INTO runs (job) VALUES ($1)", 1};
static const struct sql *const statements[] = {&run_add, NULL};
static const struct migration migrations[] = {
    {"0001_runs", "CREATE TABLE runs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job text NOT NULL)"}, {0}};

static atomic_int tries, inside, together;

static bool count_run(struct app *of, struct db *db, struct error *err)
{
    (void)of;
    atomic_fetch_add(&tries, 1);
    return db_exec(db, &run_add, DB_IN(DB_TEXT("counted")), NULL, err);
}

static bool fail_at_first(struct app *of, struct db *db, struct error *err)
{
    (void)of;
    if (!db_exec(db, &run_add, DB_IN(DB_TEXT("failing")), NULL, err)) return false;
    if (atomic_fetch_add(&tries, 1) >= 2) return true;
    error_set(err, &problem_conflict, "Not this time.");
    return error_cause(err, "a test");
}

// Notes when two are inside at once.
static bool be_alone(struct app *of, struct db *db, struct error *err)
{
    (void)of;
    if (atomic_fetch_add(&inside, 1) > 0) atomic_store(&together, 1);
    nanosleep(&(struct timespec){0, 2000000}, NULL); // long enough for the other to come
    const bool added = db_exec(db, &run_add, DB_IN(DB_TEXT("alone")), NULL, err);
    atomic_fetch_sub(&inside, 1);
    atomic_fetch_add(&tries, 1);
    return added;
}

static const struct job counted[] = {{"counted", 10, count_run}, {0}};
static const struct job rare[] = {{"rare", 3600000, count_run}, {0}};
static const struct job failing[] = {{"failing", 10, fail_at_first}, {0}};
static const struct job alone[] = {{"alone", 1, be_alone}, {0}};
static const struct job two[] = {{"rare", 3600000, count_run}, {"failing", 3600000, fail_at_first}, {0}};

static const struct service service = {.name = "jobs", .migrations = migrations, .statements = statements};

static void start(struct app *which, const struct job *jobs)
{
    struct error err = {0};
    kit_app.service.jobs = jobs;
    which->jobs = jobs_start(which, &err);
    assert_non_null(which->jobs);
}

static int setup(void **state)
{
    (void)state;
    atomic_store(&tries, 0);
    atomic_store(&together, 0);
    test_database_run(database, "TRUNCATE runs, idempotency_keys");
    kit_app_replica(&kit_app, &replica);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    jobs_stop(app->jobs);
    jobs_stop(replica.jobs);
    app->jobs = NULL;
    kit_app_replica_drop(&replica);
    output_end();
    log_start("test", LOG_LEVEL_ERROR);
    return 0;
}

static bool cell_is(const char *sql, const char *value)
{
    return strcmp(test_database_run(database, sql), value) == 0;
}

static void job_comes_again_and_its_work_is_committed(void **state)
{
    (void)state;
    start(app, counted);
    eventually(atomic_load(&tries) >= 3);
    eventually(cell_is("SELECT count(*) >= 3 FROM runs", "t"));
}

static void job_runs_at_start_and_then_waits(void **state)
{
    (void)state;
    start(app, rare);
    eventually(cell_is("SELECT count(*) FROM runs", "1"));
    jobs_stop(app->jobs); // does not wait for the hour to pass
    app->jobs = NULL;
    assert_int_equal(atomic_load(&tries), 1);
}

static void failing_job_is_rolled_back_logged_and_comes_again(void **state)
{
    (void)state;
    log_start("test", LOG_LEVEL_WARNING);
    output_begin();
    start(app, failing);
    eventually(atomic_load(&tries) >= 4);
    jobs_stop(app->jobs);
    app->jobs = NULL;
    const char *line = strstr(output_so_far(), "\"event\":\"job_failed\"");
    assert_non_null(line);
    const char *expected = "\"event\":\"job_failed\",\"job\":\"failing\",\"detail\":\"Not this time.\",\"cause\":\"a test\"}\n";
    assert_memory_equal(line, expected, strlen(expected));
    assert_non_null(strstr(line + 1, "\"event\":\"job_failed\"")); // the second try
    char runs[16];
    snprintf(runs, sizeof runs, "%d", atomic_load(&tries) - 2);
    assert_string_equal(test_database_run(database, "SELECT count(*) FROM runs"), runs);
}

static void failing_job_does_not_hold_up_the_others(void **state)
{
    (void)state;
    start(app, two);
    eventually(cell_is("SELECT string_agg(job, ' ') FROM runs", "counted"));
}

static void one_replica_at_a_time_does_the_work(void **state)
{
    (void)state;
    start(app, alone);
    start(&replica, alone);
    eventually(atomic_load(&tries) >= 50);
    assert_int_equal(atomic_load(&together), 0);
}

static int64_t sessions(void)
{
    struct db_pool_stats stats;
    db_pool_stats(app->pool, &stats);
    return stats.acquired_total;
}

static void job_that_another_replica_is_at_is_passed_over(void **state)
{
    (void)state;
    struct db db = kit_session(&kit_app.kit, DB_WRITE);
    kit_assert_fine(&kit_app.kit, db_script(&db, "SELECT pg_advisory_xact_lock(hashtext('job'), hashtext('counted'))", &kit_app.kit.err));
    const int64_t before = sessions();
    start(app, counted);
    eventually(sessions() >= before + 4); // the kit's own job, and three tries of this one
    assert_int_equal(atomic_load(&tries), 0);
    db_end(&db);
    eventually(atomic_load(&tries) > 0);
}

static void kit_forgets_old_idempotency_keys(void **state)
{
    (void)state;
    test_database_run(database, "INSERT INTO idempotency_keys (owner, route, key, fingerprint, created_at) VALUES "
                                "('o', 'r', 'old', 'f', now() - interval '25 hours'), ('o', 'r', 'new', 'f', now() - interval '23 hours')");
    start(app, NULL);
    eventually(cell_is("SELECT string_agg(key, ' ') FROM idempotency_keys", "new"));
}


static int make(void **state)
{
    (void)state;
    return kit_app_create(&kit_app, &service);
}

static int drop(void **state)
{
    (void)state;
    return kit_app_drop(&kit_app);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(job_comes_again_and_its_work_is_committed),
        TEST(job_runs_at_start_and_then_waits),
        TEST(failing_job_is_rolled_back_logged_and_comes_again),
        TEST(failing_job_does_not_hold_up_the_others),
        TEST(one_replica_at_a_time_does_the_work),
        TEST(job_that_another_replica_is_at_is_passed_over),
        TEST(kit_forgets_old_idempotency_keys),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
