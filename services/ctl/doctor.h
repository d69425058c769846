// SPDX-License-Identifier: MIT
// dcctl doctor: what is wrong with the stack, and what to do. A check looks at one thing; each finding is a sentence of each kind.
#pragma once

#include "command.h"
#include "service_names.h"

struct doctor {
    const struct stack *stack;
    struct db_pool *pools[SERVICE_COUNT]; // by service_names; NULL where the database cannot be used
    const char *brokers;                    // NULL where none answers
    int64_t disk_needed_mb;
    int wrong, unseen;                      // of the check under way
};

// "There is no room. Buy a house."
void doctor_wrong(struct doctor *doctor, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Something that cannot be looked at now, for a reason that another check has told.
void doctor_unseen(struct doctor *doctor);

// What the processes say of themselves (doctor_parts.c).
void doctor_check_parts(struct doctor *doctor);
void doctor_check_consumers(struct doctor *doctor);
// What stands in databases and broker (doctor_servers.c). The first of each kind is needed by the others.
void doctor_check_databases(struct doctor *doctor);
void doctor_check_broker(struct doctor *doctor);
void doctor_check_topics(struct doctor *doctor);
void doctor_check_outboxes(struct doctor *doctor);
void doctor_check_parked_keys(struct doctor *doctor);
void doctor_check_import(struct doctor *doctor);
// What stands on disk (doctor_disk.c).
void doctor_check_spool(struct doctor *doctor);
void doctor_check_space(struct doctor *doctor);
