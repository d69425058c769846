// SPDX-License-Identifier: MIT
// What a service does when it starts: a replica of it is started once for each call that fails, of its main thread and of those that do
// something at first, such as jobs.
#pragma once

#include "stories.h"

// Those of a service that are wanted, after one another in ret; their count, at most START_TESTS_MAX.
#define START_TESTS_MAX 32
size_t start_tests(const char *service, bool (*is_wanted)(const char *service, const char *name), struct CMUnitTest *ret);
