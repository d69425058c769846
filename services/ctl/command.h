// SPDX-License-Identifier: MIT
// The commands of dcctl, and what they share: where the stack is, a database of a service, a
// service's own binary run as a child with the service's own settings.
#pragma once

#include <stdio.h>

#include "db.h"
#include "service.h"

// Where the running stack is: the environment, completed by .run/env (looked for in $RUN_DIR, then in the folders from the
// working directory upwards).
struct stack {
    struct arena *arena;
    const char *run_dir;     // NULL when there is none (compose: settings come from the environment)
    const char *bin_dir;
};

struct stack stack_find(struct arena *arena);
// A setting of the stack, from the environment or .run/env; NULL when it is in neither.
const char *stack_setting(const struct stack *stack, const char *name);
// A setting of one service, from <run_dir>/<service>.env or else the environment; NULL when it is in neither.
const char *stack_service_setting(const struct stack *stack, const char *service, const char *name);
// A setting that there is for each part: stack_setting of "METRICS_URL_AUTH" for "METRICS_URL" and "auth".
const char *stack_part_setting(const struct stack *stack, const char *name, const char *part);
// stack_setting; says which one is missing and what to do, and returns NULL.
const char *stack_require(const struct stack *stack, const char *name);

struct command {
    const char *words;       // "events tail"
    const char *arguments;   // what it takes: words and values in capitals or as they are typed, [may be left out], ways | of calling it
    const char *summary;
    int (*run)(const struct stack *stack, int argc, char **argv);
};

int command_admin_create(const struct stack *stack, int argc, char **argv);
int command_audit_verify(const struct stack *stack, int argc, char **argv);
int command_topics(const struct stack *stack, int argc, char **argv);
int command_events_tail(const struct stack *stack, int argc, char **argv);
int command_events_parked(const struct stack *stack, int argc, char **argv);
int command_events_redrive(const struct stack *stack, int argc, char **argv);
int command_events_discard(const struct stack *stack, int argc, char **argv);
int command_events_replay(const struct stack *stack, int argc, char **argv);
int command_import(const struct stack *stack, int argc, char **argv);
int command_import_resume(const struct stack *stack, int argc, char **argv);
int command_import_report(const struct stack *stack, int argc, char **argv);
int command_import_quarantine(const struct stack *stack, int argc, char **argv);
int command_payments_reconcile(const struct stack *stack, int argc, char **argv);
int command_payments_refund_settled(const struct stack *stack, int argc, char **argv);
int command_doctor(const struct stack *stack, int argc, char **argv);
int command_asyncapi(const struct stack *stack, int argc, char **argv);
int command_compatibility(const struct stack *stack, int argc, char **argv);

// Says what went wrong, on standard error, and returns 1.
int command_failed(const struct error *err);

// The value after `--name` in argv, or NULL; command_flag tells whether `--name` is there.
const char *command_option(int argc, char **argv, const char *name);
bool command_flag(int argc, char **argv, const char *name);
// The word at a place, from 0, of those that are no option and no option's value, or NULL: they stand first (usage.h).
const char *command_word(int argc, char **argv, int which);

// A pool on DATABASE_URL_<SERVICE>, with the kit's statements and those given (may be NULL). Where the database lacks what they want, that
// is told now, or with prepares_late when they are run.
MUST_USE struct db_pool *stack_database(const struct stack *stack, const char *service, int connections, const struct sql *const *statements,
                                        bool prepares_late, struct error *err);

// False, at once, where that database does not answer: a service's binary, which may have been started before it, waits for it.
MUST_USE bool stack_database_answers(const struct stack *stack, const char *service, struct error *err);

// A service's binary as a child, with the service's settings from <run_dir>/<service>.env.
struct child {
    int pid;
    FILE *in;    // its standard input
    FILE *out;   // its standard output
};
enum child_pipes { CHILD_NO_PIPES, CHILD_PIPES, CHILD_PIPES_AND_ERRORS }; // the last: what it complains about comes through out, too
MUST_USE bool child_start(const struct stack *stack, const char *service, const char *const *arguments, enum child_pipes pipes,
                          struct child *ret, struct error *err);
// Closes the pipes and waits; the child's exit status, 1 when it died.
int child_finish(struct child *child);
