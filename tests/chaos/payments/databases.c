// SPDX-License-Identifier: MIT
#include "databases.h"

#include <stdio.h>

#include "stack.h"

#define WAIT_S 60

PGconn *database_connect(const char *database)
{
    for (int64_t until_ms = clock_monotonic_ms() + WAIT_S * 1000;; sleep_ms(100)) {
        PGconn *connection = PQconnectdb(database_url(database));
        if (PQstatus(connection) == CONNECTION_OK) return connection;
        if (clock_monotonic_ms() > until_ms) fail_msg("%s", PQerrorMessage(connection));
        PQfinish(connection);
    }
}

const char *database_get(PGconn *connection, const struct sql *sql, const char *parameter)
{
    static char cell[256];
    PGresult *result = PQexecParams(connection, sql->text, sql->parameters, NULL, &parameter, NULL, NULL, 0);
    const bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;
    snprintf(cell, sizeof cell, "%s", ok && PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return ok ? cell : NULL;
}

PGresult *database_rows(PGconn *connection, const struct sql *sql, const char *parameter)
{
    PGresult *result = PQexecParams(connection, sql->text, sql->parameters, NULL, &parameter, NULL, NULL, 0);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail_msg("%s: %s", sql->name, PQerrorMessage(connection));
    return result;
}

void database_script(PGconn *connection, const char *text)
{
    PGresult *result = PQexec(connection, text);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) fail_msg("%s", PQerrorMessage(connection));
    PQclear(result);
}
