// SPDX-License-Identifier: MIT
#include "number_set.h"

#include <stdlib.h>

#define FEW_LEAST 4
#define FEW_MOST 512 // more take a bitmap: 8 KB instead of 1 KB, but nothing has to be looked for in it

struct number_block {
    uint32_t block, count, room; // room 0: a bitmap
    union {
        uint16_t *few; // rising
        uint64_t *bits;
    };
};

static struct number_block *last_block(struct number_set *set, uint32_t number);
static const struct number_block *find_block(const struct number_set *set, uint32_t block);
static bool holds_last(const struct number_block *block, uint16_t low);
static bool grow(struct number_block *block);

static void set_bit(uint64_t *words, uint16_t low)
{
    words[low / 64] |= (uint64_t)1 << low % 64;
}

bool number_set_add(struct number_set *set, uint32_t number)
{
    const uint16_t low = (uint16_t)number;
    struct number_block *block = last_block(set, number);
    if (!block) return false;
    if (holds_last(block, low)) return true;
    if (block->room && block->count == block->room && !grow(block)) return false;
    if (block->room) block->few[block->count] = low;
    else set_bit(block->bits, low);
    block->count++;
    set->count++;
    return true;
}

bool number_set_mark(const struct number_set *set, uint32_t block, uint64_t words[NUMBER_BLOCK_WORDS])
{
    const struct number_block *found = find_block(set, block);
    if (!found) return false;
    for (uint32_t n = 0; found->room && n < found->count; n++) set_bit(words, found->few[n]);
    for (size_t w = 0; !found->room && w < NUMBER_BLOCK_WORDS; w++) words[w] |= found->bits[w];
    return true;
}

bool number_set_keep(const struct number_set *set, uint32_t block, uint64_t words[NUMBER_BLOCK_WORDS])
{
    const struct number_block *found = find_block(set, block);
    if (!found) return false;
    uint32_t n = 0;
    if (!found->room) number_words_keep(words, found->bits);
    for (size_t w = 0; found->room && w < NUMBER_BLOCK_WORDS; w++) {
        uint64_t word = 0;
        for (; n < found->count && found->few[n] / 64 == w; n++) word |= (uint64_t)1 << found->few[n] % 64;
        words[w] &= word;
    }
    return true;
}

void number_words_keep(uint64_t words[NUMBER_BLOCK_WORDS], const uint64_t others[NUMBER_BLOCK_WORDS])
{
    for (size_t w = 0; w < NUMBER_BLOCK_WORDS; w++) words[w] &= others[w];
}

void number_set_clear(struct number_set *set)
{
    for (uint32_t i = 0; i < set->block_count; i++) free(set->blocks[i].few); // or bits
    free(set->blocks);
    *set = (struct number_set){0};
}

// The block that the number belongs to; a new one has room.
static struct number_block *last_block(struct number_set *set, uint32_t number)
{
    const uint32_t block = number >> NUMBER_BLOCK_SHIFT;
    if (set->block_count && set->blocks[set->block_count - 1].block == block) return &set->blocks[set->block_count - 1];
    struct number_block *blocks = realloc(set->blocks, (set->block_count + 1) * sizeof *blocks);
    if (!blocks) return NULL;
    set->blocks = blocks;
    blocks[set->block_count] = (struct number_block){.block = block, .room = FEW_LEAST, .few = malloc(FEW_LEAST * sizeof(uint16_t))};
    if (!blocks[set->block_count].few) return NULL;
    return &blocks[set->block_count++];
}

static const struct number_block *find_block(const struct number_set *set, uint32_t block)
{
    for (uint32_t i = 0; i < set->block_count; i++)
        if (set->blocks[i].block >= block) return set->blocks[i].block == block ? &set->blocks[i] : NULL;
    return NULL;
}

// Numbers rise: if it is there, it came last.
static bool holds_last(const struct number_block *block, uint16_t low)
{
    if (block->room) return block->count && block->few[block->count - 1] == low;
    return block->bits[low / 64] >> low % 64 & 1;
}

static bool grow(struct number_block *block)
{
    if (block->room < FEW_MOST) {
        uint16_t *few = realloc(block->few, 2 * block->room * sizeof *few);
        if (!few) return false;
        block->few = few;
        block->room *= 2;
        return true;
    }
    uint64_t *bits = calloc(NUMBER_BLOCK_WORDS, sizeof *bits);
    if (!bits) return false;
    for (uint32_t n = 0; n < block->count; n++) set_bit(bits, block->few[n]);
    free(block->few);
    block->bits = bits;
    block->room = 0;
    return true;
}
