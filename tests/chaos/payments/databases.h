// SPDX-License-Identifier: MIT
// Connections of the chaos run to the databases of the stack: patient ones, because somebody takes the server down. One thread.
#pragma once

#include <postgresql/libpq-fe.h>

#include "db.h"

#define VERDICT_DATABASE "dc_chaos"

// Waits a minute for the server; the program ends without it.
PGconn *database_connect(const char *database);
// The first cell, "" for none; NULL when the statement fails. Lives until the next call. parameter: $1, or NULL.
const char *database_get(PGconn *connection, const struct sql *sql, const char *parameter);
// All rows; the program ends when it fails. Release by PQclear.
PGresult *database_rows(PGconn *connection, const struct sql *sql, const char *parameter);
// Several statements; the program ends when one fails.
void database_script(PGconn *connection, const char *text);
