// SPDX-License-Identifier: MIT
// What was typed is held against a command's own line of help, so that a slip of the pen does nothing: `--help`, an option that
// is not there, one without its value, a word too many.
#pragma once

#include "command.h"

// True when the command may run; its words then stand before its options, in the order in which they were typed. False: it has been
// said why not, or what the command takes; *ret_status is the exit status.
MUST_USE bool usage_fits(const struct command *command, int argc, char **argv, int *ret_status);
// Prints "dcctl import FILE", padded to `width` columns.
void usage_print(const struct command *command, int width, FILE *out);
