// SPDX-License-Identifier: MIT
#include "database_image.h"

#include <stdlib.h>
#include <string.h>

#include "stack.h"
#include "text.h"

#define SETTLE_MS 300
#define SETTLE_TRIES 60

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
    for (size_t i = 0; service_names[i]; i++) {
        const char *told = database_ask(arena_printf(story_arena(), "dc_%s", service_names[i]), "%s", image_sql);
        char *rows = arena_strdup(story_arena(), told), *rest = NULL;
        for (char *line = strtok_r(rows, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            text_printf(&out, "%s.%s\n", service_names[i], line);
    }
    return text_take(&out);
}

// Whether M-Pesa still has to tell of a push.
static bool waits_for_payer(void)
{
    return strcmp(database_ask("dc_payments", "SELECT count(*) FROM pushes WHERE state IN ('created', 'pushing', 'pushed', 'unknown')"), "0") != 0;
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
