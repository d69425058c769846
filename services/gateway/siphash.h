// SPDX-License-Identifier: MIT
// SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash for tables whose keys strangers choose.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_SIZE 16
uint64_t siphash(const uint8_t key[SIPHASH_KEY_SIZE], const void *bytes, size_t length);
