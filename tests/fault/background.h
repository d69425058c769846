// SPDX-License-Identifier: MIT
// What services do on threads of their own, where no request can arm a fault: the control block names the thread and the call.
#pragma once

#include "control.h"
#include "stories.h"

// Has the so manieth call of that kind fail that the thread makes from now on, once; FAULT_NEW_WAY: see control.h.
void arm(struct fault_control *control, const char *thread, enum fault_kind kind, int call);
bool is_short_run(void); // of the calls some fail, of the threads some

// Those of a service that are wanted, after one another in ret; their count, at most BACKGROUND_TESTS_MAX.
#define BACKGROUND_TESTS_MAX 64
size_t background_tests(const char *service, bool (*is_wanted)(const char *service, const char *name), struct CMUnitTest *ret);
