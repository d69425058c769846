// SPDX-License-Identifier: MIT
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>
#include <postgresql/libpq-fe.h>

// Runs sql on the server of url; 0 and the first cell in out when it worked.
static int run(const char *url, const char *sql, char *out, size_t size)
{
    PGconn *pg = PQconnectdb(url);
    PGresult *result = PQstatus(pg) == CONNECTION_OK ? PQexec(pg, sql) : NULL;
    ExecStatusType status = PQresultStatus(result);
    int failed = status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
    if (failed) print_error("%s\n%s\n", sql, PQerrorMessage(pg));
    snprintf(out, size, "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(pg);
    return failed;
}

static int run_on_server(const char *format, const char *name)
{
    char sql[256], out[8];
    const char *server = getenv("TEST_DATABASE_URL");
    if (!server || !*server) {
        print_error("Set TEST_DATABASE_URL to a PostgreSQL role that may create databases, "
                    "such as postgresql://postgres@127.0.0.1:5432/postgres\n");
        return 1;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(sql, sizeof sql, format, name, name);
#pragma GCC diagnostic pop
    return run(server, sql, out, sizeof out);
}

// The server's URL with another database: what stands between the authority and '?'.
static void make_url(struct test_database *database)
{
    const char *server = getenv("TEST_DATABASE_URL");
    if (!server) return;
    const char *authority = strstr(server, "://");
    authority = authority ? authority + 3 : server;
    size_t head = (size_t)(authority - server) + strcspn(authority, "/?");
    const char *query = strchr(server, '?');
    snprintf(database->url, sizeof database->url, "%.*s/%s%s", (int)head, server, database->name,
             query ? query : "");
}

int test_database_create(struct test_database *ret)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return 1;
    snprintf(ret->name, sizeof ret->name, "dc_test_%016llx", (unsigned long long)number);
    if (run_on_server(
            "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'",
            ret->name))
        return 1;
    make_url(ret);
    return 0;
}

int test_database_drop(const struct test_database *database)
{
    return run_on_server("DROP DATABASE %s WITH (FORCE)", database->name);
}

const char *test_database_run(const struct test_database *database, const char *sql)
{
    static char out[4096];
    if (run(database->url, sql, out, sizeof out)) fail_msg("SQL of the test failed");
    return out;
}

struct database_session *test_database_hold(const struct test_database *database, const char *sql)
{
    PGconn *pg = PQconnectdb(database->url);
    const char *const steps[] = {"BEGIN", sql};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        PGresult *result = PQexec(pg, steps[i]);
        const ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail_msg("%s: %s", steps[i], PQerrorMessage(pg));
    }
    return (struct database_session *)pg;
}

void database_let_go(struct database_session *session)
{
    PQfinish((PGconn *)session);
}

void database_keep(struct database_session *session)
{
    PQclear(PQexec((PGconn *)session, "COMMIT"));
    PQfinish((PGconn *)session);
}

bool test_database_waits(const struct test_database *database)
{
    static const char waiting[] = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    return strcmp(test_database_run(database, waiting), "0") != 0;
}

void test_database_allow(const struct test_database *database, int allowed)
{
    int failed = run_on_server(allowed ? "ALTER DATABASE %s ALLOW_CONNECTIONS true"
                                       : "ALTER DATABASE %s ALLOW_CONNECTIONS false",
                               database->name);
    if (!failed && !allowed)
        failed =
            run_on_server("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '%s'",
                          database->name);
    assert_int_equal(failed, 0);
}
