// SPDX-License-Identifier: MIT
#include "doctor.h"

#include <stdarg.h>
#include <stdlib.h>

#include "text.h"

#define DISK_NEEDED_MB 1024 // as make start asks for

// In the order in which one would look.
static const struct check {
    const char *well;
    void (*run)(struct doctor *doctor);
} checks[] = {
    {"all parts run and are ready", doctor_check_parts},
    {"databases answer and are up to date", doctor_check_databases},
    {"the broker answers", doctor_check_broker},
    {"all topics are there, with the right settings", doctor_check_topics},
    {"events are published as they come", doctor_check_outboxes},
    {"events are applied as they come", doctor_check_consumers},
    {"no key is parked", doctor_check_parked_keys},
    {"no row that an import kept back is kept for too long", doctor_check_import},
    {"no callback of M-Pesa waits on disk", doctor_check_spool},
    {"there is space on disk", doctor_check_space},
};

int command_doctor(const struct stack *stack, int argc, char **argv)
{
    struct doctor doctor = {.stack = stack, .disk_needed_mb = DISK_NEEDED_MB};
    const char *needed = command_option(argc, argv, "--disk-mb");
    int wrong = 0;
    if (needed && !text_to_int64(needed, &doctor.disk_needed_mb)) return fprintf(stderr, "dcctl: --disk-mb takes a number.\n"), 2;
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        doctor.wrong = doctor.unseen = 0;
        checks[i].run(&doctor);
        if (!doctor.wrong) printf("%-6s %s\n", doctor.unseen ? "?" : "ok", checks[i].well);
        wrong += doctor.wrong;
    }
    for (int i = 0; i < SERVICE_COUNT; i++) db_pool_close(doctor.pools[i]);
    if (wrong) printf("\n%d thing(s) are wrong.\n", wrong);
    return wrong ? 1 : 0;
}

void doctor_wrong(struct doctor *doctor, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("WRONG  ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    doctor->wrong++;
}

void doctor_unseen(struct doctor *doctor)
{
    doctor->unseen++;
}
