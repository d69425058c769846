// SPDX-License-Identifier: MIT
// Each service has a database of its own: the role of one cannot read, and not even connect to, that of another.
#include "stack.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <postgresql/libpq-fe.h>

// Role and database have the same name.
static const char *const owners[] = {
#define X(name) "dc_" #name,
#include "services.def"
#undef X
    "dc_import",
};

// One owner's credentials, another database.
static const char *url_for(const char *owner, const char *database)
{
    char *name = arena_printf(story_arena(), "DATABASE_URL_%s", owner + strlen("dc_"));
    for (char *at = name; *at; at++) *at = (char)toupper((unsigned char)*at);
    const char *url = setting(name);
    return arena_printf(story_arena(), "%.*s/%s", (int)(strrchr(url, '/') - url), url, database);
}

// NULL when it connects, else why not.
static const char *refusal(const char *url)
{
    PGconn *pg = PQconnectdb(url);
    const char *why = PQstatus(pg) == CONNECTION_OK ? NULL : arena_strdup(story_arena(), PQerrorMessage(pg));
    PQfinish(pg);
    return why;
}

static void a_role_gets_into_its_own_database_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(owners); i++) {
        const char *own = refusal(url_for(owners[i], owners[i]));
        if (own) fail_msg("%s cannot use its own database: %s", owners[i], own);
        for (size_t other = 0; other < COUNT_OF(owners); other++) {
            if (other == i) continue;
            const char *why = refusal(url_for(owners[i], owners[other]));
            if (!why) fail_msg("%s can connect to %s", owners[i], owners[other]);
            if (!strstr(why, "permission denied")) fail_msg("%s is kept out of %s by chance alone: %s", owners[i], owners[other], why);
        }
        const char *why = refusal(url_for(owners[i], "postgres"));
        if (!why) fail_msg("%s can connect to the server's own database", owners[i]);
    }
}

static void a_wrong_password_gets_nobody_in(void **state)
{
    (void)state;
    const char *server = strchr(setting("DATABASE_URL_AUTH"), '@');
    assert_non_null(server);
    for (size_t i = 0; i < COUNT_OF(owners); i++) {
        const char *url = arena_printf(story_arena(), "postgresql://%s:wrong%.*s/%s", owners[i], (int)(strrchr(server, '/') - server), server, owners[i]);
        const char *why = refusal(url);
        if (!why) fail_msg("%s needs no password", owners[i]);
        assert_non_null(strstr(why, "password authentication failed"));
    }
}

static void no_role_is_more_than_an_owner(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(owners); i++) {
        const char *role = owners[i];
        assert_string_equal(database_ask("postgres", "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles "
                                                     "WHERE rolname = '%s'", role), "f");
        assert_string_equal(database_ask("postgres", "SELECT count(*) FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid IN (m.member, m.roleid) "
                                                     "WHERE r.rolname = '%s'", role), "0");
        assert_string_equal(database_ask("postgres", "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '%s'", role), role);
    }
}

// Of all databases that hold something; template1 is empty, and what its makers left open.
static void the_public_may_connect_to_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(owners); i++)
        assert_string_equal(database_ask("postgres", "SELECT count(*) FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a "
                                                     "WHERE d.datname = '%s' AND a.grantee = 0", owners[i]), "0");
    assert_string_equal(database_ask("postgres", "SELECT has_database_privilege('public', 'postgres', 'CONNECT')"), "f");
}

// Nobody else's data is in a database either: each service's tables are in its own alone.
static void no_table_of_one_is_with_another(void **state)
{
    (void)state;
    static const struct { const char *table, *database; } tables[] = {{"users", "dc_auth"}, {"contacts", "dc_profiles"}, {"ledger_entries", "dc_payments"}};
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (size_t i = 0; i < COUNT_OF(owners); i++)
            assert_string_equal(database_ask(owners[i], "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename = '%s'", tables[t].table),
                                strcmp(owners[i], tables[t].database) == 0 ? "1" : "0");
    for (size_t i = 0; stack_services[i]; i++) { // and no service is told of another's database
        const char *output;
        run(&output, "grep -o 'dc_[a-z]*:' %s/%s.env | sort -u | tr -d '\\n'", setting("RUN_DIR"), stack_services[i]);
        assert_string_equal(output, strcmp(stack_services[i], "gateway") == 0 ? "" : arena_printf(story_arena(), "dc_%s:", stack_services[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_role_gets_into_its_own_database_alone), cmocka_unit_test(a_wrong_password_gets_nobody_in),
        cmocka_unit_test(no_role_is_more_than_an_owner), cmocka_unit_test(the_public_may_connect_to_nothing),
        cmocka_unit_test(no_table_of_one_is_with_another),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
