// SPDX-License-Identifier: MIT
// What the targets share. A target takes any bytes and claims what must hold for all of them; a claim that does not hold ends
// the program, and the input is kept as a finding.
//
//   int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
//   {
//       struct fuzz_input input = fuzz_begin(data, size);
//       const char *text = fuzz_rest(&input);
//       claim(is_fine(text), "this is fine: %s", text);
//       return 0;
//   }
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "error.h"
#include "json.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// One run: what is left of its bytes, and an arena that is emptied when the next one begins.
struct fuzz_input {
    const char *at;
    size_t left;
    struct arena *arena;
};
struct fuzz_input fuzz_begin(const uint8_t *data, size_t size);

// Pieces of the input, as texts that end where their memory ends; a NUL in them becomes a blank.
const char *fuzz_line(struct fuzz_input *input); // up to the next line feed; "" at the end
const char *fuzz_rest(struct fuzz_input *input);

#define claim(holds_, ...)                                                                         \
    do {                                                                                           \
        if (!(holds_)) fuzz_broken(#holds_, __FILE__, __LINE__, __VA_ARGS__);                      \
    } while (0)
_Noreturn void fuzz_broken(const char *holds, const char *file, int line, const char *format, ...) PRINTF_LIKE(4, 5);

// What a refusal must be: a problem of the client's (4xx), told in well-formed JSON.
void claim_refusal(const struct error *err, struct arena *arena);
// A text that PostgreSQL and JSON can hold.
void claim_text(const char *text, const char *what);
