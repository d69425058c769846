// SPDX-License-Identifier: MIT
// Callbacks of M-Pesa on disk: whole or not at all, and there until they are taken.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "callback.h"
#include "refusals.h"
#include "test_arena.h"

static int taken;
static bool refuse_all;

static bool take(void *argument, const struct spooled *callback, struct error *err)
{
    assert_ptr_equal(argument, &taken);
    if (refuse_all) return error_set(err, &problem_unavailable, NULL);
    assert_string_equal(callback->push_id, "push-1");
    assert_string_equal(callback->body, "{\"a\":\"\\\"\"}");
    taken++;
    return true;
}

static void a_spooled_callback_goes_only_once_it_is_taken(void **state)
{
    (void)state;
    char folder[] = "/tmp/dc-spool-XXXXXX";
    struct error err = {0};
    int count = 0;
    assert_non_null(mkdtemp(folder));
    const struct spooled callback = {.push_id = "push-1", .source_address = "127.0.0.1", .body = "{\"a\":\"\\\"\"}"};
    for (int i = 0; i < 3; i++) assert_true(spool_write(folder, &callback, arena, &err));
    refuse_all = true;
    assert_false(spool_read(folder, take, &taken, &count, &err));
    refuse_all = false;
    assert_true(spool_read(folder, take, &taken, &count, &err));
    assert_int_equal(taken, 3);
    assert_int_equal(count, 3);
    assert_true(spool_read(folder, take, &taken, &count, &err));
    assert_int_equal(count, 0);
    assert_int_equal(rmdir(folder), 0); // nothing is left, not even parts
    assert_false(spool_write(folder, &callback, arena, &err));
    err = (struct error){0};
    assert_false(spool_read(folder, take, &taken, &count, &err)); // what may wait there is not taken for nothing
    assert_ptr_equal(err.problem, &problem_unavailable);
}

static bool take_but_for_a_refund(void *argument, const struct spooled *callback, struct error *err)
{
    int *times = argument;
    if (callback->refund_id) return error_set(err, &problem_conflict, NULL);
    ++*times;
    return true;
}

// It stays for somebody to look at.
static void what_cannot_be_taken_is_in_no_others_way(void **state)
{
    (void)state;
    char folder[] = "/tmp/dc-spool-XXXXXX";
    struct error err = {0};
    int times = 0, count = 0;
    assert_non_null(mkdtemp(folder));
    assert_true(spool_write(folder, &(const struct spooled){.refund_id = "refund-1", .source_address = "127.0.0.1", .body = "{}"}, arena, &err));
    assert_true(spool_write(folder, &(const struct spooled){.push_id = "push-1", .source_address = "127.0.0.1", .body = "{}"}, arena, &err));
    assert_true(spool_read(folder, take_but_for_a_refund, &times, &count, &err));
    assert_null(err.problem);
    assert_int_equal(times, 1);
    assert_true(spool_read(folder, take_but_for_a_refund, &times, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(times, 1);
    char *command = arena_printf(arena, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static int folders_synced;

int fsync(int file)
{
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) folders_synced++;
    return 0;
}

// M-Pesa is told that it was taken: from then on no power cut may lose it.
static void what_is_spooled_is_in_a_folder_that_is_on_the_disk(void **state)
{
    (void)state;
    char folder[] = "/tmp/dc-spool-XXXXXX";
    struct error err = {0};
    assert_non_null(mkdtemp(folder));
    folders_synced = 0;
    assert_true(spool_write(folder, &(const struct spooled){.push_id = "push-1", .source_address = "127.0.0.1", .body = "{\"a\":\"\\\"\"}"}, arena, &err));
    assert_int_equal(folders_synced, 1);
    assert_true(spool_read(folder, take, &taken, NULL, &err));
    assert_int_equal(rmdir(folder), 0);
}

static bool renames_fail;

int rename(const char *from, const char *to)
{
    if (!renames_fail) return renameat(AT_FDCWD, from, AT_FDCWD, to);
    errno = EIO;
    return -1;
}

static void a_callback_that_cannot_be_spooled_leaves_nothing(void **state)
{
    (void)state;
    char folder[] = "/tmp/dc-spool-XXXXXX";
    struct error err = {0};
    assert_non_null(mkdtemp(folder));
    renames_fail = true;
    assert_false(spool_write(folder, &(const struct spooled){.push_id = "push-1", .source_address = "127.0.0.1", .body = "{}"}, arena, &err));
    renames_fail = false;
    assert_ptr_equal(err.problem, &problem_unavailable);
    assert_int_equal(rmdir(folder), 0);
}

static bool take_whole(void *argument, const struct spooled *callback, struct error *err)
{
    int *times = argument;
    (void)err;
    assert_string_equal(callback->push_id, "the push that it is of");
    assert_string_equal(callback->source_address, "127.0.0.1");
    assert_string_equal(callback->body, "a text of more letters than a buffer begins with");
    ++*times;
    return true;
}

// With each allocation refused once: it is taken as it was written, or stays.
static void a_callback_is_read_whole_or_later(void **state)
{
    (void)state;
    char folder[] = "/tmp/dc-spool-XXXXXX";
    const struct spooled callback = {.push_id = "the push that it is of", .source_address = "127.0.0.1", .body = "a text of more letters than a buffer begins with"};
    int64_t call = 0;
    assert_non_null(mkdtemp(folder));
    for (bool was_refused = true; was_refused;) {
        struct error err = {0};
        int times = 0, count = 0;
        assert_true(spool_write(folder, &callback, arena, &err));
        allocations = 0;
        refused_at = ++call;
        const bool ok = spool_read(folder, take_whole, &times, &count, &err);
        refused_at = 0;
        was_refused = allocations >= call;
        if (!ok) assert_ptr_equal(err.problem, &problem_unavailable);
        assert_true(spool_read(folder, take_whole, &times, &count, &err));
        assert_int_equal(times, 1);
    }
    assert_true(call > 10);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spooled_callback_goes_only_once_it_is_taken),
        cmocka_unit_test(what_cannot_be_taken_is_in_no_others_way),
        cmocka_unit_test(what_is_spooled_is_in_a_folder_that_is_on_the_disk),
        cmocka_unit_test(a_callback_that_cannot_be_spooled_leaves_nothing),
        cmocka_unit_test(a_callback_is_read_whole_or_later),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
