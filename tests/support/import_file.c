// SPDX-License-Identifier: MIT
#include "import_file.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "text.h"

static const char *fresh_path(void)
{
    static int number;
    return arena_printf(story_arena(), "%s/import-%s-%d.json", setting("RUN_DIR"), unique_word(), number++);
}

const char *import_file(const char *word, const char *content, size_t length)
{
    const char *path = fresh_path();
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    char upper[32];
    snprintf(upper, sizeof upper, "%s", word);
    for (char *at = upper; *at; at++) *at = (char)toupper((unsigned char)*at);
    for (const char *at = content, *end = content + length; at < end;) {
        const bool low = end - at >= 3 && memcmp(at, "hx_", 3) == 0, high = end - at >= 3 && memcmp(at, "HX_", 3) == 0;
        if (low || high) fprintf(file, "%s_", low ? word : upper);
        else fputc(*at, file);
        at += low || high ? 3 : 1;
    }
    assert_int_equal(fclose(file), 0);
    return path;
}

const char *import_fixture(const char *word, const char *name, const char *edits)
{
    const char *path = fresh_path(), *output;
    if (run(&output, "sed -e 's/hx_/%s_/g; s/HX_/\\U%s_/g' -e '%s' tests/fixtures/%s >%s", word, word, edits ? edits : "", name, path) != 0)
        fail_msg("%s", output);
    return path;
}

const char *import_profile(const char *word, int number)
{
    return arena_printf(story_arena(), "{\"id\":\"%s_p%d\",\"user_id\":\"%s_u%d\",\"first_name\":\"Achieng\",\"last_name\":\"Story\","
                        "\"email\":\"%s_%d@people.example\",\"phone_number\":\"0700000123\",\"user_type\":\"housegirl\","
                        "\"created_at\":\"2025-03-01T08:15:00.000Z\",\"updated_at\":\"2025-03-01T08:15:00.000Z\"}", word, number, word, number, word, number);
}

const char *import_worker(const char *word, int number)
{
    return arena_printf(story_arena(), "{\"id\":\"%s_w%d\",\"profile_id\":\"%s_p%d\",\"age\":30,\"bio\":\"Cooks.\",\"location\":\"Thika\","
                        "\"education\":\"form_4\",\"experience\":\"2_years\",\"expected_salary\":12000,\"accommodation_type\":\"both\",\"is_available\":true,"
                        "\"created_at\":\"2025-03-01T08:15:00.000Z\",\"updated_at\":\"2025-03-01T08:15:00.000Z\"}", word, number, word, number);
}

const char *import_run(const char *path)
{
    const char *output;
    int status = run(&output, "%s/dcctl import %s", setting("BIN_DIR"), path);
    if (status != 0) fail_msg("dcctl import %s ended with %d: %s", path, status, output);
    return output;
}

void expect_report_(const char *report, const char *collection, const char *counts, const char *file, int line)
{
    const char *found = strstr(report, arena_printf(story_arena(), "\n%s ", collection));
    long numbers[6] = {0};
    const char *said = "no such line";
    if (found && sscanf(found + 1 + strlen(collection), " %ld %ld %ld %ld %ld %ld", &numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4], &numbers[5]) == 6)
        said = arena_printf(story_arena(), "%ld %ld %ld %ld %ld %ld", numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]);
    if (strcmp(said, counts) == 0) return;
    print_error("%s: %s, expected %s (read imported repaired unchanged waiting quarantined) in\n%s\n", collection, said, counts, report);
    _fail(file, line);
}

static void release(void *json)
{
    json_decref(json);
}

json_t *import_quarantine(const char *collection)
{
    const char *output;
    assert_int_equal(run(&output, "%s/dcctl import quarantine --collection '%s'", setting("BIN_DIR"), collection), 0);
    json_t *rows = json_loads(output, 0, NULL);
    if (!json_is_array(rows)) fail_msg("no list of rows: %s", output);
    arena_defer(story_arena(), release, rows);
    return rows;
}

const char *import_reasons(const json_t *quarantine, const char *row)
{
    size_t i;
    json_t *entry;
    json_array_foreach(quarantine, i, entry)
        if (text_equal(json_member_text(entry, "row"), row)) return json_text(story_arena(), json_object_get(entry, "reasons"));
    return "";
}
