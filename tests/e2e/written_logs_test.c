// SPDX-License-Identifier: MIT
// What all tests before this one have made the services write (it runs last of its folder): one JSON object a line, and nothing
// of anybody in it: no address, number, name, password, token or secret.
#include "hostile.h"
#include "raw_socket.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static void every_line_is_one_object_with_its_members(void **state)
{
    (void)state;
    static const char *const members[] = {"time", "level", "service", "event"};
    const char *path = arena_printf(story_arena(), "cd %s/log && cat %s", setting("RUN_DIR"), service_logs());
    FILE *lines = popen(path, "re");
    assert_non_null(lines);
    char *line = NULL;
    size_t size = 0, count = 0;
    ssize_t length;
    while ((length = getline(&line, &size, lines)) > 0) {
        json_t *object = json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
        bool whole = json_is_object(object) && length <= 16384 + 1;
        for (size_t i = 0; i < COUNT_OF(members); i++) whole = whole && json_string_length(json_object_get(object, members[i])) > 0;
        json_decref(object);
        if (!whole) fail_msg("no line of ours: %.500s", line);
        count++;
    }
    free(line);
    pclose(lines);
    assert_true(count > 10);
}

// Lines with the pattern; settings are left out, for the sender of mails has an address.
static void expect_no_line(const char *files, const char *what, const char *pattern)
{
    const char *found;
    run(&found, "cd %s/log && cat %s | grep -v '\"event\":\"settings\"' | grep -aE -e '%s' | head -n 3 | cut -c -600", setting("RUN_DIR"), files, pattern);
    if (*found) fail_msg("%s in the logs:\n%s", what, found);
}

static void nothing_of_anybody_is_in_them(void **state)
{
    (void)state;
    struct person jane = person_register("employer"); // somebody is there whatever was run before
    struct answer me = call(&jane, "GET", "/api/me", NULL);
    expect_status(&me, 200);
    static const struct { const char *what, *pattern; } personal[] = {
        {"an e-mail address", "[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+[.][A-Za-z]+"},
        {"a phone number", "(^|[^0-9A-Za-z.-])([+]?254|0)[17][0-9]{8}([^0-9A-Za-z-]|$)"},
        {"a token", "eyJ[A-Za-z0-9_-]{16}"},
        {"a password", "msafiri-wa-mbali|mlinzi-wa-mlango|kesho-ni-siku|hakuna-matata"},
        {"a hash of a password", "[$]2[aby][$][0-9]{2}[$]"},
        {"a cookie", "dc_refresh="},
        {"a name", "Amani|Wangui|Mwangi"},
        {"a database address with its password", "postgresql://[^:@ ]+:[^@* ]+@"},
    };
    for (size_t i = 0; i < COUNT_OF(personal); i++) expect_no_line(service_logs(), personal[i].what, personal[i].pattern);
    const char *found;
    run(&found, "cd %s && for secret in secrets/*; do grep -lF -f $secret log/*.log; done", setting("RUN_DIR"));
    if (*found) fail_msg("a secret of ours is in %s", found);
}

// Two people take one address at the same moment, so that the database is the one who refuses; it says so without the address.
static void nor_does_the_database_tell(void **state)
{
    (void)state;
    enum { AT_ONCE = 8 };
    int sockets[AT_ONCE], made = 0;
    const char *email = arena_printf(story_arena(), "wanted-%s@story.example", unique_word());
    const char *body = arena_printf(story_arena(), "{\"email\":\"%s\",\"password\":\"msafiri-wa-mbali\",\"user_type\":\"employer\",\"first_name\":\"A\",\"last_name\":\"B\"}", email);
    const char *request = arena_printf(story_arena(), "POST /api/auth/register HTTP/1.1\r\n" RAW_HOST "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    for (int i = 0; i < AT_ONCE; i++) sockets[i] = raw_connect(0);
    for (int i = 0; i < AT_ONCE; i++) raw_say(sockets[i], request);
    for (int i = 0; i < AT_ONCE; i++) {
        struct raw_answer answer = raw_hear(sockets[i]);
        assert_true(answer.status == 201 || answer.status == 409);
        made += answer.status == 201;
        close(sockets[i]);
    }
    assert_int_equal(made, 1);
    expect_no_line("postgres.log*", "an e-mail address", "@story[.]example");
    expect_no_line("postgres.log*", "a password", "msafiri-wa-mbali");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_anybody_is_in_them), cmocka_unit_test(nor_does_the_database_tell), cmocka_unit_test(every_line_is_one_object_with_its_members),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
