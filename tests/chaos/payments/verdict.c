// SPDX-License-Identifier: MIT
#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>

#include "chaos_sql.h"
#include "event_log.h"
#include "shop.h"

#define CHUNK 1000

static void give(PGconn *verdict, const struct sql *sql, const json_t *json);
static json_t *account_json(const struct account *account);

void verdict_gather(PGconn *verdict, const struct account *account)
{
    struct event_log *log = event_log_open();
    const json_t *told = event_log_all(log);
    for (size_t from = 0; from < json_array_size(told); from += CHUNK) {
        json_t *chunk = json_array();
        for (size_t i = from; i < from + CHUNK && i < json_array_size(told); i++) json_array_append(chunk, json_array_get(told, i));
        give(verdict, &SQL_told_add, chunk);
        json_decref(chunk);
    }
    event_log_close(log);
    struct answer transactions = mpesa_call("GET", "/control/transactions", NULL);
    give(verdict, &SQL_mpesa_add, transactions.body);
    json_t *accounts = account_json(account);
    give(verdict, &SQL_account_add, accounts);
    json_decref(accounts);
    for (const struct migration *script = &chaos_migrations[2]; script->name; script++) database_script(verdict, script->sql);
}

static void give(PGconn *verdict, const struct sql *sql, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    PQclear(database_rows(verdict, sql, text));
    free(text);
}

static void add_purchases(const struct account *account, json_t *bought, json_t *unlocked)
{
    for (int i = 0; i < account->purchase_count; i++) {
        const struct purchase *purchase = &account->purchases[i];
        const char *user_id = family_of(account, i)->user_id;
        if (purchase->id[0]) json_array_append_new(bought, json_pack("{s:i, s:s, s:s, s:s}", "number", i, "purchase_id", purchase->id, "user_id", user_id, "status", purchase->status));
        for (int j = 0; j < UNLOCKS_EACH; j++) {
            const struct unlock *unlock = &purchase->unlocks[j];
            if (unlock->access_id[0])
                json_array_append_new(unlocked, json_pack("{s:s, s:s, s:s}", "access_id", unlock->access_id, "user_id", user_id, "worker_id", account->workers[unlock->worker].id));
        }
    }
}

static json_t *account_json(const struct account *account)
{
    json_t *bought = json_array(), *unlocked = json_array(), *looked = json_array(), *credits = json_array(), *surprises = json_array();
    add_purchases(account, bought, unlocked);
    for (int i = 0; i < account->family_count; i++) {
        const struct family *family = &account->families[i];
        if (!family->user_id[0]) continue;
        json_array_append_new(credits, json_pack("{s:s, s:I}", "user_id", family->user_id, "credits", (json_int_t)family->credits));
        for (int j = 0; j < WORKERS; j++)
            json_array_append_new(looked, json_pack("{s:s, s:s, s:s*}", "user_id", family->user_id, "worker_id", account->workers[j].id, "email",
                                                    family->looks[j].email[0] ? family->looks[j].email : NULL));
    }
    for (int i = 0; i < account->surprise_count && i < SURPRISES_MAX; i++) json_array_append_new(surprises, json_string(account->surprises[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "bought", bought, "unlocked", unlocked, "looked", looked, "credits", credits, "surprises", surprises);
}

int verdict_print(PGconn *verdict)
{
    PGresult *figures = database_rows(verdict, &SQL_figures, NULL);
    for (int i = 0; i < PQntuples(figures); i++) printf("%-12s %s\n", PQgetvalue(figures, i, 0), PQgetvalue(figures, i, 1));
    PQclear(figures);
    PGresult *lines = database_rows(verdict, &SQL_verdict, NULL);
    int failed = 0;
    for (int i = 0; i < PQntuples(lines); i++) {
        const bool holds = atol(PQgetvalue(lines, i, 2)) == 0;
        printf("%-8s %-58s %8s\n", holds ? "holds" : "BROKEN", PQgetvalue(lines, i, 0), PQgetvalue(lines, i, 1));
        if (!holds) printf("%s of them are wrong, such as\n%s\n", PQgetvalue(lines, i, 2), PQgetvalue(lines, i, 3));
        failed += !holds;
    }
    PQclear(lines);
    return failed;
}
