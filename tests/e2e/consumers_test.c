// SPDX-License-Identifier: MIT
// Outsiders listen to payments: the example on our kit, the example in Python and the line of kcat, all as
// docs/consume-payment-events.md has them. What happens comes out of each once and in order, whatever befalls it.
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "postgres.h"
#include "program.h"

#define PACKAGES 2
#define PAGE "docs/consume-payment-events.md"

static struct person admin;
static struct test_database database;  // of the example in C
static const char *books;              // file of the example in Python
static char packages[PACKAGES][72];    // put on sale anew for each example
static int prices;                     // so many prices each of them had: the n-th is n hundred shillings
static const char *failed_purchase;    // cancelled on the phone

// The two examples.
struct example {
    bool in_c;
    struct program program;
};
static struct example in_c = {.in_c = true}, in_python = {.in_c = false};

static void start(struct example *example, const char *argument)
{
    struct program *program = &example->program;
    if (example->in_c) program_start(program, "DATABASE_URL='%s' exec %s/../examples/consumer %s", database.url, setting("BIN_DIR"), argument);
    else program_start(program, "BOOKS='%s' exec %s/python/bin/python docs/examples/consumer.py %s", books, setting("BORROWED"), argument);
}

// How the example tells that a package has a price, or a purchase brought an income.
static const char *line_of(const struct example *example, const char *what, const char *key, int cents)
{
    return example->in_c ? arena_printf(story_arena(), "\"event\":\"%s\",\"key\":\"%s\",\"cents\":%d,", what, key, cents)
                         : arena_printf(story_arena(), "%s %s %d\n", what, key, cents);
}

static void put_on_sale(void)
{
    prices = 1;
    for (int i = 0; i < PACKAGES; i++) {
        struct answer made = call(&admin, "POST", "/api/payments/packages", "{\"name\":\"Package %d\",\"price\":100,\"contacts_included\":3}", i);
        expect_status(&made, 201);
        snprintf(packages[i], sizeof packages[i], "%s", text_at(&made, "id"));
    }
}

static void raise_prices(int times)
{
    while (times-- > 0) {
        prices++;
        for (int i = 0; i < PACKAGES; i++) {
            struct answer changed = call(&admin, "PATCH", arena_printf(story_arena(), "/api/payments/packages/%s", packages[i]), "{\"price\":%d}", 100 * prices);
            expect_status(&changed, 200);
        }
    }
}

// Of each package, the prices from the first-th to the last have been told, each once and in order, and none before.
static void expect_prices(const struct example *example, int first)
{
    for (int i = 0; i < PACKAGES; i++) {
        for (int n = first; n <= prices; n++) program_expect(&example->program, line_of(example, "price", packages[i], 10000 * n), 1);
        const char *output = program_output(&example->program), *before = output;
        for (int n = 1; n <= prices; n++) {
            const char *told = strstr(output, line_of(example, "price", packages[i], 10000 * n));
            if (n < first) assert_null(told);
            else assert_true(told >= before);
            if (told) before = told;
        }
    }
}

// What its books say of a package.
static int price_in_books(const struct example *example, const char *package_id)
{
    const char *said;
    if (example->in_c) return atoi(test_database_run(&database, arena_printf(story_arena(), "SELECT price FROM prices WHERE package_id = '%s'", package_id)));
    int status = run(&said, "%s/python/bin/python -c \"import sqlite3; print(sqlite3.connect('%s').execute('SELECT cents FROM prices WHERE package_id = ?', ['%s']).fetchone()[0])\"",
                     setting("BORROWED"), books, package_id);
    if (status != 0) fail_msg("%s", said);
    return atoi(said);
}

// --- The stories, each of both examples ------------------------------------------------------------

static void prices_are_told_once_and_in_order(void **state)
{
    struct example *example = *state;
    start(example, "");
    put_on_sale();
    raise_prices(3);
    expect_prices(example, 1);
    for (int i = 0; i < PACKAGES; i++) assert_int_equal(price_in_books(example, packages[i]), 10000 * prices);
}

// It had told all, but not yet the broker that it had: the broker brings them again.
static void killed_and_started_it_tells_what_it_missed_and_nothing_twice(void **state)
{
    struct example *example = *state;
    assert_int_equal(program_stop(&example->program, SIGKILL), 128 + SIGKILL);
    const int missed = prices + 1;
    raise_prices(2);
    start(example, "");
    expect_prices(example, missed);
    for (int i = 0; i < PACKAGES; i++) assert_int_equal(price_in_books(example, packages[i]), 10000 * prices);
}

static void stopped_and_started_it_goes_on_with_what_is_new(void **state)
{
    struct example *example = *state;
    assert_int_equal(program_stop(&example->program, SIGTERM), 0);
    start(example, "");
    raise_prices(1);
    expect_prices(example, prices);
}

static const char *buy(const struct person *employer, const char *package_id, const char *end_of_phone)
{
    uint16_t number;
    crypto_random(&number, sizeof number);
    struct answer started = call(employer, "POST", "/api/payments/purchases", "{\"package_id\":\"%s\",\"phone_number\":\"0711%03d%s\"}", package_id,
                                 number % 1000, end_of_phone);
    expect_status(&started, 202);
    return text_at(&started, "purchase_id");
}

static bool has_failed(const struct answer *answer)
{
    return answer->status == 200 && strcmp(text_at(answer, "status"), "failed") == 0;
}

// One purchase is cancelled on the phone, one is paid: what else is told of them on the same topic, the examples skip.
static void only_what_was_paid_is_income(void **state)
{
    struct example *example = *state;
    struct person employer = person_register("employer");
    failed_purchase = buy(&employer, packages[0], "032");
    const char *paid = buy(&employer, packages[1], "500");
    program_expect(&example->program, line_of(example, "income", paid, 10000 * prices), 1);
    struct answer failed = call_until(&employer, arena_printf(story_arena(), "/api/payments/purchases/%s", failed_purchase), 30, has_failed);
    assert_true(has_failed(&failed));
}

static void replayed_it_tells_all_from_the_beginning(void **state)
{
    struct example *example = *state;
    const char *said, *replay = arena_printf(story_arena(), "DATABASE_URL='%s' %s/../examples/consumer replay dc.payments.packages", database.url, setting("BIN_DIR"));
    if (example->in_c) {
        assert_int_equal(run(&said, "%s", replay), 1);
        assert_non_null(strstr(said, "It runs. Stop it, ask again and start it"));
    }
    assert_int_equal(program_stop(&example->program, SIGTERM), 0);
    if (example->in_c && run(&said, "%s", replay) != 0) fail_msg("%s", said);
    start(example, example->in_c ? "" : "--replay");
    expect_prices(example, 1);
    for (int i = 0; i < PACKAGES; i++) assert_int_equal(price_in_books(example, packages[i]), 10000 * prices);
    assert_null(strstr(program_output(&example->program), failed_purchase));
    assert_int_equal(program_stop(&example->program, SIGTERM), 0);
}

// --- What else the page says -----------------------------------------------------------------------

static void a_topic_that_it_does_not_hear_cannot_be_replayed(void **state)
{
    (void)state;
    const char *said;
    assert_int_equal(run(&said, "DATABASE_URL='%s' %s/../examples/consumer replay dc.auth.users", database.url, setting("BIN_DIR")), 1);
    assert_non_null(strstr(said, "It does not listen to dc.auth.users, but to dc.payments.packages, "));
}

static void its_parked_keys_are_seen_to_like_those_of_our_services(void **state)
{
    (void)state;
    const char *said;
    assert_int_equal(run(&said, "DATABASE_URL_BOOKS='%s' %s/dcctl events parked --service books", database.url, setting("BIN_DIR")), 0);
    assert_non_null(strstr(said, "0 parked key(s)"));
    assert_int_equal(run(&said, "%s/dcctl events parked --service nobody", setting("BIN_DIR")), 1);
    assert_non_null(strstr(said, "DATABASE_URL_"));
}

// The line as it stands on the page, and then the last package's prices in it.
static void the_line_of_kcat_shows_the_events(void **state)
{
    (void)state;
    const char *said;
    assert_int_equal(run(&said, "BROKERS=$KAFKA_BROKERS; line=$(grep -m1 '^kcat ' " PAGE ") && eval \"timeout 30 $line\""), 0);
    const char *before = said;
    for (int n = 1; n <= prices; n++) {
        const char *told = strstr(before, arena_printf(story_arena(), "\"package_id\" : \"%s\", \"name\" : \"Package 0\", \"price\" : %d,", packages[0], 100 * n));
        if (!told) fail_msg("no price %d of %s in:\n%s", 100 * n, packages[0], said);
        before = told;
    }
    assert_non_null(strstr(said, "ce_type=ke.domesticconnect.package.changed.v1"));
}

static int outsiders(void **state)
{
    const char *said;
    if (story_setup(state) != 0 || test_database_create(&database) != 0) return -1;
    admin = admin_login();
    books = arena_printf(story_arena(), "/tmp/%s.sqlite", database.name);
    return run(&said, "DATABASE_URL='%s' %s/../examples/consumer migrate", database.url, setting("BIN_DIR"));
}

static int they_leave(void **state)
{
    if (in_c.program.pid) program_stop(&in_c.program, SIGKILL);
    if (in_python.program.pid) program_stop(&in_python.program, SIGKILL);
    unlink(books);
    return test_database_drop(&database) + story_teardown(state);
}

#define LIFE_OF(example_)                                                                             \
    cmocka_unit_test_prestate(prices_are_told_once_and_in_order, example_),                           \
    cmocka_unit_test_prestate(killed_and_started_it_tells_what_it_missed_and_nothing_twice, example_), \
    cmocka_unit_test_prestate(stopped_and_started_it_goes_on_with_what_is_new, example_),              \
    cmocka_unit_test_prestate(only_what_was_paid_is_income, example_),                                \
    cmocka_unit_test_prestate(replayed_it_tells_all_from_the_beginning, example_)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE_OF(&in_c),
        LIFE_OF(&in_python),
        cmocka_unit_test(a_topic_that_it_does_not_hear_cannot_be_replayed),
        cmocka_unit_test(its_parked_keys_are_seen_to_like_those_of_our_services),
        cmocka_unit_test(the_line_of_kcat_shows_the_events),
    };
    return cmocka_run_group_tests(tests, outsiders, they_leave);
}
