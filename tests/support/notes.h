// SPDX-License-Identifier: MIT
// A small service of notes on a real database, whose requests are handled without a socket. Each test finds
// the note "n1", titled "first", and no other. The routes stand in notes.c.
//
//   #define TEST(name) cmocka_unit_test_setup_teardown(name, notes_setup, notes_teardown)
//   CALL("GET", "/notes/n1", .headers = {{"If-None-Match", "*"}});
//   notes_expect(304, NULL);
//   assert_null(notes_header("Content-Type"));
//   …
//   return cmocka_run_group_tests(tests, notes_start, notes_stop);
#pragma once

#include "postgres.h"
#include "running.h"

struct notes {
    struct test_database database;
    struct app app;
    struct clock clock; // stands still
    struct jose_key *key;
    struct arena *arena; // one per test
    struct http_response answer; // to the last call
    int runs; // how often a handler ran in this test
};
extern struct notes notes;
extern const struct service notes_service;

// Once per test program, and around each test, as cmocka wants them.
int notes_start(void **state);
int notes_stop(void **state);
int notes_setup(void **state);
int notes_teardown(void **state);

struct notes_call {
    const char *method, *path, *query, *body;
    struct http_header headers[8];
};
void notes_handle(const struct notes_call *call);
#define CALL(...) notes_handle(&(struct notes_call){__VA_ARGS__})
#define JSON {"content-type", "application/json; charset=utf-8"}
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// Fails the test unless the answer has the status, and the part in its body (NULL: any).
void notes_expect(int status, const char *part);
// Of the answer; NULL: it has none.
const char *notes_header(const char *name);
// The value of Authorization for user "u1".
const char *notes_bearer(bool admin, int64_t life_s);
const char *notes_sql(const char *text);
