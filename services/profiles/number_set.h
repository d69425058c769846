// SPDX-License-Identifier: MIT
// Sets of small numbers that only grow, made to be intersected: in blocks of 65,536 numbers, each a list of 16-bit numbers while they are
// few there and a bitmap once they are not (S. Chambi, D. Lemire, O. Kaser, R. Godin: "Better bitmap performance with Roaring bitmaps",
// 2016). Their library is not used, since it ends the process where memory is short. Not for several threads at once, but to be read.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_BLOCK_SHIFT 16
#define NUMBER_BLOCK_WORDS ((size_t)(1 << NUMBER_BLOCK_SHIFT) / 64)

struct number_block;
// Zeroed: an empty one.
struct number_set {
    struct number_block *blocks; // rising, none of them empty
    uint32_t block_count, count;
};

// Adds a number that is none below any added before; false: there is no memory, and the set is as it was.
bool number_set_add(struct number_set *set, uint32_t number);
// Sets the bits of those that are in block (number >> NUMBER_BLOCK_SHIFT), and leaves the others; false: none is.
bool number_set_mark(const struct number_set *set, uint32_t block, uint64_t words[NUMBER_BLOCK_WORDS]);
// Clears the bits of those that are not in block; false: none is, and the bits are as they were.
bool number_set_keep(const struct number_set *set, uint32_t block, uint64_t words[NUMBER_BLOCK_WORDS]);
// Clears the bits that others lack.
void number_words_keep(uint64_t words[NUMBER_BLOCK_WORDS], const uint64_t others[NUMBER_BLOCK_WORDS]);
void number_set_clear(struct number_set *set);
