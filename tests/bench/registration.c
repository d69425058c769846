// SPDX-License-Identifier: MIT
// registration COUNT: so many people register one after the other. For each it takes two times: from the answer until her
// profile, made by another service from an event, can be read through the gateway; and from the event's row in the outbox
// until its effect was committed to the other database, by the clock of the server that holds both and notes when each
// transaction was committed (track_commit_timestamp): who only waits takes nothing from what is measured.
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define POLL_US 200
#define EFFECT_US 20000 // by then it mostly is there

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static PGconn *connect_to(const char *setting)
{
    PGconn *connection = getenv(setting) ? PQconnectdb(getenv(setting)) : NULL;
    if (PQstatus(connection) != CONNECTION_OK) bench_fail("no connection to the databases");
    return connection;
}

// The first cell as milliseconds; below zero when there is no row.
static double ask(PGconn *connection, const char *sql, const char *user_id)
{
    PGresult *result = PQexecParams(connection, sql, 1, NULL, &user_id, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) bench_fail(PQerrorMessage(connection));
    const double value = PQntuples(result) ? strtod(PQgetvalue(result, 0, 0), NULL) : -1;
    PQclear(result);
    return value;
}

static double event_ms(PGconn *auth, PGconn *profiles, const char *user_id)
{
    double applied;
    do usleep(EFFECT_US);
    while ((applied = ask(profiles, "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 FROM profiles WHERE user_id = $1", user_id)) < 0);
    return applied - ask(auth, "SELECT extract(epoch FROM created_at) * 1000 FROM outbox WHERE topic = 'dc.auth.users' AND key = $1 ORDER BY id LIMIT 1", user_id);
}

static double visible_ms(struct bench *bench, const char *token)
{
    const double since = now_ms();
    while (bench_call(bench, "GET", "/api/profiles/me", token, NULL, NULL) != 200) usleep(POLL_US);
    return now_ms() - since;
}

int main(int argc, char **argv)
{
    const int count = argc > 1 ? atoi(argv[1]) : 200;
    struct samples visible = {0}, event = {0};
    struct bench bench;
    bench_start(&bench);
    PGconn *auth = connect_to("DATABASE_URL_AUTH"), *profiles = connect_to("DATABASE_URL_PROFILES");
    for (int i = 0; i < count * 2; i++) {
        char body[256];
        const char *answer = NULL;
        snprintf(body, sizeof body, "{\"email\":\"bench.%ld.%d@people.example\",\"password\":\"a good one %d\",\"user_type\":\"employer\",\"first_name\":\"Ann\",\"last_name\":\"Bench\"}",
                 (long)getpid(), i, i);
        if (bench_call(&bench, "POST", "/api/auth/register", NULL, body, &answer) != 201) bench_fail(answer);
        char *token = bench_text(answer, "access_token"), *user_id = bench_text(answer, "user/id");
        if (i % 2) samples_add(&visible, visible_ms(&bench, token));
        else samples_add(&event, event_ms(auth, profiles, user_id));
        free(token), free(user_id);
        usleep(2000); // the two measures do not help each other
    }
    printf("figures visible_median_ms=%.2f visible_p99_ms=%.2f event_median_ms=%.2f event_p99_ms=%.2f\n", samples_percentile(&visible, 0.5),
           samples_percentile(&visible, 0.99), samples_percentile(&event, 0.5), samples_percentile(&event, 0.99));
    samples_free(&visible), samples_free(&event);
    PQfinish(auth), PQfinish(profiles);
    bench_end(&bench);
    return 0;
}
