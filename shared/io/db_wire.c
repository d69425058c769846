// SPDX-License-Identifier: MIT
#include "db_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"

#define OPTIONS_SIZE 640
#define PREPARE_TIMEOUT_MS 30000
// A broken network shows after this long even while we only wait: to us, and to the server, which holds our locks until then.
#define NETWORK_TIMEOUT_MS "15000"
#define KEEPALIVES_IDLE_S "10"
#define KEEPALIVES_INTERVAL_S "3"
#define KEEPALIVES_COUNT "2"
#define IDLE_IN_TRANSACTION_MS_MIN 1000
#define IDLE_IN_TRANSACTION_MS_MAX 30000

static bool wait_for_input(PGconn *pg, int64_t deadline_ms);
static bool prepare_all(PGconn *pg, const struct db_pool_config *config, struct error *err);
static bool prepare_late(struct db_connection *connection, const struct sql *sql, int timeout_ms, PGresult **ret);
static bool greet(struct db_connection *connection, const struct db_pool_config *config, struct error *err);
static bool send_prepare(PGconn *pg, const struct sql *sql);
static PGresult *next_result(PGconn *pg, int64_t deadline_ms);

const struct sql wire_begin = {"dc_begin", "BEGIN", 0};
const struct sql wire_begin_repeatable = {"dc_begin_repeatable", "BEGIN ISOLATION LEVEL REPEATABLE READ", 0};
const struct sql wire_trace = {"dc_trace", "SELECT set_config('dc.traceparent', $1, true)", 1};
const struct sql wire_commit = {"dc_commit", "COMMIT", 0};
const struct sql wire_rollback = {"dc_rollback", "ROLLBACK", 0};

static const struct sql *const own_statements[] = {&wire_begin, &wire_begin_repeatable, &wire_trace, &wire_commit, &wire_rollback, NULL};

static void ignore_notice(void *unused, const char *message)
{
    (void)unused;
    (void)message;
}

// Two statements' time: whoever does nothing for longer in the middle of a transaction is frozen or gone, and others need what it
// has locked.
static int idle_in_transaction_ms(int statement_timeout_ms)
{
    const int64_t idle_ms = 2 * (int64_t)statement_timeout_ms;
    if (idle_ms == 0) return 0;
    return idle_ms < IDLE_IN_TRANSACTION_MS_MIN ? IDLE_IN_TRANSACTION_MS_MIN : idle_ms > IDLE_IN_TRANSACTION_MS_MAX ? IDLE_IN_TRANSACTION_MS_MAX : (int)idle_ms;
}

// A lock is given up before the statement is, so that a deadlock reads as "try again". What waits to be sorted into an index of many keys
// for each row (GIN) is kept short: it is searched one by one, and the statement that goes over the limit sorts it in.
static void session_options(const struct db_pool_config *config, char out[OPTIONS_SIZE])
{
    snprintf(out, OPTIONS_SIZE,
             "-c statement_timeout=%d -c lock_timeout=%d -c idle_in_transaction_session_timeout=%d "
             "-c tcp_keepalives_idle=" KEEPALIVES_IDLE_S " -c tcp_keepalives_interval=" KEEPALIVES_INTERVAL_S
             " -c tcp_keepalives_count=" KEEPALIVES_COUNT " -c tcp_user_timeout=" NETWORK_TIMEOUT_MS
             " -c timezone=UTC -c client_min_messages=warning -c jit=off -c gin_pending_list_limit=64kB -c enable_seqscan=%s -c plan_cache_mode=%s",
             config->statement_timeout_ms, config->statement_timeout_ms / 2, idle_in_transaction_ms(config->statement_timeout_ms),
             config->prefers_indexes ? "off" : "on", config->plans_once ? "force_generic_plan" : "auto");
}

static bool set_up(struct db_connection *connection, const struct db_pool_config *config, struct error *err)
{
    PQsetNoticeProcessor(connection->pg, ignore_notice, NULL);
    return PQsetnonblocking(connection->pg, 1) == 0 && prepare_all(connection->pg, config, err) && greet(connection, config, err);
}

static int count_statements(const struct sql *const *const *lists)
{
    int count = 0;
    for (; lists && *lists; lists++)
        for (const struct sql *const *list = *lists; *list; list++) count++;
    return count;
}

bool wire_connect(struct db_connection *ret, const struct db_pool_config *config, struct error *err)
{
    *ret = (struct db_connection){.statements = config->statements};
    if (config->prepares_late && !(ret->prepared = calloc((size_t)count_statements(config->statements) + 1, sizeof *ret->prepared)))
        return error_set(err, &problem_unavailable, NULL);
    char options[OPTIONS_SIZE], connect_timeout[16];
    session_options(config, options);
    snprintf(connect_timeout, sizeof connect_timeout, "%d", config->connect_timeout_s);
    // What stands after dbname wins over the URL, which wins over what stands before: without a wish there libpq would ask Kerberos first,
    // whose library does not bear a lack of memory.
    const char *const names[] = {"gssencmode", "dbname", "application_name", "connect_timeout", "client_encoding",
                                 "options", "keepalives_idle", "keepalives_interval", "keepalives_count",
                                 "tcp_user_timeout", NULL};
    const char *const values[] = {"disable", config->url, config->application_name, connect_timeout, "UTF8", options,
                                  KEEPALIVES_IDLE_S, KEEPALIVES_INTERVAL_S, KEEPALIVES_COUNT, NETWORK_TIMEOUT_MS, NULL};
    ret->pg = PQconnectdbParams(names, values, /* expand_dbname= */ 1);
    const bool connected = PQstatus(ret->pg) == CONNECTION_OK;
    if (connected && set_up(ret, config, err)) return true;
    if (!connected) db_problem(NULL, ret->pg, NULL, "connect", NULL, err);
    wire_close(ret);
    return false;
}

void wire_close(struct db_connection *connection)
{
    PQfinish(connection->pg);
    free(connection->prepared);
    *connection = (struct db_connection){0};
}

bool wire_succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

bool wire_is_dead(PGconn *pg)
{
    struct pollfd socket = {.fd = PQsocket(pg), .events = POLLIN};
    if (PQstatus(pg) != CONNECTION_OK || socket.fd < 0) return true;
    // The server's farewell may come first, the end of the stream after it.
    while (poll(&socket, 1, 0) != 0)
        if (PQconsumeInput(pg) == 0 || PQstatus(pg) != CONNECTION_OK) return true;
    return false;
}

int64_t wire_jitter(int64_t limit)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return limit / 2;
    return number % limit;
}

static bool send_all(PGconn *pg, const struct wire_statement *statements, int count)
{
    for (int i = 0; i < count; i++) {
        const struct wire_statement *it = &statements[i];
        if (!PQsendQueryPrepared(pg, it->sql->name, it->sql->parameters, it->values, NULL, NULL, 0))
            return false;
    }
    return PQpipelineSync(pg) == 1;
}

// A failure that libpq made itself, out of memory: what it makes of the answers that follow is not to be waited for.
static bool is_libpqs_own(const PGresult *result)
{
    return PQresultStatus(result) == PGRES_FATAL_ERROR && !PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static int64_t deadline_after(int timeout_ms)
{
    return timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : 0;
}

// Takes the results of count statements and the closing sync. Keeps the last, or the first failure.
static bool receive_all(PGconn *pg, int count, int timeout_ms, PGresult **ret, int *ret_done)
{
    for (int i = 0; i < count; i++) {
        const int64_t deadline_ms = deadline_after(timeout_ms);
        CLEANUP(wire_release) PGresult *result = next_result(pg, deadline_ms);
        if (!result) return false;
        if (!*ret || wire_succeeded(*ret)) {
            *ret_done += wire_succeeded(result);
            PQclear(*ret);
            *ret = TAKE(result);
        }
        if (is_libpqs_own(*ret)) return false;
        CLEANUP(wire_release) PGresult *end = next_result(pg, deadline_ms);
        if (end || PQstatus(pg) != CONNECTION_OK) return false;
    }
    CLEANUP(wire_release) PGresult *sync = next_result(pg, deadline_after(timeout_ms));
    return PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
}

PGresult *wire_execute(struct db_connection *connection, const struct wire_statement *statements, int count,
                       int timeout_ms, int *ret_done)
{
    PGconn *pg = connection->pg;
    CLEANUP(wire_release) PGresult *result = NULL;
    for (int i = 0; connection->prepared && i < count; i++) {
        *ret_done = i;
        if (!prepare_late(connection, statements[i].sql, timeout_ms, &result)) return TAKE(result);
    }
    *ret_done = 0;
    connection->broken = PQenterPipelineMode(pg) != 1 || !send_all(pg, statements, count) ||
                         !receive_all(pg, count, timeout_ms, &result, ret_done) || PQexitPipelineMode(pg) != 1;
    // A failure that came before the connection broke says why; a success means nothing then.
    return connection->broken && wire_succeeded(result) ? NULL : TAKE(result);
}

PGresult *wire_script(struct db_connection *connection, const char *text, int timeout_ms)
{
    const int64_t deadline_ms = deadline_after(timeout_ms);
    CLEANUP(wire_release) PGresult *kept = NULL;
    bool copying = false;
    PGresult *result = NULL;
    bool sent = PQsendQuery(connection->pg, text) == 1;
    while (sent && !copying && (result = next_result(connection->pg, deadline_ms))) {
        ExecStatusType status = PQresultStatus(result);
        // We have no data to give or take by COPY: the connection would wait for ever.
        copying = status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
        if (!kept || wire_succeeded(kept)) {
            PQclear(kept);
            kept = result;
        } else {
            PQclear(result);
        }
    }
    connection->broken =
        PQstatus(connection->pg) != CONNECTION_OK || PQtransactionStatus(connection->pg) == PQTRANS_ACTIVE;
    return connection->broken && wire_succeeded(kept) ? NULL : TAKE(kept);
}

static bool prepare_all(PGconn *pg, const struct db_pool_config *config, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + PREPARE_TIMEOUT_MS;
    bool sent = PQenterPipelineMode(pg) == 1;
    const struct sql *const *const lists_none[] = {NULL};
    const struct sql *const *const *lists = config->statements && !config->prepares_late ? config->statements : lists_none;
    for (int i = 0; sent && own_statements[i]; i++) sent = send_prepare(pg, own_statements[i]);
    for (int i = 0; sent && lists[i]; i++)
        for (int j = 0; sent && lists[i][j]; j++) sent = send_prepare(pg, lists[i][j]);
    if (!sent || PQpipelineSync(pg) != 1) return db_problem(NULL, pg, NULL, "prepare", NULL, err);

    const struct sql *const *own = own_statements;
    const struct sql *const *list = own;
    while (list) {
        for (; *list; list++) {
            CLEANUP(wire_release) PGresult *result = next_result(pg, deadline_ms);
            if (!wire_succeeded(result)) return db_problem(result, pg, NULL, (*list)->name, NULL, err);
            CLEANUP(wire_release) PGresult *end = next_result(pg, deadline_ms);
        }
        list = *lists ? *lists++ : NULL;
    }
    CLEANUP(wire_release) PGresult *sync = next_result(pg, deadline_ms);
    if (PQresultStatus(sync) == PGRES_PIPELINE_SYNC && PQexitPipelineMode(pg) == 1) return true;
    return db_problem(NULL, pg, NULL, "prepare", NULL, err);
}

static bool send_prepare(PGconn *pg, const struct sql *sql)
{
    return PQsendPrepare(pg, sql->name, sql->text, 0, NULL) == 1;
}

// Where it stands among the pool's; -1: nowhere.
static int place_of(const struct sql *const *const *lists, const struct sql *sql)
{
    int place = 0;
    for (; *lists; lists++) {
        for (const struct sql *const *list = *lists; *list; list++, place++)
            if (*list == sql) return place;
    }
    return -1;
}

// False with the result when the statement cannot be prepared; with none when the connection broke. What is not the pool's is not prepared.
static bool prepare_late(struct db_connection *connection, const struct sql *sql, int timeout_ms, PGresult **ret)
{
    const int place = place_of(connection->statements, sql);
    if (place < 0 || connection->prepared[place]) return true;
    const int64_t deadline_ms = deadline_after(timeout_ms);
    CLEANUP(wire_release) PGresult *result = send_prepare(connection->pg, sql) ? next_result(connection->pg, deadline_ms) : NULL;
    CLEANUP(wire_release) PGresult *end = result ? next_result(connection->pg, deadline_ms) : NULL;
    connection->broken = !result || end || PQstatus(connection->pg) != CONNECTION_OK;
    connection->prepared[place] = !connection->broken && wire_succeeded(result);
    if (connection->prepared[place]) return true;
    *ret = TAKE(result);
    return false;
}

static bool greet(struct db_connection *connection, const struct db_pool_config *config, struct error *err)
{
    const struct wire_statement statement = {.sql = config->on_connect};
    int done = 0;
    if (!statement.sql) return true;
    CLEANUP(wire_release) PGresult *result = wire_execute(connection, &statement, 1, PREPARE_TIMEOUT_MS, &done);
    return done == 1 || db_problem(result, connection->pg, config->constraints, statement.sql->name, NULL, err);
}

// The next result; NULL at the end of a statement's results, and when the connection broke or the
// deadline passed (PQstatus and wire_is_dead tell; callers count what they expect).
static PGresult *next_result(PGconn *pg, int64_t deadline_ms)
{
    for (;;) {
        errno = 0;
        if (!PQisBusy(pg)) return PQgetResult(pg);
        // Out of memory, libpq forgets the sync that it has just read, and would wait for another one.
        if (errno == ENOMEM || !wait_for_input(pg, deadline_ms)) return NULL;
    }
}

// Waits for bytes in either direction; false when the deadline passed or the connection broke.
static bool wait_for_input(PGconn *pg, int64_t deadline_ms)
{
    int unsent = PQflush(pg);
    if (unsent < 0) return false;
    int64_t left_ms = deadline_ms ? deadline_ms - clock_monotonic_ms() : -1;
    if (deadline_ms && left_ms <= 0) return false;
    struct pollfd socket = {.fd = PQsocket(pg), .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
    int ready = poll(&socket, 1, (int)(left_ms > 60000 ? 60000 : left_ms));
    if (ready < 0) return errno == EINTR;
    return ready == 0 || PQconsumeInput(pg) == 1;
}
