// SPDX-License-Identifier: MIT
// Files that are broken, and imports that are killed or meet each other: damage costs as little as can be besides itself, nothing is
// dropped, and whatever happened, running it again ends as if nothing had.
#include "import_file.h"
#include "stack.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "text.h"

static const char *word;

static int a_word_of_its_own(void **state)
{
    (void)state;
    word = unique_word();
    return 0;
}

static const char *profile(int number)
{
    return import_profile(word, number);
}

static const char *import_text_of(const char *content)
{
    return import_run(import_file(word, content, strlen(content)));
}

#define IMPORT(...) import_text_of(arena_printf(story_arena(), __VA_ARGS__))

static void expect_kept(const char *collection, const char *row, const char *reason)
{
    const char *reasons = import_reasons(import_quarantine(collection), row);
    if (!strstr(reasons, reason)) fail_msg("%s %s: '%s' is not among '%s'", collection, row, reason, reasons);
}

static const char *kept_text(const char *collection, const char *row)
{
    json_t *all = import_quarantine(collection), *entry;
    size_t i;
    json_array_foreach(all, i, entry)
        if (text_equal(json_member_text(entry, "row"), row)) return json_member_text(entry, "raw");
    return "";
}

static void a_file_that_ends_early_gives_what_stood_before(void **state)
{
    (void)state;
    const char *cut = IMPORT("{\"profiles\":[%s,%s,{\"id\":\"hx_p3\",\"user", profile(1), profile(2));
    expect_report(cut, "profiles", "3 2 0 0 0 1");
    assert_non_null(strstr(cut, "damage: the file ends inside a row"));
    assert_non_null(strstr(kept_text("profiles", "#3"), "_p3\",\"user"));
    const char *after_row = IMPORT("{\"profiles\":[%s,%s", profile(1), profile(2));
    expect_report(after_row, "profiles", "2 0 0 2 0 0");
    assert_non_null(strstr(after_row, "damage:"));
    assert_non_null(strstr(IMPORT("{\"profiles\":[%s],\"employer_prof", profile(1)), "damage:"));
    assert_non_null(strstr(IMPORT("{\"profiles\":["), "damage:"));
    assert_non_null(strstr(IMPORT("{"), "damage: the file ends early"));
}

// What is missing is found by what cannot follow: the rows and collections behind it are read as usual.
static void a_missing_sign_costs_its_own_row(void **state)
{
    (void)state;
    const char *brace = IMPORT("{\"profiles\":[%s,{\"id\":\"hx_p2\",\"user_id\":\"hx_u2\",%s],\"photos\":[]}", profile(1), profile(3));
    expect_report(brace, "profiles", "3 2 0 0 0 1");
    expect_report(brace, "photos", "0 0 0 0 0 0");
    const char *last_brace = IMPORT("{\"profiles\":[%s,{\"id\":\"hx_p4\",\"x\":{\"y\":1],\"photos\":[]}", profile(5));
    expect_report(last_brace, "profiles", "2 1 0 0 0 1");
    expect_report(last_brace, "photos", "0 0 0 0 0 0");
    const char *quote = IMPORT("{\"profiles\":[\n%s,\n{\"id\":\"hx_p6\",\n\"user_id\":\"hx_u6,\n\"first_name\":\"x\"},\n%s\n],\n\"photos\":[]}", profile(7), profile(8));
    expect_report(quote, "profiles", "3 2 0 0 0 1");
    expect_report(quote, "photos", "0 0 0 0 0 0");
    const char *bracket = IMPORT("{\"profiles\":[%s,%s,\"photos\":[]}", profile(9), profile(10));
    expect_report(bracket, "profiles", "2 2 0 0 0 0");
    expect_report(bracket, "photos", "0 0 0 0 0 0");
    assert_non_null(strstr(bracket, "damage: a list of rows is not closed"));
}

static void a_sign_too_many_drops_nothing(void **state)
{
    (void)state;
    const char *bracket = IMPORT("{\"profiles\":[%s],%s],\"photos\":[]}", profile(1), profile(2));
    expect_report(bracket, "profiles", "1 1 0 0 0 0");
    expect_report(bracket, "photos", "0 0 0 0 0 0");
    expect_report(bracket, "(outside of all collections)", "2 0 0 0 0 2");
    assert_string_equal(kept_text("(outside of all collections)", "#1"), profile(2));
    const char *two_files = IMPORT("{\"profiles\":[%s]}\n{\"profiles\":[%s]}", profile(3), profile(4));
    expect_report(two_files, "profiles", "1 1 0 0 0 0");
    expect_report(two_files, "(outside of all collections)", "1 0 0 0 0 1");
    assert_non_null(strstr(two_files, "damage: the file goes on behind its end"));
    const char *brace = IMPORT("{\"profiles\":[%s}],\"photos\":[]}", profile(5));
    expect_report(brace, "profiles", "2 1 0 0 0 1");
}

static void what_is_no_list_is_kept(void **state)
{
    (void)state;
    const char *said = IMPORT("{\"profiles\":{\"id\":\"hx_p1\"},\"version\":3,\"agencies\":null,\"photos\":[]}");
    expect_report(said, "profiles", "1 0 0 0 0 1");
    expect_report(said, "version", "1 0 0 0 0 1");
    expect_report(said, "agencies", "0 0 0 0 0 0");
    expect_kept("profiles", "#1", "no list of rows");
    assert_string_equal(kept_text("version", "#1"), "3");
    assert_non_null(strstr(IMPORT("{}"), "0 rows in")); // every collection may be missing
}

static void a_collection_that_stands_there_twice_is_not_mixed(void **state)
{
    (void)state;
    const char *said = IMPORT("{\"profiles\":[%s,{\"id\":\"\"}],\"photos\":[],\"profiles\":[%s,%s]}", profile(1), profile(1), profile(2));
    expect_report(said, "profiles", "4 1 0 0 0 3");
    expect_kept("profiles", "#2", "id is empty");
    expect_kept("profiles", "#3", "the file holds this collection twice");
    assert_string_equal(kept_text("profiles", "#4"), profile(2));
}

static void a_member_that_stands_there_twice_keeps_its_row_back(void **state)
{
    (void)state;
    expect_report(IMPORT("{\"profiles\":[%s,{\"id\":\"hx_p2\",\"id\":\"hx_p3\"}]}", profile(1)), "profiles", "2 1 0 0 0 1");
    expect_kept("profiles", "#2", "a member stands there twice");
}

static void bytes_that_are_no_text_are_kept_readable(void **state)
{
    (void)state;
    const char *said = IMPORT("{\"profiles\":[{\"id\":\"hx_p1\",\"first_name\":\"\xC3(\"},%s],\"pro\xFF" "files\":[{\"id\":\"hx_p3\"}]}", profile(2));
    expect_report(said, "profiles", "2 1 0 0 0 1");
    expect_report(said, "pro\\xFFfiles", "1 0 0 0 0 1");
    assert_non_null(strstr(kept_text("profiles", "#1"), "\\xC3("));
    char long_name[70];
    memset(long_name, 'n', 63);
    memcpy(long_name + 63, "\xC3\xA9", 3); // a letter of two bytes over the place where names are cut
    said = IMPORT("{\"%s\":[{\"id\":\"hx_p1\"}]}", long_name);
    long_name[63] = '\0';
    expect_report(said, long_name, "1 0 0 0 0 1");
}

static void a_nul_is_no_end(void **state)
{
    (void)state;
    const char *raw = arena_printf(story_arena(), "{\"profiles\":[{\"id\":\"hx_p1\",\"first_name\":\"a?b\"},{\"id\":\"hx_p2\",\"first_name\":\"\\u0000\"},%s]}", profile(3));
    char *copy = arena_strdup(story_arena(), raw);
    size_t length = strlen(copy);
    *strchr(copy, '?') = '\0';
    expect_report(import_run(import_file(word, copy, length)), "profiles", "3 1 0 0 0 2");
    assert_non_null(strstr(kept_text("profiles", "#1"), "a\\x00b"));
    assert_non_null(strstr(kept_text("profiles", "#2"), "\\u0000"));
}

static const char *letters(size_t count)
{
    char *text = arena_alloc(story_arena(), count + 1);
    memset(text, 'z', count);
    return text;
}

static void a_row_too_long_is_kept_whole(void **state)
{
    (void)state;
    const char *row = arena_printf(story_arena(), "{\"id\":\"%s_p1\",\"junk\":\"%s\"}", word, letters((1 << 20) + 1));
    expect_report(IMPORT("{\"profiles\":[%s,%s]}", row, profile(2)), "profiles", "2 1 0 0 0 1");
    expect_kept("profiles", "#1", "longer than 1 MiB");
    assert_string_equal(kept_text("profiles", "#1"), row);
    expect_report(IMPORT("{\"profiles\":[{\"id\":\"hx_p1\",\"junk\":\"%s\"},%s]}", letters(5 << 20), profile(3)), "profiles", "2 1 0 0 0 1");
    expect_kept("profiles", "#1", "keep the file"); // more than is kept here
}

// More than a batch of rows of usual length would be.
static void many_long_rows_go_in_pieces(void **state)
{
    (void)state;
    enum { ROWS = 150 };
    struct text_buffer content = text_buffer(story_arena());
    const char *junk = letters(1000000);
    text_add(&content, "{\"profiles\":[");
    for (int i = 1; i <= ROWS; i++) {
        const char *row = profile(i);
        text_printf(&content, "%s%.*s,\"junk\":\"", i > 1 ? "," : "", (int)strlen(row) - 1, row);
        text_add(&content, junk);
        text_add(&content, "\"}");
    }
    text_add(&content, "]}");
    const char *path = import_file(word, text_take(&content), content.length), *output;
    expect_report(import_run(path), "profiles", "150 150 150 0 0 0"); // junk is no known member
    run(&output, "rm %s", path);
}

static void what_no_database_holds_is_kept_back(void **state)
{
    (void)state;
    static const struct { const char *members, *reason; } excesses[] = {
        {"\"x\":1e-20000", "number"}, {"\"x\":1e400", "not well-formed"}, {"\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nested too deep"},
        {"\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nested"}, {"\"x\":123456789012345678901234567890", "not well-formed"},
    };
    for (size_t i = 0; i < COUNT_OF(excesses); i++) {
        const char *said = IMPORT("{\"contact_access\":[{\"id\":\"hx_x1\",\"purchaser_id\":\"hx_u1\",\"target_profile_id\":\"hx_w1\",%s}],\"photos\":[]}", excesses[i].members);
        expect_report(said, "contact_access", "1 0 0 0 0 1");
        expect_kept("contact_access", "#1", excesses[i].reason);
    }
    const char *year = IMPORT("{\"profiles\":[{\"id\":\"hx_p1\",\"user_id\":\"hx_u1\",\"user_type\":\"employer\",\"first_name\":\"A\",\"last_name\":\"B\","
                              "\"created_at\":\"0000-12-31T00:00:00Z\",\"updated_at\":\"9999-12-31T23:59:59-14:00\"}]}");
    expect_report(year, "profiles", "1 1 1 0 0 0");
}

static void numbers_and_texts_are_told_apart_where_it_matters(void **state)
{
    (void)state;
    const long number = (long)(clock_monotonic_us() % 1000000000000);
    const char *said = IMPORT("{\"profiles\":[{\"id\":%ld,\"user_id\":%ld,\"user_type\":\"housegirl\",\"first_name\":\"A\",\"last_name\":\"B\","
                              "\"phone_number\":254700000199,\"created_at\":1740816900000,\"updated_at\":\"2025-03-01T08:15:00Z\"}],"
                              "\"housegirl_profiles\":[{\"id\":\"hx_w1\",\"profile_id\":%ld,\"age\":\"30\",\"expected_salary\":\"1e9\",\"is_available\":1,"
                              "\"created_at\":\"2025-03-01T08:15:00.000Z\"}]}", number, number, number);
    expect_report(said, "profiles", "1 1 1 0 0 0");
    expect_report(said, "housegirl_profiles", "1 1 1 0 0 0");
    static const char *const notes[] = {"user_id was a number, taken as text", "phone_number was a number, taken as text", "created_at is missing",
                                        "profile_id was a number, taken as text", "age was text, taken as a number", "expected_salary is no number, left empty",
                                        "is_available was no boolean, taken as true"};
    for (size_t i = 0; i < COUNT_OF(notes); i++)
        if (!strstr(said, notes[i])) fail_msg("'%s' is not in\n%s", notes[i], said);
}

static void what_is_no_file_of_ours_is_refused_in_a_sentence(void **state)
{
    (void)state;
    static const char *const contents[] = {"[]", "hello", "", "\"profiles\""};
    const char *output;
    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        int status = run(&output, "%s/dcctl import %s", setting("BIN_DIR"), import_file(word, contents[i], strlen(contents[i])));
        assert_int_equal(status, 1);
        assert_true(text_starts_with(output, "dcctl: "));
        assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
    }
    assert_int_equal(run(&output, "%s/dcctl import /no/such/file", setting("BIN_DIR")), 1);
    const char *pipe = import_file(word, "", 0);
    assert_int_equal(run(&output, "rm %s; mkfifo %s; timeout 10 %s/dcctl import %s", pipe, pipe, setting("BIN_DIR"), pipe), 1);
    assert_int_equal(run(&output, "%s/dcctl import", setting("BIN_DIR")), 2);
}

// --- What a service stumbles over ----------------------------------------------------------------

#define POISON "https://poison.example/"

static int without_poison(void **state)
{
    (void)state;
    database_ask("dc_profiles", "SET client_min_messages = warning; ALTER TABLE photos DROP CONSTRAINT IF EXISTS story_poison");
    return 0;
}

// Whatever we have not thought of: the row at fault is found, and all others are taken.
static void a_row_that_breaks_its_batch_is_found(void **state)
{
    (void)state;
    database_ask("dc_profiles", "ALTER TABLE photos ADD CONSTRAINT story_poison CHECK (photo_url NOT LIKE '" POISON "%s%%')", word);
    struct text_buffer content = text_buffer(story_arena());
    text_printf(&content, "{\"profiles\":[%s],\"photos\":[", profile(1));
    for (int i = 1; i <= 100; i++)
        text_printf(&content, "%s{\"id\":\"hx_f%d\",\"profile_id\":\"hx_p1\",\"photo_url\":\"%s%s%d\",\"upload_date\":\"2025-03-01T08:15:00Z\"}", i > 1 ? "," : "", i,
                    i == 37 || i == 90 ? POISON : "https://photos.example/", word, i);
    text_add(&content, "]}");
    const char *path = import_file(word, text_take(&content), content.length), *said = import_run(path);
    expect_report(said, "photos", "100 98 0 0 0 2");
    expect_kept("photos", arena_printf(story_arena(), "%s_f37", word), "profiles could not take it");
    without_poison(state);
    expect_report(import_run(path), "photos", "100 2 0 98 0 0");
}

// --- Killed, and met -----------------------------------------------------------------------------

#define CROWD 3000
#define ALL_OF_THEM "3000"

static const char *crowd(void)
{
    struct text_buffer content = text_buffer(story_arena());
    text_add(&content, "{\"profiles\":[");
    for (int i = 1; i <= CROWD; i++) text_printf(&content, "%s%s\n", i > 1 ? "," : "", profile(i));
    text_add(&content, "],\"housegirl_profiles\":[");
    for (int i = 1; i <= CROWD; i++) text_printf(&content, "%s%s\n", i > 1 ? "," : "", import_worker(word, i));
    text_add(&content, "]}");
    const char *text = text_take(&content);
    return import_file(word, text, content.length);
}

static const char *rows_of(const char *database, const char *table)
{
    return database_ask(database, "SELECT count(*) FROM %s WHERE id LIKE '%s\\_%%'", table, word);
}

static bool some_are_in(void *table)
{
    return strcmp(rows_of("dc_profiles", table), "0") != 0;
}

// Kills it with -9 once the table has rows of it, and runs it again at once, while its children still end.
static void killed_when_in(const char *table)
{
    const char *file = crowd(), *pid;
    run(&pid, "%s/dcctl import %s >%s.log 2>&1 & echo $!", setting("BIN_DIR"), file, file);
    bool begun = within(60, some_are_in, (void *)(uintptr_t)table);
    const char *output;
    run(&output, "kill -9 %s", pid);
    assert_true(begun);
    assert_string_not_equal(rows_of("dc_profiles", "housegirl_profiles"), ALL_OF_THEM); // it was half-way
    const char *said = import_run(file);
    long imported = 0, unchanged = 0, read = 0, repaired = 1;
    static const char *const collections[] = {"\nprofiles ", "\nhousegirl_profiles "};
    for (size_t i = 0; i < COUNT_OF(collections); i++) {
        const char *line = strstr(said, collections[i]);
        assert_non_null(line);
        assert_int_equal(sscanf(line + strlen(collections[i]), "%ld %ld %ld %ld", &read, &imported, &repaired, &unchanged), 4);
        assert_int_equal(read, CROWD);
        assert_int_equal(imported + unchanged, CROWD);
        assert_int_equal(repaired, 0);
    }
    assert_null(strstr(said, "quarantined 1"));
    assert_string_equal(rows_of("dc_auth", "users"), ALL_OF_THEM);
    assert_string_equal(rows_of("dc_profiles", "profiles"), ALL_OF_THEM);
    assert_string_equal(rows_of("dc_profiles", "housegirl_profiles"), ALL_OF_THEM);
    static const struct { const char *database, *type; } told[] = {{"dc_auth", "user.registered"}, {"dc_auth", "user.contact_changed"},
                                                                    {"dc_profiles", "profile.created"}, {"dc_profiles", "worker.created"}};
    for (size_t i = 0; i < COUNT_OF(told); i++) // each once
        assert_string_equal(database_ask(told[i].database, "SELECT count(*) FROM outbox WHERE key LIKE '%s\\_%%' AND type = 'ke.domesticconnect.%s.v1'", word,
                                         told[i].type), ALL_OF_THEM);
}

static void killed_among_the_users_it_goes_on(void **state)
{
    (void)state;
    killed_when_in("profiles");
}

static void killed_among_the_workers_it_goes_on(void **state)
{
    (void)state;
    killed_when_in("housegirl_profiles");
}

static bool has_said(void *line)
{
    const char *output;
    return run(&output, "%s", (const char *)line) == 0;
}

// What an import sends to profiles: the events of stories before may wait for the same lock.
static bool import_waits(void *unused)
{
    (void)unused;
    return strcmp(database_ask("dc_profiles", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                                              " AND query LIKE 'WITH given%%'"), "0") != 0;
}

// Rows stand in the file until they are sent.
static void a_file_that_changes_meanwhile_is_noticed(void **state)
{
    (void)state;
    const char *file = crowd(), *output;
    struct database_session *meanwhile = database_hold("dc_profiles", "LOCK TABLE profiles IN SHARE MODE");
    run(&output, "%s/dcctl import %s >%s.log 2>&1 &", setting("BIN_DIR"), file, file);
    const bool waits = within(60, import_waits, NULL);
    run(&output, "echo >>%s", file);
    database_let_go(meanwhile);
    assert_true(waits);
    assert_true(within(20, has_said, arena_printf(story_arena(), "grep -q 'changed while it was imported. Import it again' %s.log", file)));
    import_run(file);
    assert_string_equal(rows_of("dc_profiles", "housegirl_profiles"), ALL_OF_THEM);
}

static void a_service_that_dies_meanwhile_is_told(void **state)
{
    (void)state;
    IMPORT("{}"); // the staging database is there
    const char *file = crowd(), *output;
    struct database_session *meanwhile = database_hold("dc_import", "LOCK TABLE import_rows IN SHARE MODE"); // before anything is sent to it
    run(&output, "(%s/dcctl import %s; echo \"status $?\") >%s.log 2>&1 &", setting("BIN_DIR"), file, file);
    const bool runs = within(60, has_said, arena_printf(story_arena(), "pkill -9 -f '^%s/auth import'", setting("BIN_DIR")));
    database_let_go(meanwhile);
    assert_true(runs);
    assert_true(within(20, has_said, arena_printf(story_arena(), "grep -q 'status 1' %s.log", file)));
    assert_int_equal(run(&output, "grep -q 'dcctl: auth import stopped taking rows; .* then import again' %s.log", file), 0);
    import_run(file);
    assert_string_equal(rows_of("dc_profiles", "housegirl_profiles"), ALL_OF_THEM);
}

static void what_cannot_be_said_was_not_done(void **state)
{
    (void)state;
    const char *output;
    assert_int_equal(run(&output, "%s/dcctl import report 2>&1 >/dev/full", setting("BIN_DIR")), 1);
    assert_non_null(strstr(output, "could not be written: No space left on device"));
    assert_int_equal(run(&output, "%s/dcctl import report 2>&1 >&-", setting("BIN_DIR")), 0);
    assert_string_equal(output, "");
}

static void a_file_that_is_cut_while_it_is_read_is_no_crash(void **state)
{
    (void)state;
    IMPORT("{}"); // the staging database is there
    struct text_buffer content = text_buffer(story_arena());
    text_add(&content, "{\"agencies\":[");
    for (int i = 1; i <= 15000; i++) text_printf(&content, "%s{\"id\":\"hx_a%d\",\"name\":\"Kazi Njema\"}\n", i > 1 ? "," : "", i);
    text_add(&content, "]}");
    const char *text = text_take(&content), *file = import_file(word, text, content.length), *output;
    struct database_session *meanwhile = database_hold("dc_import", "LOCK TABLE import_rows IN SHARE MODE"); // no more than two batches are read ahead
    run(&output, "(%s/dcctl import %s; echo \"status $?\") >%s.log 2>&1 &", setting("BIN_DIR"), file, file);
    const bool waits = within(60, database_waits, (void *)(uintptr_t)"dc_import");
    run(&output, "truncate -s 4096 %s", file);
    database_let_go(meanwhile);
    assert_true(waits);
    assert_true(within(20, has_said, arena_printf(story_arena(), "grep -q 'status 1' %s.log", file)));
    run(&output, "cat %s.log", file);
    assert_non_null(strstr(output, "made shorter while it was imported, or its disk fails. Import it again"));
    expect_report(import_run(import_file(word, text, content.length)), "agencies", "15000 0 0 0 15000 0");
}

// The child of a killed import commits its batch when the next import sends the same rows: they are there, and not in the way.
static void a_row_that_comes_in_meanwhile_is_no_conflict(void **state)
{
    (void)state;
    const char *content = arena_printf(story_arena(), "{\"profiles\":[%s],\"housegirl_profiles\":[%s]}", profile(1), import_worker(word, 1));
    const char *file = import_file(word, content, strlen(content)), *output;
    struct database_session *meanwhile =
        database_hold("dc_profiles", arena_printf(story_arena(), "INSERT INTO profiles (id, user_id, user_type) VALUES ('%s_p1', '%s_u1', 'housegirl')", word, word));
    run(&output, "%s/dcctl import %s >%s.log 2>&1 &", setting("BIN_DIR"), file, file);
    const bool waits = within(60, import_waits, NULL);
    database_keep(meanwhile);
    assert_true(waits);
    within(10, has_said, arena_printf(story_arena(), "grep 'rows in' %s.log", file));
    run(&output, "cat %s.log", file);
    expect_report(output, "profiles", "1 1 0 0 0 0"); // new to auth
    expect_report(output, "housegirl_profiles", "1 1 0 0 0 0");
}

static void only_one_runs_at_a_time(void **state)
{
    (void)state;
    IMPORT("{}"); // the staging database is there
    struct database_session *other = database_hold("dc_import", "SELECT pg_advisory_lock(hashtext('import'))");
    const char *output;
    int status = run(&output, "%s/dcctl import tests/fixtures/demo-db.json", setting("BIN_DIR"));
    database_let_go(other);
    assert_int_equal(status, 1);
    assert_non_null(strstr(output, "Another import is running; wait until it has ended."));
}

#define STORY(test_) cmocka_unit_test_setup(test_, a_word_of_its_own)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_file_that_ends_early_gives_what_stood_before), STORY(a_missing_sign_costs_its_own_row), STORY(a_sign_too_many_drops_nothing),
        STORY(what_is_no_list_is_kept), STORY(a_collection_that_stands_there_twice_is_not_mixed), STORY(a_member_that_stands_there_twice_keeps_its_row_back),
        STORY(bytes_that_are_no_text_are_kept_readable), STORY(a_nul_is_no_end), STORY(a_row_too_long_is_kept_whole), STORY(many_long_rows_go_in_pieces),
        STORY(what_no_database_holds_is_kept_back), STORY(numbers_and_texts_are_told_apart_where_it_matters),
        STORY(what_is_no_file_of_ours_is_refused_in_a_sentence),
        cmocka_unit_test_setup_teardown(a_row_that_breaks_its_batch_is_found, a_word_of_its_own, without_poison),
        STORY(killed_among_the_users_it_goes_on), STORY(killed_among_the_workers_it_goes_on), STORY(a_file_that_changes_meanwhile_is_noticed),
        STORY(a_file_that_is_cut_while_it_is_read_is_no_crash), STORY(a_service_that_dies_meanwhile_is_told), STORY(what_cannot_be_said_was_not_done),
        STORY(a_row_that_comes_in_meanwhile_is_no_conflict),
        STORY(only_one_runs_at_a_time),
    };
    return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
