// SPDX-License-Identifier: MIT
#include "reconcile.h"

#include <string.h>

#include "api.h"
#include "states.h"

#define OVERDUE_S 3600
#define ARENA_BYTES ((size_t)16 << 20)

bool reconciliation_read(struct request *rq, struct response *rs, struct error *err)
{
    return response_row(rq, rs, &SQL_reconcile, DB_IN(DB_INT(OVERDUE_S)), &problem_not_found, err);
}

bool payment_list(struct request *rq, struct response *rs, struct error *err)
{
    const struct payments_query *query = rq->query;
    const struct page_list list = {.member = "payments", .list = &SQL_payment_list, .count = &SQL_payment_count,
                                   .filters = DB_IN(DB_TEXT(query->state), DB_TEXT(query->user_id))};
    return page_answer(rq, rs, query->page, query->per_page, query->cursor, &list, err);
}

static bool read_report(struct app *app, struct arena *arena, json_t **ret, struct error *err)
{
    struct db db;
    const char *json = NULL;
    int64_t hurried = 0;
    db_begin(&db, app->pool, DB_READ, arena);
    const bool ok = db_text(&db, &SQL_reconcile, DB_IN(DB_INT(OVERDUE_S)), &json, NULL, err) && db_exec(&db, &SQL_reconcile_hurry, DB_NOTHING, &hurried, err);
    db_end(&db);
    if (ok) printf("%lld open payment(s); the running service asks M-Pesa about them now\n", (long long)hurried);
    *ret = ok && json ? json_parse(json, strlen(json), err) : NULL;
    return *ret != NULL;
}

static void print_members(const char *title, const json_t *object)
{
    const char *name;
    json_t *value;
    printf("%-12s", title);
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        if (json_is_integer(value)) printf(" %s %lld", name, (long long)json_integer_value(value));
        else printf(" %s %.2f", name, json_number_value(value));
    }
    putchar('\n');
}

// Exit status 3 where books do not agree, 0 otherwise: a finding alone is work for somebody, not a fault.
int verb_reconcile(struct app *app, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    struct error err = {.arena = arena};
    CLEANUP(json_release) json_t *report = NULL;
    if (!arena || !read_report(app, arena, &report, &err)) {
        fprintf(stderr, "payments reconcile: %s\n", err.detail);
        return 1;
    }
    const bool consistent = json_is_true(json_object_get(report, "consistent"));
    static const char *const groups[] = {"pushes", "callbacks", "money", "credits"};
    for (size_t i = 0; i < COUNT_OF(groups); i++) print_members(groups[i], json_object_get(report, groups[i]));
    printf("%-12s %lld\n", "silent", (long long)json_integer_value(json_object_get(report, "callbacks_never_received")));
    size_t i;
    json_t *finding;
    json_array_foreach(json_object_get(report, "findings"), i, finding) {
        const char *details = json_text(arena, json_object_get(finding, "details"));
        const char *since = json_member_text(finding, "since");
        printf("  %-26s %-38s %s %s\n", json_member_text(finding, "kind"), json_member_text(finding, "subject"), since ? since : "-", details ? details : "");
    }
    puts(consistent ? "ledger, balances, purchases and pushes agree" : "THE BOOKS DO NOT AGREE: see the findings above");
    return consistent ? 0 : 3;
}

int verb_states(struct app *app, int argc, char **argv)
{
    (void)app;
    (void)argc;
    (void)argv;
    push_states_print(stdout);
    return 0;
}
