// SPDX-License-Identifier: MIT
// A program that runs beside the test, and what it has printed so far.
//
//   struct program consumer;
//   program_start(&consumer, "DATABASE_URL='%s' exec %s/examples/consumer", url, build);
//   program_expect(&consumer, "\"event\":\"ready\"", 1);   // waits until the text stands there once
//   assert_int_equal(program_stop(&consumer, SIGTERM), 0);
#pragma once

#include <signal.h>
#include <sys/types.h>

struct program {
    pid_t pid;
    char path[64]; // where its output goes
};

// Runs a line of the shell, which should end in exec, so that signals reach the program.
void program_start(struct program *program, const char *format, ...) __attribute__((format(printf, 2, 3)));
// All it has printed, standard error included; lives in the story's arena.
const char *program_output(const struct program *program);
// Waits until the text stands in the output that often; the test fails, with the output, when it does not come.
void program_expect(const struct program *program, const char *text, int times);
// Sends the signal and waits for the end: the exit status, or 128 and the signal that ended it. Its output is gone then.
int program_stop(struct program *program, int signal_number);
