// SPDX-License-Identifier: MIT
// A process whose cryptography could not be set up says so at its start, and does not live on calling every key bad. Each time in a
// process of its own, which has not used it yet.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "jose.h"
#include "refusals.h"

#define STEP 31

enum end { END_WORKS, END_SAYS_NO, END_NEEDS_NO_MORE, END_LIES };

static enum end start_without(int64_t call)
{
    static const char jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\",\"x\":\"oBVjDMoaRFmgkht8L3Dd1EFp1WctRN9sbvOpJD3Du3o\","
                              "\"y\":\"KaE7i5AV7kvbi_MuKeVR9CTApzb6DKwl7AaP3e94o8g\"}";
    struct error err = {0};
    refused_at = call;
    const bool started = jose_start(&err);
    refused_at = 0;
    if (allocations < call) return END_NEEDS_NO_MORE;
    if (!started) return err.problem == &problem_unavailable ? END_SAYS_NO : END_LIES;
    struct jose_key *key = jose_key_parse(jwk, &err);
    jose_key_free(key);
    return key ? END_WORKS : END_LIES;
}

static void it_works_or_says_no(void **state)
{
    (void)state;
    int ends[END_LIES + 1] = {0};
    for (int64_t call = 1; !ends[END_NEEDS_NO_MORE]; call += STEP) {
        const pid_t child = fork();
        int status;
        assert_true(child >= 0);
        if (child == 0) _exit((int)start_without(call));
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) >= END_LIES) fail_msg("without the allocation %ld it ends with %x", (long)call, (unsigned)status);
        ends[WEXITSTATUS(status)]++;
    }
    assert_true(ends[END_SAYS_NO] > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_works_or_says_no)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
