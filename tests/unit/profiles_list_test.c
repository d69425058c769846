// SPDX-License-Identifier: MIT
// The list of workers against the plainest statement that says the same: every filter, sort and way of paging, drawn at random, over
// enough workers that some lists are found near and others far (queries.sql); and which way is taken.
#include "profiles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api.h"
#include "crypto.h"
#include "housegirl.h"
#include "kit_database.h"
#include "running.h"

#define WORKERS 6000
#define LISTS 100
#define PAGES_MAX 200

static struct kit_database kit;
static struct app app;

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

static int setup(void **state)
{
    (void)state;
    static const struct sql *statements[STATEMENTS_MAX + 1] = {&ways_taken};
    for (size_t i = 0; profiles_statements[i]; i++) {
        if (i + 1 == STATEMENTS_MAX) return 1;
        statements[i + 1] = profiles_statements[i];
    }
    static const struct service service = {.name = "profiles", .migrations = profiles_migrations, .statements = statements, .constraints = profiles_constraints};
    if (kit_database_create_for(&kit, &service)) return 1;
    test_database_run(&kit.database, arena_printf(kit.arena, workers_sql, WORKERS, WORKERS));
    test_database_run(&kit.database, "VACUUM ANALYZE housegirl_profiles");
    app = (struct app){.service = &service, .pool = kit.pool, .clock = &clock_system, .state = count_cache_new(),
                       .config = {.cursor_secret = "0123456789abcdef0123456789abcdef"}};
    return app.state ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    count_cache_free(app.state);
    return kit_database_drop(&kit);
}

// A filter as the caller writes it, and as the plainest SQL says it; of one kind, a list takes one.
enum kind { COUNTY, EDUCATION, EXPERIENCE, ACCOMMODATION, SKILLS, LANGUAGES, ROLE, AVAILABLE, VERIFIED, PLACE, WORDS, SALARY, AGE, PROFILE };
static const struct filter {
    enum kind kind;
    const char *query, *sql;
} filters[] = {
    {COUNTY, "county=Kisumu", "county = 'Kisumu'"},
    {COUNTY, "county=Nairobi", "county = 'Nairobi'"}, // nobody
    {EDUCATION, "education=form_4", "education = 'form_4'"},
    {EXPERIENCE, "experience=2_years", "experience = '2_years'"},
    {ACCOMMODATION, "accommodation_type=live_in", "accommodation_type IN ('live_in', 'both')"},
    {SKILLS, "skills=child%20care", "'Child care' = ANY (skills)"},
    {SKILLS, "skills=cooking,child%20care", "'Child care' = ANY (skills) AND 'cooking' = ANY (skills)"},
    {LANGUAGES, "languages=Swahili", "true"},
    {ROLE, "role=Nanny", "true"},
    {AVAILABLE, "is_available=false", "NOT is_available"},
    {VERIFIED, "verified=true", "verification_status = 'verified'"}, // nobody
    {PLACE, "location=kasarani%20meru", "location = 'Meru'"},
    {WORDS, "q=toddlers", "bio LIKE 'Toddlers%'"},
    {WORDS, "q=toddlers%20hotel", "false"}, // never together
    {WORDS, "q=pilau", "bio LIKE '%pilau%'"},
    {WORDS, "q=%F0%9F%8D%B2fresh", "bio LIKE '%pilau%'"}, // a letter beyond U+FFFF
    {SALARY, "min_salary=9000", "expected_salary >= 900000"},
    {SALARY, "max_salary=12000", "expected_salary <= 1200000"},
    {SALARY, "min_salary=9000&max_salary=9500", "expected_salary BETWEEN 900000 AND 950000"},
    {SALARY, "min_salary=900000", "false"},
    {SALARY, "min_salary=1000000000", "false"}, // more cents than an integer holds
    {SALARY, "max_salary=1000000000", "expected_salary IS NOT NULL"},
    {AGE, "min_age=30", "age >= 30"},
    {AGE, "max_age=22", "age <= 22"},
    {AGE, "min_age=40&max_age=41", "age BETWEEN 40 AND 41"},
    {PROFILE, "profile_id=p77", "profile_id = 'p77'"},
};

static const struct order {
    const char *query, *sql;
} orders[] = {
    {"", "created_at DESC, id"},
    {"sort=newest", "created_at DESC, id"},
    {"sort=salary", "expected_salary NULLS LAST, id"},
    {"sort=-salary", "expected_salary DESC NULLS LAST, id"},
    {"sort=experience", "array_position(ARRAY['5_plus_years', '2_years', 'no_experience'], experience) NULLS LAST, id"},
};

struct ways {
    int64_t looked, found_far; // how many were looked at in the order of the list; how often an index of facets was asked
};

static struct ways ways_so_far(struct db *db)
{
    struct ways ways;
    assert_int_equal(db_row(db, &ways_taken, DB_NOTHING, DB_OUT(DB_GET_INT(&ways.looked), DB_GET_INT(&ways.found_far)), &kit.err), DB_FOUND);
    return ways;
}

// The list of a query string, as JSON of its own; and how it was found.
static json_t *listed(const char *query, struct ways *ret_ways)
{
    static const struct route route = {.query = &worker_query_fields};
    kit_forget(&kit);
    struct http_request http = {.arena = kit.arena, .query = query};
    struct request rq = {.app = &app, .http = &http, .route = &route, .path = "/housegirls", .arena = kit.arena, .now_ms = clock_now_ms(app.clock)};
    struct response rs = {0};
    kit_assert_fine(&kit, input_read(&rq, &kit.err));
    db_begin(&rq.db, kit.pool, DB_READ, kit.arena);
    const struct ways before = ways_so_far(&rq.db);
    kit_assert_fine(&kit, housegirl_list(&rq, &rs, &kit.err));
    const struct ways after = ways_so_far(&rq.db);
    *ret_ways = (struct ways){after.looked - before.looked, after.found_far - before.found_far};
    db_end(&rq.db);
    json_t *body = json_loadb(rs.body, rs.length, 0, NULL);
    assert_non_null(body);
    return body;
}

// Adds the ids of a page, each with a comma; the cursor behind it, "" for none.
static void add_page(const char *query, char ids[WORKERS * 8], char cursor[600], int64_t *ret_total)
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

static void walk_by_cursor(const char *query, int size, char ids[WORKERS * 8])
{
    char cursor[600] = "", path[1200];
    ids[0] = '\0';
    for (int i = 0; i < PAGES_MAX; i++) {
        snprintf(path, sizeof path, "%s&per_page=%d%s%s", query, size, *cursor ? "&cursor=" : "", cursor);
        add_page(path, ids, cursor, NULL);
        if (!*cursor) return;
    }
    fail_msg("%s never ends", query);
}

static void walk_by_number(const char *query, int size, char ids[WORKERS * 8], int64_t *ret_total)
{
    char cursor[600], path[1200];
    ids[0] = '\0';
    for (int i = 1; i <= PAGES_MAX; i++) {
        snprintf(path, sizeof path, "%s&per_page=%d&page=%d", query, size, i);
        add_page(path, ids, cursor, ret_total);
        if (!*cursor) return;
    }
    fail_msg("%s never ends", query);
}

// A list drawn at random: its query string, and what summary says of the ids it must hold.
static const char *draw(char query[512])
{
    char sql[1024];
    unsigned kinds = 0;
    const struct order *order = &orders[(size_t)random() % COUNT_OF(orders)];
    snprintf(query, 512, "%s", order->query);
    snprintf(sql, sizeof sql, "SELECT count(*) || ' ' || encode(sha256(coalesce(string_agg(id || ',', '' ORDER BY %s), '')::bytea), 'hex') "
             "FROM housegirl_profiles WHERE is_listed", order->sql);
    for (long n = random() % 4; n > 0; n--) {
        const struct filter *filter = &filters[(size_t)random() % COUNT_OF(filters)];
        if (kinds & 1U << filter->kind) continue;
        kinds |= 1U << filter->kind;
        snprintf(query + strlen(query), 512 - strlen(query), "&%s", filter->query);
        snprintf(sql + strlen(sql), sizeof sql - strlen(sql), " AND %s", filter->sql);
    }
    return test_database_run(&kit.database, sql);
}

static int count_of(const char *ids)
{
    int count = 0;
    for (; *ids; ids++) count += *ids == ',';
    return count;
}

// How many ids, and the digest of all of them in their order.
static const char *summary(const char *ids)
{
    char digest[SHA256_HEX_SIZE];
    crypto_sha256_hex(ids, strlen(ids), digest);
    return arena_printf(kit.arena, "%d %s", count_of(ids), digest);
}

static void every_list_is_what_the_plainest_statement_says(void **state)
{
    (void)state;
    static char by_cursor[WORKERS * 8], by_number[WORKERS * 8];
    char query[512];
    srandom(20261125);
    for (int i = 0; i < LISTS; i++) {
        const char *expected = draw(query);
        const int size = 40 + (int)(random() % 61);
        int64_t total;
        walk_by_cursor(query, size, by_cursor);
        walk_by_number(query, size, by_number, &total);
        if (strcmp(summary(by_cursor), expected) != 0) fail_msg("%s by cursor, %d each: %s, not %s", query, size, summary(by_cursor), expected);
        if (strcmp(summary(by_number), expected) != 0) fail_msg("%s by number, %d each: %s, not %s", query, size, summary(by_number), expected);
        assert_int_equal(total, count_of(by_number)); // the last page tells it
    }
}

// A total is counted when a list is asked for first; which way is taken shows when it is known.
static void the_way_that_costs_less_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        bool is_known;
        int64_t looked_least, looked_most;
        bool is_far;
    } lists[] = {
        {"county=Kisumu", true, 20, 100, false},                                         // one in two
        {"languages=Swahili&min_age=40&max_age=41&per_page=100", true, 2001, 7999, false}, // one in 23: the first look does not find a page, the next does
        {"q=helicopter", false, 2000, 2000, true},                                       // nobody
        {"q=helicopter", true, 0, 0, true},                                              // and that is known
        {"q=toddlers%20hotel", false, 2000, 2000, true},                                 // never together, though a third each
        {"profile_id=p77&sort=experience", false, 2000, 2000, true},                     // one
        {"experience=no_experience&sort=experience", true, 20, 60, false},               // who have more stand before them
    };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct ways ways;
        count_cache_free(app.state);
        assert_non_null(app.state = count_cache_new());
        if (lists[i].is_known) json_decref(listed(lists[i].query, &ways));
        json_decref(listed(lists[i].query, &ways));
        if (ways.looked < lists[i].looked_least || ways.looked > lists[i].looked_most || (ways.found_far > 0) != lists[i].is_far)
            fail_msg("%s: %lld looked at, %lld times far", lists[i].query, (long long)ways.looked, (long long)ways.found_far);
    }
}

// Of two families and two companies, one each is of a deactivated user.
static void who_is_in_no_list_is_not_counted(void **state)
{
    (void)state;
    test_database_run(&kit.database, "INSERT INTO profiles (id, user_id, user_type, is_active) SELECT 'x' || n, 'x' || n, CASE WHEN n < 3 THEN 'employer' ELSE 'agency' END,"
                                     "  mod(n, 2) = 0 FROM generate_series(1, 4) AS n;"
                                     "INSERT INTO employer_profiles (id, profile_id) VALUES ('e1', 'x1'), ('e2', 'x2');"
                                     "INSERT INTO agency_profiles (id, profile_id) VALUES ('a1', 'x3'), ('a2', 'x4')");
    const struct sql *const counts[] = {&SQL_employer_count, &SQL_agency_profile_count};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct db db = kit_session(&kit, DB_READ);
        int64_t count = 0;
        assert_int_equal(db_row(&db, counts[i], DB_IN(DB_INT(100)), DB_OUT(DB_GET_INT(&count)), &kit.err), DB_FOUND);
        db_end(&db);
        assert_int_equal(count, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_that_costs_less_is_taken), cmocka_unit_test(every_list_is_what_the_plainest_statement_says),
        cmocka_unit_test(who_is_in_no_list_is_not_counted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
