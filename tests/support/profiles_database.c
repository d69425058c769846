// SPDX-License-Identifier: MIT
#include "profiles_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eventually.h"
#include "housegirl.h"
#include "running.h"

struct profiles_database lists;

static const char workers_sql[] =
    "SELECT setseed(0.25);"
    "INSERT INTO profiles (id, user_id, user_type, first_name, last_name, is_active)"
    "  SELECT 'p' || n, 'u' || n, 'housegirl', 'Jane', 'Doe', mod(n, 50) <> 0 FROM generate_series(1, %d) AS n;"
    "INSERT INTO housegirl_profiles (id, profile_id, age, bio, bio_public, current_location, location, county, education, experience, expected_salary,"
    "                                accommodation_type, skills, languages, role, is_available, created_at)"
    "  SELECT 'w' || n, 'p' || n, 18 + (random() * 45)::integer, b, b, 'Kasarani, Nairobi', c, c,"
    "         (ARRAY['primary', 'form_4', 'diploma', NULL])[1 + (random() * 3)::integer], (ARRAY['no_experience', '2_years', '5_plus_years', NULL])[1 + (random() * 3)::integer],"
    "         CASE WHEN mod(n, 9) > 0 THEN (800000 + (random() * 40)::integer * 50000) END, (ARRAY['live_in', 'live_out', 'both'])[1 + (random() * 2)::integer],"
    "         (ARRAY['{cooking}', '{cooking,Child care}', '{}'])[1 + (random() * 2)::integer]::text[], '{Swahili}', 'nanny', random() < 0.75,"
    "         timestamptz '2026-01-01' + mod(n, 700) * interval '1 hour'" // some at the same moment
    "    FROM generate_series(1, %d) AS n, LATERAL (SELECT (ARRAY['I cook pilau. \U0001F372fresh', 'Toddlers, twins', 'hotel kitchen'])[1 + mod(n * 7, 3)]) AS d(b),"
    "         LATERAL (SELECT (ARRAY['Kisumu', 'Kitui', 'Meru', 'Mombasa'])[1 + mod(n * n, 4)]) AS e(c);";

// What the session has done lately.
static const struct sql ways_taken = {"ways_taken",
                                      "SELECT pg_stat_get_xact_tuples_returned('housegirl_newest'::regclass) + pg_stat_get_xact_tuples_returned('housegirl_experienced'::regclass),"
                                      " pg_stat_get_xact_numscans('housegirl_facets'::regclass)", 0};
#define STATEMENTS_MAX 100

int workers_made(void **state)
{
    (void)state;
    static const struct sql *statements[STATEMENTS_MAX + 1] = {&ways_taken};
    for (size_t i = 0; profiles_statements[i]; i++) {
        if (i + 1 == STATEMENTS_MAX) return 1;
        statements[i + 1] = profiles_statements[i];
    }
    static const struct service service = {.name = "profiles", .migrations = profiles_migrations, .statements = statements, .plans_once = true,
                                           .constraints = profiles_constraints};
    if (kit_database_create_for(&lists.kit, &service)) return 1;
    test_database_run(&lists.kit.database, arena_printf(lists.kit.arena, workers_sql, WORKERS, WORKERS));
    test_database_run(&lists.kit.database, "VACUUM ANALYZE housegirl_profiles");
    lists.app = (struct app){.service = &service, .pool = lists.kit.pool, .clock = &clock_system, .state = &lists.profiles,
                             .config = {.cursor_secret = "0123456789abcdef0123456789abcdef"}};
    lists.profiles.totals = count_cache_new(5000);
    return lists.profiles.totals ? 0 : 1;
}

int workers_dropped(void **state)
{
    (void)state;
    count_cache_free(lists.profiles.totals);
    known_workers_free(lists.profiles.known);
    return kit_database_drop(&lists.kit);
}

static struct ways ways_so_far(struct db *db)
{
    struct ways ways;
    assert_int_equal(db_row(db, &ways_taken, DB_NOTHING, DB_OUT(DB_GET_INT(&ways.looked), DB_GET_INT(&ways.found_far)), &lists.kit.err), DB_FOUND);
    return ways;
}

json_t *listed(const char *query, struct ways *ret_ways)
{
    static const struct route route = {.query = &worker_query_fields};
    kit_forget(&lists.kit);
    struct http_request http = {.arena = lists.kit.arena, .query = query};
    struct request rq = {.app = &lists.app, .http = &http, .route = &route, .path = "/housegirls", .arena = lists.kit.arena, .now_ms = clock_now_ms(lists.app.clock)};
    struct response rs = {0};
    kit_assert_fine(&lists.kit, input_read(&rq, &lists.kit.err));
    db_begin(&rq.db, lists.kit.pool, DB_READ, lists.kit.arena);
    const struct ways before = ways_so_far(&rq.db);
    kit_assert_fine(&lists.kit, housegirl_list(&rq, &rs, &lists.kit.err));
    const struct ways after = ways_so_far(&rq.db);
    *ret_ways = (struct ways){after.looked - before.looked, after.found_far - before.found_far};
    db_end(&rq.db);
    json_t *body = json_loadb(rs.body, rs.length, 0, NULL);
    assert_non_null(body);
    return body;
}

void add_page(const char *query, char ids[WORKERS * 8], char cursor[600], int64_t *ret_total)
{
    struct ways ways;
    json_t *body = listed(query, &ways), *row;
    size_t i;
    json_array_foreach(json_object_get(body, "housegirls"), i, row)
    {
        strcat(ids, json_string_value(json_object_get(row, "id")));
        strcat(ids, ",");
    }
    const json_t *pagination = json_object_get(body, "pagination"), *total = json_object_get(pagination, "total");
    const char *next = json_string_value(json_object_get(pagination, "next_cursor"));
    snprintf(cursor, 600, "%s", next ? next : "");
    assert_int_equal(json_is_true(json_object_get(pagination, "has_next")), next != NULL);
    if (ret_total) *ret_total = json_is_false(json_object_get(pagination, "total_is_estimate")) ? json_integer_value(total) : -1;
    json_decref(body);
}

int64_t known_to(void)
{
    struct worker_finds finds;
    struct known_as_of as_of;
    kit_forget(&lists.kit);
    return known_workers_find(lists.profiles.known, lists.kit.pool, &(struct worker_wish){.after_id = ""}, lists.kit.arena, &finds, &as_of) ? as_of.told_to : -1;
}

static void follow(void)
{
    bool worked = false;
    kit_forget(&lists.kit);
    kit_assert_fine(&lists.kit, known_workers_follow(&lists.app, lists.kit.arena, NULL, &worked, &lists.kit.err));
}

bool follow_to(int64_t id)
{
    follow();
    return known_to() >= id;
}

int64_t last_event(void)
{
    return strtoll(test_database_run(&lists.kit.database, "SELECT coalesce(max(id), 0) FROM outbox"), NULL, 10);
}

void follow_all(void)
{
    const int64_t last = last_event();
    eventually(follow_to(last)); // whoever writes on this server, and has begun, is waited for
}

void know_all(void)
{
    known_workers_free(lists.profiles.known);
    assert_non_null(lists.profiles.known = known_workers_new(WORKERS * 2, NULL, NULL));
    follow_all();
}
