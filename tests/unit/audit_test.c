// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "kit_database.h"

static struct kit_database kit;

// Ten fresh entries; what is done to them is done past the triggers, as somebody with the server would.
static void fill(void)
{
    kit_forget(&kit);
    test_database_run(&kit.database, "SET session_replication_role = replica; TRUNCATE audit_log");
    struct db db = kit_session(&kit, DB_WRITE);
    for (int i = 1; i <= 10; i++) {
        const char *details = i % 2 ? NULL : arena_printf(kit.arena, "{\"n\": %d, \"who\": \"Wanjikũ\"}", i);
        kit_assert_fine(&kit, audit_add(&db, "operator:test", "user.deactivated", "u1", details, &kit.err));
    }
    kit_assert_fine(&kit, db_commit(&db, &kit.err));
    db_end(&db);
}

static void expect(int64_t rows, int64_t bad)
{
    int64_t found_rows = -1, found_bad = -1;
    struct db db = kit_session(&kit, DB_READ);
    kit_assert_fine(&kit, audit_verify(&db, &found_rows, &found_bad, &kit.err));
    db_end(&db);
    assert_int_equal(found_rows, rows);
    assert_int_equal(found_bad, bad);
}

static void tamper(const char *sql)
{
    char script[512];
    snprintf(script, sizeof script, "SET session_replication_role = replica; %s", sql);
    test_database_run(&kit.database, script);
}

static void chain_fits(void **state)
{
    (void)state;
    fill();
    expect(10, 0);
    assert_string_equal(test_database_run(&kit.database, "SELECT details FROM audit_log WHERE id = 1"), "{}");
    tamper("TRUNCATE audit_log");
    expect(0, 0);
}

static void ordinary_ways_are_closed(void **state)
{
    (void)state;
    static const char *const ways[] = {"UPDATE audit_log SET actor = 'x' WHERE id = 3",
                                       "DELETE FROM audit_log WHERE id = 3", "TRUNCATE audit_log"};
    fill();
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct db db = kit_session(&kit, DB_WRITE);
        assert_false(db_script(&db, ways[i], &kit.err));
        assert_non_null(strstr(kit.err.cause, "append-only"));
        db_end(&db);
    }
    expect(10, 0);
    // What the caller gives for the chain's own columns does not count.
    test_database_run(&kit.database,
                      "INSERT INTO audit_log (id, at, actor, action, subject, previous_hash, hash) "
                      "VALUES (99, '2000-01-01', 'a', 'b', 'c', 'x', 'y')");
    expect(11, 0);
}

static void tampering_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int64_t rows, bad;
    } cases[] = {
        {"UPDATE audit_log SET actor = 'x' WHERE id = 3", 10, 3},
        {"UPDATE audit_log SET details = '{\"n\": 5}' WHERE id = 4", 10, 4},
        {"UPDATE audit_log SET at = at + interval '1 microsecond' WHERE id = 10", 10, 10},
        {"UPDATE audit_log AS a SET actor = 'x', hash = audit_hash((id, at, 'x', action, subject, details, "
         "previous_hash, hash)::audit_log) WHERE id = 3",
         10, 4}, // hashed anew: the next row tells
        {"DELETE FROM audit_log WHERE id = 5", 9, 5},
        {"DELETE FROM audit_log WHERE id = 1", 9, 1},
        {"UPDATE audit_log SET id = CASE id WHEN 6 THEN -7 ELSE 6 END WHERE id IN (6, 7);"
         "UPDATE audit_log SET id = 7 WHERE id = -7",
         10, 6}, // two rows swapped
        {"INSERT INTO audit_log SELECT 0, at, actor, action, subject, details, previous_hash, hash FROM "
         "audit_log "
         "WHERE id = 1",
         11, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fill();
        tamper(cases[i].sql);
        expect(cases[i].rows, cases[i].bad);
    }
}

static void entry_falls_with_its_transaction(void **state)
{
    (void)state;
    fill();
    struct db db = kit_session(&kit, DB_WRITE);
    kit_assert_fine(&kit, audit_add(&db, "a", "b", "c", NULL, &kit.err));
    db_end(&db);
    expect(10, 0);
    db = kit_session(&kit, DB_WRITE);
    assert_false(audit_add(&db, "a", "b", "c", "{broken", &kit.err));
    db_end(&db);
    expect(10, 0);
}

static bool add_beside_another(struct db *db, void *argument, struct error *err)
{
    int *attempts = argument;
    if (!db_script(db, "SELECT 1", err)) return false; // the snapshot is taken
    if (++*attempts == 1)
        test_database_run(&kit.database,
                          "INSERT INTO audit_log (actor, action, subject) VALUES ('x', 'y', 'z')");
    return audit_add(db, "a", "b", "c", NULL, err);
}

static void old_snapshot_does_not_fork_the_chain(void **state)
{
    (void)state;
    int attempts = 0;
    fill();
    kit_assert_fine(
        &kit, db_transaction(kit.pool, DB_REPEATABLE, kit.arena, add_beside_another, &attempts, &kit.err));
    assert_int_equal(attempts, 2);
    expect(12, 0);
}

static int setup(void **state)
{
    (void)state;
    return kit_database_create(&kit);
}

static int teardown(void **state)
{
    (void)state;
    return kit_database_drop(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_fits),
        cmocka_unit_test(ordinary_ways_are_closed),
        cmocka_unit_test(tampering_is_found),
        cmocka_unit_test(entry_falls_with_its_transaction),
        cmocka_unit_test(old_snapshot_does_not_fork_the_chain),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
