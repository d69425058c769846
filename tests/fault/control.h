// SPDX-License-Identifier: MIT
// What the library of faults and the tests share: one file per service, mapped by both.
#pragma once

#include <stdatomic.h>

struct fault_control {
    atomic_long fired;         // faults so far
    atomic_long produce_left;  // the relay's call to produce that fails: 1 the next one; 0 none
    char last[256];            // the call that was made to fail last, and who called it
};

// A request arms its own fault: the thread that receives a head with "fault/SERVICE/KIND/K" in it fails its K-th call of that
// kind, once, until it receives the head of another request.
#define FAULT_MARK "fault/"
enum fault_kind { FAULT_NONE, FAULT_MEMORY, FAULT_DATABASE, FAULT_SOCKET, FAULT_FILE, FAULT_KINDS };
static const char *const fault_kinds[FAULT_KINDS] = {"", "memory", "database", "socket", "file"};
