// SPDX-License-Identifier: MIT
#include "arena.h"

#include <sanitizer/asan_interface.h> // its macros are empty in other builds
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)16 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*release)(void *);
    void *handle;
};

struct arena {
    size_t cap_bytes, total_bytes;
    struct block *blocks;      // newest first; the last is kept on reset
    struct deferred *deferred;
    bool failed;
};

static struct block *block_new(struct arena *arena, size_t size);

struct arena *arena_new(size_t cap_bytes)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena) arena->cap_bytes = cap_bytes;
    return arena;
}

static void run_deferred(struct arena *arena)
{
    for (struct deferred *entry = arena->deferred; entry; entry = entry->next) entry->release(entry->handle);
    arena->deferred = NULL;
}

void arena_reset(struct arena *arena)
{
    run_deferred(arena);
    while (arena->blocks && arena->blocks->next) {
        struct block *older = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = older;
    }
    if (arena->blocks && arena->blocks->size > BLOCK_BYTES) { // one big request must not cost memory for ever
        free(arena->blocks);
        arena->blocks = NULL;
    }
    if (arena->blocks) {
        ASAN_UNPOISON_MEMORY_REGION(arena->blocks->bytes, arena->blocks->used);
        memset(arena->blocks->bytes, 0, arena->blocks->used);
        ASAN_POISON_MEMORY_REGION(arena->blocks->bytes, arena->blocks->used);
        arena->blocks->used = 0;
    }
    arena->total_bytes = arena->blocks ? arena->blocks->size : 0;
    arena->failed = false;
}

void arena_free(struct arena *arena)
{
    if (!arena) return;
    arena_reset(arena);
    free(arena->blocks);
    free(arena);
}

void arena_fail(struct arena *arena)
{
    arena->failed = true;
}

bool arena_failed(const struct arena *arena)
{
    return arena->failed;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (arena->failed || size > arena->cap_bytes) {
        arena->failed = true;
        return NULL;
    }
    const size_t taken = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + ARENA_GAP_BYTES;
    struct block *block = arena->blocks;
    if (!block || block->size - block->used < taken) block = block_new(arena, taken);
    if (!block) return NULL;
    void *memory = block->bytes + block->used;
    block->used += taken;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

static struct block *block_new(struct arena *arena, size_t size)
{
    size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    if (bytes > arena->cap_bytes - arena->total_bytes && size <= arena->cap_bytes - arena->total_bytes) bytes = size;
    struct block *block = bytes <= arena->cap_bytes - arena->total_bytes ? calloc(1, sizeof *block + bytes) : NULL;
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    ASAN_POISON_MEMORY_REGION(block->bytes, bytes);
    block->size = bytes;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->total_bytes += bytes;
    return block;
}

char *arena_memdup(struct arena *arena, const void *bytes, size_t length)
{
    char *copy = bytes ? arena_alloc(arena, length + 1) : NULL;
    if (copy) memcpy(copy, bytes, length);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *string)
{
    return string ? arena_memdup(arena, string, strlen(string)) : NULL;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

bool arena_defer(struct arena *arena, void (*release)(void *), void *handle)
{
    struct deferred *entry = arena_alloc(arena, sizeof *entry);
    if (!entry) {
        release(handle);
        return false;
    }
    *entry = (struct deferred){arena->deferred, release, handle};
    arena->deferred = entry;
    return true;
}
