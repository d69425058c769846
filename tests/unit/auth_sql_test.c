// SPDX-License-Identifier: MIT
// Every statement of auth prepared on a freshly migrated database, and what the larger ones do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth.h"
#include "import.h"
#include "kit_sql.h"
#include "migrate.h"
#include "postgres.h"

static struct test_database database;
static struct db_pool *pool;
static struct arena *arena;
static struct error err;

static int setup(void **state)
{
    (void)state;
    static const struct service service = {.name = "auth", .migrations = auth_migrations};
    static const struct sql *const *const lists[] = {kit_statements, auth_statements, NULL};
    arena = arena_new(4 << 20);
    err = (struct error){.arena = arena};
    if (test_database_create(&database)) return 1;
    if (migrate_apply(database.url, &service, &err))
        pool = db_pool_open(&(struct db_pool_config){.url = database.url, .application_name = "test", .connections = 2, .acquire_timeout_ms = 2000,
                                                     .statement_timeout_ms = 5000, .connect_timeout_s = 5, .statements = lists,
                                                     .constraints = auth_constraints}, &err);
    if (!pool) print_error("%s %s\n", err.detail, err.cause);
    return pool ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    db_pool_close(pool);
    arena_free(arena);
    return test_database_drop(&database);
}

static void empty(void)
{
    test_database_run(&database, "TRUNCATE users, outbox, user_profiles, erasures, erasure_steps, mail_outbox, codes, signing_keys CASCADE");
}

static struct db session(void)
{
    struct db db;
    err = (struct error){.arena = arena};
    db_begin(&db, pool, DB_READ, arena);
    return db;
}

static void fine(bool ok)
{
    if (!ok) fail_msg("%s: %s", err.detail, err.cause);
}

static void expect(const char *sql, const char *expected)
{
    assert_string_equal(test_database_run(&database, sql), expected);
}

static void add_user(const char *id, const char *email)
{
    struct db db = session();
    fine(db_exec(&db, &SQL_user_create,
                 DB_IN(DB_TEXT(id), DB_TEXT(email), DB_TEXT(NULL), DB_TEXT("Jane"), DB_TEXT("W"), DB_TEXT("employer"), DB_TEXT(NULL), DB_TEXT(NULL),
                       DB_BOOL(false)), NULL, &err));
    db_end(&db);
}

static void every_table_and_column_says_what_it_is(void **state)
{
    (void)state;
    expect("SELECT coalesce(string_agg(c.relname || '.' || coalesce(a.attname, ''), ', '), '') FROM pg_class c"
           " JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
           " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
           " WHERE c.relkind = 'r' AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)", "");
}

static void a_user_is_told_once_without_contact_details(void **state)
{
    (void)state;
    empty();
    add_user("u1", "Jane@example.com");
    expect("SELECT string_agg(topic || ' ' || type, ', ' ORDER BY id) FROM outbox",
           "dc.auth.users ke.domesticconnect.user.registered.v1, dc.auth.contacts ke.domesticconnect.user.contact_changed.v1");
    expect("SELECT count(*) FROM outbox WHERE topic = 'dc.auth.users' AND data::text ILIKE '%example.com%'", "0");
    expect("SELECT kind || ' ' || recipient FROM mail_outbox", "verify Jane@example.com");
    struct db db = session();
    assert_false(db_exec(&db, &SQL_user_create,
                         DB_IN(DB_TEXT("u2"), DB_TEXT("JANE@EXAMPLE.COM"), DB_TEXT(NULL), DB_TEXT("J"), DB_TEXT("W"), DB_TEXT("agency"), DB_TEXT(NULL),
                               DB_TEXT(NULL), DB_BOOL(false)), NULL, &err));
    assert_ptr_equal(err.problem, &problem_email_taken);
    db_end(&db);
}

static void an_update_that_changes_nothing_tells_nothing(void **state)
{
    (void)state;
    empty();
    add_user("u1", "jane@example.com");
    struct db db = session();
    const char *json = NULL;
    fine(db_text(&db, &SQL_user_update, DB_IN(DB_TEXT("u1"), DB_TEXT("{\"first_name\":\"Jane\"}")), &json, NULL, &err));
    assert_non_null(strstr(json, "\"first_name\" : \"Jane\""));
    expect("SELECT count(*) FROM outbox", "2");
    fine(db_text(&db, &SQL_user_update, DB_IN(DB_TEXT("u1"), DB_TEXT("{\"last_name\":\"X\"}")), &json, NULL, &err));
    expect("SELECT type FROM outbox ORDER BY id DESC LIMIT 1", "ke.domesticconnect.user.updated.v1");
    expect("SELECT count(*) FROM outbox", "3");
    fine(db_text(&db, &SQL_user_update, DB_IN(DB_TEXT("u1"), DB_TEXT("{\"phone_number\":\"+254722000111\"}")), &json, NULL, &err));
    expect("SELECT data ->> 'phone_number' FROM outbox ORDER BY id DESC LIMIT 1", "+254722000111");
    fine(db_text(&db, &SQL_user_update, DB_IN(DB_TEXT("u1"), DB_TEXT("{\"phone_number\":null}")), &json, NULL, &err));
    assert_non_null(strstr(json, "\"phone_number\" : null"));
    db_end(&db);
}

static void a_code_is_mailed_five_times_an_hour_and_used_once(void **state)
{
    (void)state;
    empty();
    add_user("u1", "jane@example.com");
    test_database_run(&database, "TRUNCATE mail_outbox; INSERT INTO mail_outbox (kind, recipient) SELECT 'reset', 'JANE@example.com' FROM generate_series(1, 6);"
                                 "INSERT INTO mail_outbox (kind, recipient) VALUES ('reset', 'nobody@example.com')");
    struct db db = session();
    for (int i = 0; i < 7; i++) {
        const char *kind = NULL;
        int64_t id = 0, attempts = 0;
        bool sendable = false;
        const char *hash = arena_printf(arena, "hash-%d", i), *to = NULL, *name = NULL;
        assert_int_equal(db_row(&db, &SQL_mail_take, DB_IN(DB_TEXT(hash)),
                                DB_OUT(DB_GET_INT(&id), DB_GET_TEXT(&kind), DB_GET_TEXT(&to), DB_GET_TEXT(&name), DB_GET_INT(&attempts),
                                       DB_GET_BOOL(&sendable)), &err), DB_FOUND);
        assert_int_equal(sendable, i < 5);
        assert_int_equal(attempts, 1);
    }
    expect("SELECT count(*) FROM codes", "5");
    const char *user = NULL;
    fine(db_text(&db, &SQL_code_take, DB_IN(DB_TEXT("hash-0"), DB_TEXT("{verify}")), &user, NULL, &err));
    assert_null(user);
    fine(db_text(&db, &SQL_code_take, DB_IN(DB_TEXT("hash-0"), DB_TEXT("{reset}")), &user, NULL, &err));
    assert_string_equal(user, "u1");
    fine(db_text(&db, &SQL_code_take, DB_IN(DB_TEXT("hash-0"), DB_TEXT("{reset}")), &user, NULL, &err));
    assert_null(user);
    test_database_run(&database, "UPDATE codes SET expires_at = now()");
    fine(db_text(&db, &SQL_code_take, DB_IN(DB_TEXT("hash-1"), DB_TEXT("{reset}")), &user, NULL, &err));
    assert_null(user);
    db_end(&db);
}

static void a_mail_that_failed_comes_again_later_and_not_for_ever(void **state)
{
    (void)state;
    empty();
    add_user("u1", "jane@example.com");
    struct db db = session();
    const char *id = NULL;
    int64_t given_up = 0;
    fine(db_text(&db, &SQL_mail_take, DB_IN(DB_TEXT("h1")), &id, NULL, &err));
    assert_non_null(id);
    fine(db_exec(&db, &SQL_mail_failed, DB_IN(DB_TEXT(id), DB_TEXT("h1"), DB_INT(10)), &given_up, &err));
    assert_int_equal(given_up, 0);
    expect("SELECT count(*) FROM codes", "0");
    expect("SELECT next_try_at BETWEEN now() + interval '10 s' AND now() + interval '20 s' FROM mail_outbox", "t");
    const char *none = NULL;
    fine(db_text(&db, &SQL_mail_take, DB_IN(DB_TEXT("h2")), &none, NULL, &err));
    assert_null(none);
    test_database_run(&database, "UPDATE mail_outbox SET attempts = 10");
    fine(db_exec(&db, &SQL_mail_failed, DB_IN(DB_TEXT(id), DB_TEXT("h1"), DB_INT(10)), &given_up, &err));
    assert_int_equal(given_up, 1);
    db_end(&db);
}

static void only_one_key_is_current_and_retired_ones_go_in_time(void **state)
{
    (void)state;
    empty();
    struct db db = session();
    fine(db_exec(&db, &SQL_key_add, DB_IN(DB_TEXT("k1"), DB_TEXT("current"), DB_TEXT("s"), DB_TEXT("{\"kid\":\"k1\"}")), NULL, &err));
    fine(db_exec(&db, &SQL_key_add, DB_IN(DB_TEXT("k2"), DB_TEXT("next"), DB_TEXT("s"), DB_TEXT("{\"kid\":\"k2\"}")), NULL, &err));
    assert_false(db_exec(&db, &SQL_key_add, DB_IN(DB_TEXT("k3"), DB_TEXT("next"), DB_TEXT("s"), DB_TEXT("{}")), NULL, &err));
    db_end(&db);
    db = session();
    int64_t retired = 0;
    fine(db_exec(&db, &SQL_key_retire, DB_IN(DB_INT(1)), &retired, &err));
    assert_int_equal(retired, 0);
    test_database_run(&database, "UPDATE signing_keys SET current_at = now() - interval '2 hours' WHERE kid = 'k1'");
    fine(db_exec(&db, &SQL_key_retire, DB_IN(DB_INT(1)), &retired, &err));
    assert_int_equal(retired, 1);
    fine(db_exec(&db, &SQL_key_promote, DB_NOTHING, NULL, &err));
    expect("SELECT string_agg(kid || ' ' || state, ', ' ORDER BY kid) FROM signing_keys", "k1 retired, k2 current");
    fine(db_exec(&db, &SQL_key_sweep, DB_IN(DB_INT(1000)), NULL, &err));
    expect("SELECT count(*) FROM signing_keys", "2");
    test_database_run(&database, "UPDATE signing_keys SET retired_at = now() - interval '1001 s' WHERE kid = 'k1'");
    fine(db_exec(&db, &SQL_key_sweep, DB_IN(DB_INT(1000)), NULL, &err));
    expect("SELECT type || ' ' || key || ' ' || (data IS NULL) FROM outbox ORDER BY id DESC LIMIT 1",
           "ke.domesticconnect.signing_key.removed.v1 k1 true");
    db_end(&db);
}

static void erasing_leaves_ids_and_tombstones_alone(void **state)
{
    (void)state;
    empty();
    add_user("u1", "jane@example.com");
    test_database_run(&database, "UPDATE outbox SET published_at = now(), broker_cluster = 'c'; INSERT INTO user_profiles VALUES ('p1', 'u1');"
                                 "INSERT INTO sessions (id, user_id, expires_at) VALUES ('s1', 'u1', now())");
    struct db db = session();
    const char *json = NULL;
    fine(db_exec(&db, &SQL_erasure_start, DB_IN(DB_TEXT("e1"), DB_TEXT("u1"), DB_TEXT("self"), DB_TEXT("u1")), NULL, &err));
    expect("SELECT count(*) FROM users", "0");
    expect("SELECT count(*) FROM sessions", "0");
    expect("SELECT count(*) FROM outbox WHERE data::text LIKE '%Jane%' OR data::text LIKE '%jane%'", "0");
    expect("SELECT string_agg(type, ', ' ORDER BY id) FROM outbox WHERE data IS NULL",
           "ke.domesticconnect.user.erased.v1, ke.domesticconnect.user.contact_erased.v1");
    fine(db_text(&db, &SQL_erasure_read, DB_IN(DB_TEXT("e1")), &json, NULL, &err));
    assert_non_null(strstr(json, "\"state\" : \"running\""));
    fine(db_exec(&db, &SQL_profile_gone, DB_IN(DB_TEXT("p1")), NULL, &err));
    fine(db_text(&db, &SQL_erasure_read, DB_IN(DB_TEXT("e1")), &json, NULL, &err));
    assert_non_null(strstr(json, "\"state\" : \"done\""));
    expect("SELECT action || ' ' || subject FROM audit_log ORDER BY id DESC LIMIT 1", "user.erased u1");
    db_end(&db);
}

// --- Sessions --------------------------------------------------------------------------------------

static bool sign_in(struct db *db, const char *session_id, int64_t sessions_max)
{
    const char *json = NULL, *type = NULL;
    bool is_admin = false;
    return db_row(db, &SQL_session_open,
                  DB_IN(DB_TEXT(session_id), DB_TEXT("u1"), DB_TEXT(""), DB_TEXT(arena_printf(arena, "hash of %s", session_id)), DB_INT(60), DB_TEXT(NULL)),
                  DB_OUT(DB_GET_TEXT(&json), DB_GET_TEXT(&type), DB_GET_BOOL(&is_admin)), &err) == DB_FOUND &&
           db_exec(db, &SQL_sessions_end_surplus, DB_IN(DB_TEXT("u1"), DB_TEXT(session_id), DB_INT(sessions_max)), NULL, &err);
}

static void a_sign_in_too_many_ends_the_session_unused_for_longest(void **state)
{
    (void)state;
    empty();
    add_user("u1", "jane@example.com");
    add_user("u2", "mary@example.com");
    test_database_run(&database,
                      "INSERT INTO sessions (id, user_id, last_used_at, expires_at, revoked_at) VALUES"
                      " ('old', 'u1', now() - interval '3 hours', now() + interval '1 hour', NULL),"
                      " ('older', 'u1', now() - interval '4 hours', now() + interval '1 hour', NULL),"
                      " ('used', 'u1', now() - interval '1 hour', now() + interval '1 hour', NULL),"
                      " ('expired', 'u1', now() - interval '9 hours', now() - interval '1 hour', NULL),"
                      " ('left', 'u1', now() - interval '9 hours', now() + interval '1 hour', now()),"
                      " ('hers', 'u2', now() - interval '9 hours', now() + interval '1 hour', NULL); TRUNCATE outbox");
#define GO_ON "SELECT string_agg(id, ' ' ORDER BY id) FROM sessions WHERE revoked_at IS NULL AND expires_at > now()"
    struct db db = session();
    fine(sign_in(&db, "s1", 4));
    expect(GO_ON, "hers old older s1 used");
    fine(sign_in(&db, "s2", 4));
    expect(GO_ON, "hers old s1 s2 used");
    expect("SELECT string_agg(topic || ' ' || type || ' ' || key || ' ' || (data ->> 'session_id'), ', ') FROM outbox",
           "dc.auth.revocations ke.domesticconnect.access.revoked.v1 u1 older");
    fine(sign_in(&db, "s3", 1)); // the setting was lowered
    expect(GO_ON, "hers s3");
    expect("SELECT count(*) FROM outbox", "5");
    db_end(&db);
}

static void sign_ins_of_one_user_come_one_after_the_other(void **state)
{
    (void)state;
    empty();
    add_user("u1", "jane@example.com");
    struct db db;
    err = (struct error){.arena = arena};
    db_begin(&db, pool, DB_WRITE, arena);
    fine(sign_in(&db, "s1", 1));
    expect("SELECT count(*) FROM (SELECT FROM users FOR SHARE SKIP LOCKED) AS free", "0");
    fine(db_commit(&db, &err));
    db_end(&db);
}

// --- Import ----------------------------------------------------------------------------------------

static const char *import(const char *rows)
{
    struct db db = session();
    CLEANUP(json_release) json_t *given = json_loads(rows, 0, NULL), *results = json_array();
    fine(judge_batch(&db, given, results, &legacy_users, &err));
    db_end(&db);
    return json_text(arena, results);
}

static void an_import_adds_whom_it_does_not_find(void **state)
{
    (void)state;
    empty();
    add_user("there", "Taken@example.com");
    test_database_run(&database, "INSERT INTO erasures (id, user_id, requested_by) VALUES ('e1', 'gone', 'self'); TRUNCATE outbox");
#define ROW(id_, type_, more_) "{\"user_id\":\"" id_ "\",\"first_name\":\"a\",\"last_name\":\"b\",\"user_type\":\"" type_ "\"," more_ "}"
#define TIMES "\"created_at\":\"2025-03-01T00:00:00Z\",\"updated_at\":\"2025-03-01T00:00:00Z\""
#define EMAIL(email_) "\"email\":\"" email_ "\","
    static const char rows[] =
        "[" ROW("there", "agency", TIMES) "," ROW("gone", "agency", EMAIL("one@example.com") TIMES) ","
        ROW("new", "agency", EMAIL("One@example.com") "\"created_at\":\"2025-03-01T00:00:00Z\",\"updated_at\":\"2020-01-01T00:00:00Z\"") ","
        ROW("new", "employer", TIMES) "," ROW("same", "agency", EMAIL("oNE@example.com") TIMES) ","
        ROW("late", "agency", EMAIL("taken@example.com") TIMES) "]";
    const char *first = import(rows);
#define SAID(outcome_, note_) "{\"outcome\":\"" outcome_ "\",\"notes\":[\"" note_ "\"]}"
    assert_string_equal(first, "[\"unchanged\"," SAID("quarantined", "this person was erased and does not come back") ","
                               SAID("repaired", "updated_at is before created_at, set to it") ",\"unchanged\","
                               SAID("repaired", "email belongs to somebody else, left out") ","
                               SAID("repaired", "email belongs to somebody else, left out") "]");
    expect("SELECT string_agg(id || ' ' || coalesce(email, '-'), ', ' ORDER BY id) FROM users",
           "late -, new One@example.com, same -, there Taken@example.com");
    expect("SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') || (updated_at = created_at) FROM users WHERE id = 'new'", "2025-03-01true");
    expect("SELECT count(*) FROM outbox WHERE topic = 'dc.auth.users'", "3");
    expect("SELECT count(*) FROM outbox WHERE topic = 'dc.auth.contacts'", "1");
    const char *second = import(rows);
    assert_null(strstr(second, "imported"));
    expect("SELECT count(*) FROM outbox", "4");
}

static void a_page_of_users_goes_on_where_the_last_one_ended(void **state)
{
    (void)state;
    empty();
    add_user("a", "a@example.com");
    add_user("b", "b@example.com");
    add_user("c", "c@example.com");
    struct db db = session();
    struct db_rows rows;
    const struct db_value none = DB_TEXT(NULL);
    fine(db_rows(&db, &SQL_users_list, DB_IN(none, none, none, none, DB_INT(0), DB_INT(2)), &rows, &err));
    assert_int_equal(rows.count, 2);
    assert_non_null(strstr(db_rows_text(&rows, 0, 0), "\"c@example.com\""));
    assert_non_null(strstr(db_rows_text(&rows, 1, 0), "\"b@example.com\""));
    fine(db_rows(&db, &SQL_users_list, DB_IN(none, none, none, DB_TEXT(db_rows_text(&rows, 1, 1)), DB_INT(0), DB_INT(2)), &rows, &err));
    assert_int_equal(rows.count, 1);
    assert_non_null(strstr(db_rows_text(&rows, 0, 0), "\"a@example.com\""));
    db_end(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_and_column_says_what_it_is),
        cmocka_unit_test(a_user_is_told_once_without_contact_details),
        cmocka_unit_test(an_update_that_changes_nothing_tells_nothing),
        cmocka_unit_test(a_code_is_mailed_five_times_an_hour_and_used_once),
        cmocka_unit_test(a_mail_that_failed_comes_again_later_and_not_for_ever),
        cmocka_unit_test(only_one_key_is_current_and_retired_ones_go_in_time),
        cmocka_unit_test(erasing_leaves_ids_and_tombstones_alone),
        cmocka_unit_test(a_sign_in_too_many_ends_the_session_unused_for_longest),
        cmocka_unit_test(sign_ins_of_one_user_come_one_after_the_other),
        cmocka_unit_test(an_import_adds_whom_it_does_not_find),
        cmocka_unit_test(a_page_of_users_goes_on_where_the_last_one_ended),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
