// SPDX-License-Identifier: MIT
// An arena for a test, or for a program of tests: made by its setup, freed by its teardown.
#pragma once

#include <stddef.h>

#include "arena.h"

static struct arena *arena;

static int arena_setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int arena_teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}
