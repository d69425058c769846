// SPDX-License-Identifier: MIT
// A visitor looks for a worker: lists, filters, sorts, pages, opens one, and sees no contact anywhere.
#include "story.h"

#include <stdlib.h>
#include <string.h>

#define WORKERS 25
#define SECRET_PHONE "0722 000 111"

static struct person workers[WORKERS];
static char worker_ids[WORKERS][72];
static char marker[32]; // a word only this run's workers have

// All of them, with the names that come from auth by event.
static bool has_all(const struct answer *answer)
{
    json_t *rows = at(answer, "housegirls"), *row;
    size_t i, named = 0;
    json_array_foreach(rows, i, row) named += json_string_length(json_object_get(row, "first_name")) > 0;
    return answer->status == 200 && named == WORKERS;
}

static bool has_contact(const struct answer *answer)
{
    return json_is_string(at(answer, "contact/phone_number"));
}

static int a_market_full_of_workers(void **state)
{
    if (story_setup(state) != 0) return -1;
    snprintf(marker, sizeof marker, "soko%ld", random() ^ (long)clock_monotonic_us());
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = person_register("housegirl");
        struct answer made = call(&workers[i], "POST", "/api/housegirls/",
                                  "{\"age\":%d,\"bio\":\"%s cooks well. Call me on " SECRET_PHONE ", +254 722-000-111 or jane at gmail dot com\","
                                  "\"current_location\":\"%s\",\"education\":\"%s\",\"experience\":\"%s\",\"expected_salary\":%d,"
                                  "\"accommodation_type\":\"%s\",\"skills\":[\"cooking\",\"%s\"],\"languages\":[\"Swahili\"],"
                                  "\"tribe\":\"Sokomoko\",\"tribe_consent\":true}",
                                  20 + i, marker, i % 2 ? "Kasarani, Nairobi" : "Nyali, Mombasa", i % 3 ? "form_4" : "diploma",
                                  i % 2 ? "2_years" : "5_plus_years", 10000 + 1000 * i, i % 2 ? "live_in" : "live_out",
                                  i % 2 ? "childcare" : "laundry");
        expect_status(&made, 201);
        snprintf(worker_ids[i], sizeof worker_ids[i], "%s", text_at(&made, "id"));
    }
    char path[128];
    snprintf(path, sizeof path, "/api/housegirls/?q=%s&per_page=100", marker);
    struct answer all = call_until(NULL, path, 10, has_all);
    return has_all(&all) ? 0 : -1;
}

static struct answer list(const struct person *who, const char *more)
{
    char path[512];
    snprintf(path, sizeof path, "/api/housegirls/?q=%s&%s", marker, more);
    struct answer answer = call(who, "GET", path, NULL);
    expect_status(&answer, 200);
    return answer;
}

static void expect_count(const char *filter, size_t count)
{
    char more[256];
    snprintf(more, sizeof more, "%s&per_page=100", filter);
    struct answer answer = list(NULL, more);
    if (json_array_size(at(&answer, "housegirls")) != count) fail_msg("%s gives %zu, expected %zu", filter, json_array_size(at(&answer, "housegirls")), count);
}

static void every_filter_narrows_the_list(void **state)
{
    (void)state;
    expect_count("county=Nairobi", 12);
    expect_count("county=Mombasa", 13);
    expect_count("education=diploma", 9);
    expect_count("experience=2_years", 12);
    expect_count("accommodation_type=live_out", 13);
    expect_count("skills=childcare", 12);
    expect_count("skills=cooking,laundry", 13);
    expect_count("languages=Swahili", 25);
    expect_count("min_salary=20000&max_salary=22000", 3);
    expect_count("min_age=40", 5);
    expect_count("max_age=21", 2);
    expect_count("is_available=false", 0);
    expect_count("verified=true", 0);
    expect_count("location=Kasarani", 12);
    expect_count("county=Nairobi&min_age=40&skills=childcare", 2);
}

static void every_sort_sorts(void **state)
{
    (void)state;
    struct answer rising = list(NULL, "sort=salary&per_page=100"), falling = list(NULL, "sort=-salary&per_page=100");
    struct answer newest = list(NULL, "sort=newest&per_page=100"), seasoned = list(NULL, "sort=experience&per_page=100");
    char member[64];
    for (int i = 0; i + 1 < WORKERS; i++) {
        snprintf(member, sizeof member, "housegirls/%d/expected_salary", i);
        assert_int_equal(number_at(&rising, member), 10000 + 1000 * i);
        assert_int_equal(number_at(&falling, member), 10000 + 1000 * (WORKERS - 1 - i));
        snprintf(member, sizeof member, "housegirls/%d/id", i);
        assert_string_equal(text_at(&newest, member), worker_ids[WORKERS - 1 - i]);
    }
    assert_string_equal(text_at(&seasoned, "housegirls/0/experience"), "5_plus_years");
    assert_string_equal(text_at(&seasoned, "housegirls/24/experience"), "2_years");
}

static void pages_by_number_cover_all_once(void **state)
{
    (void)state;
    int seen = 0;
    for (int page = 1; page <= 4; page++) {
        char more[64];
        snprintf(more, sizeof more, "sort=salary&per_page=7&page=%d", page);
        struct answer answer = list(NULL, more);
        for (size_t i = 0; i < json_array_size(at(&answer, "housegirls")); i++) {
            char member[64];
            snprintf(member, sizeof member, "housegirls/%zu/expected_salary", i);
            assert_int_equal(number_at(&answer, member), 10000 + 1000 * seen++);
        }
        assert_int_equal(number_at(&answer, "pagination/page"), page);
        assert_int_equal(number_at(&answer, "pagination/total"), WORKERS);
        assert_int_equal(number_at(&answer, "pagination/pages"), 4);
        assert_int_equal(true_at(&answer, "pagination/has_next"), page < 4);
        assert_int_equal(true_at(&answer, "pagination/has_prev"), page > 1);
    }
    assert_int_equal(seen, WORKERS);
}

// Rows come and go while she walks: nobody who stays is missed or shown twice.
static void a_cursor_walk_survives_changes(void **state)
{
    (void)state;
    char cursor[600] = "";
    int shown[WORKERS] = {0};
    for (int step = 0; step < 20; step++) {
        char more[700];
        snprintf(more, sizeof more, "per_page=4%s%s", cursor[0] ? "&cursor=" : "", cursor);
        struct answer answer = list(NULL, more);
        for (size_t i = 0; i < json_array_size(at(&answer, "housegirls")); i++) {
            char member[64];
            snprintf(member, sizeof member, "housegirls/%zu/id", i);
            for (int w = 0; w < WORKERS; w++) shown[w] += strcmp(worker_ids[w], text_at(&answer, member)) == 0;
        }
        if (step == 1) { // one more joins at the head of the list, and the oldest leaves
            struct person late = person_register("housegirl");
            struct answer made = call(&late, "POST", "/api/housegirls/", "{\"age\":30,\"bio\":\"%s late\",\"expected_salary\":9000}", marker);
            expect_status(&made, 201);
            char path[128];
            snprintf(path, sizeof path, "/api/housegirls/%s", worker_ids[0]);
            struct answer gone = call(&workers[0], "DELETE", path, NULL);
            assert_in_range(gone.status, 200, 204);
        }
        json_t *next = at(&answer, "pagination/next_cursor");
        if (!json_is_string(next)) break;
        snprintf(cursor, sizeof cursor, "%s", json_string_value(next));
    }
    for (int w = 1; w < WORKERS; w++) assert_int_equal(shown[w], 1);
}

static void no_contact_is_anywhere(void **state)
{
    (void)state;
    struct person employer = person_register("employer");
    const struct person *eyes[] = {NULL, &employer, &workers[2]};
    for (size_t i = 0; i < COUNT_OF(eyes); i++) {
        char path[128];
        snprintf(path, sizeof path, "/api/housegirls/%s", worker_ids[5]);
        struct answer answers[] = {list(eyes[i], "per_page=100"), call(eyes[i], "GET", path, NULL)};
        for (size_t a = 0; a < COUNT_OF(answers); a++) {
            static const char *const secrets[] = {"722 000", "722-000", "0700 000", "700000123", "gmail", "story.example", "Sokomoko", "tribe"};
            expect_status(&answers[a], 200);
            bool own_in_list = a == 0 && i == 2; // her own row shows her own contact to herself
            for (size_t s = 0; s < COUNT_OF(secrets) && !own_in_list; s++)
                if (body_has(&answers[a], secrets[s])) fail_msg("%s shows '%s'", answers[a].called, secrets[s]);
        }
        assert_false(true_at(&answers[1], "contact/unlocked"));
        assert_true(body_has(&answers[1], "•••"));
        const char *last_name = text_at(&answers[1], "last_name");
        if (eyes[i]) assert_string_equal(last_name, "Story");
        else assert_true(strcmp(last_name, "S") == 0 || strcmp(last_name, "S.") == 0);
    }
}

static void she_sees_her_own_contact(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "/api/housegirls/%s", worker_ids[5]);
    struct answer own = call_until(&workers[5], path, 10, has_contact);
    expect_status(&own, 200);
    assert_true(true_at(&own, "contact/unlocked"));
    assert_string_equal(text_at(&own, "contact/phone_number"), "+254700000123");
    assert_string_equal(text_at(&own, "contact/email"), workers[5].email);
    assert_true(body_has(&own, SECRET_PHONE));
}

static void wrong_parameters_are_all_named(void **state)
{
    (void)state;
    struct answer answer = call(NULL, "GET", "/api/housegirls/?per_page=0&sort=age&education=phd&nonsense=1&page=x", NULL);
    expect_status(&answer, 422);
    assert_int_equal(json_array_size(at(&answer, "errors")), 5);
    answer = call(NULL, "GET", "/api/housegirls/?cursor=forged", NULL);
    expect_status(&answer, 422);
    answer = call(NULL, "GET", "/api/housegirls/no-such-worker", NULL);
    expect_status(&answer, 404);
    assert_string_equal(text_at(&answer, "error"), text_at(&answer, "detail"));
    answer = call(NULL, "DELETE", "/api/housegirls/", NULL);
    expect_status(&answer, 405);
    assert_string_equal(header(&answer, "Allow"), "GET, HEAD, POST, OPTIONS");
}

static void repeated_reads_cost_little(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "/api/housegirls/%s", worker_ids[7]);
    struct answer first = call(NULL, "GET", path, NULL);
    const char *tag = header(&first, "ETag");
    assert_non_null(tag);
    struct person cached = {.header_name = "If-None-Match", .header_value = tag};
    struct answer second = call(&cached, "GET", path, NULL);
    expect_status(&second, 304);
    // her own change is seen by the next reader at once, cache or not
    struct answer changed = call(&workers[7], "PATCH", path, "{\"age\":44}");
    expect_status(&changed, 200);
    struct answer third = call(&cached, "GET", path, NULL);
    expect_status(&third, 200);
    assert_int_equal(number_at(&third, "age"), 44);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_filter_narrows_the_list), cmocka_unit_test(every_sort_sorts), cmocka_unit_test(pages_by_number_cover_all_once),
        cmocka_unit_test(no_contact_is_anywhere), cmocka_unit_test(she_sees_her_own_contact), cmocka_unit_test(wrong_parameters_are_all_named),
        cmocka_unit_test(repeated_reads_cost_little), cmocka_unit_test(a_cursor_walk_survives_changes),
    };
    return cmocka_run_group_tests(tests, a_market_full_of_workers, story_teardown);
}
