// SPDX-License-Identifier: MIT
#include "database_image.h"

#include <stdlib.h>
#include <string.h>

#include "postgres.h"
#include "text.h"

#define SETTLE_MS 300
#define SETTLE_TRIES 60

static const struct { const char *name, *url; } databases[] = {
    {"auth", "DATABASE_URL_AUTH"}, {"profiles", "DATABASE_URL_PROFILES"}, {"payments", "DATABASE_URL_PAYMENTS"}};

// Rows and their hash for each table. Left out is what moves by itself: what becomes of pushes to M-Pesa, and marks of what was
// sent.
#define MOVING "{published_at,broker_cluster,status,completed_at,failure_reason,receipt}"
static const char image_sql[] =
    "SELECT coalesce(string_agg(relname || ' ' || (xpath('/row/c/text()', query_to_xml(format("
    "  'SELECT count(*) || '':'' || md5(coalesce(string_agg(j::text, chr(10) ORDER BY j::text), '''')) AS c"
    "     FROM (SELECT to_jsonb(t) - ''" MOVING "''::text[] AS j FROM %I AS t) AS rows"
    "    WHERE coalesce(j ->> ''type'', '''') !~ ''purchase[.](completed|failed|expired)''', relname), false, true, '')))[1]::text,"
    "  chr(10) ORDER BY relname), '')"
    " FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    "  AND relname NOT IN ('pushes', 'daraja_token', 'outbox_purge')";

static const char *image_now(void)
{
    struct text_buffer out = text_buffer(story_arena());
    for (size_t i = 0; i < COUNT_OF(databases); i++) {
        struct test_database database = {0};
        snprintf(database.url, sizeof database.url, "%s", setting(databases[i].url));
        char *rows = arena_strdup(story_arena(), test_database_run(&database, image_sql)), *rest = NULL;
        for (char *line = strtok_r(rows, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            text_printf(&out, "%s.%s\n", databases[i].name, line);
    }
    return text_take(&out);
}

// Whether M-Pesa still has to tell of a push.
static bool waits_for_payer(void)
{
    struct test_database payments = {0};
    snprintf(payments.url, sizeof payments.url, "%s", setting("DATABASE_URL_PAYMENTS"));
    return strcmp(test_database_run(&payments, "SELECT count(*) FROM pushes WHERE state IN ('created', 'pushing', 'pushed', 'unknown')"), "0") != 0;
}

struct database_image database_image_settled(void)
{
    const char *last = image_now();
    for (int tries = SETTLE_TRIES;; tries--) {
        sleep_ms(SETTLE_MS);
        const char *now = image_now();
        if ((strcmp(last, now) == 0 && !waits_for_payer()) || tries == 0) return (struct database_image){now};
        last = now;
    }
}

// Lines of one that the other lacks.
static bool tell_difference(const char *left, const char *right, const char *sign)
{
    bool differs = false;
    char *lines = arena_strdup(story_arena(), left), *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strstr(right, line)) continue;
        print_error("%s %s\n", sign, line);
        differs = true;
    }
    return differs;
}

void database_image_expect(const struct database_image *before)
{
    const struct database_image after = database_image_settled();
    bool differs = tell_difference(before->tables, after.tables, "before:");
    differs |= tell_difference(after.tables, before->tables, "after: ");
    if (differs) fail_msg("a call that was refused has written something");
}
