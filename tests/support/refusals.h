// SPDX-License-Identifier: MIT
// Allocations of a test program, which come here before the sanitizer's or the C library's: one of them can be refused. Included by
// the one file that is the program.
//
//   allocations = 0;
//   refused_at = 3;      // the third from here on fails, on this thread
//   …
//   refused_at = 0;
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static _Thread_local int64_t allocations, refused_at; // refused_at 0: none is refused

static bool is_refused(void)
{
    if (++allocations != refused_at) return false;
    errno = ENOMEM;
    return true;
}

#define ALLOCATION(name, parameters, arguments)                                                          \
    extern void *__interceptor_##name parameters __attribute__((weak));                                  \
    extern void *__libc_##name parameters __attribute__((weak));                                         \
    void *name parameters                                                                                \
    {                                                                                                    \
        if (is_refused()) return NULL;                                                                   \
        return __interceptor_##name ? __interceptor_##name arguments : __libc_##name arguments;          \
    }
ALLOCATION(malloc, (size_t size), (size))
ALLOCATION(calloc, (size_t count, size_t size), (count, size))
ALLOCATION(realloc, (void *memory, size_t size), (memory, size))
