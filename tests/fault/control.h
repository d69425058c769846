// SPDX-License-Identifier: MIT
// What the library of faults and the tests share: one file per service, mapped by both.
#pragma once

#include <stdatomic.h>

#define FAULT_NEW_WAY 0
#define FAULT_WAYS_MAX 4096

struct fault_control {
    atomic_long fired;         // faults so far
    atomic_long produce_left;  // the relay's call to produce that fails: 1 the next one; 0 none
    // Of a thread that no request comes to, by its name (pthread_setname_np): the call of that kind that fails, once; 1 the next.
    char thread[16];
    atomic_int thread_kind;    // enum fault_kind; FAULT_NONE: none fails
    atomic_long thread_left;   // FAULT_NEW_WAY: the first on a way, by its caller and all callers in the program itself, on which none has failed
    char last[256];            // the call that was made to fail last, and who called it
    atomic_ulong ways[FAULT_WAYS_MAX]; // of the thread, on which one has failed: their hashes
};
struct fault_control *control_of(const char *service); // of a test

// A request arms its own fault: the thread that receives a head with "fault/SERVICE/KIND/K" in it fails its K-th call of that
// kind, once, until it receives the head of another request.
#define FAULT_MARK "fault/"
enum fault_kind { FAULT_NONE, FAULT_MEMORY, FAULT_DATABASE, FAULT_SOCKET, FAULT_FILE, FAULT_KINDS };
static const char *const fault_kinds[FAULT_KINDS] = {"", "memory", "database", "socket", "file"};
