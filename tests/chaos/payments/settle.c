// SPDX-License-Identifier: MIT
#include "settle.h"

#include <stdio.h>
#include <string.h>

#include "chaos_sql.h"
#include "json.h"
#include "shop.h"
#include "stack.h"
#include "text.h"

#define WAIT_MS 240000
#define HURRY_MS 4000
#define QUIET_MS 100

static const json_t *transaction_of(const json_t *transactions, const char *push_id);
static int look_at_pushes(PGconn *verdict);

PGconn *settle_open(void)
{
    mpesa_reset(NULL);
    if (stack_restore(NULL) != 0) puts("  not every part got ready again");
    PGconn *verdict = database_connect(VERDICT_DATABASE);
    char *password = PQescapeLiteral(verdict, PQpass(verdict), strlen(PQpass(verdict)));
    database_script(verdict, arena_printf(story_arena(), "SET chaos.password = %s", password));
    PQfreemem(password);
    database_script(verdict, chaos_migrations[1].sql);
    return verdict;
}

// What an operator does: have the service ask about all that is open.
static void hurry(void)
{
    const char *said;
    run(&said, "set -a; . %s/payments.env; exec %s/payments reconcile", setting("RUN_DIR"), setting("BIN_DIR"));
}

void settle_payments(PGconn *verdict)
{
    int64_t hurry_ms = 0;
    for (int64_t until_ms = clock_monotonic_ms() + WAIT_MS; clock_monotonic_ms() < until_ms; sleep_ms(1000)) {
        if (clock_monotonic_ms() >= hurry_ms) {
            hurry();
            hurry_ms = clock_monotonic_ms() + HURRY_MS;
        }
        if (look_at_pushes(verdict) == 0) return;
    }
}

// How many are open of which something can be known still. M-Pesa's last word comes when nothing else is on its way.
static int look_at_pushes(PGconn *verdict)
{
    struct answer counts = mpesa_call("GET", "/control/counts", NULL), all = {0};
    const bool is_quiet = number_at(&counts, "callbacks_waiting") == 0 && number_at(&counts, "pending") == 0;
    PGresult *rows = database_rows(verdict, &SQL_open_pushes, NULL);
    int left = 0;
    if (PQntuples(rows)) all = mpesa_call("GET", "/control/transactions", NULL); // long, after thousands
    for (int i = 0; i < PQntuples(rows); i++) {
        const char *push_id = PQgetvalue(rows, i, 0);
        const bool waits_for_word = PQgetvalue(rows, i, 1)[0] == 't';
        const json_t *transaction = transaction_of(at(&all, "transactions"), push_id);
        if (waits_for_word && !transaction) continue;
        left++;
        if (!waits_for_word || !is_quiet) continue;
        mpesa_call("POST", "/control/callback", arena_printf(story_arena(), "{\"checkout_request_id\":\"%s\"}", json_member_text(transaction, "checkout_request_id")));
        PQclear(database_rows(verdict, &SQL_late_add, push_id));
    }
    PQclear(rows);
    return left;
}

static const json_t *transaction_of(const json_t *transactions, const char *push_id)
{
    const char *mark = arena_printf(story_arena(), "/stk/%s.", push_id);
    const json_t *transaction;
    size_t i;
    json_array_foreach(transactions, i, transaction) {
        const char *url = json_member_text(transaction, "callback_url");
        if (url && strstr(url, mark)) return transaction;
    }
    return NULL;
}

void settle_events(PGconn *verdict)
{
    for (int64_t until_ms = clock_monotonic_ms() + WAIT_MS; clock_monotonic_ms() < until_ms; sleep_ms(QUIET_MS)) {
        const char *count = database_get(verdict, &SQL_under_way, NULL);
        if (count && strcmp(count, "0") == 0) return;
    }
}
