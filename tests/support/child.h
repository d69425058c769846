// SPDX-License-Identifier: MIT
// The test program itself, run again as the program under test: where it gets arguments, its main hands
// on to service_main.
//
//   int main(int argc, char **argv)
//   {
//       if (argc > 1) return service_main(&sample, argc, argv);
//       …cmocka…
//   }
//   child = child_start((const char *const[]){"migrate", NULL}, environment, NULL);
//   assert_int_equal(child_wait(&child), 0);
//   assert_string_equal(child_output(&child), "…");
#pragma once

#include <sys/types.h>

struct child {
    pid_t pid;        // 0: not running
    int out, errors;  // what it wrote, kept in memory
    int status;
};

// environment: "NAME=value", ends with NULL; nothing else but the sanitizers' settings is handed on.
// input: what it reads from standard input; NULL: nothing.
struct child child_start(const char *const *arguments, const char *const *environment, const char *input);

// Everything written so far; valid until the next call of the same function.
const char *child_output(const struct child *child);
const char *child_errors(const struct child *child);

void child_signal(const struct child *child, int signal);
// Its exit status; fails the test when it does not end in time, or was killed by a signal.
int child_wait(struct child *child);
// For teardowns: kills it where it still runs.
void child_end(struct child *child);
