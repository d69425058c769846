// SPDX-License-Identifier: MIT
// End-to-end tests that read as stories: somebody calls the gateway, and the answer is what she may
// expect. A wrong answer fails the cmocka test with the call and the whole answer.
//
//   struct person jane = person_register("employer");
//   struct answer answer = call(&jane, "GET", "/api/auth/me", NULL);
//   expect_status(&answer, 200);
//   assert_string_equal(text_at(&answer, "user_type"), "employer");
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "clock.h"
#include "http_client.h"

struct person {
    char email[96];
    char password[64];
    char user_id[72];
    char token[2048];
    char refresh[128];
    const char *header_name;   // one more header for the next calls, or NULL
    const char *header_value;
};

struct answer {
    int status;
    json_t *body;              // NULL when it is no JSON
    struct http_answer http;
    char called[256];
};

// One arena, client and random seed per test program.
int story_setup(void **state);
int story_teardown(void **state);
// The same where it is not the gateway that is called.
int story_open(const char *base_url);

// The setting of the stack under test; fails when missing.
const char *setting(const char *name);

// Calls the gateway as `who` (NULL: a visitor) with a JSON body made by format, NULL for none.
struct answer call(const struct person *who, const char *method, const char *path, const char *body_format, ...)
    __attribute__((format(printf, 4, 5)));
// The same with a body as it is, of any bytes; content_type NULL: none is told.
struct answer call_bytes(const struct person *who, const char *method, const char *path, const char *content_type, const char *body, size_t length);
// The same against another base URL (a metrics port, a service itself).
struct answer call_at(const char *base_url, const struct person *who, const char *method, const char *path, const char *body);

void expect_status_(const struct answer *answer, int status, const char *file, int line);
#define expect_status(answer, status) expect_status_((answer), (status), __FILE__, __LINE__)
// A refusal as the HTTP contract has it: application/problem+json, all its members, `error` the same sentence as `detail`.
void expect_problem_(const struct answer *answer, int status, const char *file, int line);
#define expect_problem(answer, status) expect_problem_((answer), (status), __FILE__, __LINE__)

// The value at a path of members and indices: "user/id", "housegirls/0/contact/unlocked".
json_t *at(const struct answer *answer, const char *path);
const char *text_at(const struct answer *answer, const char *path);
int64_t number_at(const struct answer *answer, const char *path);
bool true_at(const struct answer *answer, const char *path);
// Whether the whole answer's body holds the text anywhere.
bool body_has(const struct answer *answer, const char *text);
const char *header(const struct answer *answer, const char *name);

// A new user of the type, signed in.
struct person person_register(const char *user_type);
void person_login(struct person *person);
struct person admin_login(void);

// Calls until the check holds or seconds have passed; the last answer. For what arrives by events.
struct answer call_until(const struct person *who, const char *path, int seconds, bool (*holds)(const struct answer *answer));

// The token in the link of the newest mail to an address whose subject holds the word; waits for the mail.
const char *mailed_token(const char *email, const char *subject_word);

// Runs a program with the stack's settings; its exit status, and its output in *ret_output (arena).
int run(const char **ret_output, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A word of letters that stands nowhere else, to find this story's rows by.
const char *unique_word(void);

void sleep_ms(int milliseconds);
struct arena *story_arena(void);
