// SPDX-License-Identifier: MIT
// Condition variables that wait by the clock of clock_monotonic_us: a change of the calendar wakes nobody, and keeps nobody waiting.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// Ends with pthread_cond_destroy; woken by pthread_cond_signal and pthread_cond_broadcast as any other.
void condition_init(pthread_cond_t *condition);
// Waits with the mutex held, as pthread_cond_timedwait does: it may wake without a reason. False: until_us has come.
bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until_us);
