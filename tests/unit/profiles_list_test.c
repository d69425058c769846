// SPDX-License-Identifier: MIT
// The list of workers against the plainest statement that says the same: every filter, sort and way of paging, drawn at random, over
// enough workers that some lists are found near, others far (queries.sql) or in memory (known_workers.h), also while they change; and
// which way is taken.
#include "profiles_database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto.h"

#define LISTS 25
#define PAGES_MAX 200

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
    return test_database_run(&lists.kit.database, sql);
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
    return arena_printf(lists.kit.arena, "%d %s", count_of(ids), digest);
}

static void compare_lists(const char *when)
{
    static char by_cursor[WORKERS * 8], by_number[WORKERS * 8];
    char query[512];
    for (int i = 0; i < LISTS; i++) {
        const char *expected = draw(query);
        const int size = 40 + (int)(random() % 61);
        int64_t total;
        walk_by_cursor(query, size, by_cursor);
        walk_by_number(query, size, by_number, &total);
        if (strcmp(summary(by_cursor), expected) != 0) fail_msg("%s: %s by cursor, %d each: %s, not %s", when, query, size, summary(by_cursor), expected);
        if (strcmp(summary(by_number), expected) != 0) fail_msg("%s: %s by number, %d each: %s, not %s", when, query, size, summary(by_number), expected);
        assert_int_equal(total, count_of(by_number)); // the last page tells it
    }
}

// Some become others, some go, some come; all of it is told.
static void workers_change(int remainder)
{
    test_database_run(&lists.kit.database, arena_printf(lists.kit.arena,
        "WITH changed AS (UPDATE housegirl_profiles SET county = 'Kisumu', experience = '2_years', expected_salary = 900000 + mod(length(bio), 3) * 25000, age = 40,"
        "                        bio = 'Toddlers', bio_public = 'Toddlers' WHERE mod(hashtext(id), 40) = %d RETURNING id),"
        " gone AS (DELETE FROM housegirl_profiles WHERE mod(hashtext(id), 400) = %d RETURNING id)"
        "INSERT INTO outbox (topic, type, key, data) SELECT 'dc.profiles.workers', 'test', id, '{}' FROM (SELECT id FROM changed UNION ALL SELECT id FROM gone) AS c", remainder, remainder + 50));
    test_database_run(&lists.kit.database, arena_printf(lists.kit.arena,
        "UPDATE profiles SET is_active = NOT is_active WHERE mod(hashtext(id), 100) = %d", remainder));
    test_database_run(&lists.kit.database, arena_printf(lists.kit.arena,
        "INSERT INTO outbox (topic, type, key, data) SELECT 'dc.profiles.workers', 'test', h.id, '{}' FROM housegirl_profiles AS h WHERE mod(hashtext(h.profile_id), 100) = %d", remainder));
    count_cache_forget(lists.profiles.totals);
}

static void every_list_is_what_the_plainest_statement_says(void **state)
{
    (void)state;
    srandom(20261125);
    compare_lists("of the database alone");
    know_all();
    compare_lists("known");
    workers_change(3);
    compare_lists("known, and some have changed since");
    follow_all();
    compare_lists("known, and followed");
    workers_change(7);
    compare_lists("followed, and more have changed");
    known_workers_free(lists.profiles.known);
    lists.profiles.known = NULL;
}

struct taken {
    const char *query;
    bool is_known;
    int64_t looked_least, looked_most;
    bool is_far;
};

// A total is counted when a list is asked for first; which way is taken shows when it is known.
static void assert_taken(const struct taken *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ways ways;
        count_cache_forget(lists.profiles.totals);
        if (rows[i].is_known) json_decref(listed(rows[i].query, &ways));
        json_decref(listed(rows[i].query, &ways));
        if (ways.looked < rows[i].looked_least || ways.looked > rows[i].looked_most || (ways.found_far > 0) != rows[i].is_far)
            fail_msg("%s: %lld looked at, %lld times far", rows[i].query, (long long)ways.looked, (long long)ways.found_far);
    }
}

static void the_way_that_costs_less_is_taken(void **state)
{
    (void)state;
    static const struct taken rows[] = {
        {"county=Kisumu", true, 20, 100, false},                                         // one in two
        {"languages=Swahili&min_age=40&max_age=41&per_page=100", true, 2001, 7999, false}, // one in 23: the first look does not find a page, the next does
        {"q=helicopter", false, 2000, 2000, true},                                       // nobody
        {"q=helicopter", true, 0, 0, true},                                              // and that is known
        {"q=toddlers%20hotel", false, 2000, 2000, true},                                 // never together, though a third each
        {"profile_id=p77&sort=experience", false, 2000, 2000, true},                     // one
        {"experience=no_experience&sort=experience", true, 20, 60, false},               // who have more stand before them
    };
    assert_taken(rows, COUNT_OF(rows));
}

static void those_who_are_known_are_not_looked_for(void **state)
{
    (void)state;
    static const struct taken rows[] = {
        {"county=Kisumu", true, 20, 100, false},
        {"languages=Swahili&min_age=40&max_age=41&per_page=100", false, 0, 0, false},
        {"languages=Swahili&min_age=40&max_age=41&per_page=100", true, 0, 0, false},
        {"q=helicopter", false, 0, 0, false},
        {"q=toddlers%20hotel", false, 0, 0, false},
        {"q=toddlers&min_salary=9000", true, 30, 200, false},
        {"profile_id=p77&sort=experience", false, 2000, 2000, true}, // whose profile is whose is not known
    };
    know_all();
    assert_taken(rows, COUNT_OF(rows));
    test_database_run(&lists.kit.database, "INSERT INTO outbox (topic, type, key) SELECT 'else', 'test', n FROM generate_series(1, 2001) AS n");
    assert_taken(&(struct taken){"q=toddlers%20hotel", false, 0, 0, true}, 1); // too much has been told
    follow_all();
    assert_taken(&(struct taken){"q=toddlers%20hotel", false, 0, 0, false}, 1);
    known_workers_free(lists.profiles.known);
    lists.profiles.known = NULL;
}

// Of two families and two companies, one each is of a deactivated user.
static void who_is_in_no_list_is_not_counted(void **state)
{
    (void)state;
    test_database_run(&lists.kit.database, "INSERT INTO profiles (id, user_id, user_type, is_active) SELECT 'x' || n, 'x' || n, CASE WHEN n < 3 THEN 'employer' ELSE 'agency' END,"
                                     "  mod(n, 2) = 0 FROM generate_series(1, 4) AS n;"
                                     "INSERT INTO employer_profiles (id, profile_id) VALUES ('e1', 'x1'), ('e2', 'x2');"
                                     "INSERT INTO agency_profiles (id, profile_id) VALUES ('a1', 'x3'), ('a2', 'x4')");
    const struct sql *const counts[] = {&SQL_employer_count, &SQL_agency_profile_count};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct db db = kit_session(&lists.kit, DB_READ);
        int64_t count = 0;
        assert_int_equal(db_row(&db, counts[i], DB_IN(DB_INT(100)), DB_OUT(DB_GET_INT(&count)), &lists.kit.err), DB_FOUND);
        db_end(&db);
        assert_int_equal(count, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_that_costs_less_is_taken), cmocka_unit_test(those_who_are_known_are_not_looked_for),
        cmocka_unit_test(every_list_is_what_the_plainest_statement_says),
        cmocka_unit_test(who_is_in_no_list_is_not_counted),
    };
    return cmocka_run_group_tests(tests, workers_made, workers_dropped);
}
